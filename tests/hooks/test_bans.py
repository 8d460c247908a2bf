"""A ban that all tasks know of: read with care, since a person or another version may have written it."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.hooks.bans import SharedBan

NOW_MS = 1_791_633_600_000
NAME = "binance_ip_banned_until:fapi.binance.com"


@pytest.fixture
def ban():
    return SharedBan({"fapi": "https://fapi.binance.com"}, clock=lambda: NOW_MS / 1000)


@pytest.fixture
def told(monkeypatch):
    return lambda text: monkeypatch.setenv(f"AIRFLOW_VAR_{NAME}".upper(), text)


@pytest.mark.parametrize("ahead_ms", [1000, 600_000, 3 * 86_400_000])
def test_a_ban_is_known_until_it_ends(ban, told, ahead_ms):
    told(iso(NOW_MS + ahead_ms))
    assert ban.until_ms() == NOW_MS + ahead_ms


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026-10-10", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2058-01-01T00:00:00Z"],
)
def test_what_can_be_no_ban_is_none(ban, told, text):
    told(text)
    assert ban.until_ms() == 0


def test_a_ban_is_never_believed_for_longer_than_the_longest_documented_one(ban, told):
    told(iso(NOW_MS + 4 * 86_400_000))
    assert ban.until_ms() == NOW_MS + 3 * 86_400_000


def test_what_a_secrets_backend_raises_is_not_shown(ban, monkeypatch, caplog):
    def fail(*_, **__):
        raise RuntimeError("https://vault.example/?token=geheim")

    monkeypatch.setattr("airflow_provider_binance_liq.hooks.bans.Variable.get", fail)
    monkeypatch.setattr("airflow_provider_binance_liq.hooks.bans.Variable.set", fail)
    with caplog.at_level("DEBUG"):
        assert ban.until_ms() == 0
        ban.set(NOW_MS + 1000)
    assert "RuntimeError" in caplog.text
    assert "geheim" not in caplog.text


def test_a_ban_is_reported_unless_a_longer_one_is_known(ban, told, monkeypatch):
    written = []
    monkeypatch.setattr(
        "airflow_provider_binance_liq.hooks.bans.Variable.set",
        lambda name, text, **_: written.append((name, text)),
    )
    told(iso(NOW_MS + 600_000))
    ban.set(NOW_MS + 500_000)
    assert written == []
    ban.set(NOW_MS + 700_000)
    told("9999-12-31T23:59:59Z")
    ban.set(NOW_MS + 5_000)
    assert written == [(NAME, iso(NOW_MS + 700_000)), (NAME, iso(NOW_MS + 5_000))]

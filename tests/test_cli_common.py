"""Instants on the command line: what is none ends every command with status 2 and one sentence."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.cli import COMMANDS, main
from airflow_provider_binance_liq.cli_common import instant_ms

DAY_MS = 1_791_590_400_000
RANGE = ("--start", "2026-10-10", "--end", "2026-10-11")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    usage, description, *_ = capsys.readouterr().out.split("\n\n")
    assert usage.startswith(f"usage: binance-liq {command} ")
    assert description


@pytest.mark.parametrize(
    "text", ["yesterday", "", "2026-13-01", "1969-12-31", "0001-01-01T00:00+14:00", "9999"]
)
@pytest.mark.parametrize(
    "words",
    [
        ("plan", *RANGE, "--now"),
        ("plan", *RANGE, "--json", "--now"),
        ("probe", "--near"),
        ("verify", "/nowhere", "--now"),
    ],
    ids=" ".join,
)
def test_what_is_no_instant_ends_every_command_with_status_2(words, text, capsys):
    try:
        status = main([*words, text])
    except SystemExit as ended:
        status = ended.code
    said = capsys.readouterr().err
    assert status == 2
    assert f"{words[-1]}: {text!r} is not an ISO 8601 day or instant since 1970" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "shift_ms"),
    [
        ("2026-10-10", 0),
        ("2026-10-10T00:00", 0),
        ("2026-10-10T02:00+02:00", 0),
        ("2026-10-10T00:00:00.250Z", 250),
    ],
)
def test_an_instant_is_in_utc_unless_it_names_its_zone(text, shift_ms):
    assert instant_ms(text) == DAY_MS + shift_ms

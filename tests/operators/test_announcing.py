"""What an extraction announces: a day only where it is proven whole, and nothing of another connection."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset, AssetAlias
from support.lakehouse import Lake, row
from support.partitions import with_partitions

from airflow_provider_binance_liq.compat import HAS_PARTITIONS
from airflow_provider_binance_liq.core.manifest import ManifestFilters, ManifestWindow
from airflow_provider_binance_liq.operators.announcing import announced, extraction_assets, proven_days


@pytest.fixture
def manifest(tmp_path):
    return Lake(tmp_path / "lake").lay([row(1)])


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z", ["2026-11-25"]),
        ("2026-11-25T00:00:00Z", "2026-11-27T00:00:00Z", ["2026-11-25", "2026-11-26"]),
        ("2026-11-25T00:00:00Z", "2026-11-25T23:59:59.999Z", []),
        ("2026-11-25T00:00:00.001Z", "2026-11-26T00:00:00Z", []),
        ("2026-11-25T08:00:00Z", "2026-11-27T08:00:00Z", ["2026-11-26"]),
        ("2026-11-25T05:00:00Z", "2026-11-25T06:00:00Z", []),
    ],
)
def test_only_whole_days_are_proven(manifest, start, end, days):
    assert proven_days(replace(manifest, window=ManifestWindow(start, end))) == days


def test_what_is_not_complete_or_has_a_filter_proves_no_day(manifest):
    assert proven_days(manifest) == ["2026-10-10"]
    assert proven_days(replace(manifest, proof=replace(manifest.proof, complete=False))) == []
    for filters in (ManifestFilters(("BTCUSDT",)), ManifestFilters((), "ADL")):
        assert proven_days(replace(manifest, filters=filters)) == []


@pytest.fixture
def announce():
    """Announce, by a task with outlets of two connections and endpoints; returns its events by asset."""
    from airflow.sdk.execution_time.context import OutletEventAccessors

    assets = [
        asset
        for conn_id in ("desk", "fund")
        for endpoint in ("usdm_futures", "margin")
        for asset in extraction_assets("liq", conn_id, endpoint)
    ]

    def go(manifest, conn_id="desk"):
        outlets = [AssetAlias("liq"), Asset("anything"), *assets]
        task = SimpleNamespace(binance_conn_id=conn_id, endpoint="usdm_futures", outlets=outlets)
        context = {"outlet_events": OutletEventAccessors()}
        assert announced(task, manifest, context) == manifest.to_dict()
        named = [one for one in task.outlets if isinstance(one, Asset)]
        return {one.name: context["outlet_events"][one] for one in named}

    return go


def test_a_mapped_task_announces_on_the_assets_of_its_connection_and_endpoint_alone(announce, manifest):
    whole = {"anything", "liq_fund_usdm_futures"}
    days = {"liq_fund_usdm_futures_proven_days"} if HAS_PARTITIONS else set()
    events = announce(manifest, "fund")
    assert set(events) == whole | days
    assert all(event.extra == manifest.to_dict() for event in events.values())


@with_partitions
def test_a_proven_day_is_a_partition_and_one_that_is_not_proven_has_no_event(announce, manifest):
    events = announce(manifest)
    assert events["liq_desk_usdm_futures_proven_days"].partition_keys == {"2026-10-10"}
    assert events["liq_desk_usdm_futures"].partition_keys == set()
    unproven = replace(manifest, proof=replace(manifest.proof, complete=False))
    assert set(announce(unproven)) == {"anything", "liq_desk_usdm_futures"}


def test_the_assets_of_a_connection_are_a_group_of_their_own():
    found = extraction_assets("liq", "desk", "margin")
    assert [asset.name for asset in found] == ["liq_desk_margin", "liq_desk_margin_proven_days"][
        : 1 + HAS_PARTITIONS
    ]
    assert {asset.group for asset in found} == {"liq_desk"}

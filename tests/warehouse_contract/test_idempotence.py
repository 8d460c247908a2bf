"""Loading twice is loading once, and knowledge only grows: newer replaces older, nothing is deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest
from support.lakehouse import LOADED_AT, row

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.warehouse.load import load

LATER = datetime(2026, 12, 1, tzinfo=UTC)
MS = 1791590400000


def counted(summary):
    """Name only what is not zero."""
    return {name: count for name, count in summary.to_dict().items() if count}


# --- twice -----------------------------------------------------------------------------------------------


def test_loading_twice_equals_loading_once(lake, warehouse):
    manifests = [lake.lay([row(1), row(2)]), lake.lay([], day=11), lake.lay([row(3)], endpoint="margin")]
    assert counted(warehouse.load(manifests)) == {"windows": 3, "rows": 3, "inserted": 3}
    once = warehouse.dump()
    assert counted(warehouse.load(manifests, at=LATER)) == {"windows": 3, "windows_skipped": 3}
    assert warehouse.dump() == once


def test_what_is_known_already_is_not_even_read(lake, warehouse):
    manifest = lake.lay([row(1)])
    warehouse.load(manifest)
    for file in lake.directory.iterdir():
        file.unlink()
    assert counted(warehouse.load(manifest)) == {"windows": 1, "windows_skipped": 1}


def test_where_nothing_changed_no_object_is_fetched_and_nothing_is_written(lake, warehouse):
    manifests = [lake.lay([row(day)], day=day) for day in range(10, 20)]
    warehouse.load(manifests)
    fetched, before = [], warehouse.written()
    summary = load(warehouse.engine(), manifests, fetch=lambda one, _: fetched.append(one))
    assert (summary.windows, summary.windows_skipped) == (10, 10)
    assert fetched == []
    assert warehouse.written() == before
    warehouse.load(lake.lay([row(1)], day=9))
    assert warehouse.written() != before


def test_one_manifest_given_twice_counts_once(lake, warehouse):
    manifest = lake.lay([row(1)])
    assert counted(warehouse.load(manifest, [manifest], manifest.to_dict())) == {
        "windows": 1,
        "rows": 1,
        "inserted": 1,
    }


def test_a_new_window_beside_known_ones_is_all_that_is_merged(lake, warehouse):
    first, second = lake.lay([row(1)]), lake.lay([row(2)], day=11)
    warehouse.load(first)
    assert counted(warehouse.load(first, second, at=LATER)) == {
        "windows": 2,
        "windows_skipped": 1,
        "rows": 1,
        "inserted": 1,
    }
    assert warehouse.values("order_id, loaded_at") == [
        ("1", "2026-11-20 12:00:00+00"),
        ("2", "2026-12-01 00:00:00+00"),
    ]


def test_a_row_that_two_windows_have_is_one_row(lake, warehouse):
    body = row(1)
    summary = warehouse.load(lake.lay([body]), lake.lay([body, row(2)], day=11))
    assert counted(summary) == {"windows": 2, "rows": 2, "inserted": 2}
    assert warehouse.values("order_id") == [("1",), ("2",)]


def test_a_row_that_one_object_repeats_is_one_row(lake, warehouse):
    assert warehouse.load(lake.lay([row(1), row(1), row(2)])).inserted == 2


# --- the same again, extracted later ---------------------------------------------------------------------


def test_the_same_bytes_from_a_later_extraction_only_move_when_they_were_seen(lake, warehouse):
    warehouse.load(lake.lay([row(1)]))
    rows = warehouse.values()
    again = lake.lay([row(1)], extracted_at="2026-11-12T00:00:00Z")
    assert counted(warehouse.load(again, at=LATER)) == {"windows": 1, "windows_skipped": 1}
    assert warehouse.windows("extracted_at, loaded_at") == [
        ("2026-11-12 00:00:00+00", "2026-11-20 12:00:00+00")
    ]
    assert warehouse.values() == rows


def test_a_row_that_a_newer_object_repeats_keeps_its_load_and_moves_its_object(lake, warehouse):
    warehouse.load(lake.lay([row(1)]))
    newer = lake.lay([row(1), row(2)], extracted_at="2026-11-12T00:00:00Z")
    assert counted(warehouse.load(newer, at=LATER)) == {
        "windows": 1,
        "rows": 2,
        "inserted": 1,
        "unchanged": 1,
    }
    assert warehouse.values("order_id, object_sha256, extracted_at, loaded_at") == [
        ("1", newer.object.sha256, "2026-11-12 00:00:00+00", "2026-11-20 12:00:00+00"),
        ("2", newer.object.sha256, "2026-11-12 00:00:00+00", "2026-12-01 00:00:00+00"),
    ]


# --- newer knowledge -------------------------------------------------------------------------------------


def test_a_newer_object_updates_adds_and_reports_what_it_misses(lake, warehouse):
    warehouse.load(lake.lay([row(1), row(2), row(3)]))
    newer = lake.lay([row(1, MS + 1, price='"2"'), row(2), row(4)], extracted_at="2026-11-12T00:00:00Z")
    assert counted(warehouse.load(newer, at=LATER)) == {
        "windows": 1,
        "rows": 3,
        "inserted": 1,
        "updated": 1,
        "unchanged": 1,
        "missing": 1,
    }
    found = [(order_id, price.rstrip("0")) for order_id, price in warehouse.values("order_id, price")]
    assert found == [("1", "2."), ("2", "1.5"), ("3", "1.5"), ("4", "1.5")]
    assert warehouse.windows("object_sha256, object_rows, loaded_at") == [
        (newer.object.sha256, "3", "2026-12-01 00:00:00+00")
    ]


def test_a_row_that_is_updated_is_replaced_in_every_column(lake, warehouse):
    warehouse.load(lake.lay([row(1, side='"BUY"', pair='"BTCUSD"')]))
    body = row(1, MS + 1, side='"SELL"', clientOrderId='"adl_autoclose"')
    newer = lake.lay([body], extracted_at="2026-11-12T00:00:00Z")
    warehouse.load(newer, at=LATER)
    columns = "side, pair, close_type, raw, object_sha256, loaded_at"
    assert warehouse.values(columns) == [
        ("SELL", None, "ADL", body, newer.object.sha256, "2026-12-01 00:00:00+00")
    ]


def test_a_row_that_was_updated_later_wins_whenever_it_was_extracted(lake, warehouse):
    warehouse.load(lake.lay([row(1, MS, price='"1"')], extracted_at="2026-11-13T00:00:00Z"))
    older = lake.lay([row(1, MS + 1, price='"2"')], day=11, extracted_at="2026-11-12T00:00:00Z")
    assert warehouse.load(older).updated == 1
    assert warehouse.values("price")[0][0].startswith("2.")


def test_an_older_object_after_a_newer_one_never_goes_back(lake, warehouse):
    newer = lake.lay([row(1, price='"2"'), row(2)], extracted_at="2026-11-12T00:00:00Z")
    warehouse.load(newer)
    known = warehouse.dump()
    older = lake.lay([row(1, price='"1"'), row(2)])
    assert counted(warehouse.load(older, at=LATER)) == {"windows": 1, "rows": 2, "unchanged": 2}
    assert warehouse.dump() == known


def test_a_row_that_only_an_older_object_has_still_comes_in(lake, warehouse):
    newer = lake.lay([row(1)], extracted_at="2026-11-12T00:00:00Z")
    warehouse.load(newer)
    assert warehouse.load(lake.lay([row(1), row(2)])).inserted == 1
    assert warehouse.windows("object_sha256") == [(newer.object.sha256,)]


def test_what_was_seen_again_later_is_not_replaced_by_what_was_seen_in_between(lake, warehouse):
    warehouse.load(lake.lay([row(1, price='"1"')], extracted_at="2026-11-11T00:00:00Z"))
    warehouse.load(lake.lay([row(1, price='"1"')], extracted_at="2026-11-13T00:00:00Z"))
    between = lake.lay([row(1, price='"2"')], extracted_at="2026-11-12T00:00:00Z")
    assert warehouse.load(between).updated == 0
    assert warehouse.values("price")[0][0].startswith("1.")


def test_in_whatever_order_three_objects_are_loaded_the_newest_stands(lake, warehouse):
    """Each order has a day of its own, so that three loads have them all."""
    orders = list(permutations(range(3)))
    laid = [
        [
            lake.lay(
                [row(100 * day + 1, price=f'"{index + 1}"'), row(100 * day + 10 + index)],
                day=day,
                extracted_at=f"2026-11-1{index}T00:00:00Z",
            )
            for index in range(3)
        ]
        for day in range(1, len(orders) + 1)
    ]
    for turn in range(3):
        warehouse.load([objects[order[turn]] for objects, order in zip(laid, orders, strict=True)])
    found = [(order_id, price[:2]) for order_id, price in warehouse.values("order_id, price")]
    wanted = [
        (100 * day + place, price)
        for day in range(1, len(orders) + 1)
        for place, price in [(1, "3."), (10, "1."), (11, "1."), (12, "1.")]
    ]
    assert [(int(order_id), price) for order_id, price in found] == wanted
    assert sorted(warehouse.windows("object_sha256")) == sorted((last.object.sha256,) for _, _, last in laid)


def test_three_objects_of_one_window_in_one_load_are_as_three_loads(lake, warehouse):
    manifests = [
        lake.lay(
            [row(1, price=f'"{index + 1}"'), row(10 + index)], extracted_at=f"2026-11-1{index}T00:00:00Z"
        )
        for index in range(3)
    ]
    assert counted(warehouse.load(manifests)) == {"windows": 3, "rows": 4, "inserted": 4}
    together = warehouse.dump()
    warehouse.empty()
    for manifest in manifests:
        warehouse.load(manifest)
    assert warehouse.dump() == together


# --- proofs ----------------------------------------------------------------------------------------------


def test_a_proof_outranks_a_newer_object_without_one(lake, warehouse):
    proven = lake.lay([row(1)])
    warehouse.load(proven)
    unproven = lake.lay([row(2)], complete=False, extracted_at="2026-11-12T00:00:00Z")
    assert warehouse.load(unproven).inserted == 1
    assert warehouse.windows("object_sha256, complete") == [(proven.object.sha256, "true")]


@pytest.mark.parametrize("proven_at", ["2026-11-10T00:00:00Z", "2026-11-12T00:00:00Z"])
def test_a_proof_replaces_what_has_none_older_or_newer(lake, warehouse, proven_at):
    warehouse.load(lake.lay([row(1)], complete=False))
    proven = lake.lay([row(1), row(2)], extracted_at=proven_at)
    warehouse.load(proven)
    assert warehouse.windows("object_sha256, complete") == [(proven.object.sha256, "true")]


def test_a_proof_of_the_same_bytes_is_noted_without_reading_them(lake, warehouse):
    warehouse.load(lake.lay([row(1)], complete=False))
    assert warehouse.load(lake.lay([row(1)], extracted_at="2026-11-12T00:00:00Z")).windows_skipped == 1
    assert warehouse.windows("complete") == [("true",)]


def test_in_one_load_the_proof_stands_for_the_window_too(lake, warehouse):
    proven = lake.lay([row(1)])
    unproven = lake.lay([row(2)], complete=False, extracted_at="2026-11-12T00:00:00Z")
    warehouse.load(unproven, proven)
    assert warehouse.windows("object_sha256, complete") == [(proven.object.sha256, "true")]
    assert warehouse.values("order_id") == [("1",), ("2",)]


# --- filters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "filters",
    [ManifestFilters(("BTCUSDT",)), ManifestFilters((), "ADL"), ManifestFilters(("BTCUSDT",), "LIQUIDATION")],
    ids=str,
)
def test_a_filtered_window_does_not_stand_for_the_whole_one(lake, warehouse, filters):
    body = row(1)
    warehouse.load(lake.lay([body], filters=filters))
    whole = "SELECT count(*) FROM binance_liquidation_windows WHERE symbols = '' AND auto_close_type = ''"
    assert warehouse.query(whole) == [(0,)]
    # Though of the same bytes, it is loaded as a window of its own.
    assert counted(warehouse.load(lake.lay([body]))) == {"windows": 1, "rows": 1, "unchanged": 1}
    assert warehouse.query(whole) == [(1,)]
    assert len(warehouse.windows()) == 2


def test_a_filtered_object_does_not_make_the_rest_of_the_window_missing(lake, warehouse):
    warehouse.load(lake.lay([row(1), row(2, symbol='"ETHUSDT"')]))
    filtered = lake.lay([row(1)], filters=ManifestFilters(("BTCUSDT",)), extracted_at="2026-11-12T00:00:00Z")
    assert warehouse.load(filtered).missing == 0


def test_of_a_row_in_two_objects_of_one_instant_the_same_object_confirms_it_each_time(lake, warehouse):
    bodies = [row(number) for number in range(40)]
    # Of one instant, under one key, with the same content: nothing but the object differs.
    whole = lake.lay([*bodies, row(99)])
    filtered = lake.lay(bodies, filters=ManifestFilters(("BTCUSDT",)))
    warehouse.load(filtered, whole)
    shared = "SELECT DISTINCT object_sha256 FROM binance_liquidations WHERE order_id < 99"
    assert warehouse.query(shared) == [(max(whole.object.sha256, filtered.object.sha256),)]


def test_windows_of_other_lengths_stand_beside_each_other(lake, warehouse):
    from dataclasses import replace

    whole = lake.lay([row(1)])
    hour = replace(whole, window=replace(whole.window, end="2026-10-10T01:00:00Z"))
    warehouse.load(whole, hour)
    assert warehouse.windows("window_end") == [("2026-10-10 01:00:00+00",), ("2026-10-11 00:00:00+00",)]


def test_one_instant_written_in_two_ways_is_one_window(lake, warehouse):
    from dataclasses import replace

    manifest = lake.lay([row(1)])
    window = replace(manifest.window, start="2026-10-10T02:00:00+02:00", end="2026-10-11T00:00:00.000Z")
    warehouse.load(manifest)
    assert warehouse.load(replace(manifest, window=window), at=LOADED_AT).windows_skipped == 1
    assert len(warehouse.windows()) == 1

"""A window extracted again before its load: what stands there now is loaded, if a manifest vouches for it.

The law: whatever happened to the object, no row is loaded but those of an object that a manifest describes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lakehouse import Lake, Spot, Warehouse, row

from airflow_provider_binance_liq.exceptions import InconsistentManifest, LiquidationsError, StorageError

EARLY, LATE, LATEST = (f"2026-11-11T0{hour}:00:00Z" for hour in (0, 1, 2))


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_what_was_extracted_again_since_is_loaded_instead(spot, warehouse, compression):
    given = spot.extract([row(1)], EARLY)
    now = spot.extract([row(1), row(2)], LATE, compression)
    summary = warehouse.load(given)
    assert (summary.windows, summary.windows_skipped, summary.inserted) == (1, 0, 2)
    assert warehouse.windows("object_sha256, extracted_at") == [
        (now.object.sha256, "2026-11-11 01:00:00+00"),
    ]


def test_it_ends_as_if_the_newer_manifest_had_been_given(spot, warehouse):
    given = spot.extract([row(1)], EARLY)
    now = spot.extract([row(1), row(2)], LATE)
    warehouse.load(now)
    wanted = warehouse.dump()
    warehouse.empty()
    warehouse.load(given)
    assert warehouse.dump() == wanted
    assert warehouse.load(now).windows_skipped == 1


def test_given_both_the_object_is_fetched_once(spot, warehouse, monkeypatch):
    from airflow_provider_binance_liq import lake

    fetched, fetch = [], lake.fetch_object
    monkeypatch.setattr(lake, "fetch_object", lambda one, to: fetched.append(one) or fetch(one, to))
    given = spot.extract([row(1)], EARLY)
    now = spot.extract([row(2)], LATE)
    summary = warehouse.load(given, now)
    assert (summary.windows, summary.inserted) == (1, 1)
    assert fetched == [given, now]


def test_other_windows_of_the_same_load_come_in_beside_it(spot, warehouse, lake):
    given = spot.extract([row(1)], EARLY)
    spot.extract([row(2)], LATE)
    assert warehouse.load(given, lake.lay([row(3)], day=12)).inserted == 2
    assert [order for (order,) in warehouse.values("order_id")] == ["2", "3"]


@pytest.mark.parametrize(
    "beside",
    [
        {"extracted_at": EARLY},
        {"extracted_at": "2026-11-10T00:00:00Z"},
        {"day": 11},
        {"account": "other"},
        {"endpoint": "coinm_futures"},
    ],
    ids=lambda beside: next(iter(beside)),
)
def test_a_manifest_of_another_window_or_not_newer_does_not_stand_for_it(spot, warehouse, beside):
    given = spot.extract([row(1)], EARLY)
    spot.extract([row(2)], **({"extracted_at": LATE} | beside))
    with pytest.raises(InconsistentManifest, match=r"window.ndjson does not match its manifest"):
        warehouse.load(given)
    assert warehouse.dump() == []


@pytest.mark.parametrize("content", [None, "{}", "no JSON"])
def test_without_a_manifest_beside_it_a_changed_object_fails_with_a_specific_error(spot, warehouse, content):
    given = spot.extract([row(1)], EARLY)
    spot.extract([row(2)], LATE)
    spot.manifest.unlink()
    if content:
        spot.manifest.write_text(content)
    with pytest.raises(InconsistentManifest, match=r"window.ndjson does not match its manifest"):
        warehouse.load(given)
    assert warehouse.dump() == []


def test_an_object_that_is_gone_with_its_manifest_is_a_matter_for_a_retry(spot, warehouse):
    given = spot.extract([row(1)], EARLY)
    spot.object().unlink()
    spot.manifest.unlink()
    with pytest.raises(StorageError, match=r"window.ndjson"):
        warehouse.load(given)


def test_an_object_that_was_changed_after_it_was_extracted_again_fails_with_a_specific_error(spot, warehouse):
    given = spot.extract([row(1)], EARLY)
    spot.extract([row(2)], LATE)
    spot.object().write_text(f"{row(3)}\n")
    with pytest.raises(InconsistentManifest):
        warehouse.load(given)
    assert warehouse.dump() == []


#: what may happen to a window's place: an extraction of some rows, or somebody's hand
STEPS = st.one_of(
    st.tuples(
        st.just("extract"), st.sets(st.integers(1, 4)), st.sampled_from([EARLY, LATE, LATEST]), st.booleans()
    ),
    st.tuples(st.just("tamper"), st.sampled_from([8, 9])),
    st.tuples(st.just("lose the manifest")),
    st.tuples(st.just("lose the object")),
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.sets(st.integers(1, 4), min_size=1), st.lists(STEPS, max_size=5))
def test_no_row_is_loaded_that_no_manifest_vouches_for(first, steps):
    with tempfile.TemporaryDirectory() as directory:
        spot, warehouse = Spot(Lake(Path(directory))), Warehouse(Path(directory) / "liquidations.duckdb")
        extracted = [spot.extract(list(map(row, sorted(first))), EARLY)]
        orders = {extracted[0].object.sha256: first}
        for step, *how in steps:
            if step == "extract":
                numbers, at, packed = how
                manifest = spot.extract(list(map(row, sorted(numbers))), at, "gzip" if packed else None)
                extracted.append(manifest)
                orders[manifest.object.sha256] = numbers
            elif step == "tamper":
                spot.object().write_text(f"{row(how[0])}\n")
            elif step == "lose the manifest":
                spot.manifest.unlink(missing_ok=True)
            else:
                spot.object().unlink(missing_ok=True)
        try:
            warehouse.load(extracted[0])
        except LiquidationsError:
            assert warehouse.dump() == []
            return
        ((sha256,),) = warehouse.windows("object_sha256")
        assert {int(order) for (order,) in warehouse.values("order_id")} == orders[sha256]

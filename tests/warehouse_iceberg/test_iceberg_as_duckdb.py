"""What is in Iceberg is what DuckDB makes of the same objects, value for value, whatever was loaded when."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.icehouse import Icehouse
from support.lakehouse import LOADED_AT, Lake, Warehouse, row

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, endpoints_of

MS = 1791590400000

#: what is hard to keep → fields of the row
HARD = {
    "eighteen decimals": {
        "price": '"0.000000000000000001"',
        "avgPrice": "12345678901234567890.123456789012345678",
    },
    "the largest and the smallest decimal": {
        "price": f'"{"9" * 20}.{"9" * 18}"',
        "avgPrice": f'"-{"9" * 20}.{"9" * 18}"',
    },
    "an id past 2^53": {"orderId": "9007199254740993"},
    "the largest id": {"orderId": "9223372036854775807"},
    "the smallest id": {"orderId": "-9223372036854775808"},
    "a symbol that is not ASCII": {"symbol": '"币安人生USDT"'},
    "a symbol beyond the basic plane": {"symbol": '"\U0001f680\U0001f680\U0001f680\U0001f680\U0001f680USDT"'},
    "a symbol whose bounds are cut off": {"symbol": '"' + 40 * "ÿ" + '"'},
    "a symbol with quotes": {"symbol": '"O\'NEIL\\"USDT"'},
    "an instant before 1970": {"updateTime": "-1"},
    "an instant far off": {"updateTime": "253402300799999", "time": "-62135596800000"},
    "nothing": {"price": "null", "status": '""', "reduceOnly": '""', "clientOrderId": "null"},
    "booleans": {"reduceOnly": "true", "closePosition": "false"},
    "a good-till date": {"goodTillDate": "1791590400001"},
    "what nobody knows": {"remark": '"\\"]},[{\\" \\u00e9"', "legs": '[{"qty":1e-8,"of":null}]'},
}
ACCOUNTS = ("desk", "a/b=c d", "Konto für Währungen", "%2F", "..")


@pytest.mark.slow
def test_every_value_of_every_endpoint_is_the_same(lake, iceberg, duckdb):
    manifests = [
        lake.lay([row(**fields) for fields in HARD.values()], endpoint=endpoint)
        for endpoint in endpoints_of(LIQUIDATIONS)
    ]
    assert iceberg.load(manifests) == duckdb.load(manifests)
    assert iceberg.dump() == duckdb.dump()


@pytest.mark.slow
def test_what_is_hard_to_keep_is_found_again_and_replaced(lake, iceberg, duckdb):
    cases = [{"orderId": str(n), **fields} for n, fields in enumerate(HARD.values())]
    for day, price in enumerate("123", 10):
        rows = [row(**fields | {"cumQuote": price}) for fields in cases]
        manifest = lake.lay([*rows, row(2)], extracted_at=f"2026-11-{day}T00:00:00Z")
        assert iceberg.load(manifest) == duckdb.load(manifest)
    assert iceberg.dump() == duckdb.dump()
    assert iceberg.query("SELECT count(*) FROM binance_liquidations") == [(len(HARD) + 1,)]


@pytest.mark.slow
def test_labels_that_no_path_can_have_are_kept_apart(lake, iceberg, duckdb):
    manifests = [
        lake.lay([row(1, price=str(n))], account=account, day=n) for n, account in enumerate(ACCOUNTS, 1)
    ]
    again = [
        lake.lay([row(1, price="9"), row(2)], account=account, day=n, extracted_at="2026-11-12T00:00:00Z")
        for n, account in enumerate(ACCOUNTS[:3], 1)
    ]
    for given_now in (manifests, again):
        assert iceberg.load(given_now) == duckdb.load(given_now)
    assert iceberg.dump() == duckdb.dump()
    assert all(str(iceberg.path) in file for file in iceberg.files())


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong", [{"price": '"0.0000000000000000001"'}, {"orderId": "9223372036854775808"}, {"symbol": "null"}]
)
def test_what_does_not_fit_is_refused_in_the_same_words(lake, iceberg, duckdb, wrong):
    manifest = lake.lay([row(1), row(**wrong)])
    said = []
    for warehouse in (iceberg, duckdb):
        with pytest.raises(WarehouseError) as refused:
            warehouse.load(manifest)
        said.append(str(refused.value).partition(": ")[2])
    assert said[0].split() == said[1].split()
    assert iceberg.dump() == []


# --- histories -------------------------------------------------------------------------------------------


@st.composite
def extractions(draw):
    """One object: a window's rows, as one extraction of it may have told them."""
    numbers = draw(st.lists(st.integers(1, 5), unique=True, max_size=5))
    return {
        "rows": [
            row(
                number,
                MS + draw(st.integers(0, 2)),
                price=str(draw(st.integers(1, 2))),
                symbol=draw(st.sampled_from(['"BTCUSDT"', '"币安人生USDT"'])),
            )
            for number in numbers
        ],
        "endpoint": draw(st.sampled_from(["usdm_futures", "margin"])),
        "account": draw(st.sampled_from(["desk", "fund"])),
        "day": draw(st.integers(10, 12)),
        "extracted_at": f"2026-11-{draw(st.integers(11, 15))}T00:00:00Z",
        "complete": draw(st.booleans()),
        "filters": draw(st.sampled_from([None, ManifestFilters(("BTCUSDT",))])),
    }


def holds_for(loads, again):
    """Load the same into both, then again in another order: both agree, and the last changes nothing."""
    with tempfile.TemporaryDirectory() as directory:
        lake = Lake(Path(directory) / "lake")
        iceberg, duckdb = Icehouse(Path(directory) / "ice"), Warehouse(Path(directory) / "one.duckdb")
        laid = [[lake.lay(**extraction) for extraction in one] for one in loads]
        for number, manifests in enumerate(laid):
            at = LOADED_AT + timedelta(hours=number)
            assert iceberg.load(manifests, at=at) == duckdb.load(manifests, at=at)
            assert iceberg.dump() == duckdb.dump()
        once, snapshots = iceberg.dump(), iceberg.snapshots()
        known = [laid[index] for index in again]
        for manifests in [*known, known]:
            assert iceberg.load(manifests, at=LATER) == duckdb.load(manifests, at=LATER)
        assert iceberg.dump() == duckdb.dump()
        # What an outranked object tells is read again each time, and changes nothing.
        assert iceberg.dump() == once
        assert iceberg.snapshots() == snapshots


LATER = datetime(2026, 12, 1, tzinfo=UTC)
histories = st.lists(st.lists(extractions(), min_size=1, max_size=3), min_size=1, max_size=4)


@pytest.mark.slow
@given(loads=histories, data=st.data())
@settings(max_examples=3, deadline=None)
def test_any_order_of_loads_leaves_what_duckdb_has_and_loading_again_changes_nothing(loads, data):
    holds_for(loads, data.draw(st.permutations(range(len(loads)))))


@pytest.mark.slow
@given(loads=histories, data=st.data())
@settings(max_examples=25, deadline=None)
def test_many_orders_of_loads_do(loads, data):
    holds_for(loads, data.draw(st.permutations(range(len(loads)))))

"""What PostgreSQL holds after a load is what DuckDB holds after it, value for value."""

from __future__ import annotations

import contextlib
import json
import random
import re
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import lakehouse
from support.accepted_values import TAKEN
from support.spelled_values import COLUMNS, expected, spelled

from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.simulator.documented import DOCUMENTED
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, ROW_TABLES

ENDPOINTS = ("usdm_futures", "coinm_futures", "margin")
KEYS = {
    "binance_liquidations": "account, endpoint, symbol, order_id",
    "binance_liquidation_windows": "account, endpoint, window_start, window_end, symbols, auto_close_type",
}


def load_both(postgres, duckdb, *manifests):
    ours, theirs = postgres.load(*manifests), duckdb.load(*manifests)
    assert ours == theirs
    return ours


def same(postgres, duckdb):
    """Read both tables of both, as Python values, and hold them against each other."""
    ours, theirs = (
        [one.query(f"SELECT * FROM {table} ORDER BY {key}") for table, key in KEYS.items()]
        for one in (postgres, duckdb)
    )
    assert ours == theirs
    return ours


def test_every_documented_row_is_the_same(postgres, duckdb, lake):
    manifests = [
        lake.lay([record.body.decode() for record in records], endpoint=endpoint)
        for endpoint, records in DOCUMENTED.items()
    ]

    summary = load_both(postgres, duckdb, *manifests)

    _, windows = same(postgres, duckdb)
    for table in ROW_TABLES.values():
        order = f"SELECT * FROM {table.name} ORDER BY {', '.join(table.key)}"
        assert postgres.query(order) == duckdb.query(order)
    assert summary.inserted == sum(map(len, DOCUMENTED.values()))
    assert len(windows) == len(DOCUMENTED)


@pytest.fixture(scope="module")
def taken(database, tmp_path_factory):
    """Load every case into both, each as an account of its own; read what both have of it."""
    directory = tmp_path_factory.mktemp("taken")
    manifests = [
        lakehouse.Lake(directory).lay([lakehouse.row(**fields)], endpoint=endpoint, account=case)
        for case, fields in TAKEN.items()
        for endpoint in ENDPOINTS
    ]
    database.empty()
    both = database, lakehouse.Warehouse(directory / "liquidations.duckdb")
    with pytest.MonkeyPatch.context() as monkeypatch:
        database.set_connection(monkeypatch)
        for one in both:
            one.load(*manifests)
    query = "SELECT * FROM binance_liquidations ORDER BY account, endpoint, symbol, order_id"
    return [{(found[0], found[1]): found for found in one.query(query)} for one in both]


@pytest.mark.parametrize("case", TAKEN)
def test_every_value_is_the_same(taken, case):
    ours, theirs = ([one[case, endpoint] for endpoint in ENDPOINTS] for one in taken)

    assert ours == theirs


def test_a_row_is_kept_as_it_was_sent(postgres, lake, row):
    line = row(status='"a\\\\tb\\u00e9\\"\\\\"', price=" 1.50 ", remark='\t"币"', legs='[ {"qty":1e-8} ]')

    postgres.load(lake.lay([line]))

    assert postgres.values("raw") == [(line,)]


@pytest.mark.slow
@pytest.mark.parametrize("field", ["status", "orderId", "remark"])
def test_a_row_that_has_a_field_twice_is_refused_by_both_in_the_same_words(
    postgres, duckdb, lake, row, field
):
    line = row(1, **{field: "1"})[:-1] + f',"{field}":2' + "}"
    manifest = lake.lay([row(2), line])
    said = f"a row of {manifest.object.uri} has {field} more than once"
    for one in (postgres, duckdb):
        with pytest.raises(WarehouseError, match=re.escape(said)):
            one.load(manifest)
        assert not any(one.dump())


def test_a_field_that_is_there_twice_under_an_escape_is_there_twice(postgres, duckdb, lake, row):
    manifest = lake.lay([row(1)[:-1] + ',"order\\u0049d":2}'])
    for one in (postgres, duckdb):
        with pytest.raises(WarehouseError, match="has orderId more than once"):
            one.load(manifest)


def test_what_is_repeated_within_a_field_that_nobody_reads_is_no_caveat(postgres, duckdb, lake, row):
    load_both(postgres, duckdb, lake.lay([row(1, legs='[{"qty":1,"qty":2},{"qty":3}]')]))
    same(postgres, duckdb)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"remark": '"a\\u0000b"'},
        {"remark": '"\\u0000\\u0000"', "status": '"a\\\\u0000b"'},
        {"legs": '[{"\\u0000":"\\\\\\u0000"}]'},
        {"orderId\\u0000": "9"},
    ],
    ids=["once", "twice, beside what only looks like it", "in a name", "in a name like another"],
)
def test_a_zero_character_in_a_field_that_nobody_reads_stays_in_the_row_as_it_was_sent(
    postgres, duckdb, lake, row, fields
):
    line = row(1, price="1.25", **fields)
    load_both(postgres, duckdb, lake.lay([row(2), line, row(3, price='"1e-3"')]))
    same(postgres, duckdb)
    assert postgres.values("raw", "order_id = 1") == [(line,)]


@pytest.mark.slow
def test_rows_that_several_windows_have_are_the_same(postgres, duckdb, lake, row):
    at, later = 1791590400000, 1791590400001
    load_both(
        postgres,
        duckdb,
        lake.lay([row(1, at, price='"1"'), row(2, at, price='"1"'), row(3, later, price='"1"')], day=10),
        lake.lay([row(1, later, price='"2"'), row(2, at, price='"3"'), row(3, at, price='"4"')], day=11),
    )

    same(postgres, duckdb)
    assert [price.rstrip("0") for (price,) in postgres.values("price")] == ["2.", "3.", "1."]


def _has_long_exponent(text):
    """Tell whether DuckDB may refuse it: behind many digits it takes no exponent, whatever the value is."""
    return "e" in text.lower() and sum(letter.isdigit() for letter in text) > 18


decimals = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.decimals(-(10**21), 10**21, places=18).map(str),
    st.from_regex(r"[+-]?[0-9]{0,22}[.]?[0-9]{0,20}([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.text("0123456789.-+eE _Nainfx", max_size=12),
).filter(lambda text: not _has_long_exponent(text))


def _exact(text):
    """Return the decimal that the text is, or None where the column cannot hold it exactly."""
    with contextlib.suppress(ArithmeticError):
        if "_" in text or text != text.strip() or not any(letter.isdigit() for letter in text):
            return None
        value = Decimal(text)
        if value.copy_abs() < 10**20 and _decimals(value) <= 18:
            return value
    return None


def _decimals(value):
    """Count the digits behind the point, without the zeros at the end; arithmetic would round first."""
    _, digits, exponent = value.as_tuple()
    written = "".join(map(str, digits))
    return -exponent - (len(written) - len(written.rstrip("0"))) if value else 0


# Longer than the 28 digits that Python's arithmetic rounds to: one decimal too many, and just not too great.
@pytest.mark.slow
@example(texts=["12345678901234567890.1234567890123456789"])
@example(texts=["99999999999999999999.999999999999999999", "-99999999999999999999.9999999999999999990"])
@example(
    texts=["0.0000000000000000000000000000000000000000001", "0e-40", "1000000000000000000000000000001e-30"]
)
@given(texts=st.lists(decimals, min_size=1, max_size=20))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_decimal_is_exact_or_refused_with_a_specific_error(postgres, lake, row, texts):
    fit = [text for text in texts if _exact(text) is not None]
    unfit = [text for text in texts if text and _exact(text) is None]
    postgres.query("DROP TABLE IF EXISTS binance_liquidations, binance_liquidation_windows")

    postgres.load(lake.lay([row(number, price=json.dumps(text)) for number, text in enumerate(fit)]))
    for text in unfit[:3]:
        with pytest.raises(WarehouseError) as refused:
            postgres.load(lake.lay([row(price=json.dumps(text))], day=11))
        assert f"price is {text}, which is no DECIMAL(38, 18)" in str(refused.value)

    stored = postgres.query("SELECT price FROM binance_liquidations ORDER BY order_id")
    assert stored == [(_exact(text),) for text in fit]


def test_both_tables_have_the_same_columns(postgres, duckdb, lake):
    load_both(postgres, duckdb, lake.lay([]))

    query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'binance_liquidations' "
    ours, theirs = (one.query(query + "ORDER BY ordinal_position") for one in (postgres, duckdb))
    assert ours == theirs == [(name,) for name in LIQUIDATIONS.names]


def test_rows_in_every_spelling_are_what_arithmetic_makes_of_them(postgres, lake, row):
    draw = random.Random(20261010)
    cases = [spelled(draw) | {"orderId": str(number)} for number in range(300)]

    postgres.load(lake.lay([row(**fields) for fields in cases]))

    found = postgres.query(f"SELECT {', '.join(COLUMNS)} FROM binance_liquidations")
    assert Counter(found) == Counter(map(expected, cases))

"""Rows that are read a page at once are those that are read one by one, however they are spelled."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.documented_rows import Shape, documented_reader
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.rows import describe, read_page, read_row
from airflow_provider_binance_liq.exceptions import UnexpectedRow
from airflow_provider_binance_liq.simulator import make_row

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from(
        [2**53 + 1, 2**64 + 1, 253_402_300_800_000, 1.0, 1.5, 1e20, "", "7", "-7", "1_0", "BTCUSDT"]
    ),
    st.lists(st.integers(), max_size=1),
)


def body_of(endpoint, rows):
    spelled = ",".join(json.dumps(row) for row in rows)
    return (f"[{spelled}]" if endpoint.is_by_time else f'{{"rows":[{spelled}],"total":{len(rows)}}}').encode()


def outcome(read):
    try:
        return read()
    except UnexpectedRow as error:
        return str(error)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
@given(data=st.data())
def test_a_page_holds_the_rows_and_errors_of_reading_one_by_one(endpoint, data):
    kind = endpoint.kind
    names = {*(field.name for field in kind.key), *kind.instants, kind.symbol, kind.isolated} - {None}
    names |= {endpoint.restriction.field} if endpoint.restriction else set()
    strange = data.draw(st.dictionaries(st.sampled_from(sorted(names)), VALUES, max_size=2))
    row = {**make_row(endpoint.name, time=1_791_590_400_000), **strange}
    raw = json.dumps(row).encode()
    assert outcome(lambda: read_page(body_of(endpoint, [row]), endpoint).rows) == outcome(
        lambda: (read_row(raw, endpoint),)
    )


@pytest.mark.parametrize("name", [name for name, one in ENDPOINTS.items() if one.restriction])
def test_of_a_page_those_are_liquidations_whose_type_is_not_one_of_the_others(name):
    endpoint = ENDPOINTS[name]
    rule = endpoint.restriction
    types = [*rule.liquidations, *rule.others, "of tomorrow"]
    rows = [
        {**make_row(name, time=1_791_590_400_000 + number), rule.field: type_}
        for number, type_ in enumerate(types)
    ]
    found = read_page(body_of(endpoint, rows), endpoint).rows
    assert [row.is_liquidation for row in found] == [type_ not in rule.others for type_ in types]


def test_a_row_is_named_by_its_key():
    assert describe(("BTCUSDT", 6071832819)) == "BTCUSDT 6071832819"


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
def test_a_documented_row_of_every_endpoint_is_read_at_once(endpoint):
    restriction = endpoint.restriction
    shape = Shape(endpoint.kind, restriction.field if restriction else None, endpoint.is_by_time)
    row = make_row(endpoint.name, time=1_791_590_400_000)
    found = documented_reader(shape)(body_of(endpoint, [row]))
    assert list(found.keys) == [tuple(row[field.name] for field in endpoint.kind.key)]

"""Rows whose values are all plainly spelled are typed by the quick way; any other takes the exact one."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse.postgres.session import PostgresSession

VALUES = """
    SELECT order_id, price, avg_price, extract(epoch FROM created_at), good_till, reduce_only, is_isolated
    FROM binance_liquidations ORDER BY order_id
"""
ODD = {
    "an exponent": {"price": "1e-8"},
    "a sign": {"price": '"-1.5"'},
    "20 digits before the point": {"price": '"12345678901234567890.5"'},
    "nothing after the point": {"avgPrice": '"5."'},
    "nothing before the point": {"price": '".5"'},
    "zeros in front": {"price": '"0001.50"'},
    "an empty text": {"price": '""'},
    "an instant of another century": {"time": "100000000000000"},
    "zeros for no instant": {"goodTillDate": '"00"'},
}
WRONG = {
    "two numbers": ({"price": '"1|2"'}, "price is 1|2, which"),
    "two points": ({"price": '"1.2.3"'}, "price is 1.2.3, which"),
    "a point": ({"price": '"."'}, "price is ., which"),
    "a bar": ({"price": '"|"'}, "price is |, which"),
    "a blank": ({"price": '"1 "'}, "price is 1 , which"),
    "an underscore": ({"price": '"1_0"'}, "price is 1_0, which"),
    "no number": ({"price": '"NaN"'}, "price is NaN"),
    "19 decimals": ({"price": '"0.1234567890123456789"'}, "price is 0.1234"),
    "21 digits before the point": ({"price": '"123456789012345678901"'}, "price is 1234"),
    "two ids": ({"orderId": '"1|2"'}, "orderId"),
    "an id past 64 bits": ({"orderId": '"9999999999999999999"'}, "orderId"),
    "half an id": ({"orderId": '"1.5"'}, "orderId"),
    "an instant past the year 9999": ({"updateTime": "999999999999999"}, "updateTime"),
    "an instant and a bar": ({"updateTime": '"1|"'}, "updateTime"),
}


def spelled(rows):
    return [(*map(str, row[:3]), float(row[3]), *row[4:]) for row in rows]


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_one_odd_row_among_plain_ones_is_taken_as_by_duckdb(lake, postgres, duckdb, row, odd):
    plain = row(3, price='"10871.0900"', reduceOnly="true", isIsolated='"0"', goodTillDate="0")
    given = lake.lay([row(1), row(2, **odd), plain])
    assert postgres.load(given) == duckdb.load(given)
    assert spelled(postgres.query(VALUES)) == spelled(duckdb.query(VALUES))


@pytest.mark.parametrize(("fields", "said"), WRONG.values(), ids=WRONG)
def test_one_wrong_row_among_plain_ones_is_named(lake, postgres, row, fields, said):
    with pytest.raises(WarehouseError) as caught:
        postgres.load(lake.lay([row(1), row(2, **fields)]))
    assert said in str(caught.value)


def test_plain_rows_take_the_quick_way(lake, postgres, row, monkeypatch):
    def never(*_):
        raise AssertionError("plain rows were typed one by one")

    monkeypatch.setattr(PostgresSession, "_stage_exactly", never)
    rows = [row(9223372036854775807, time="0", isIsolated="false"), row(2, price='"1.1234567890123456"')]
    assert postgres.load(lake.lay(rows)).inserted == len(rows)

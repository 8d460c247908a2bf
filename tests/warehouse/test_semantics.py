"""What a row means: who closed it, what its quantities count, and what is not there."""

from __future__ import annotations

import json

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.core.endpoints import WITH_ORDERS
from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse.tables import ORDERS, RECORDS

#: text of the client order id → close type
CLOSE_TYPES = {
    '"autoclose-1596107620040000020"': "LIQUIDATION",
    '"autoclose-"': "LIQUIDATION",
    '"adl_autoclose"': "ADL",
    '"adl_autoclose-1596107620040000020"': "ADL",
    '"settlement_autoclose-1596107620040000020"': "OTHER",
    '"delivery_autoclose-1596107620040000020"': "OTHER",
    '"autoclose"': "OTHER",
    '"AUTOCLOSE-1"': "OTHER",
    '"adlXautoclose"': "OTHER",
    '"my-autoclose-1"': "OTHER",
    '"x"': "OTHER",
    '""': "OTHER",
    "null": "OTHER",
}


def without(name, body):
    return json.dumps({key: value for key, value in json.loads(body).items() if key != name})


@pytest.mark.parametrize("endpoint", ORDERS)
def test_the_close_type_is_read_from_the_prefix_of_the_client_order_id(lake, warehouse, endpoint):
    rows = [row(index, clientOrderId=value) for index, value in enumerate(CLOSE_TYPES)]
    warehouse.load(lake.lay([*rows, without("clientOrderId", row(99))], endpoint=endpoint))
    assert [kind for (kind,) in warehouse.values("close_type")] == [*CLOSE_TYPES.values(), "OTHER"]


@pytest.mark.parametrize("endpoint", RECORDS)
def test_the_margin_endpoints_report_liquidations_only(lake, warehouse, endpoint):
    rows = [without("clientOrderId", row(1)), row(2, clientOrderId='""')]
    warehouse.load(lake.lay(rows, endpoint=endpoint))
    assert warehouse.values("close_type") == [("LIQUIDATION",), ("LIQUIDATION",)]


@pytest.mark.parametrize("endpoint", WITH_ORDERS)
def test_quantities_count_contracts_on_coin_m_and_the_base_asset_elsewhere(lake, warehouse, endpoint):
    warehouse.load(lake.lay([row(1)], endpoint=endpoint))
    unit = "CONTRACT" if endpoint in ("coinm_futures", "portfolio_cm") else "BASE"
    assert warehouse.values("quantity_unit") == [(unit,)]


@pytest.mark.parametrize("empty", [None, "null", '""'], ids=["absent", "null", "empty"])
def test_what_is_not_there_is_null(lake, warehouse, empty):
    fields = ("price", "side", "reduceOnly", "time", "clientOrderId", "positionSide", "goodTillDate")
    filled = row(1, **dict.fromkeys(fields, empty or "null"))
    body = filled if empty else json.dumps({k: v for k, v in json.loads(filled).items() if v is not None})
    warehouse.load(lake.lay([body]))
    columns = "price, side, reduce_only, created_at, client_order_id, position_side, good_till"
    assert warehouse.values(columns) == [(None,) * 7]


@pytest.mark.parametrize("empty", [None, "null", '""'], ids=["absent", "null", "empty"])
@pytest.mark.parametrize("field", ["symbol", "orderId"])
def test_a_row_without_its_identity_fails_with_a_specific_error(lake, warehouse, field, empty):
    body = row(1, **{field: empty}) if empty else without(field, row(1))
    bad = lake.lay([body])
    with pytest.raises(WarehouseError) as caught:
        warehouse.load(bad)
    assert f"a row of {bad.object.uri} has no {field}" in str(caught.value)
    assert warehouse.dump() == []


def test_a_row_without_any_instant_fails_with_a_specific_error(lake, warehouse):
    with pytest.raises(WarehouseError, match="has no updateTime or updatedTime or time"):
        warehouse.load(lake.lay(['{"orderId":1,"symbol":"BTCUSDT"}']))


@pytest.mark.parametrize(
    ("fields", "updated"),
    [
        ('"time":1791590400001,"updateTime":1791590400002', "2026-10-10 00:00:00.002+00"),
        ('"time":1791590400001,"updateTime":null', "2026-10-10 00:00:00.001+00"),
        ('"time":1791590400001', "2026-10-10 00:00:00.001+00"),
        ('"updatedTime":1791590400003', "2026-10-10 00:00:00.003+00"),
    ],
)
def test_every_row_is_placed_in_time_by_its_last_update(lake, warehouse, fields, updated):
    warehouse.load(lake.lay([f'{{"orderId":1,"symbol":"BTCUSDT",{fields}}}']))
    assert warehouse.values("updated_at") == [(updated,)]


@pytest.mark.parametrize(("fields", "quantity"), [('"origQty":"1"', "1"), ('"qty":"2"', "2")])
def test_the_quantity_ordered_has_one_column_whatever_the_endpoint_calls_it(
    lake, warehouse, fields, quantity
):
    warehouse.load(lake.lay([f'{{"orderId":1,"symbol":"X",{fields},"time":1791590400001}}']))
    assert warehouse.values("orig_qty") == [(f"{quantity}.{18 * '0'}",)]


def test_fields_that_nobody_knows_yet_stay_in_the_raw_row(lake, warehouse):
    body = row(
        1,
        feeTier='{"vip":[1,2.50]}',
        newField='"币安"',
        huge="123456789012345678901234567890.5",
        tiny="1e-400",
        order_id="7",
        raw='"not the row"',
        account='"not the account"',
        loaded_at="1",
    )
    warehouse.load(lake.lay([body]))
    assert warehouse.values("raw, account, order_id, price") == [(body, "desk", "1", f"1.5{17 * '0'}")]


def test_field_names_are_distinguished_by_case(lake, warehouse):
    warehouse.load(lake.lay([row(1, Price='"9"', SYMBOL='"X"', orderid="5")]))
    assert warehouse.values("symbol, order_id, price") == [("BTCUSDT", "1", f"1.5{17 * '0'}")]


def test_a_row_may_say_nothing_but_its_identity_and_its_instant(lake, warehouse):
    body = '{"updatedTime":1558941374745,"orderId":1,"symbol":"BNBBTC"}'
    warehouse.load(lake.lay([body], endpoint="margin"))
    assert warehouse.values("symbol, order_id, close_type, raw") == [("BNBBTC", "1", "LIQUIDATION", body)]

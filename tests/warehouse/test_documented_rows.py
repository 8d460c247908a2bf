"""What the exchange's documentation shows comes out of the warehouse as it stands there, column by column."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from airflow_provider_binance_liq.simulator.documented import DOCUMENTED
from airflow_provider_binance_liq.warehouse.tables import (
    CAPITAL_FLOWS,
    LIQUIDATIONS,
    LOAN_LIQUIDATIONS,
    endpoints_of,
    filled_by,
)

USDM_LIQUIDATION = {
    "symbol": "BTCUSDT",
    "order_id": "6071832819",
    "close_type": "LIQUIDATION",
    "status": "FILLED",
    "side": "SELL",
    "position_side": "BOTH",
    "client_order_id": "autoclose-1596107620040000020",
    "order_type": "LIMIT",
    "orig_type": "LIMIT",
    "time_in_force": "IOC",
    "price": Decimal("10871.09"),
    "avg_price": Decimal("10913.21000"),
    "orig_qty": Decimal("0.001"),
    "executed_qty": Decimal("0.001"),
    "quantity_unit": "BASE",
    "cum_quote": Decimal("10.91321"),
    "reduce_only": "false",
    "created_at": "2020-07-30 11:13:40.044+00",
    "updated_at": "2020-07-30 11:13:40.087+00",
}
WIDE = {"stop_price": Decimal(0), "close_position": "false", "working_type": "CONTRACT_PRICE"}
USDM_ADL = USDM_LIQUIDATION | {
    "order_id": "6072734303",
    "close_type": "ADL",
    "side": "BUY",
    "position_side": "SHORT",
    "client_order_id": "adl_autoclose",
    "time_in_force": "GTC",
    "price": Decimal("11023.14"),
    "avg_price": Decimal("10979.82000"),
    "cum_quote": Decimal("10.97982"),
    "created_at": "2020-07-30 12:05:25.059+00",
    "updated_at": "2020-07-30 12:05:25.071+00",
}
COINM = {
    "symbol": "BTCUSD_200925",
    "order_id": "165123080",
    "close_type": "LIQUIDATION",
    "pair": "BTCUSD",
    "status": "FILLED",
    "side": "SELL",
    "position_side": "BOTH",
    "client_order_id": "autoclose-1596542005017000006",
    "order_type": "LIMIT",
    "orig_type": "LIMIT",
    "time_in_force": "IOC",
    "price": Decimal("11326.9"),
    "avg_price": Decimal("11326.9"),
    "orig_qty": Decimal(1),
    "executed_qty": Decimal(1),
    "quantity_unit": "CONTRACT",
    "cum_base": Decimal("0.00882854"),
    "reduce_only": "false",
    "created_at": "2020-08-04 11:53:25.019+00",
    "updated_at": "2020-08-04 11:53:25.05+00",
}
MARGIN = {
    "symbol": "BNBBTC",
    "order_id": "180015097",
    "close_type": "LIQUIDATION",
    "side": "SELL",
    "time_in_force": "GTC",
    "price": Decimal("0.00388110"),
    "avg_price": Decimal("0.00388359"),
    "orig_qty": Decimal("31.39000000"),
    "executed_qty": Decimal("31.39000000"),
    "quantity_unit": "BASE",
    "updated_at": "2019-05-27 07:16:14.745+00",
}
#: endpoint → what each of its documented rows is in the warehouse; a column that is not here is NULL
EXPECTED = {
    "usdm_futures": [USDM_LIQUIDATION | WIDE, USDM_ADL | WIDE],
    "coinm_futures": [COINM | WIDE | {"cum_quote": Decimal(100), "price_protect": "false"}],
    "portfolio_um": [USDM_LIQUIDATION],
    "portfolio_cm": [COINM],
    "portfolio_margin": [MARGIN],
    "margin": [MARGIN | {"is_isolated": "true"}],
}
ADDED = ("account", "endpoint", "raw", "object_sha256", "extracted_at", "loaded_at")


def as_text(value):
    """Write a decimal as the warehouse does: with all of its 18 digits."""
    return f"{value:.18f}" if isinstance(value, Decimal) else value


#: kind of column → how its value is read as the exchange sends it
READ = {"text": "{}", "int64": "{}", "decimal": "{}", "instant": "epoch_ms({})"}


def rows_of(warehouse):
    return [{name: value for name, value in row.items() if name not in ADDED} for row in warehouse.columns()]


def expected_of(endpoint):
    names = [name for name in LIQUIDATIONS.names if name not in ADDED]
    return [{name: as_text(row.get(name)) for name in names} for row in EXPECTED[endpoint]]


@pytest.mark.parametrize("endpoint", EXPECTED)
def test_every_column_is_as_documented_and_the_raw_row_is_kept_byte_for_byte(lake, warehouse, endpoint):
    bodies = [record.body for record in DOCUMENTED[endpoint]]
    warehouse.load(lake.lay([body.decode() for body in bodies], endpoint=endpoint))
    assert rows_of(warehouse) == expected_of(endpoint)
    assert [raw.encode() for (raw,) in warehouse.values("raw")] == bodies


@pytest.mark.parametrize("endpoint", EXPECTED)
def test_white_space_as_on_the_page_changes_nothing_but_the_raw_row(lake, warehouse, endpoint):
    spaced = [json.dumps(json.loads(record.body)) for record in DOCUMENTED[endpoint]]
    warehouse.load(lake.lay(spaced, endpoint=endpoint))
    assert rows_of(warehouse) == expected_of(endpoint)
    assert [raw for (raw,) in warehouse.values("raw")] == spaced


def test_all_endpoints_are_loaded_at_once_each_into_the_table_of_its_kind(lake, warehouse):
    manifests = [
        lake.lay([one.body.decode() for one in records if one.is_liquidation], endpoint=endpoint)
        for endpoint, records in DOCUMENTED.items()
    ]
    assert warehouse.load(manifests).inserted == 9
    assert rows_of(warehouse) == [row for endpoint in sorted(EXPECTED) for row in expected_of(endpoint)]
    for table in (CAPITAL_FLOWS, LOAN_LIQUIDATIONS):
        documented = [
            json.loads(one.body)
            for name in endpoints_of(table)
            for one in DOCUMENTED[name]
            if one.is_liquidation
        ]
        columns = table.of("row")
        selected = ", ".join(READ[column.kind].format(column.name) for column in columns)
        found = warehouse.query(f"SELECT {selected} FROM {table.name} ORDER BY ALL")
        sent = [tuple(row.get(column.fields[0]) for column in columns) for row in documented]
        assert found == sorted(
            tuple(
                Decimal(value) if column.kind == "decimal" and value is not None else value
                for column, value in zip(columns, row, strict=True)
            )
            for row in sent
        )


def test_each_endpoints_columns_are_exactly_those_that_the_table_says():
    documented = {
        endpoint: {name for row in rows for name, value in row.items() if value is not None}
        for endpoint, rows in EXPECTED.items()
    }
    # USDⓈ-M's pair, cumBase and priceProtect are in the SDK's model, not on the page; 0 is no good-till date.
    undocumented = {
        "usdm_futures": {"pair", "cum_base"},
        "coinm_futures": {"good_till"},
    }
    said = {
        endpoint: {
            column.name
            for column in LIQUIDATIONS
            if endpoint in filled_by(LIQUIDATIONS, column) and column.name not in ADDED
        }
        for endpoint in EXPECTED
    }
    assert {
        endpoint: names | undocumented.get(endpoint, set()) for endpoint, names in documented.items()
    } == said

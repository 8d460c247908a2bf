"""The tables of the warehouse, column by column: the single place that says what a row becomes.

Rows of one kind have one table, whichever endpoint returns them; windows of all endpoints share one. Every
column states its type, its unit, the exchange's fields that it is read from and the endpoints that fill it.
`CREATE TABLE`, staging and MERGE of every dialect are generated from here, and so is the reference page. What
a row holds beyond these columns is not lost: `raw` is its text, as the exchange sent it.

A field that is absent, null or an empty string becomes NULL. A value that does not fit its type fails with a
specific error; it is never rounded, cut off or guessed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.kinds import MARGIN_RECORD, ORDER
from airflow_provider_binance_liq.warehouse.schema import Column, Table
from airflow_provider_binance_liq.warehouse.shared_columns import (
    ACCOUNT,
    ENDPOINT,
    EXTRACTED_AT,
    LOADED_AT,
    OBJECT_SHA256,
    RAW,
)
from airflow_provider_binance_liq.warehouse.windows_table import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "CAPITAL_FLOWS",
    "IN_CONTRACTS",
    "LIQUIDATIONS",
    "LOAN_LIQUIDATIONS",
    "ORDERS",
    "RECORDS",
    "ROW_TABLES",
    "WINDOWS",
    "endpoints_of",
    "filled_by",
    "row_table",
    "row_tables",
    "unchanging",
]

#: rows are orders in full; the margin endpoints return fewer fields, and liquidations only
ORDERS: Final = tuple(name for name, endpoint in ENDPOINTS.items() if endpoint.kind is ORDER)
RECORDS: Final = tuple(name for name, endpoint in ENDPOINTS.items() if endpoint.kind is MARGIN_RECORD)
#: quantities are whole contracts of a fixed worth in USD, not amounts of the base asset
IN_CONTRACTS: Final = tuple(name for name, endpoint in ENDPOINTS.items() if endpoint.in_contracts)

_QUANTITY: Final = "base asset; contracts where `quantity_unit` is CONTRACT"
_QUOTED: Final = "quote asset per base asset"

LIQUIDATIONS: Final = Table(
    name="binance_liquidations",
    doc="One row per liquidation order of an account, whichever endpoint returned it.",
    key=("account", "endpoint", "symbol", "order_id"),
    event_time="updated_at",
    selective="order_id",
    columns=(
        ACCOUNT,
        ENDPOINT,
        Column("symbol", "text", "Symbol, as sent; it may be non-ASCII.", fields=("symbol",), required=True),
        Column(
            "order_id",
            "int64",
            "Order id. Unique only within account, endpoint and symbol; it exceeds 2^53.",
            fields=("orderId",),
            required=True,
        ),
        Column(
            "close_type",
            "text",
            "LIQUIDATION, ADL or OTHER, by the prefix of `client_order_id`: `autoclose-` is a liquidation, "
            "`adl_autoclose` auto-deleveraging. Margin endpoints return liquidations only.",
            fields=("clientOrderId",),
            required=True,
            origin="rule",
        ),
        Column("pair", "text", "Underlying pair.", ("pair",)),
        Column("status", "text", "Order status; FILLED in every documented row.", ("status",)),
        Column("side", "text", "BUY closes a short position, SELL a long one.", ("side",)),
        Column("position_side", "text", "BOTH, LONG or SHORT.", ("positionSide",)),
        Column("client_order_id", "text", "Not unique: ADL rows share one.", ("clientOrderId",)),
        Column("order_type", "text", "Order type.", ("type",)),
        Column("orig_type", "text", "Order type before it was triggered.", ("origType",)),
        Column("time_in_force", "text", "IOC, GTC, ...", ("timeInForce",)),
        Column("price", "decimal", "Limit price of the order.", ("price",), unit=_QUOTED),
        Column("avg_price", "decimal", "Average price of the fills.", ("avgPrice",), unit=_QUOTED),
        Column("orig_qty", "decimal", "Quantity ordered.", ("origQty", "qty"), unit=_QUANTITY),
        Column("executed_qty", "decimal", "Quantity filled.", ("executedQty",), unit=_QUANTITY),
        Column(
            "quantity_unit",
            "text",
            "What `orig_qty` and `executed_qty` count: BASE, or CONTRACT on COIN-M, where one contract is "
            "worth a fixed amount of USD (100 for BTC, 10 for most others) and `cum_base` has the amount of "
            "the base asset.",
            required=True,
            origin="rule",
        ),
        Column("cum_base", "decimal", "Amount filled.", ("cumBase",), unit="base asset"),
        Column("cum_quote", "decimal", "Amount filled.", ("cumQuote",), unit="quote asset"),
        Column("stop_price", "decimal", "0 where there is none.", ("stopPrice",), unit=_QUOTED),
        Column("reduce_only", "boolean", "As sent.", ("reduceOnly",)),
        Column("close_position", "boolean", "As sent.", ("closePosition",)),
        Column("price_protect", "boolean", "As sent; on USDⓈ-M undocumented.", ("priceProtect",)),
        Column("working_type", "text", "CONTRACT_PRICE or MARK_PRICE.", ("workingType",)),
        Column(
            "good_till",
            "instant_or_none",
            "End of a good-till-date order; NULL for 0.",
            ("goodTillDate",),
            unit="UTC",
        ),
        Column("is_isolated", "boolean", "Isolated margin account.", ("isIsolated",)),
        Column(
            "created_at",
            "instant",
            "When the order was created; margin endpoints do not state it.",
            ("time",),
            unit="UTC",
        ),
        Column(
            "updated_at",
            "instant",
            "When the order was last updated, on every endpoint: what places the row in time.",
            ("updateTime", "updatedTime", "time"),
            unit="UTC",
            required=True,
        ),
        RAW,
        OBJECT_SHA256,
        EXTRACTED_AT,
        LOADED_AT,
    ),
)

CAPITAL_FLOWS: Final = Table(
    name="binance_margin_capital_flows",
    doc=(
        "One row per movement of capital by which a margin account was liquidated: what was bought, sold, "
        "repaid or charged. Its id is unique within account and endpoint."
    ),
    key=("account", "endpoint", "flow_id"),
    event_time="occurred_at",
    selective="flow_id",
    rows="capital_flows",
    columns=(
        ACCOUNT,
        ENDPOINT,
        Column("flow_id", "int64", "Id of the flow.", ("id",), required=True),
        Column("transaction_id", "int64", "Id of the transaction; flows may share one.", ("tranId",)),
        Column("flow_type", "text", "BUY_LIQUIDATION, LIQUIDATION_FEE, ...", ("type",)),
        Column("asset", "text", "Asset that moved.", ("asset",)),
        Column("symbol", "text", "Symbol; NULL where the exchange states none.", ("symbol",)),
        Column(
            "amount", "decimal", "Amount that moved, with the exchange's sign.", ("amount",), unit="asset"
        ),
        Column("note", "text", "The exchange's note.", ("note",)),
        Column(
            "occurred_at",
            "instant",
            "When it moved: what places the row in time.",
            ("timestamp",),
            unit="UTC",
            required=True,
        ),
        RAW,
        OBJECT_SHA256,
        EXTRACTED_AT,
        LOADED_AT,
    ),
)

LOAN_LIQUIDATIONS: Final = Table(
    name="binance_loan_liquidations",
    doc=(
        "One row per liquidation of a crypto loan. The exchange gives it no id, so its coins and its start "
        "keep it apart: a later extraction updates everything else in place, such as the status."
    ),
    key=("account", "endpoint", "loan_coin", "collateral_coin", "occurred_at"),
    event_time="occurred_at",
    selective="occurred_at",
    rows="loan_liquidations",
    columns=(
        ACCOUNT,
        ENDPOINT,
        Column("loan_coin", "text", "Coin that was borrowed.", ("loanCoin",), required=True),
        Column("collateral_coin", "text", "Coin of the collateral.", ("collateralCoin",), required=True),
        Column(
            "occurred_at",
            "instant",
            "When the liquidation started: what places the row in time.",
            ("liquidationStartingTime",),
            unit="UTC",
            required=True,
        ),
        Column(
            "liquidation_debt",
            "decimal",
            "Debt that was liquidated.",
            ("liquidationDebt",),
            unit="loan coin",
        ),
        Column(
            "liquidation_collateral_amount",
            "decimal",
            "Collateral that was liquidated.",
            ("liquidationCollateralAmount",),
            unit="collateral coin",
        ),
        Column(
            "return_collateral_amount",
            "decimal",
            "Collateral that was returned.",
            ("returnCollateralAmount",),
            unit="collateral coin",
        ),
        Column("liquidation_fee", "decimal", "Fee, as sent.", ("liquidationFee",)),
        Column("liquidation_starting_price", "decimal", "Price, as sent.", ("liquidationStartingPrice",)),
        Column("status", "text", "Status, as sent.", ("status",)),
        RAW,
        OBJECT_SHA256,
        EXTRACTED_AT,
        LOADED_AT,
    ),
)

#: name → table of the exchange's rows
ROW_TABLES: Final[Mapping[str, Table]] = MappingProxyType(
    {table.name: table for table in (LIQUIDATIONS, CAPITAL_FLOWS, LOAN_LIQUIDATIONS)}
)


def row_table(endpoint: str) -> Table:
    """Return the table that the rows of this endpoint are loaded into, which their kind names."""
    return ROW_TABLES[ENDPOINTS[endpoint].kind.table]


def row_tables(endpoints: Iterable[str]) -> tuple[Table, ...]:
    """Return the tables that the rows of these endpoints are loaded into, each once."""
    needed = {row_table(endpoint).name for endpoint in endpoints}
    return tuple(table for name, table in ROW_TABLES.items() if name in needed)


def endpoints_of(table: Table) -> tuple[str, ...]:
    """Name the endpoints whose rows are loaded into a table."""
    return tuple(name for name in ENDPOINTS if row_table(name) is table)


def unchanging(table: Table) -> tuple[str, ...]:
    """Name the columns in which two rows with one key cannot differ; none where rows may be updated."""
    fields = {name for endpoint in endpoints_of(table) for name in ENDPOINTS[endpoint].kind.unchanging}
    return tuple(column.name for column in table.of("row") if not fields.isdisjoint(column.fields))


def filled_by(table: Table, column: Column) -> tuple[str, ...]:
    """Name the endpoints that fill a column of a table of rows: those that document one of its fields."""
    names = endpoints_of(table)
    if column.origin != "row":
        return names
    return tuple(name for name in names if not {*column.fields}.isdisjoint(ENDPOINTS[name].fields))

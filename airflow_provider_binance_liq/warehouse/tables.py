"""The two tables of the warehouse, column by column: the single place that says what a row becomes.

Every column states its type, its unit, the exchange's fields that it is read from and the endpoints that
fill it. `CREATE TABLE`, staging and MERGE of every dialect are generated from here, and so is the reference
page. What a row holds beyond these columns is not lost: `raw` is its text, as the exchange sent it.

A field that is absent, null or an empty string becomes NULL. A value that does not fit its type fails by
name; it is never rounded, cut off or guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

#: instant: epoch milliseconds in the row; instant_or_none: the same, and 0 means that there is none
Kind = Literal["text", "decimal", "int64", "boolean", "instant", "instant_or_none"]
#: row: a field of the exchange's row; rule: computed by the dialect; manifest, load: the same for an object
Origin = Literal["row", "rule", "manifest", "load"]

#: exact: 20 digits before the point, 18 after it, as many as a token on any chain has
DECIMAL_PRECISION: Final = 38
DECIMAL_SCALE: Final = 18

ALL: Final = tuple(ENDPOINTS)
#: rows are orders, with an identity of their own and two instants
ORDERS: Final = tuple(name for name, endpoint in ENDPOINTS.items() if "time" in endpoint.kind.instants)
#: rows are margin records, with one instant and few fields
RECORDS: Final = tuple(name for name in ALL if name not in ORDERS)
#: quantities are whole contracts of a fixed worth in USD, not amounts of the base asset
IN_CONTRACTS: Final = ("coinm_futures", "portfolio_cm")


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `fields` are tried in order, the first that is not empty is taken."""

    name: str
    kind: Kind
    doc: str
    fields: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ALL
    unit: str = ""
    required: bool = False
    origin: Origin = "row"
    #: not in the tables of 0.1.0: tables that are there gain it, and have NULL in their older rows
    added: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its name, its columns in order, and those of its key."""

    name: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    def of(self, *origins: Origin) -> tuple[Column, ...]:
        """Return the columns that come from there, in order."""
        return tuple(column for column in self.columns if column.origin in origins)

    @property
    def added(self) -> tuple[Column, ...]:
        """The columns that tables of the release before gain, at their end."""
        return tuple(column for column in self.columns if column.added)


def _codes(name: str, doc: str) -> Column:
    return Column(name, "text", doc, origin="manifest", added=True)


def _manifest(name: str, kind: Kind, doc: str, unit: str = "") -> Column:
    return Column(name, kind, doc, unit=unit, required=True, origin="manifest")


_LOADED_AT: Final = Column(
    "loaded_at",
    "instant",
    "When the content of this row came into the warehouse; loading the same again does not change it.",
    required=True,
    origin="load",
    unit="UTC",
)
_QUANTITY: Final = "base asset; contracts where `quantity_unit` is CONTRACT"
_QUOTED: Final = "quote asset per base asset"
_PAIRED: Final = ("usdm_futures", "coinm_futures", "portfolio_cm")
_CUM_QUOTE: Final = ("usdm_futures", "coinm_futures", "portfolio_um")
_WIDE: Final = ("usdm_futures", "coinm_futures")

LIQUIDATIONS: Final = Table(
    name="binance_liquidations",
    doc="One row per liquidation order of an account, whichever endpoint told it.",
    key=("account", "endpoint", "symbol", "order_id"),
    columns=(
        _manifest("account", "text", "Label of the account: the connection's `account`, or else its id."),
        _manifest("endpoint", "text", "Name of the endpoint that the row comes from."),
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
            "`adl_autoclose` auto-deleveraging. Margin endpoints tell liquidations only.",
            fields=("clientOrderId",),
            required=True,
            origin="rule",
        ),
        Column("pair", "text", "Underlying pair.", ("pair",), _PAIRED),
        Column("status", "text", "Order status; FILLED in every documented row.", ("status",), ORDERS),
        Column("side", "text", "BUY closes a short position, SELL a long one.", ("side",)),
        Column("position_side", "text", "BOTH, LONG or SHORT.", ("positionSide",), ORDERS),
        Column("client_order_id", "text", "Not unique: ADL rows share one.", ("clientOrderId",), ORDERS),
        Column("order_type", "text", "Order type.", ("type",), ORDERS),
        Column("orig_type", "text", "Order type before it was triggered.", ("origType",), ORDERS),
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
        Column("cum_base", "decimal", "Amount filled.", ("cumBase",), _PAIRED, unit="base asset"),
        Column("cum_quote", "decimal", "Amount filled.", ("cumQuote",), _CUM_QUOTE, unit="quote asset"),
        Column("stop_price", "decimal", "0 where there is none.", ("stopPrice",), _WIDE, unit=_QUOTED),
        Column("reduce_only", "boolean", "As sent.", ("reduceOnly",), ORDERS),
        Column("close_position", "boolean", "As sent.", ("closePosition",), _WIDE),
        Column("price_protect", "boolean", "As sent; on USDⓈ-M undocumented.", ("priceProtect",), _WIDE),
        Column("working_type", "text", "CONTRACT_PRICE or MARK_PRICE.", ("workingType",), _WIDE),
        Column(
            "good_till",
            "instant_or_none",
            "End of a good-till-date order; NULL for 0.",
            ("goodTillDate",),
            ("coinm_futures",),
            unit="UTC",
        ),
        Column("is_isolated", "boolean", "Isolated margin account.", ("isIsolated",), ("margin",)),
        Column(
            "created_at",
            "instant",
            "When the order was created; margin endpoints do not tell.",
            ("time",),
            ORDERS,
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
        Column("raw", "text", "The row as the exchange sent it.", required=True, origin="rule", unit="JSON"),
        _manifest("object_sha256", "text", "Object that told the row last."),
        _manifest("extracted_at", "instant", "When that object was extracted.", "UTC"),
        _LOADED_AT,
    ),
)

WINDOWS: Final = Table(
    name="binance_liquidation_windows",
    doc="One row per window loaded, so that `no rows` and `not fetched` can be told apart.",
    key=("account", "endpoint", "window_start", "window_end", "symbols", "auto_close_type"),
    columns=(
        _manifest("account", "text", "Label of the account."),
        _manifest("endpoint", "text", "Name of the endpoint."),
        _manifest("window_start", "instant", "First instant of the window.", "UTC"),
        _manifest("window_end", "instant", "First instant after the window.", "UTC"),
        _manifest("symbols", "text", "Symbols it was restricted to, joined by commas; empty: all."),
        _manifest("auto_close_type", "text", "Type it was restricted to; empty: all."),
        _manifest("complete", "boolean", "Proven: every row of the window is in the object."),
        _manifest("pages", "int64", "Pages read."),
        _manifest("requests", "int64", "Requests sent, repeated ones included."),
        _manifest("weight", "int64", "Weight spent, by the documented costs."),
        _manifest("method", "text", "The argument of the proof."),
        _manifest("caveats", "text", "What the proof does not cover, one a line; empty: nothing known."),
        _manifest("object_uri", "text", "The object."),
        _manifest("object_rows", "int64", "Rows in it; 0 is a result too."),
        _manifest("object_bytes", "int64", "Its size as stored.", "bytes"),
        _manifest("object_sha256", "text", "SHA-256 of its stored bytes."),
        _manifest("extracted_at", "instant", "When these bytes were last extracted.", "UTC"),
        _manifest("provider_version", "text", "Version that extracted it."),
        _LOADED_AT,
        # Behind all others, where ALTER TABLE puts them: all tables have one order, whenever they were made.
        _codes("premises", "Codes of what the proof rests on, joined by commas; see completeness.md."),
        _codes(
            "observed_premises", "Those of them that the answers of this very extraction have shown to hold."
        ),
        _codes("incomplete_reasons", "Codes because of which it is not complete; empty where it is."),
    ),
)


def row_fields() -> tuple[str, ...]:
    """Name the exchange's fields that become columns, each once, in the order of the columns."""
    return tuple(dict.fromkeys(field for column in LIQUIDATIONS for field in column.fields))

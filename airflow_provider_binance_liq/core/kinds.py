"""Kinds of rows: what identifies a row, what places it in time, and the warehouse's table for it.

Endpoints differ in their rows less than in anything else, so a kind is stated once and used by each endpoint
that has it. Reading, sorting, comparing, verifying and loading rows derive from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class KeyField:
    """One field of a natural key."""

    #: the exchange's name of it
    name: str
    #: a whole number, which may be sent as a number or as a string; otherwise a text
    is_whole: bool = False

    @property
    def column(self) -> str:
        """Its name in manifests and in the warehouse: the exchange's, in lower case with underscores."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name).lower()


@dataclass(frozen=True, slots=True)
class Amount:
    """What a row is worth: the product of its factors, and the asset that this is in."""

    #: fields that are multiplied; mostly one
    factors: tuple[str, ...]
    #: the asset: of the symbol the one it is quoted in, or its base; or the one that a field names
    unit: Literal["quote", "base", "field"]
    unit_field: str | None = None


@dataclass(frozen=True, slots=True)
class RowKind:
    """One kind of row; field names are the exchange's."""

    name: str
    #: identifies a row within one account and endpoint
    key: tuple[KeyField, ...]
    #: instants in epoch ms, the earlier one first; the last one places a row in time
    instants: tuple[str, ...]
    #: the warehouse's table that such rows are loaded into
    table: str
    #: the field that `symbols` restricts by; None where rows have none
    symbol: str | None = "symbol"
    #: the field that says that a row is of an isolated margin account; None where rows do not say
    isolated: str | None = None
    #: fields that never change of a row with the same key; empty where rows may be updated
    unchanging: tuple[str, ...] = ()
    #: rows have an id of their own; without one, rows that agree in every field of the key are one row
    has_id: bool = True
    #: what a row is worth; None where it states no amount that may be added up
    amount: Amount | None = None
    #: the same where quantities count contracts
    amount_in_contracts: Amount | None = None

    @property
    def key_names(self) -> tuple[str, ...]:
        """The exchange's names of the key's fields."""
        return tuple(field.name for field in self.key)


_SYMBOL: Final = KeyField("symbol")
_ORDER_ID: Final = KeyField("orderId", is_whole=True)

#: an order of the matching engine; ids collide between symbols
ORDER: Final = RowKind(
    name="order",
    key=(_SYMBOL, _ORDER_ID),
    instants=("time", "updateTime"),
    table="binance_liquidations",
    amount=Amount(("cumQuote",), "quote"),
    # `cumQuote` is not sent by every such endpoint.
    amount_in_contracts=Amount(("cumBase",), "base"),
)
#: an order as the margin endpoints return it: one instant, few fields
MARGIN_RECORD: Final = RowKind(
    name="margin_record",
    key=(_SYMBOL, _ORDER_ID),
    instants=("updatedTime",),
    table="binance_liquidations",
    isolated="isIsolated",
    amount=Amount(("executedQty", "avgPrice"), "quote"),
)

#: an entry of a margin account's ledger; what is bought, sold, repaid and charged cannot be one sum
CAPITAL_FLOW: Final = RowKind(
    name="capital_flow",
    key=(KeyField("id", is_whole=True),),
    instants=("timestamp",),
    table="binance_margin_capital_flows",
    unchanging=("timestamp", "tranId", "asset", "symbol", "amount"),
)

#: the liquidation of a loan against collateral, which has no id: one position a pair, one start an instant
LOAN_LIQUIDATION: Final = RowKind(
    name="loan_liquidation",
    key=(
        KeyField("loanCoin"),
        KeyField("collateralCoin"),
        KeyField("liquidationStartingTime", is_whole=True),
    ),
    instants=("liquidationStartingTime",),
    table="binance_loan_liquidations",
    symbol=None,
    has_id=False,
    amount=Amount(("liquidationDebt",), "field", "loanCoin"),
)

KINDS: Final = (ORDER, MARGIN_RECORD, CAPITAL_FLOW, LOAN_LIQUIDATION)

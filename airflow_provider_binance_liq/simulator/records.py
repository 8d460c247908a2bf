"""Rows as the exchange keeps them: the text it sends, and what its own filters read of it.

The text is composed once and never again, so that `truth` and an HTTP answer cannot spell a row differently.
Field names and their order per endpoint are those of the documentation and of the official SDKs' models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.simulator.settings import InstantField, Settings

CloseType = Literal["LIQUIDATION", "ADL", "OTHER"]
GivenRow = Mapping[str, object] | bytes


class Amount(str):
    """A decimal number that is documented as a string."""

    __slots__ = ()


Value = Amount | str | int | bool
_ORDER: Final = ("orderId", "symbol")
_FILLED: Final = ("status", "clientOrderId", "price", "avgPrice", "origQty", "executedQty")
_TYPE: Final = ("timeInForce", "type", "reduceOnly")
_SIDE: Final = ("side", "positionSide")
_INSTANTS: Final = ("time", "updateTime")
_MARGIN: Final = ("avgPrice", "executedQty", "orderId", "price", "qty", "side", "symbol", "timeInForce")
#: endpoint → the fields of its rows, in their order
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "usdm_futures": (
        *_ORDER, "pair", *_FILLED, "cumQuote", "cumBase", *_TYPE, "closePosition", *_SIDE,
        "stopPrice", "workingType", "origType", *_INSTANTS,
    ),
    "coinm_futures": (
        *_ORDER, "pair", *_FILLED, "cumBase", "cumQuote", *_TYPE, "closePosition", *_SIDE,
        "stopPrice", "workingType", "priceProtect", "origType", *_INSTANTS, "goodTillDate",
    ),
    "portfolio_um": (*_ORDER, *_FILLED, "cumQuote", *_TYPE, *_SIDE, "origType", *_INSTANTS),
    "portfolio_cm": (*_ORDER, "pair", *_FILLED, "cumBase", *_TYPE, *_SIDE, "origType", *_INSTANTS),
    "portfolio_margin": (*_MARGIN, "updatedTime"),
    "margin": (*_MARGIN, "isIsolated", "updatedTime"),
}  # fmt: skip
#: a row without anything else is still identified, placed and classified
_NECESSARY: Final = frozenset(
    {"orderId", "symbol", "clientOrderId", "avgPrice", "executedQty", "side", *_INSTANTS, "updatedTime"}
)
#: fields that appear one day: a number, a text with what JSON has to escape, a nested value
_UNHEARD_OF: Final = ',"liquidationTier":3,"remark":"\\"]},[{\\" 强平\\u00e9","legs":[{"qty":1e-8,"of":null}]'
_DEFAULTS: Final[Mapping[str, Value]] = {
    "orderId": 1,
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "status": "FILLED",
    "clientOrderId": "autoclose-1596107620040000020",
    "price": Amount("10871.09"),
    "avgPrice": Amount("10913.21000"),
    "origQty": Amount("0.001"),
    "executedQty": Amount("0.001"),
    "qty": Amount("0.001"),
    "cumQuote": Amount("10.91321"),
    "cumBase": Amount("0.001"),
    "timeInForce": "IOC",
    "type": "LIMIT",
    "reduceOnly": False,
    "closePosition": False,
    "side": "SELL",
    "positionSide": "BOTH",
    "stopPrice": Amount("0"),
    "workingType": "CONTRACT_PRICE",
    "priceProtect": False,
    "origType": "LIMIT",
    "isIsolated": False,
    "time": 0,
    "updateTime": 0,
    "updatedTime": 0,
    "goodTillDate": 0,
}


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its text, and what the exchange's filters read of it."""

    symbol: str
    order_id: int
    time_ms: int
    update_ms: int
    close_type: CloseType
    isolated: bool
    body: bytes

    def instant(self, field: InstantField) -> int:
        """Return the instant that the exchange calls `field`."""
        return self.time_ms if field == "time" else self.update_ms

    @property
    def place(self) -> tuple[int, str, int]:
        """Where the row stands in the truth."""
        return self.time_ms, self.symbol, self.order_id


def make_row(endpoint: str, **values: Value) -> dict[str, Value]:
    """Make a row with every documented field of `endpoint`, in their order, for a history by hand.

    `time` also sets the later instants, where they are not given.
    """
    unknown = sorted(set(values) - set(FIELDS[endpoint]) - {"time"})
    if unknown:
        message = f"{endpoint} has no field {', '.join(unknown)}; it has {', '.join(FIELDS[endpoint])}"
        raise ValueError(message)
    when = values.get("time", 0)
    given = {"updateTime": when, "updatedTime": when, **values}
    return {name: given.get(name, _DEFAULTS[name]) for name in FIELDS[endpoint]}


def compose(endpoint: Endpoint, values: Mapping[str, Value], settings: Settings) -> bytes:
    """Spell a row of `endpoint`, as strange as `settings` want it."""
    tokens = (
        f'"{name}":{_token(values[name], swapped=settings.numbers_as_strings)}'
        for name in FIELDS[endpoint.name]
        if not settings.omit_optional or name in _NECESSARY
    )
    return f"{{{','.join(tokens)}{_UNHEARD_OF if settings.extra_fields else ''}}}".encode()


def _token(value: Value, *, swapped: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Amount | int):
        return f'"{value}"' if isinstance(value, Amount) != swapped else str(value)
    return f'"{value}"'  # nothing that is traded or ordered has a character that JSON escapes


def read_record(row: GivenRow) -> Record:
    """Read a row that was given by hand; bytes are sent as they are, a mapping in compact JSON."""
    body = row if isinstance(row, bytes) else _compact(row)
    values = json.loads(body)
    last = values.get("updatedTime", values.get("updateTime", values.get("time")))
    return Record(
        symbol=values.get("symbol", ""),
        order_id=int(values.get("orderId", 0)),
        time_ms=int(values.get("time", last)),
        update_ms=int(last),
        close_type=close_type_of(values.get("clientOrderId")),
        isolated=bool(values.get("isIsolated", False)),
        body=body,
    )


def _compact(row: Mapping[str, object]) -> bytes:
    return json.dumps(dict(row), ensure_ascii=False, separators=(",", ":")).encode()


def close_type_of(client_order_id: str | None) -> CloseType:
    """Return what `autoCloseType` filters by; the margin endpoints have liquidations only."""
    if client_order_id is None or client_order_id.startswith("autoclose-"):
        return "LIQUIDATION"
    return "ADL" if client_order_id.startswith("adl_autoclose") else "OTHER"

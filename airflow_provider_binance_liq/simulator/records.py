"""Rows as the exchange keeps them: the text it sends, and what its own filters read of it.

The text is composed once and never again, so that `truth` and an HTTP answer cannot spell a row differently.
Field names and their order are those of the table of endpoints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow_provider_binance_liq.core.kinds import KINDS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.simulator.settings import InstantField, Settings

CloseType = Literal["LIQUIDATION", "ADL", "OTHER"]
GivenRow = Mapping[str, object] | bytes


class Amount(str):
    """A decimal number that is documented as a string."""

    __slots__ = ()


Value = Amount | str | int | bool
#: a row without anything else is still identified, placed and classified
_NECESSARY: Final = frozenset(
    {"symbol", "clientOrderId", "avgPrice", "executedQty", "side"}
    | {field.name for kind in KINDS for field in kind.key}
    | {instant for kind in KINDS for instant in kind.instants}
)
#: fields that appear one day: a number, a text with what JSON has to escape, a nested value
_UNHEARD_OF: Final = ',"liquidationTier":3,"remark":"\\"]},[{\\" 强平\\u00e9","legs":[{"qty":1e-8,"of":null}]'


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its text, and what the exchange's filters read of it."""

    #: natural key within account and endpoint
    key: tuple[str | int, ...]
    symbol: str
    #: of the order or the entry; 0 where rows have no id
    id: int
    time_ms: int
    update_ms: int
    close_type: CloseType
    isolated: bool
    body: bytes
    #: false for a row of another kind that the endpoint has as well
    is_liquidation: bool = True

    def instant(self, field: InstantField) -> int:
        """Return the instant that the exchange calls `field`."""
        return self.time_ms if field == "time" else self.update_ms

    @property
    def place(self) -> tuple[str | int, ...]:
        """Where the row stands in the truth: by its creation, then by its key."""
        return self.time_ms, *self.key


def compose(endpoint: Endpoint, values: Mapping[str, Value], settings: Settings) -> bytes:
    """Spell a row of `endpoint`, as strange as `settings` want it."""
    tokens = (
        f'"{name}":{_token(values[name], swapped=settings.numbers_as_strings)}'
        for name in endpoint.fields
        if not settings.omit_optional or name in _NECESSARY
    )
    return f"{{{','.join(tokens)}{_UNHEARD_OF if settings.extra_fields else ''}}}".encode()


def _token(value: Value, *, swapped: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Amount | int):
        return f'"{value}"' if isinstance(value, Amount) != swapped else str(value)
    return f'"{value}"'  # nothing that is traded or ordered has a character that JSON escapes


def read_record(row: GivenRow, endpoint: Endpoint) -> Record:
    """Read a row that was given by hand; bytes are sent as they are, a mapping in compact JSON."""
    body = row if isinstance(row, bytes) else _compact(row)
    return record_of(endpoint, json.loads(body), body)


def record_of(endpoint: Endpoint, values: Mapping[str, Any], body: bytes) -> Record:
    """Make the record of a row from its values and its text."""
    kind, restriction = endpoint.kind, endpoint.restriction
    instants = [int(values[name]) for name in kind.instants if values.get(name) is not None] or [0]
    key = tuple(int(values.get(f.name, 0)) if f.is_whole else str(values.get(f.name, "")) for f in kind.key)
    return Record(
        key=key,
        symbol=values.get(kind.symbol, "") if kind.symbol else "",
        id=int(key[-1]) if kind.has_id else 0,
        time_ms=instants[0],
        update_ms=instants[-1],
        close_type=close_type_of(values.get("clientOrderId")),
        isolated=bool(kind.isolated and values.get(kind.isolated)),
        body=body,
        is_liquidation=restriction is None or values.get(restriction.field) not in restriction.others,
    )


def _compact(row: Mapping[str, object]) -> bytes:
    return json.dumps(dict(row), ensure_ascii=False, separators=(",", ":")).encode()


def close_type_of(client_order_id: str | None) -> CloseType:
    """Return what `autoCloseType` filters by; the margin endpoints have liquidations only."""
    if client_order_id is None or client_order_id.startswith("autoclose-"):
        return "LIQUIDATION"
    return "ADL" if client_order_id.startswith("adl_autoclose") else "OTHER"

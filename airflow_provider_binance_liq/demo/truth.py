"""The warehouse compared with the exchange's own history, row by row and byte by byte.

Equal counts prove little: a lost row and an invented one cancel out. So what is compared is the text of
every row as the exchange sent it, each as often as it occurs.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Kind = Literal["missing", "extra", "altered"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that the warehouse and the exchange do not agree on."""

    endpoint: str
    kind: Kind
    #: (symbol, order id), as text
    key: tuple[str, str]
    exchange: str | None
    warehouse: str | None

    def __str__(self) -> str:
        symbol, order_id = self.key
        lines = [f"{self.kind}: {self.endpoint} {symbol} order {order_id}"]
        if self.exchange is not None:
            lines.append(f"    exchange:  {self.exchange}")
        if self.warehouse is not None:
            lines.append(f"    warehouse: {self.warehouse}")
        return "\n".join(lines)


def differences(
    exchange: Mapping[str, Iterable[str]], warehouse: Mapping[str, Iterable[str]]
) -> list[Difference]:
    """Compare the row texts of every endpoint; none at all means that they are the same rows."""
    names = sorted({*exchange, *warehouse})
    return [
        found
        for name in names
        for found in _of_endpoint(name, exchange.get(name, ()), warehouse.get(name, ()))
    ]


def _of_endpoint(endpoint: str, exchange: Iterable[str], warehouse: Iterable[str]) -> Iterator[Difference]:
    expected, stored = Counter(exchange), Counter(warehouse)
    unexpected: dict[tuple[str, str], list[str]] = {}
    for text in (stored - expected).elements():
        unexpected.setdefault(_key(text), []).append(text)
    for text in (expected - stored).elements():
        key = _key(text)
        twins = unexpected.get(key)
        if twins:
            yield Difference(endpoint, "altered", key, text, twins.pop())
        else:
            yield Difference(endpoint, "missing", key, text, None)
    for key, texts in unexpected.items():
        for text in texts:
            yield Difference(endpoint, "extra", key, None, text)


def _key(text: str) -> tuple[str, str]:
    try:
        row = json.loads(text)
        return str(row["symbol"]), str(row["orderId"])
    except (ValueError, KeyError, TypeError):
        return "?", "?"

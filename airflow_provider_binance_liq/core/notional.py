"""How much the rows of an object are worth: exact sums, one per asset, that are never added to each other.

Which field states the amount is said by the kind of row. A row names its symbol and not the assets of it, so
these are read off the symbol's end; no known quote asset ends with another, so at most one fits. A row whose
amount or asset cannot be read is counted instead, so no sum is silently too small.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow, Rounded
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from airflow_provider_binance_liq.core.manifest import ManifestNotional

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.kinds import Amount

#: assets that others are quoted in. BIDR and IDR are not among them: BNBIDR could be of either
QUOTES: Final = (
    "USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDP", "USD1", "USDE", "DAI", "BTC", "ETH", "BNB", "SOL", "TRX",
    "XRP", "DOGE", "DOT", "EUR", "GBP", "AUD", "BRL", "TRY", "RUB", "UAH", "ZAR", "NGN", "PLN", "RON", "ARS",
    "JPY", "MXN", "CZK", "COP",
)  # fmt: skip
#: COIN-M contracts are quoted in the dollar alone
_DOLLAR: Final = "USD"
#: a number as it is sent, bare or as a string; what is longer, or has an exponent, is left out and counted
_NUMBER: Final = re.compile(rb'("?)(-?[0-9]{1,40}(?:\.[0-9]{1,40})?)\1')
_NONE: Final = msgspec.Raw(b"null")
#: a row's fields as they are sent: to decode a number would fail for those that no decimal holds
_read: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
#: an asset's name, as a manifest takes it
_ASSET: Final = re.compile(r"\S{1,40}")
#: sums are exact, or there is none
_EXACT: Final = Context(prec=1000, traps=[Inexact, Rounded, Clamped, Overflow, InvalidOperation])


@dataclass(slots=True)
class Tally:
    """Adds up the amounts of rows as they pass."""

    endpoint: Endpoint
    sums: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    unpriced: int = 0

    def watch(self, bodies: Iterable[bytes]) -> Iterator[bytes]:
        """Hand rows on, and add up what they are worth; from nothing, if it is called again."""
        self.sums.clear()
        self.unpriced = 0
        stated = self.endpoint.amount
        for body in bodies:
            if stated is not None:
                self._add(stated, body)
            yield body

    def _add(self, stated: Amount, body: bytes) -> None:
        try:
            row = _read(body)
            amount, unit = _amount(stated, row), _unit(stated, self.endpoint.kind.symbol, row)
        except (msgspec.MsgspecError, ArithmeticError, ValueError, RecursionError):
            # Nothing else needs these fields: whatever they hold, the row is kept and its window proven.
            amount, unit = None, ""
        if amount is None or not unit:
            self.unpriced += 1
        else:
            self.sums[unit] = _EXACT.add(self.sums[unit], amount)

    def result(self) -> ManifestNotional | None:
        """Return the sums; None where rows of this kind state no amount."""
        if self.endpoint.amount is None:
            return None
        return ManifestNotional({unit: plain(self.sums[unit]) for unit in sorted(self.sums)}, self.unpriced)


def add(sums: Iterable[Iterable[tuple[str, str]]]) -> dict[str, str]:
    """Add up the sums of several objects, each asset by itself."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for one in sums:
        for unit, amount in one:
            found[unit] = _EXACT.add(found[unit], Decimal(amount))
    return {unit: plain(found[unit]) for unit in sorted(found)}


def plain(amount: Decimal) -> str:
    """Write an amount in digits, without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _amount(stated: Amount, row: Any) -> Decimal | None:
    """Multiply the factors; a price of nothing is none."""
    if len(stated.factors) == 1:
        return _number(row.get(stated.factors[0], _NONE))
    found = [_number(row.get(name, _NONE)) for name in stated.factors]
    if any(one is None for one in found) or (any(found) and not all(found)):
        return None
    product = Decimal(1)
    for one in found:
        product = _EXACT.multiply(product, one or Decimal(0))
    return product


def _number(sent: msgspec.Raw) -> Decimal | None:
    """Read a decimal, which may be sent as a number or as a string."""
    found = _NUMBER.fullmatch(bytes(sent))
    return Decimal(found[2].decode()) if found else None


def _unit(stated: Amount, symbol: str | None, row: Any) -> str:
    """Return the asset that the amount is in; empty where it is not known."""
    sent = row.get(stated.unit_field or symbol, _NONE)
    unit = _UNITS[stated.unit](msgspec.json.decode(sent, type=str))
    return unit if _ASSET.fullmatch(unit) else ""


@cache
def _quote(symbol: str) -> str:
    pair = symbol.partition("_")[0]
    return next((one for one in QUOTES if pair.endswith(one) and pair != one), "")


@cache
def _base(symbol: str) -> str:
    pair = symbol.partition("_")[0]
    return pair.removesuffix(_DOLLAR) if pair.endswith(_DOLLAR) else ""


_UNITS: Final[Mapping[str, Callable[[str], str]]] = {"field": str, "quote": _quote, "base": _base}

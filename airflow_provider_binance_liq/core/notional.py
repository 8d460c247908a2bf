"""How much the rows of an object are worth: exact sums, one per asset, that are never added to each other.

Which field states the amount is said by the kind of row. A row names its symbol and not the assets of it, so
these are read off the symbol's end; no known quote asset ends with another, so at most one fits. A row whose
amount or asset cannot be read is counted instead, so no sum is silently too small.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow, Rounded, localcontext
from functools import cache, lru_cache, reduce
from itertools import islice
from operator import attrgetter
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
_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")
#: an asset's name, as a manifest takes it
_ASSET: Final = re.compile(r"\S{1,40}")
#: sums are exact, or there is none
_EXACT: Final = Context(prec=1000, traps=[Inexact, Rounded, Clamped, Overflow, InvalidOperation])
#: rows that are read together
_BATCH: Final = 100
_NONE: Final = msgspec.Raw(b"null")
#: a row's fields as they are sent: to decode a number would fail for those that no decimal holds
_read: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

#: the factors of a row's amount as they are spelt, then what names the asset
Spelt = tuple[str, ...]


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
        stated, left = self.endpoint.amount, iter(bodies)
        while batch := list(islice(left, _BATCH)):
            if stated is not None:
                self._add(stated, batch)
            yield from batch

    def _add(self, stated: Amount, bodies: list[bytes]) -> None:
        found = _spell(bodies, (*stated.factors, stated.unit_field or self.endpoint.kind.symbol or ""))
        if len(stated.factors) == 1:
            found = self._add_plain(stated, found)
        for spelt in found:
            amount = unit = None
            if spelt is not None:
                *factors, name = spelt
                amount, unit = _multiply(factors), _unit(stated.unit, name)
            if amount is None or not unit:
                self.unpriced += 1
            else:
                self.sums[unit] = _EXACT.add(self.sums[unit], amount)

    def _add_plain(self, stated: Amount, found: Iterable[Spelt | None]) -> Iterable[Spelt | None]:
        """Add up the amounts of each asset at once where all of them can be read; return what is left."""
        left, by_name = list(found), defaultdict[str, list[str]](list)
        for spelt in left:
            if spelt is None or not _NUMBER.fullmatch(spelt[0]):
                return left
            by_name[spelt[1]].append(spelt[0])
        units = {name: _unit(stated.unit, name) for name in by_name}
        if not all(units.values()):
            return left
        with localcontext(_EXACT):
            for name, amounts in by_name.items():
                self.sums[units[name]] += sum(map(Decimal, amounts))
        return ()

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


def _spell(bodies: list[bytes], names: tuple[str, ...]) -> Iterable[Spelt | None]:
    """Read these fields of rows: of all at once where they are texts, as documented, otherwise one by one."""
    try:
        found = _documented(names)(b"[%b]" % b",".join(bodies))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [_spell_one(body, names) for body in bodies]
    return found


@cache
def _documented(names: tuple[str, ...]) -> Callable[[bytes], list[Spelt]]:
    """Make the reader of rows in which each of these fields is a text."""
    members = [(f"_{name}", str) for name in names]
    struct: Any = msgspec.defstruct("_Amount", members, rename=lambda name: name[1:], gc=False)
    decode, values = msgspec.json.Decoder(list[struct]).decode, attrgetter(*(f"_{name}" for name in names))
    return lambda rows: list(map(values, decode(rows)))


def _spell_one(body: bytes, names: tuple[str, ...]) -> Spelt | None:
    """Read these fields of one row; None where they cannot be read.

    Nothing else needs these fields: whatever they hold, the row is kept and its window proven.
    """
    try:
        row = _read(body)
        *factors, name = (row.get(one, _NONE) for one in names)
        return (*map(_text, factors), msgspec.json.decode(name, type=str))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _text(sent: msgspec.Raw) -> str:
    """Spell a number that may be sent as a number or as a string."""
    raw = bytes(sent)
    return msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else raw.decode()


def _multiply(factors: list[str]) -> Decimal | None:
    """Multiply the factors; None if one is no number. A price of nothing is none."""
    if not all(map(_NUMBER.fullmatch, factors)):
        return None
    if len(factors) == 1:
        return Decimal(factors[0])
    found = [Decimal(one) for one in factors]
    if any(found) and not all(found):
        return None
    return reduce(_EXACT.multiply, found)


@lru_cache(maxsize=4096)
def _unit(unit: str, name: str) -> str:
    """Return the asset that an amount is in; empty where it is not known."""
    found = _UNITS[unit](name)
    return found if _ASSET.fullmatch(found) else ""


def _quote(symbol: str) -> str:
    pair = symbol.partition("_")[0]
    return next((one for one in QUOTES if pair.endswith(one) and pair != one), "")


def _base(symbol: str) -> str:
    pair = symbol.partition("_")[0]
    return pair.removesuffix(_DOLLAR) if pair.endswith(_DOLLAR) else ""


_UNITS: Final[Mapping[str, Callable[[str], str]]] = {"field": str, "quote": _quote, "base": _base}

"""What the exchange reports without a key: its clock, its symbols, and its limits of weight.

Each body is read for one thing alone; whatever else it holds, and whatever appears in it tomorrow, is passed
over. Source: "Check Server Time" and "Exchange Information" of the USDⓈ-M and COIN-M futures' documentation.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from airflow_provider_binance_liq.core.rows import UnreadableBody
from airflow_provider_binance_liq.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from airflow_provider_binance_liq.core.weights import MAX_WEIGHT, Limit

T = TypeVar("T")

#: a clock is read correctly if it lies between these: 2015 and 2100
_CLOCK_MS: Final = range(1_420_070_400_000, 4_102_444_800_000)
#: a minute that is longer, or a limit that is larger, is a mistake that would stop or unleash everything
_LONGEST_MS: Final = HOUR_MS
_INTERVALS_MS: Final = {"SECOND": 1000, "MINUTE": MINUTE_MS, "HOUR": HOUR_MS, "DAY": DAY_MS}


class _Time(msgspec.Struct):
    server_time: int = msgspec.field(name="serverTime")


class _Symbol(msgspec.Struct):
    symbol: str


class _Symbols(msgspec.Struct):
    symbols: list[_Symbol]


class _RateLimit(msgspec.Struct):
    kind: str = msgspec.field(name="rateLimitType")
    interval: str = ""
    many: int = msgspec.field(name="intervalNum", default=1)
    limit: int = 0


class _RateLimits(msgspec.Struct):
    limits: list[_RateLimit] = msgspec.field(name="rateLimits")


def read_time(body: bytes) -> int:
    """Read the clock, in epoch ms.

    :raises UnreadableBody: it is no answer of a clock.
    """
    found_ms = _decode(body, _Time).server_time
    if found_ms not in _CLOCK_MS:
        raise UnreadableBody("a clock whose time is not between 2015 and 2100")
    return found_ms


def read_symbols(body: bytes) -> frozenset[str]:
    """Read the symbols that `exchangeInfo` lists.

    :raises UnreadableBody: it is no such list.
    """
    return frozenset(one.symbol for one in _decode(body, _Symbols).symbols)


def read_limit(body: bytes) -> Limit | None:
    """Read the limit of request weight from `exchangeInfo`; None if it has no credible one.

    :raises UnreadableBody: it is no answer of `exchangeInfo`.
    """
    for one in _decode(body, _RateLimits).limits:
        length_ms = _INTERVALS_MS.get(one.interval, 0) * one.many
        credible = 0 < one.limit <= MAX_WEIGHT and 0 < length_ms <= _LONGEST_MS
        if one.kind == "REQUEST_WEIGHT" and credible:
            return Limit(one.limit, length_ms)
    return None


def read_permissions(body: bytes) -> dict[str, bool]:
    """Read what a key may do: permission, by the exchange's name → whether it is given.

    :raises UnreadableBody: it is no JSON object.
    """
    found = _decode(body, dict[str, object])
    return {name: value for name, value in found.items() if isinstance(value, bool) and name.isalnum()}


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableBody(str(error)) from None

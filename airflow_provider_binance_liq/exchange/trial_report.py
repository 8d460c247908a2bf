"""What the test of a connection found, in a few lines.

Airflow shows the message for seconds, in a narrow box, as one paragraph: line breaks are lost there, but not
in a terminal. So each line begins with a bullet, which stays with its first word; the verdict comes first,
and what is equal is said once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import (
    ExchangeUnavailable,
    IpBanned,
    KeyRejected,
    LiquidationsError,
    Throttled,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_binance_liq.exchange.trial import Outcome

#: a clock that differs by more should be set
_TOLERATED_MS: Final = 1000
_BULLET: Final = "\n\N{BULLET}\N{NO-BREAK SPACE}"
_SIGNATURE_CODE: Final = -1022

_SIGNATURE: Final = "the secret or private key does not belong to this API key (-1022). Enter both again"
#: where no family can be read
_KEY: Final = (
    "Binance refuses the key ({code}). Check: it is complete, not deleted, and of this environment; its IP "
    "allow-list has this machine's address (the API server tests, workers extract); it may read"
)
#: where another family can be read with the same key
_PERMISSION: Final = (
    "not allowed with this key ({code}). That is fine if the account does not have it; otherwise give the "
    "key its permission"
)


def report(outcomes: Sequence[Outcome], key: str) -> tuple[bool, str]:
    """Return whether at least one family can be read, and the message; no account has all of them.

    :param key: the kind of key, such as `HMAC`.
    """
    readable = [one.family for one in outcomes if one.error is None and not one.late]
    if not readable:
        verdict = f"Nothing can be read with this {key} key."
    elif len(readable) == len(outcomes):
        verdict = f"Everything can be read with this {key} key."
    else:
        verdict = f"{len(readable)} of {len(outcomes)} can be read with this {key} key."
    lines = [f"{_names(readable)}: can be read"] if readable else []
    lines += _failures(outcomes, some=bool(readable))
    lines += [*_clocks(outcomes), *_weights(outcomes)]
    return bool(readable), verdict + "".join(_BULLET + line[:1].upper() + line[1:] for line in lines)


def _names(families: Iterable[str]) -> str:
    return ", ".join(FAMILIES[name].title for name in families)


def _failures(outcomes: Sequence[Outcome], *, some: bool) -> list[str]:
    """Say why families cannot be read, once for those with the same reason."""
    found: dict[str, list[str]] = {}
    # By this machine's clock: each family converts it by what it knows of its own clock.
    until_ms = max((one.error.retry_at_ms for one in outcomes if isinstance(one.error, Throttled)), default=0)
    for one in outcomes:
        if one.late:
            found.setdefault(_LATE, []).append(one.family)
        elif one.error is not None:
            found.setdefault(_reason(one.error, _second(until_ms), some=some), []).append(one.family)
    return [f"{_names(families)}: {reason}" for reason, families in found.items()]


_LATE: Final = (
    "no answer in time. Check the network, the proxy and firewalls between this machine and Binance, and "
    "base_url if it is set"
)


def _reason(error: LiquidationsError, until: str, *, some: bool) -> str:
    if isinstance(error, KeyRejected):
        advice = _SIGNATURE if error.code == _SIGNATURE_CODE else _PERMISSION if some else _KEY
        return advice.format(code=error.code or "HTTP 401")
    if isinstance(error, IpBanned):
        return f"this machine's IP address is banned until {until}. Send nothing until then"
    if isinstance(error, Throttled):
        return f"too much weight of this IP address is used. Test again after {until}"
    if isinstance(error, ExchangeUnavailable):
        return error.cause
    # Other messages begin with the request, which differs from family to family.
    text = str(error)
    return text.partition(": ")[2] or text


def _second(instant_ms: int) -> str:
    """Write the second that ends with or after an instant."""
    return iso(-(-instant_ms // 1000) * 1000)


def _clocks(outcomes: Sequence[Outcome]) -> list[str]:
    """Say by how much this machine's clock is wrong, by that of the exchange which differs most."""
    offsets = [one.offset_ms for one in outcomes if one.offset_ms is not None]
    if not offsets:
        return []
    offset_ms = max(offsets, key=abs)
    if abs(offset_ms) <= _TOLERATED_MS:
        return [f"Clocks agree within {abs(offset_ms)} ms"]
    way = "behind" if offset_ms > 0 else "ahead of"
    return [f"This machine's clock is {_length(abs(offset_ms))} {way} Binance's: set it"]


def _length(length_ms: int) -> str:
    """Write a length of time in its two largest units."""
    seconds = round(length_ms / 1000)
    for unit_s, unit, part_s, part in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= unit_s:
            return f"{seconds // unit_s} {unit} {seconds % unit_s // part_s} {part}"
    return f"{length_ms / 1000:.1f} s"


def _weights(outcomes: Sequence[Outcome]) -> list[str]:
    """Say how much weight of each limit is used; families of one pool share a limit."""
    pools: dict[str, tuple[int, int]] = {}
    for one in outcomes:
        if one.limit:
            name = FAMILIES[one.family].weight_pool
            pools[name] = max(pools.get(name, (0, 0)), (one.used, one.limit))
    said = [f"{_POOLS[name]} {used:,} of {limit:,}" for name, (used, limit) in pools.items()]
    return [f"Weight used in this minute: {'; '.join(said)}"] if said else []


#: what the families of a pool are called together
_POOLS: Final = {
    "futures": "futures",
    "papi": FAMILIES["papi"].title,
    "sapi": FAMILIES["sapi"].title,
}

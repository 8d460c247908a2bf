"""How long a wait may be: of one answer, of a known ban, and of one task altogether.

The law kept here: every wait ends. An instant that an answer, a file or a Variable names is believed within
what the exchange documents, and no further; and what one task waits adds up, across deferrals too, to no
more than it was given. Pure decisions: the time, and chance, are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import WaitTooLong

if TYPE_CHECKING:
    from collections.abc import Iterable

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
#: bans last "from 2 minutes to 3 days", as the general information of each family says
SHORTEST_BAN_MS: Final = 2 * MINUTE_MS
LONGEST_BAN_MS: Final = 3 * DAY_MS
#: limits are counted by second, minute or day (ENUM definitions, "Rate limit intervals"): none needs longer
LONGEST_HOLD_MS: Final = DAY_MS
#: an instant this many times as far as the longest wait is none: a mistake, or another unit
_ABSURD: Final = 2
#: where wake-ups are spread: over this part of the wait, and this long at most
_SPREAD_PART: Final = 0.25
_SPREAD_MS: Final = 2 * MINUTE_MS
#: so many answers in a row that asked to wait double the least wait, up to 64 minutes
_DOUBLED_EVERY: Final = 5
_DOUBLINGS: Final = 6
#: units of time in seconds, each with the next smaller one
_UNITS: Final = (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))


def credible(until_ms: int, now_ms: int, *, banned: bool) -> int:
    """Return until when to wait, by an instant that somebody named; 0 where it is past, or absurd.

    What lies a little beyond the longest documented wait is cut there: clocks differ.
    """
    longest_ms = LONGEST_BAN_MS if banned else LONGEST_HOLD_MS
    if not now_ms < until_ms <= now_ms + _ABSURD * longest_ms:
        return 0
    return min(until_ms, now_ms + longest_ms)


def wait_until(named: Iterable[int | None], now_ms: int, default_ms: int, *, banned: bool) -> int:
    """Return the latest credible instant of those that an answer names, or else the default."""
    found = [credible(instant, now_ms, banned=banned) for instant in named if instant is not None]
    return max(found, default=0) or default_ms


def after_holds(now_ms: int, holds: int) -> int:
    """When to come back at the earliest, after so many answers in a row that asked to wait."""
    return now_ms + (MINUTE_MS << min(holds // _DOUBLED_EVERY, _DOUBLINGS))


def spread(until_ms: int, now_ms: int, chance: float) -> int:
    """Return an instant at or after `until_ms`, so that not everybody comes back in the same moment.

    :param chance: from 0 to 1.
    """
    wide_ms = min(max(until_ms - now_ms, 0) * _SPREAD_PART, _SPREAD_MS)
    return until_ms + int(wide_ms * chance)


@dataclass(slots=True)
class Waits:
    """What one task has waited so far, and may wait altogether; instants are on this machine's clock."""

    most_ms: int
    spent_ms: int = 0
    #: when what is waited for may be lost; 0 where that is not known, or accepted
    lost_ms: int = 0

    def take(self, until_ms: int, now_ms: int, reason: str) -> None:
        """Count a wait, before it begins.

        :raises WaitTooLong: it ends beyond what may be waited, so it would be for nothing.
        """
        self._see_end(until_ms, now_ms, reason)
        self.spent_ms += max(until_ms - now_ms, 0)

    def latest(self, now_ms: int) -> int:
        """Until when may be waited from now on."""
        return now_ms + max(self.most_ms - self.spent_ms, 0)

    def _see_end(self, until_ms: int, now_ms: int, reason: str) -> None:
        if until_ms <= now_ms:
            return
        if until_ms > self.latest(now_ms):
            bound = f"max_wait allows {_duration(self.most_ms)} in all"
        elif now_ms < self.lost_ms < until_ms:
            bound = f"by {iso(self.lost_ms)} the exchange may have forgotten the window's first rows"
        else:
            return
        message = (
            f"it waited {_duration(self.spent_ms)} so far, and would now wait "
            f"{_duration(until_ms - now_ms)}, until {iso(until_ms)}, because {reason}; but {bound}. "
            "No retry follows, since it would wait again. Find out what holds it up (on this IP address: "
            "whatever else asks the exchange); then clear the task, or raise max_wait"
        )
        raise WaitTooLong(message)


def _duration(ms: int) -> str:
    """Tell a length of time in its two largest units."""
    seconds = -(-ms // 1000)
    for name, length, smaller, part in _UNITS:
        if seconds >= length:
            return f"{seconds // length} {name} {seconds % length // part} {smaller}"
    return f"{seconds} s"

"""How long a wait may be: because of one answer, because of a known ban, and for one task in total.

The law kept here: every wait ends. An instant from an answer, a file or a Variable is limited to the longest
wait that the exchange documents. The waits of one task add up, across deferrals too, to `max_wait` at most.
Pure decisions: the time and the random number are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.units import DAY_MS, MINUTE_MS
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import WaitTooLong

if TYPE_CHECKING:
    from collections.abc import Iterable

#: bans last "from 2 minutes to 3 days", as the general information of each family says
SHORTEST_BAN_MS: Final = 2 * MINUTE_MS
LONGEST_BAN_MS: Final = 3 * DAY_MS
#: limits are counted by second, minute or day (ENUM definitions, "Rate limit intervals"): none needs longer
LONGEST_RETRY_AFTER_MS: Final = DAY_MS
#: what waits for a ban to end may be taken up again this long after it was written, and no later
KEPT_MS: Final = LONGEST_BAN_MS + DAY_MS
#: an instant more than this many times the longest wait away is a mistake, or in another unit
_ABSURD: Final = 2
#: a wake-up is delayed by at most this share of the wait, and this long at most
_JITTER_SHARE: Final = 0.25
_JITTER_MS: Final = 2 * MINUTE_MS
#: from so many answers in a row on that asked to wait, each one doubles the shortest wait, up to 64 minutes
MANY_WAITS: Final = 5
_DOUBLINGS: Final = 6
#: a wait up to so long is not worth giving up a worker slot: to come back takes about as long
_TRIVIAL_MS: Final = 5_000
#: once a task has waited so long in all, it holds its worker slot for trivial waits alone
_HELD_MS: Final = MINUTE_MS
#: units of time in seconds, each with the next smaller one
_UNITS: Final = (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))


def credible(until_ms: int, now_ms: int, *, banned: bool) -> int:
    """Limit an instant to wait until to what is possible; 0 where it is past or absurd.

    An instant a little beyond the longest documented wait is cut there: clocks differ.
    """
    longest_ms = LONGEST_BAN_MS if banned else LONGEST_RETRY_AFTER_MS
    if not now_ms < until_ms <= now_ms + _ABSURD * longest_ms:
        return 0
    return min(until_ms, now_ms + longest_ms)


def wait_until(instants: Iterable[int | None], now_ms: int, default_ms: int, *, banned: bool) -> int:
    """Return the latest credible one of the instants in an answer, or else the default."""
    found = [credible(instant, now_ms, banned=banned) for instant in instants if instant is not None]
    return max(found, default=0) or default_ms


def after_waits(now_ms: int, waits: int) -> int:
    """Return the earliest instant to come back at, after so many answers in a row that asked to wait."""
    return now_ms + (MINUTE_MS << min(max(waits - MANY_WAITS + 1, 0), _DOUBLINGS))


def jitter(until_ms: int, now_ms: int, fraction: float) -> int:
    """Return an instant at or after `until_ms`, so that not all tasks come back in the same moment.

    :param fraction: of the longest delay that is added; a random number from 0 to 1.
    """
    longest_ms = min(max(until_ms - now_ms, 0) * _JITTER_SHARE, _JITTER_MS)
    return until_ms + int(longest_ms * fraction)


@dataclass(slots=True)
class Waits:
    """What one task has waited so far, and may wait in total; instants are on this machine's clock."""

    max_ms: int
    waited_ms: int = 0
    #: when the exchange may have deleted the rows; 0 where that is not known, or accepted
    lost_ms: int = 0

    def add(self, until_ms: int, now_ms: int, reason: str) -> None:
        """Count a wait, before it begins.

        :raises WaitTooLong: it would end after the latest allowed instant, so it is not begun.
        """
        self._check_end(until_ms, now_ms, reason)
        self.waited_ms += max(until_ms - now_ms, 0)

    def may_hold(self, wait_ms: int) -> bool:
        """Whether a task that could leave its worker slot may hold it for a wait that comes next.

        Many short waits add up: each by itself would be a reason to stay.
        """
        return wait_ms <= _TRIVIAL_MS or self.waited_ms + wait_ms <= _HELD_MS

    def latest(self, now_ms: int) -> int:
        """Return the latest instant at which a wait that begins now may end."""
        return now_ms + max(self.max_ms - self.waited_ms, 0)

    def _check_end(self, until_ms: int, now_ms: int, reason: str) -> None:
        if until_ms <= now_ms:
            return
        if until_ms > self.latest(now_ms):
            bound = f"max_wait allows {_duration(self.max_ms)} in all"
        elif now_ms < self.lost_ms < until_ms:
            bound = f"by {iso(self.lost_ms)} the exchange may have forgotten the window's first rows"
        else:
            return
        message = (
            f"it waited {_duration(self.waited_ms)} so far, and would now wait "
            f"{_duration(until_ms - now_ms)}, until {iso(until_ms)}, because {reason}; but {bound}. "
            "It is not retried, since a retry would wait again. Find out what delays it (other programs that "
            "use this IP address); then clear the task, or raise max_wait"
        )
        raise WaitTooLong(message)


def _duration(ms: int) -> str:
    """Write a length of time in its two largest units."""
    seconds = -(-ms // 1000)
    for name, length, smaller, part in _UNITS:
        if seconds >= length:
            return f"{seconds // length} {name} {seconds % length // part} {smaller}"
    return f"{seconds} s"

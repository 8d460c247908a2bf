"""Which parts of a history are missing or not proven, and until when they can still be fetched.

The exchange deletes rows after a time; rows that were not fetched by then are lost. The windows in the lake
decide what was fetched, not the success of runs.

The law kept here: the stretches partition the expected range. Each millisecond of it is in exactly one, and
is proven, unproven or missing; and if it is not proven, the exchange still keeps it, or it is lost. Of a
filtered and an unfiltered history of the same account and endpoint, each instant counts once: in the
unfiltered one from its start on, before that in the filtered one.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, Protocol

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.timeline import union
from airflow_provider_binance_liq.core.windows import Window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from airflow_provider_binance_liq.core.horizon import Retention

#: proven: a complete window covers it; unproven: windows cover it, none of them complete; missing: none does
State = Literal["proven", "unproven", "missing"]

#: premises that do not change when the window is fetched again in the same way
NOT_MENDED_BY_FETCHING: Final = ("isolated_rows", "recorded_by_endpoint")
#: endpoints of which a filtered history is no part of the unfiltered one: without an isolated symbol, rows of
#: isolated accounts may be left out
APART: Final = tuple(name for name, one in ENDPOINTS.items() if one.asks_isolated_apart)
#: a window that ended less than so many days ago is not missing yet: its run may wait or be retried
SETTLE_DAYS: Final = 2


class Claimed(Protocol):
    """What a manifest's proof claims, or what is kept of it."""

    @property
    def complete(self) -> bool:
        """Whether the window is complete."""

    @property
    def incomplete_reasons(self) -> tuple[str, ...]:
        """Codes of the premises because of which it is not."""


def counts_as_proven(proof: Claimed, accepted: Collection[str] = NOT_MENDED_BY_FETCHING) -> bool:
    """Whether a window is complete, or incomplete for accepted reasons only."""
    reasons = set(proof.incomplete_reasons)
    return proof.complete or (bool(reasons) and reasons <= set(accepted))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the expected range with one state."""

    window: Window
    state: State
    #: the last instant at which its first millisecond is still kept, on the exchange's clock
    recoverable_until_ms: int
    #: not proven, and no longer kept
    lost: bool

    @property
    def recoverable(self) -> bool:
        """Whether fetching it (again) may still prove it."""
        return self.state != "proven" and not self.lost

    def left_ms(self, now_ms: int) -> int:
        """Return how long the exchange still keeps its first millisecond."""
        return self.recoverable_until_ms - now_ms


def expected_range(start_ms: int, now_ms: int, settle_ms: int, until_ms: int | None = None) -> Window | None:
    """Return the range that should have been fetched by now; None where that is nothing yet.

    :param until_ms: where another history begins that covers everything from there on.
    """
    end_ms = now_ms - settle_ms if until_ms is None else min(now_ms - settle_ms, until_ms)
    return Window(start_ms, end_ms) if start_ms < end_ms else None


def stretches(
    proven: Iterable[Window],
    unproven: Iterable[Window],
    expected: Window,
    *,
    now_ms: int,
    retention: Retention,
) -> list[Stretch]:
    """Cut the expected range into as few stretches as possible."""
    complete, others = _Cover.of(proven), _Cover.of(unproven)
    horizon_ms = retention.oldest_ms(now_ms)
    cuts = sorted(
        {
            expected.start_ms,
            expected.end_ms,
            *(one for one in (*complete.edges, *others.edges, horizon_ms) if one in expected),
        }
    )
    found: list[Stretch] = []
    for cut_ms, end_ms in pairwise(cuts):
        state: State = "proven" if cut_ms in complete else "unproven" if cut_ms in others else "missing"
        lost = state != "proven" and cut_ms < horizon_ms
        goes_on = bool(found) and (found[-1].state, found[-1].lost) == (state, lost)
        start_ms = found.pop().window.start_ms if goes_on else cut_ms
        found.append(Stretch(Window(start_ms, end_ms), state, start_ms + retention.ms, lost))
    return found


@dataclass(frozen=True, slots=True)
class _Cover:
    """The stretches that windows cover, to look instants up."""

    windows: Sequence[Window]
    starts: Sequence[int]

    @classmethod
    def of(cls, windows: Iterable[Window]) -> _Cover:
        joined = union(windows)
        return cls(joined, [window.start_ms for window in joined])

    @property
    def edges(self) -> list[int]:
        return [edge for window in self.windows for edge in (window.start_ms, window.end_ms)]

    def __contains__(self, instant_ms: int) -> bool:
        place = bisect_right(self.starts, instant_ms)
        return place > 0 and instant_ms in self.windows[place - 1]


#: stretches that a summary lists; the counts are of all
_LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class Coverage:
    """The stretches of one account and endpoint, with one filter."""

    found: Sequence[Stretch]
    now_ms: int
    retention: Retention

    def total_ms(self, state: State, *, lost: bool) -> int:
        """Add up the time of a state."""
        return sum(
            one.window.end_ms - one.window.start_ms
            for one in self.found
            if one.state == state and one.lost == lost
        )

    @property
    def next_loss(self) -> Stretch | None:
        """Return the first stretch that can still be fetched: it is the first to be lost."""
        return next((one for one in self.found if one.recoverable), None)

    @property
    def left_ms(self) -> int | None:
        """Return how long is left until rows are lost that can still be fetched."""
        first = self.next_loss
        return None if first is None else first.left_ms(self.now_ms)

    @property
    def listed(self) -> list[Stretch]:
        """The first stretches that can still be fetched."""
        return [one for one in self.found if one.recoverable][:_LISTED]

"""Which rows a limit leaves out: decided by asking for one row of several that were seen.

Each way of cutting (by the instant of creation or of update, or by order id; the oldest or the newest kept)
is a hypothesis that names which row survives. Intervals are chosen where the hypotheses disagree, and what is
answered eliminates those that named another row. What the rows do not decide stays open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.probe_report import CutBy, CutSide
from airflow_provider_binance_liq.probe.asking import Unanswered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_binance_liq.probe.answers import SeenRow, SeenRows
    from airflow_provider_binance_liq.probe.asking import ProbeReader

Hypothesis = tuple[CutBy, CutSide]
HYPOTHESES: Final[tuple[Hypothesis, ...]] = tuple(
    product(("created", "updated", "order_id"), ("oldest", "newest"))
)
#: requests at the most
REQUESTS: Final = 6
_MOST_OBSERVATIONS: Final = REQUESTS - 1
#: observations without which nothing is called certain
_LEAST: Final = 2
#: rows of one interval at the most, and intervals that are compared
_MOST_ROWS: Final = 6
_MOST_INTERVALS: Final = 3000


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval with every row in it that was seen; none of them lies half in it."""

    first_ms: int
    last_ms: int
    rows: tuple[SeenRow, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """What survived of an interval's rows when one was asked for."""

    interval: Interval
    survivors: tuple[SeenRow, ...]


@dataclass(slots=True)
class Cuts:
    """What was observed, and which hypotheses it leaves."""

    alive: set[Hypothesis] = field(default_factory=lambda: set(HYPOTHESES))
    observations: list[Observation] = field(default_factory=list)
    #: with `limit=1`, none of an interval's rows was answered
    rows_missing: bool = False
    #: an answer held more rows than were asked for
    limit_ignored: bool = False

    @property
    def keys(self) -> set[CutBy]:
        """What the limit may go by."""
        return {key for key, _ in self.alive}

    @property
    def side(self) -> CutSide | None:
        """The end that is kept, where every hypothesis left says the same."""
        sides = {side for _, side in self.alive}
        return sides.pop() if len(sides) == 1 else None

    @property
    def rows(self) -> int:
        """Rows that the observations rest on."""
        return len({row.key for one in self.observations for row in one.interval.rows})

    @property
    def settled(self) -> bool:
        """Whether there is nothing more to learn."""
        return len(self.alive) <= 1 and len(self.observations) >= _LEAST


def intervals(seen: SeenRows, longest_ms: int) -> Iterator[Interval]:
    """Yield intervals with two to six rows: the shortest runs of rows first, of these the most recent.

    The oldest rows may be forgotten in the course of the questions, and would be missed for a wrong reason.
    """
    rows = sorted(seen.rows.values(), key=lambda row: (row.instants, row.key))
    count = 0
    for length in range(2, _MOST_ROWS + 1):
        for run in (rows[at : at + length] for at in reversed(range(len(rows) - length + 1))):
            first_ms = min(row.instants[0] for row in run) - 1
            last_ms = max(row.instants[1] for row in run) + 1
            if last_ms - first_ms <= longest_ms and _is_alone(seen, first_ms, last_ms, length):
                yield Interval(first_ms, last_ms, tuple(run))
            count += 1
            if count >= _MOST_INTERVALS:
                return


def _is_alone(seen: SeenRows, first_ms: int, last_ms: int, rows: int) -> bool:
    """Whether an interval touches so many rows, and no more."""
    # Each row has one instant or two, so that counting them is enough for most intervals.
    return (
        seen.count_instants(first_ms, last_ms) <= 2 * rows and len(seen.touching(first_ms, last_ms)) == rows
    )


def find_cuts(reader: ProbeReader, longest_ms: int) -> Cuts:
    """Eliminate hypotheses until one is left, or no interval decides between them.

    :raises Unanswered: there is no first answer.
    """
    cuts, tried = Cuts(), set[tuple[int, int]]()
    for _ in range(_MOST_OBSERVATIONS):
        candidates = [
            one for one in intervals(reader.seen, longest_ms) if (one.first_ms, one.last_ms) not in tried
        ]
        chosen = _most_decisive(candidates, cuts)
        if cuts.settled or chosen is None:
            break
        tried.add((chosen.first_ms, chosen.last_ms))
        try:
            observe(reader, chosen, cuts)
        except Unanswered:
            if not cuts.observations:
                raise
            break
        if cuts.rows_missing or cuts.limit_ignored:
            break
    return cuts


def observe(reader: ProbeReader, interval: Interval, cuts: Cuts) -> Observation | None:
    """Ask for one row of an interval, and let what comes eliminate hypotheses; None where it decides nothing.

    :raises Unanswered: there is no answer, or no weight left for it.
    """
    answer = reader.ask(interval.first_ms, interval.last_ms, limit=1)
    keys = {row.key for row in interval.rows}
    if answer.refusal is not None or any(row.key not in keys for row in answer.rows):
        return None
    if not answer.rows:
        # Rows that are answered no more were forgotten meanwhile, and not cut off.
        again = reader.ask(interval.first_ms, interval.last_ms)
        cuts.rows_missing = any(map(again.has, interval.rows))
        return None
    if len(answer.rows) > 1:
        cuts.limit_ignored = True
        return None
    observation = Observation(interval, answer.rows)
    cuts.observations.append(observation)
    cuts.alive = {one for one in cuts.alive if answer.rows[0] in survivors(one, interval.rows)}
    return observation


def survivors(hypothesis: Hypothesis, rows: Iterable[SeenRow]) -> list[SeenRow]:
    """List the rows of which a hypothesis says that one of them survives; several where they tie."""
    key, side = hypothesis
    places = {row: _place(row, key) for row in rows}
    extreme = (min if side == "oldest" else max)(places.values())
    return [row for row, place in places.items() if place == extreme]


def expected(cuts: Cuts, interval: Interval) -> set[SeenRow]:
    """List every row that may survive, by what was observed so far."""
    return {row for one in cuts.alive for row in survivors(one, interval.rows)}


def _most_decisive(candidates: list[Interval], cuts: Cuts) -> Interval | None:
    """Choose the interval for which the hypotheses left name the most different rows."""

    def decides(interval: Interval) -> int:
        named = [survivors(one, interval.rows) for one in cuts.alive]
        return len({rows[0].key for rows in named if len(rows) == 1})

    best = max(candidates, key=decides, default=None)
    if best is None:
        return None
    # Before anything is certain, the same has to be seen twice.
    return best if decides(best) > 1 or (decides(best) == 1 and len(cuts.observations) < _LEAST) else None


def _place(row: SeenRow, key: CutBy) -> int:
    return row.order_id if key == "order_id" else row.instant(key)

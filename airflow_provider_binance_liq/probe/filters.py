"""Whether filters choose before a limit cuts, or among the rows that it left.

An interval is asked for one row: first without a filter, then with one that this row does not pass and
another row does. If filters choose first, the other row comes; if the limit cuts first, nothing comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.probe.cuts import expected, intervals, observe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.probe_report import CutBy, Stage
    from airflow_provider_binance_liq.probe.answers import Answer, Instant, SeenRow
    from airflow_provider_binance_liq.probe.asking import ProbeReader
    from airflow_provider_binance_liq.probe.cuts import Cuts, Interval

#: requests at the most, per filter: without it, with it, and whether it works at all
REQUESTS: Final = 3


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as a request names it."""

    symbol: str | None = None
    close_type: AutoCloseType | None = None
    #: the symbol is that of an isolated margin account
    isolated: bool = False

    def passes(self, row: SeenRow) -> bool:
        """Whether a row is one that is asked for."""
        if self.isolated and not row.isolated:
            return False
        return self.symbol in (None, row.symbol) and self.close_type in (None, row.close_type)

    def ask(self, reader: ProbeReader, interval: Interval, limit: int | None = None) -> Answer:
        """Ask for the rows of an interval that pass."""
        first_ms, last_ms = interval.first_ms, interval.last_ms
        return reader.ask(first_ms, last_ms, limit=limit, symbol=self.symbol, close_type=self.close_type)


def find_stage(reader: ProbeReader, cuts: Cuts, longest_ms: int, *, symbol: bool) -> Stage | None:
    """Find out when a filter chooses; None where no interval decides it.

    :raises Unanswered: there is no answer, or no weight left for it.
    """
    for interval, chosen in _cases(reader, cuts, longest_ms, symbol=symbol):
        observed = next((one for one in cuts.observations if one.interval == interval), None)
        observed = observed or observe(reader, interval, cuts)
        if observed is None or any(chosen.passes(row) for row in observed.survivors):
            return None
        answer = chosen.ask(reader, interval, limit=1)
        if answer.refusal is not None:
            return None
        if answer.rows:
            return "before_limit" if all(map(chosen.passes, answer.rows)) else None
        control = chosen.ask(reader, interval)
        # An empty answer is due to the limit only if the filter lets something through at all.
        return "after_limit" if any(map(chosen.passes, control.rows)) else None
    return None


def _cases(
    reader: ProbeReader, cuts: Cuts, longest_ms: int, *, symbol: bool
) -> Iterator[tuple[Interval, Filter]]:
    """Yield intervals and filters that no survivor passes, but another row does; observed ones first."""
    isolated = reader.endpoint.asks_isolated_apart
    types = [Filter(close_type=close_type) for close_type in AUTO_CLOSE_TYPES]
    for interval in (*(one.interval for one in cuts.observations), *intervals(reader.seen, longest_ms)):
        symbols = sorted({row.symbol for row in interval.rows})
        for chosen in [Filter(symbol=name, isolated=isolated) for name in symbols] if symbol else types:
            survive = any(map(chosen.passes, expected(cuts, interval)))
            if not survive and any(map(chosen.passes, interval.rows)):
                yield interval, chosen


def find_time_stage(reader: ProbeReader, cuts: Cuts, filtered_by: Instant | None) -> Stage | None:
    """Find out when startTime and endTime choose, by intervals with rows before and behind them.

    Where the limit cuts by another order than that of the instant that filters, a survivor within the
    interval shows nothing: one outside would have survived only if it stood at the end of that order.
    """
    if cuts.rows_missing:
        return "after_limit"
    rows = reader.seen.rows.values()
    if not cuts.keys <= _orders_of(rows, filtered_by):
        return None
    for one in cuts.observations:
        older = any(row.instants[1] < one.interval.first_ms for row in rows)
        newer = any(row.instants[0] > one.interval.last_ms for row in rows)
        if older and newer:
            return "before_limit"
    return None


def _orders_of(rows: Iterable[SeenRow], filtered_by: Instant | None) -> set[CutBy]:
    """List the orders that are the order of the instant that filters."""
    if all(row.created_ms == row.updated_ms for row in rows):
        return {"created", "updated"}
    return {filtered_by} if filtered_by else set()

"""Whether filters choose before a limit cuts, or among the rows that it left.

An interval is asked for one row: first without a filter, then with one that the survivor does not pass and
another row does. A row then comes where filters choose first; nothing comes where the limit does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.probe.cuts import expected, intervals, observe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.probe_report import Stage
    from airflow_provider_binance_liq.probe.asking import Asker
    from airflow_provider_binance_liq.probe.cuts import CutBy, Cuts, Interval
    from airflow_provider_binance_liq.probe.heard import Heard, Instant, Seen

#: requests at the most, per filter: without it, with it, and whether it works at all
REQUESTS: Final = 3


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as a request names it."""

    symbol: str | None = None
    close_type: AutoCloseType | None = None
    #: the symbol is that of an isolated margin account
    isolated: bool = False

    def passes(self, row: Seen) -> bool:
        """Whether a row is one that is asked for."""
        if self.isolated and not row.isolated:
            return False
        return self.symbol in (None, row.symbol) and self.close_type in (None, row.close_type)


def by_symbol(interval: Interval, *, isolated: bool) -> list[Filter]:
    """List filters by a symbol of the interval's rows."""
    symbols = sorted({row.symbol for row in interval.rows})
    return [Filter(symbol=symbol, isolated=isolated) for symbol in symbols]


def by_type(_interval: Interval) -> list[Filter]:
    """List filters by type."""
    return [Filter(close_type=close_type) for close_type in AUTO_CLOSE_TYPES]


def find_stage(asker: Asker, cuts: Cuts, longest_ms: int, *, symbol: bool) -> Stage | None:
    """Tell when a filter chooses; None where no interval shows it.

    :raises Unanswered: an answer could not be had.
    """
    for interval, chosen in _cases(asker, cuts, longest_ms, symbol=symbol):
        seen = next((one for one in cuts.observations if one.interval == interval), None)
        seen = seen or observe(asker, interval, cuts)
        if seen is None or any(chosen.passes(row) for row in seen.survivors):
            return None
        heard = _ask(asker, interval, chosen, limit=1)
        if heard.refusal is not None:
            return None
        if heard.rows:
            return "before_limit" if all(map(chosen.passes, heard.rows)) else None
        control = _ask(asker, interval, chosen, limit=None)
        # An empty answer tells of the limit only where the filter lets something through at all.
        return "after_limit" if any(map(chosen.passes, control.rows)) else None
    return None


def _ask(asker: Asker, interval: Interval, chosen: Filter, limit: int | None) -> Heard:
    return asker.ask(
        interval.first_ms,
        interval.last_ms,
        limit=limit,
        symbol=chosen.symbol,
        close_type=chosen.close_type,
    )


def _cases(asker: Asker, cuts: Cuts, longest_ms: int, *, symbol: bool) -> Iterator[tuple[Interval, Filter]]:
    """Yield intervals and filters that no survivor passes, but another row does; observed ones first."""
    observed = [one.interval for one in cuts.observations]
    isolated = asker.endpoint.asks_isolated_apart
    for interval in (*observed, *intervals(asker.known, longest_ms)):
        for chosen in by_symbol(interval, isolated=isolated) if symbol else by_type(interval):
            survive = any(chosen.passes(row) for row in expected(cuts, interval))
            if not survive and any(chosen.passes(row) for row in interval.rows):
                yield interval, chosen


def find_time_stage(asker: Asker, cuts: Cuts, filtered_by: Instant | None) -> Stage | None:
    """Tell when startTime and endTime choose, by intervals with known rows before and behind them.

    Where the limit cuts by another order than that of the instant that filters, a survivor within the
    interval shows nothing: one outside would have survived only if it stood at the end of that order.
    """
    if cuts.starved is not None:
        return "after_limit"
    rows = asker.known.rows.values()
    if not cuts.keys <= _orders_of(rows, filtered_by):
        return None
    for one in cuts.observations:
        older = any(row.instants[1] < one.interval.first_ms for row in rows)
        newer = any(row.instants[0] > one.interval.last_ms for row in rows)
        if older and newer:
            return "before_limit"
    return None


def _orders_of(rows: Iterable[Seen], filtered_by: Instant | None) -> set[CutBy]:
    """List the orders that are the order of the instant that filters."""
    if all(row.created_ms == row.updated_ms for row in rows):
        return {"created", "updated"}
    return {filtered_by} if filtered_by else set()

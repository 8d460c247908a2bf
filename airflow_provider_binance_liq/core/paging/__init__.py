"""Paging: what to ask next, and when a window is proven.

A plan is a generator without any I/O: it yields a `PageQuery`, is sent the `Answer`, and returns the name of
the argument that proves the window; what that rests on is noted in the `Observations`. Whoever drives it
keeps the rows of every page. There are two plans, for two kinds of endpoints: `by_time` and `by_number`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.paging.by_number import READINGS, NumberedReading
from airflow_provider_binance_liq.core.paging.by_time import TimePager
from airflow_provider_binance_liq.core.paging.filtered import plan_filtered
from airflow_provider_binance_liq.core.paging.page_query import (
    MARGIN_MS,
    Answer,
    Observations,
    PageQuery,
    Plan,
    SymbolsQuery,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.paging.page_query import Filter
    from airflow_provider_binance_liq.core.probe_report import Learnt, ProbeReport
    from airflow_provider_binance_liq.core.windows import Window

__all__ = [
    "MARGIN_MS",
    "READINGS",
    "Answer",
    "Observations",
    "PageQuery",
    "Plan",
    "SymbolsQuery",
    "begin_with",
    "plan",
]


def begin_with(report: ProbeReport | None, endpoint: Endpoint) -> Observations:
    """Begin with what a probe has learnt of `endpoint`; with nothing where there was none.

    Only filters that come first are believed; the rest is seen again before it is relied on.
    """
    found = report.endpoints.get(endpoint.name) if report else None
    if found is None:
        return Observations()
    learnt = found.learnt
    stages: dict[Filter, str | None] = {"symbol": learnt.symbol_filter, "auto_close_type": learnt.type_filter}
    first = [kind for kind, stage in stages.items() if stage == "before_limit"]
    return Observations(
        side="backward" if learnt.cut_side == "newest" else "forward" if learnt.cut_side else None,
        equal_bounds=False if learnt.equal_bounds in ("refused", "empty") else None,
        filters_first=set(first),
        filters_probed=frozenset(first),
        longest_ms=_longest_ms(learnt),
        careful=learnt.cut_by is not None and learnt.cut_by != learnt.filtered_by,
    )


def _longest_ms(learnt: Learnt) -> int | None:
    """Choose a span that was answered whole, where a longer one was not."""
    if learnt.span_answer in (None, "whole"):
        return None
    return learnt.longest_span_ms


def plan(
    endpoint: Endpoint,
    window: Window,
    *,
    symbols: Sequence[str] = (),
    auto_close_type: AutoCloseType | None = None,
    observations: Observations | None = None,
) -> Plan:
    """Plan the requests that prove `window`; the generator returns the argument that proves it.

    A refusal of the exchange is thrown into the generator: it splits a span that is too long.

    :param symbols: only these; an endpoint that pages by number takes one.

    :raises SaturatedInstant: one millisecond has more rows than requests can return.
    :raises UnstablePaging: numbered pages kept shifting.
    :raises UnexpectedRow: a row lies outside of what was asked for.
    """
    learnt = observations or Observations()
    query = PageQuery(window.first_ms, window.last_ms, auto_close_type=auto_close_type)
    if not endpoint.is_by_time:
        symbol = symbols[0] if symbols and endpoint.symbols else None
        return NumberedReading(endpoint, PageQuery(query.first_ms, query.last_ms, symbol), learnt).run()
    if endpoint.asks_isolated_apart and symbols:
        return TimePager(endpoint, replace(query, symbol=symbols[0]), learnt).run()
    if symbols or auto_close_type:
        return plan_filtered(endpoint, window, symbols, auto_close_type, learnt)
    return TimePager(endpoint, query, learnt).run()

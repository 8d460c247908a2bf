"""Paging: what to ask next, and when a window is proven.

A plan is a generator without any I/O: it yields an `Ask`, is sent the `Answer`, and returns the name of the
argument that proves the window. Whoever drives it keeps the rows of every page. There are two plans, as there
are two kinds of endpoints: `by_time` and `by_number`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.paging.asks import (
    Answer,
    Ask,
    AskSymbols,
    Experience,
    Plan,
    Restricted,
    shorter,
)
from airflow_provider_binance_liq.core.paging.by_number import READINGS, NumberedReading
from airflow_provider_binance_liq.core.paging.by_time import INVALID_SYMBOL, PROOF, TimeWalk
from airflow_provider_binance_liq.exceptions import RequestRejected, SpanRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_binance_liq.core.endpoints import AutoCloseType, Endpoint
    from airflow_provider_binance_liq.core.windows import Window

__all__ = [
    "READINGS",
    "Answer",
    "Ask",
    "AskSymbols",
    "Experience",
    "Plan",
    "Restricted",
    "plan",
    "plan_several",
]


def plan(
    endpoint: Endpoint,
    window: Window,
    *,
    symbol: str | None = None,
    auto_close_type: AutoCloseType | None = None,
    experience: Experience | None = None,
) -> Plan:
    """Plan the requests that prove `window`; the generator returns the argument that proves it.

    A refusal of the exchange is thrown into the generator: it splits a span that is too long.

    :raises SaturatedInstant: one millisecond holds more rows than requests can tell apart.
    :raises UnstablePaging: numbered pages kept shifting.
    :raises UnexpectedRow: a row lies outside of what was asked for.
    """
    ask = Ask(window.first_ms, window.last_ms, symbol, auto_close_type)
    if endpoint.paging == "number":
        return NumberedReading(ask).run()
    return TimeWalk(endpoint, ask, experience or Experience()).run()


def plan_several(
    endpoint: Endpoint,
    window: Window,
    symbols: Sequence[str],
    *,
    auto_close_type: AutoCloseType | None = None,
    experience: Experience | None = None,
) -> Plan:
    """Plan the requests that prove `window` for several symbols, which are cheaper to ask for all at once.

    That holds for one short page, as almost every window is. A window of many pages is cheaper symbol by
    symbol, whatever their share of its rows: a page of one symbol weighs less than a page of all.

    :raises LiquidationsError: as `plan` does.
    """
    restricted: Restricted = {
        "auto_close_type": auto_close_type,
        "experience": experience or Experience(),
    }
    whole = Ask(window.first_ms, window.last_ms, auto_close_type=auto_close_type)
    walk = TimeWalk(endpoint, whole, restricted["experience"])
    try:
        if (yield from walk.fits_one_page()):
            return PROOF
    except SpanRefused as refusal:
        for piece in window.split(shorter(whole, refusal) + 1):
            yield from plan_several(endpoint, piece, symbols, **restricted)
        return PROOF
    try:
        for symbol in symbols:
            yield from plan(endpoint, window, symbol=symbol, **restricted)
    except RequestRejected as refusal:
        if refusal.code != INVALID_SYMBOL:
            raise
        # One that is no longer listed may have rows all the same.
        return (yield from plan(endpoint, window, **restricted))
    return PROOF

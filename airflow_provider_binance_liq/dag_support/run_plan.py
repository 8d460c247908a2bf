"""The least that a run of a sample DAG costs: the estimate of `binance-liq plan`, for the run's log.

A task knows its own run and not the backfill that the run is part of, so the log has the command that
estimates the whole backfill.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.estimates import WindowSeries
from airflow_provider_binance_liq.core.horizon import Retention
from airflow_provider_binance_liq.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from airflow_provider_binance_liq.core.weights import DEFAULT_WEIGHT_SHARE
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.dag_support.params import OVERRIDE
from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.extraction.reader import Filters
from airflow_provider_binance_liq.hooks.binance import BinanceHook
from airflow_provider_binance_liq.plan.cost import CostEstimate
from airflow_provider_binance_liq.plan.report import lines, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

log = logging.getLogger(__name__)

_UNITS_MS: Final = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS}


def log_plan(
    extractions: Sequence[Mapping[str, Any]],
    start: datetime | None,
    end: datetime | None,
    *,
    of_backfill: bool = False,
    now_ms: int | None = None,
) -> None:
    """Log what extracting `[start, end)` costs at the least: in a sentence; of a backfill, with its tables.

    It never fails: what is wrong fails where it is used.

    :param extractions: what `DagSettings.extractions` returned, narrowed by the run's parameters.
    :param of_backfill: log the tables, and the command that estimates the whole backfill, too.
    :param now_ms: epoch milliseconds that retention is judged at; by default now.
    """
    if start is None or end is None or start == end:
        log.info("The run has no data interval, so there is nothing to estimate")
        return
    share = greatest_share([one["operator"]["binance_conn_id"] for one in extractions])
    now_ms = int(time.time() * 1000) if now_ms is None else now_ms
    try:
        window = Window.between(start, end).earlier(extractions[0]["operator"]["look_back_days"] * DAY_MS)
        estimate = estimate_run(extractions, window, share, now_ms)
    except LiquidationsError as error:
        log.warning("What this run costs cannot be estimated: %s", error)
        return
    log.info("%s", sentence(estimate))
    if of_backfill:
        # Folded in Airflow's page: it shows the end of a log first, and the sentence has what matters.
        log.info("::group::The estimate by endpoint")
        for line in lines(estimate):
            log.info("%s", line)
        log.info("::endgroup::")
        log.info(
            "This is one run of a backfill, and a run does not know the whole. To plan the whole backfill:"
        )
        for command in commands(extractions, share):
            log.info("%s", command)
    tell_of_retention(extractions, window, now_ms)


def tell_of_retention(extractions: Sequence[Mapping[str, Any]], window: Window, now_ms: int) -> None:
    """Say, at the log's end, which endpoints may not keep the window any more, and what follows."""
    old = sorted(
        {
            name
            for one in extractions
            for name in one["endpoints"]
            if Retention.of(ENDPOINTS[name]).why_incomplete(window, now_ms)
        },
        key=list(ENDPOINTS).index,
    )
    if not old:
        return
    choice = extractions[0]["operator"]["beyond_retention"]
    log.warning("%s (older than the exchange is known to keep): %s", _CONSEQUENCES[choice], ", ".join(old))
    if choice == "fail":
        log.warning('To skip such days, choose beyond_retention "skip"; in a backfill, tick "%s"', OVERRIDE)


_CONSEQUENCES: Final = {
    "fail": "These will fail",
    "skip": "These are skipped, as beyond_retention says",
    "extract": "Of these, what is left is extracted, and never proven complete",
}


def estimate_run(
    extractions: Sequence[Mapping[str, Any]], window: Window, share: float, now_ms: int
) -> CostEstimate:
    """Estimate the least that one window costs, of each endpoint for the connections that have it.

    :raises InvalidRequest: a share that not one request fits into.
    """
    series = WindowSeries(window, window.end_ms - window.start_ms)
    symbols = extractions[0]["operator"].get("symbols")
    accounts = Counter(name for one in extractions for name in one["endpoints"])
    return CostEstimate.of(
        series,
        [
            (one, Filters.of(one, symbols, None), accounts[name])
            for name, one in ENDPOINTS.items()
            if accounts[name]
        ],
        every=_length(series.every_ms),
        now_ms=now_ms,
        accounts=len(extractions),
        share=share,
    )


def commands(extractions: Sequence[Mapping[str, Any]], share: float) -> Iterator[str]:
    """Write the commands that estimate a range of days, one for all accounts with the same endpoints."""
    alike = Counter(tuple(one["endpoints"]) for one in extractions if one["endpoints"])
    for endpoints, accounts in alike.items():
        options = [word for name in endpoints for word in ("--endpoint", name)]
        given = [*options, "--accounts", str(accounts), "--share", f"{share:g}"]
        yield f"binance-liq plan --start FIRST_DAY --end DAY_AFTER_THE_LAST {shlex.join(given)}"


def greatest_share(conn_ids: Sequence[str]) -> float:
    """Read the greatest share of the weight that one of the connections may use: who waits least.

    A connection that cannot be read fails the tasks that need it, and not this one.
    """
    shares = []
    for conn_id in conn_ids:
        try:
            shares.append(BinanceHook(conn_id).account().settings.weight_share)
        # A secrets backend may raise any error; an estimate in the log is no reason to fail.
        except Exception as error:  # noqa: BLE001
            log.warning("The connection %r cannot be read now: %s", conn_id, type(error).__name__)
    return max(shares, default=DEFAULT_WEIGHT_SHARE)


def _length(length_ms: int) -> str:
    for unit, unit_ms in _UNITS_MS.items():
        if length_ms % unit_ms == 0:
            return f"{length_ms // unit_ms}{unit}"
    return f"{length_ms} ms"

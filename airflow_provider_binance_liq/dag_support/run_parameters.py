"""What a run's parameters take of the settings: some symbols, some time; and what is told about them.

All of it is less than the settings allow, or another day that whoever triggers could name as well.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.compat import AirflowNotFoundException
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.dag_support.extraction_settings import show
from airflow_provider_binance_liq.dag_support.labels import find_label
from airflow_provider_binance_liq.dag_support.params import OVERRIDE
from airflow_provider_binance_liq.exceptions import InvalidConnection, InvalidRequest
from airflow_provider_binance_liq.operators.intervals import window_between

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.core.windows import Window

log = logging.getLogger(__name__)

#: parameters of an extraction that would make it less than it looks
_CHECKED: Final = ("symbols", "start", "end", "retention_days", "auto_close_type")
_EMPTY: Final[tuple[object, ...]] = (None, "", [])

#: what `DagSettings.extractions` returns
Extractions = list[dict[str, Any]]


def window_of(parameters: Mapping[str, Any], *, of_backfill: bool) -> Window | None:
    """Return the time that a run is to extract instead of its data interval; None where it names none.

    :raises InvalidInterval: only one end is given, or they are in the wrong order.
    :raises InvalidRequest: the run is one of a backfill: all of them would extract the same.
    """
    start, end = (None if parameters.get(name) in _EMPTY else parameters[name] for name in ("start", "end"))
    if start is None and end is None:
        return None
    if of_backfill:
        raise InvalidRequest(
            "start and end are given, but every run of a backfill would extract that same time; leave them "
            "empty: each run has its day"
        )
    return window_between(start, end)


def instants(window: Window) -> tuple[datetime, datetime]:
    """Return the start and the end of a window."""
    start, end = (datetime.fromtimestamp(one / 1000, UTC) for one in (window.start_ms, window.end_ms))
    return start, end


def narrow(extractions: Extractions, parameters: Mapping[str, Any], window: Window | None) -> Extractions:
    """Give each extraction the symbols and the time that the run's parameters name.

    :raises InvalidRequest: symbols that are none, or for endpoints without symbols alone.
    """
    more = _narrowed(parameters)
    if window is not None:
        # The time is the one to extract: a second look does not look further back from there.
        more["look_back_days"] = 0
    if "symbols" in more:
        extractions = _with_symbols(extractions)
    return [{**one, "operator": one["operator"] | more} for one in extractions]


def _narrowed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the run's parameters alone say of an extraction."""
    found = {name: parameters[name] for name in ("start", "end") if parameters.get(name) not in _EMPTY}
    symbols = parameters.get("symbols")
    return found if symbols in _EMPTY else found | {"symbols": _symbols(symbols)}


def check_narrowed(
    handed: Mapping[str, Any], parameters: Mapping[str, Any], authored: Mapping[str, Any]
) -> None:
    """Check again, where it is used, what a task was handed beside what the settings say.

    :param handed: the task's own parameters.
    :param parameters: of the run.
    :param authored: what the DAG's file gives each task.
    :raises InvalidRequest: neither has it; the message names it.
    """
    known = {name: authored.get(name) for name in _CHECKED} | _narrowed(parameters)
    for name in _CHECKED:
        if (handed[name] or None) != (known[name] or None):
            message = (
                f"{name} is {show(handed[name])}, which neither the run's parameters nor the DAG's file have"
            )
            raise InvalidRequest(message)


def _symbols(given: object) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(one, str) and one.strip() for one in given):
        message = f"symbols is {show(given)}; it takes a list of symbols such as BTCUSDT"
        raise InvalidRequest(message)
    return sorted({one.strip() for one in given})


def _with_symbols(extractions: Extractions) -> Extractions:
    """Leave out the endpoints whose rows name no symbol."""
    kept = [
        {**one, "endpoints": [name for name in one["endpoints"] if ENDPOINTS[name].kind.symbol is not None]}
        for one in extractions
    ]
    if not any(one["endpoints"] for one in kept):
        raise InvalidRequest("symbols are given, but no endpoint of the run has rows that name a symbol")
    return [one for one in kept if one["endpoints"]]


def check_connections(extractions: Extractions, postgres_conn_id: str | None) -> None:
    """Fail before anything is requested where nothing could be extracted, or nothing could be loaded.

    A connection that is wrong beside others lets only its own extractions fail, which they do at once.

    :raises InvalidConnection: the one to load into does not exist, or none to extract with can be used.
    """
    names = [one["operator"]["binance_conn_id"] for one in extractions]
    # A connection that cannot be read now may be there for the tasks that need it later.
    failures = [found for found in map(find_label, names) if isinstance(found, InvalidConnection)]
    nothing_is_left = bool(failures) and len(failures) == len(names)
    for failure in failures[1 if nothing_is_left else 0 :]:
        log.error("%s. Its extractions will fail", failure)
    if nothing_is_left:
        raise failures[0]
    if postgres_conn_id is not None:
        _check_exists(postgres_conn_id)


def _check_exists(conn_id: str) -> None:
    from airflow.sdk import BaseHook

    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        message = (
            f"connection {conn_id!r} does not exist, which is to be loaded into; create it (type Postgres), "
            "or correct postgres_conn_id"
        )
        raise InvalidConnection(message) from None


def warn_of_backfill(conf: object, settings: Mapping[str, Any]) -> None:
    """Say of a run of a backfill without parameters what that means, and how parameters reach it."""
    if conf:
        return
    log.warning("This backfill has no parameters: the settings alone apply (%s).", _told(settings))
    log.warning('Did you fill in some? Airflow passes them only if "%s" is ticked.', OVERRIDE)


def _told(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {show(value)}" for name, value in settings.items())

"""The tasks that the sample DAGs have in common, beside extracting and loading: all they import of this."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow.sdk import Variable

from airflow_provider_binance_liq.compat import AirflowFailException
from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.dag_support.events import check_events as check
from airflow_provider_binance_liq.dag_support.events import read_run
from airflow_provider_binance_liq.dag_support.extraction_settings import per_endpoint, show
from airflow_provider_binance_liq.dag_support.linked import linked_task
from airflow_provider_binance_liq.dag_support.params import EXTRACT_PARAMS, LOAD_PARAMS, SINCE
from airflow_provider_binance_liq.dag_support.settings import (
    DagSettings,
    listed_destinations,
    read_settings,
)
from airflow_provider_binance_liq.dag_support.watching import watcher
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest, located
from airflow_provider_binance_liq.operators.failing import failing_at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

__all__ = [
    "EXTRACT_PARAMS",
    "LOAD_PARAMS",
    "SINCE",
    "check_events",
    "extract_settings",
    "load_settings",
    "read_events",
    "read_variable",
    "watcher",
]

T = TypeVar("T")


def read_variable(name: str, read: Callable[[Any], T]) -> T:
    """Read a Variable that is JSON.

    :raises AirflowFailException: it is not what it has to be; the message names it and the member.
    """
    # Not `deserialize_json`: it takes the default where the value is no JSON.
    text = Variable.get(name, default=None)
    where = f"the Variable {name!r}, or a parameter of the run"
    with failing_at_once(lambda: f"Where: {where}"), located(where):
        try:
            return read(None if text is None else json.loads(text))
        except ValueError as error:
            raise InvalidRequest(str(error)) from None


def _read(variable: str, params: Any, ti: Any, dag_run: Any, *, loads: bool) -> DagSettings:
    with failing_at_once(_whole_run, {"ti": ti}):
        _check_names(dag_run)
    found = read_variable(variable, lambda given: read_settings(given, params, loads=loads))
    ti.xcom_push(key="destination", value=found.destination)
    ti.xcom_push(key="warehouse", value=asdict(found.warehouse))
    return found


def _check_names(dag_run: Any) -> None:
    """Refuse a run that was given a parameter which no DAG here has: it would do more than was meant."""
    known = {*EXTRACT_PARAMS, *LOAD_PARAMS, "since", "second_look_days"}
    strange = [str(name) for name in getattr(dag_run, "conf", None) or {} if name not in known]
    if strange:
        raise InvalidRequest(unknown("parameter", show(strange[0]).strip("'"), sorted(known)))


# The XCom has the settings; as one endless line, they say nothing in the log.
@linked_task(task_id="settings", retries=0, show_return_value_in_logs=False)
def extract_settings(
    variable: str,
    *,
    again: bool = False,
    loads: bool = True,
    params: Any = None,
    ti: Any = None,
    data_interval_start: Any = None,
    data_interval_end: Any = None,
    dag_run: Any = None,
) -> list[dict[str, Any]]:
    """Read the settings, and log what the run costs at the least.

    The XCom is a list of the parameters that `extract` takes, per connection and endpoint. The XComs
    `destination` and `warehouse` are what `load` takes.

    :param again: for a second look.
    :param loads: whether the run loads what it extracts.
    """
    from airflow_provider_binance_liq.dag_support import run_parameters
    from airflow_provider_binance_liq.dag_support.run_plan import log_plan

    found = _read(variable, params, ti, dag_run, loads=loads)
    of_backfill = dag_run.run_type == "backfill"
    with failing_at_once(_whole_run, {"ti": ti}):
        window = run_parameters.window_of(params, of_backfill=of_backfill)
        extractions = run_parameters.narrow(found.extractions(again=again), params, window)
        run_parameters.check_connections(extractions, found.warehouse.postgres_conn_id if loads else None)
    if of_backfill:
        run_parameters.warn_of_backfill(dag_run.conf, {"beyond_retention": found.beyond_retention})
    if window is not None:
        data_interval_start, data_interval_end = run_parameters.instants(window)
    log_plan(extractions, data_interval_start, data_interval_end, of_backfill=of_backfill)
    return per_endpoint(extractions)


def _whole_run() -> str:
    return "Window: that of the whole run, of which nothing was extracted"


@linked_task(task_id="settings", retries=0)
def load_settings(variable: str, params: Any = None, ti: Any = None, dag_run: Any = None) -> None:
    """Read the settings of a run that only loads; the XComs are `destination` and `warehouse`.

    Whoever announced may have chosen any destination that the settings list: all of them are read from,
    unless the run chooses one.
    """
    _read(variable, params, ti, dag_run, loads=True)
    if not params.get("destination"):
        ti.xcom_push(key="destination", value=list(read_variable(variable, listed_destinations)))


@linked_task(multiple_outputs=True)
def read_events(**context: Any) -> dict[str, Any]:
    """Take the manifests out of the events that triggered the run, and those that came since."""
    return read_run(cast("Context", context), context["params"]["since"]).to_dict()


@linked_task(retries=0, trigger_rule="none_failed")
def check_events(others: list[str]) -> None:
    """Fail where an event had no manifest, once the manifests of the others are loaded."""
    try:
        check(others)
    except InconsistentManifest as error:
        raise AirflowFailException(str(error)) from None

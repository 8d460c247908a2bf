"""## Every account's liquidations, day by day.

Every day, each account's own liquidations of the day before: extracted, proven complete, landed as NDJSON
with a manifest, and merged into DuckDB or PostgreSQL. A backfill does the same for past days; its runs may
overlap.

`binance_liquidations_second_look` extracts a past day once more, before the exchange forgets it, and reports
what differs from the first time.

`binance_liquidations_extract` and `binance_liquidations_load` do the same as two DAGs: each extracting task
announces its manifest as an event of the asset of its endpoint, and whatever is announced is loaded. Use them
where the warehouse may be away while the exchange is asked, or where others load as well; else leave them
paused.

**What to set:** the Airflow Variable `binance_liquidations`, as JSON, or the environment variable
`AIRFLOW_VAR_BINANCE_LIQUIDATIONS`. Everything in it is optional:

| member | meaning | default |
|---|---|---|
| `connections` | connection ids, or `{"binance_conn_id": ..., "endpoints": [...]}` | `["binance_default"]` |
| `endpoints` | those of the connections that name none of their own | all of a classic account |
| `destination` | URL of the object storage, such as `s3://aws_default@bucket/lake` | under `AIRFLOW_HOME` |
| `database` | path of the DuckDB file, or `md:<database>` | for a local lake, under `AIRFLOW_HOME` |
| `postgres_conn_id` | connection to a PostgreSQL database, to load into it instead of DuckDB | none |
| `schema` | schema of the tables in PostgreSQL, which has to be there | as the search path says |
| `compression` | `gzip` or null | null |
| `beyond_retention` | `fail`, `skip` or `extract` days older than the exchange is known to keep | `fail` |
| `second_look_days` | how many days back `binance_liquidations_second_look` looks | 80 |

A connection in its long form may have the operator's `probe_report` and `accept_premises`, for what is known
of its account.

An account is either classic (`usdm_futures`, `coinm_futures`, `margin`) or portfolio margin
(`portfolio_um`, `portfolio_cm`, `portfolio_margin`): name the endpoints of the latter. An endpoint that an
account does not have is skipped.

**When an extraction fails**, as for a key that was revoked, what the others extracted is loaded all the same;
`watcher` then fails, and the run with it.

**When triggering by hand**, the same members are parameters: what is given there outranks the Variable, and
`endpoints` then restricts every connection.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Asset, AssetAny, Param, Variable, task

# Also for Airflow 3.1; from 3.2 on they are in airflow.sdk and airflow.sdk.exceptions.
from airflow_provider_binance_liq.compat import (
    AirflowFailException,
    AirflowSkipException,
    CronDataIntervalTimetable,
)
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.dag_support.events import read_run, see_all_told
from airflow_provider_binance_liq.dag_support.settings import read_settings
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.transfers.object_storage import (
    ObjectStorageToDuckDBOperator,
    ObjectStorageToPostgresOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

VARIABLE = "binance_liquidations"
DAILY = CronDataIntervalTimetable("0 0 * * *", timezone="UTC")

PARAMS = {
    "connections": Param(
        None, type=["null", "array"], description="Connection ids. Empty: as the Variable says."
    ),
    "endpoints": Param(
        None,
        type=["null", "array"],
        examples=list(ENDPOINTS),
        description="Only these endpoints. Empty: as the Variable says.",
    ),
    "destination": Param(
        None, type=["null", "string"], description="URL of the object storage. Empty: as the Variable says."
    ),
    "database": Param(None, type=["null", "string"], description="DuckDB file. Empty: as the Variable says."),
    "postgres_conn_id": Param(
        None,
        type=["null", "string"],
        description="Connection to PostgreSQL, instead of DuckDB. Empty: as the Variable says.",
    ),
    "schema": Param(
        None, type=["null", "string"], description="Schema in PostgreSQL. Empty: as the Variable says."
    ),
    "compression": Param(None, type=["null", "string"], enum=[None, "gzip"]),
    "beyond_retention": Param(
        None,
        type=["null", "string"],
        enum=[None, "fail", "skip", "extract"],
        description="What to do with days older than the exchange is known to keep.",
    ),
}


#: of the DAG that loads only
LOAD_PARAMS = {name: PARAMS[name] for name in ("database", "postgres_conn_id", "schema")} | {
    "since": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="Load what was announced since this instant. Empty: what triggered the run.",
    )
}

#: what the extracting tasks of each endpoint announce their manifests on
ASSETS = {name: Asset(f"binance_liquidations_{name}", group="binance") for name in ENDPOINTS}

log = logging.getLogger(__name__)


# With multiple outputs, a task that takes one of them gets None where it is absent.
@task(retries=0, multiple_outputs=True)
def settings(*, again: bool, loads: bool = True, params: Any = None) -> dict[str, Any]:
    """Read the Variable and the parameters, when the run starts."""
    try:
        variable = Variable.get(VARIABLE, default=None, deserialize_json=True)
        found = read_settings(variable, params, loads=loads)
    except (InvalidRequest, ValueError) as error:
        message = f"the Variable {VARIABLE!r} or the run's parameters: {error}"
        raise AirflowFailException(message) from error
    extractions = found.extractions(again=again)
    return {"connections": extractions, "destination": found.destination} | asdict(found.warehouse)


@task
def plan(
    connections: list[dict[str, Any]],
    data_interval_start: Any = None,
    data_interval_end: Any = None,
    dag_run: Any = None,
) -> list[dict[str, Any]]:
    """Log what the run costs at the least; return the connections, for the extractions to be mapped over."""
    from airflow_provider_binance_liq.dag_support.run_plan import log_plan

    of_backfill = dag_run.run_type == "backfill"
    log_plan(connections, data_interval_start, data_interval_end, of_backfill=of_backfill)
    return connections


def with_connection(endpoint: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Take the operator's parameters from a connection that has `endpoint`; skip one that has not."""

    def parameters(connection: dict[str, Any]) -> dict[str, Any]:
        if endpoint not in connection["endpoints"]:
            message = f"{endpoint} is not among the endpoints of {connection['operator']['binance_conn_id']}"
            raise AirflowSkipException(message)
        return connection["operator"]

    return parameters


def only_with(member: str) -> Callable[[Context], None]:
    """Skip a load where the settings do not choose its warehouse by `member`."""

    def see(context: Context) -> None:
        if getattr(context["task"], member) is None:
            message = f"the settings have no {member}, so nothing is loaded here"
            raise AirflowSkipException(message)

    return see


@task(inlets=list(ASSETS.values()), multiple_outputs=True)
def read_announced(**context: Any) -> dict[str, Any]:
    """Take the manifests that the run was triggered by, and those announced since."""
    told = read_run(context, context["params"]["since"])
    log.info("Manifests: %d; events without one: %d", len(told.manifests), len(told.others))
    return told.to_dict()


@task(retries=0, trigger_rule="none_failed")
def see_all(others: list[str]) -> None:
    """Fail where an event had no manifest: once the others' are loaded, which are no less true."""
    try:
        see_all_told(others)
    except InconsistentManifest as error:
        raise AirflowFailException(str(error)) from error


# Airflow's watcher pattern: a run ends as its last tasks do, and the loads succeed with what there is.
@task(trigger_rule="one_failed", retries=0)
def watcher() -> None:
    """Fail the run where any task of it failed."""
    raise AirflowFailException(
        "a task of this run failed; what the other tasks extracted was loaded. Once the cause is mended, "
        "clear the failed task with those downstream of it: what was loaded is not loaded twice"
    )


def dag_of(dag_id: str, schedule: Any, params: dict[str, Param], max_active_runs: int) -> DAG:
    """Make a DAG with what all of them have in common."""
    return DAG(
        dag_id=dag_id,
        schedule=schedule,
        # Early, because a manual run before it would do nothing and report success.
        start_date=datetime(2019, 9, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=max_active_runs,
        default_args={
            "retries": 3,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
        },
        params=params,
        doc_md=__doc__,
        tags=["binance", "liquidations"],
    )


def extract(connections: Any, *, announced: bool = False) -> list[Any]:
    """Add one extraction per endpoint, mapped over the connections."""
    return [
        LiquidationsToObjectStorageOperator.partial(
            task_id=f"extract_{name}",
            endpoint=name,
            map_index_template="{{ task.binance_conn_id }}",
            outlets=[ASSETS[name]] if announced else [],
        ).expand_kwargs(connections.map(with_connection(name)))
        for name in ENDPOINTS
    ]


def load(manifests: Any, chosen: Any, **options: Any) -> list[Any]:
    """Add one load per warehouse; those of the others are skipped."""
    return [
        ObjectStorageToDuckDBOperator(
            task_id="load_into_duckdb",
            manifests=manifests,
            destination=chosen["destination"],
            database=chosen["database"],
            pre_execute=only_with("database"),
            **options,
        ),
        ObjectStorageToPostgresOperator(
            task_id="load_into_postgres",
            manifests=manifests,
            destination=chosen["destination"],
            postgres_conn_id=chosen["postgres_conn_id"],
            schema=chosen["schema"],
            pre_execute=only_with("postgres_conn_id"),
            **options,
        ),
    ]


def liquidations(dag_id: str, *, again: bool) -> DAG:
    """Build the DAG: settings, one extraction per endpoint and connection, then the load."""
    with dag_of(dag_id, DAILY, PARAMS, max_active_runs=4) as dag:
        chosen = settings(again=again)
        extracts = extract(plan(chosen["connections"]))
        load([one.output for one in extracts], chosen, trigger_rule="all_done")
        dag.tasks >> watcher()
    return dag


def extraction(dag_id: str) -> DAG:
    """Build the DAG that extracts and announces."""
    with dag_of(dag_id, DAILY, PARAMS, max_active_runs=4) as dag:
        extract(plan(settings(again=False, loads=False)["connections"]), announced=True)
    return dag


def loading(dag_id: str) -> DAG:
    """Build the DAG that loads what is announced."""
    # Any of them, not all: an account has only some of the endpoints, and each window is proven by itself.
    with dag_of(dag_id, AssetAny(*ASSETS.values()), LOAD_PARAMS, max_active_runs=16) as dag:
        told = read_announced()
        loads = load(told["manifests"], settings(again=False))
        loads >> see_all(told["others"])
    return dag


daily = liquidations("binance_liquidations", again=False)
second_look = liquidations("binance_liquidations_second_look", again=True)
extract_only = extraction("binance_liquidations_extract")
load_only = loading("binance_liquidations_load")

"""## Every account's liquidations, day by day.

Every day, each account's own liquidations of the day before: extracted, proven complete, landed as NDJSON
with a manifest, and merged into DuckDB. A backfill does the same for past days; its runs may overlap.

`binance_liquidations_second_look` extracts a past day once more, before the exchange forgets it, and reports
what differs from the first time.

**What to set:** the Airflow Variable `binance_liquidations`, as JSON, or the environment variable
`AIRFLOW_VAR_BINANCE_LIQUIDATIONS`. Everything in it is optional:

| member | meaning | default |
|---|---|---|
| `connections` | connection ids, or `{"binance_conn_id": ..., "endpoints": [...]}` | `["binance_default"]` |
| `endpoints` | those of the connections that name none of their own | all of a classic account |
| `destination` | URL of the object storage, such as `s3://aws_default@bucket/lake` | under `AIRFLOW_HOME` |
| `database` | path of the DuckDB file, or `md:<database>` | under `AIRFLOW_HOME` |
| `compression` | `gzip` or null | null |
| `beyond_retention` | `fail`, `skip` or `extract` days older than the exchange is known to keep | `fail` |
| `second_look_days` | how many days back `binance_liquidations_second_look` looks | 80 |

An account is either classic (`usdm_futures`, `coinm_futures`, `margin`) or portfolio margin
(`portfolio_um`, `portfolio_cm`, `portfolio_margin`): name the endpoints of the latter. An endpoint that an
account does not have is skipped.

**When triggering by hand**, the same members are parameters: what is given there outranks the Variable, and
`endpoints` then restricts every connection.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, Variable, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.warehouse.operators import ObjectStorageToDuckDBOperator
from airflow_provider_binance_liq.warehouse.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "binance_liquidations"

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
    "compression": Param(None, type=["null", "string"], enum=[None, "gzip"]),
    "beyond_retention": Param(
        None,
        type=["null", "string"],
        enum=[None, "fail", "skip", "extract"],
        description="What to do with days older than the exchange is known to keep.",
    ),
}


@task(retries=0)
def settings(*, again: bool, params: Any = None, ti: Any = None) -> list[dict[str, Any]]:
    """Read the Variable and the parameters, when the run starts; one element per connection."""
    try:
        variable = Variable.get(VARIABLE, default=None, deserialize_json=True)
        found = read_settings(variable, params)
    except (InvalidRequest, ValueError) as error:
        message = f"the Variable {VARIABLE!r} or the run's parameters: {error}"
        raise AirflowFailException(message) from error
    ti.xcom_push(key="database", value=found.database)
    return found.extractions(again=again)


def with_connection(endpoint: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Take the operator's parameters from a connection that has `endpoint`; skip one that has not."""

    def parameters(connection: dict[str, Any]) -> dict[str, Any]:
        if endpoint not in connection["endpoints"]:
            message = f"{endpoint} is not among the endpoints of {connection['operator']['binance_conn_id']}"
            raise AirflowSkipException(message)
        return connection["operator"]

    return parameters


def liquidations(dag_id: str, *, again: bool) -> DAG:
    """Build the DAG: settings, one extraction per endpoint and connection, then one load."""
    with DAG(
        dag_id=dag_id,
        schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
        # Early, because a manual run before it would do nothing and report success.
        start_date=datetime(2019, 9, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=4,
        default_args={
            "retries": 3,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
        },
        params=PARAMS,
        doc_md=__doc__,
        tags=["binance", "liquidations"],
    ) as dag:
        connections = settings(again=again)
        extracts = [
            LiquidationsToObjectStorageOperator.partial(
                task_id=f"extract_{name}", endpoint=name, map_index_template="{{ task.binance_conn_id }}"
            ).expand_kwargs(connections.map(with_connection(name)))
            for name in ENDPOINTS
        ]
        ObjectStorageToDuckDBOperator(
            task_id="load",
            manifests=[extract.output for extract in extracts],
            database=connections["database"],
            trigger_rule="none_failed",
        )
    return dag


daily = liquidations("binance_liquidations", again=False)
second_look = liquidations("binance_liquidations_second_look", again=True)

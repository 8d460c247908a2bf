"""What the sample DAGs for clouds share: the daily interval, and all tasks up to the warehouse's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator, Variable, XComArg, task

from airflow_provider_binance_liq.compat import AirflowFailException, CronDataIntervalTimetable
from airflow_provider_binance_liq.dag_support.cloud_settings import read_settings
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.transfers.clouds import PrepareLoadOperator
from airflow_provider_binance_liq.warehouse.clouds.prepare import get_warehouse

if TYPE_CHECKING:
    from airflow.sdk import Context


class ReadSettingsOperator(BaseOperator):
    """Read the Variable of a sample DAG, when the run starts.

    The XCom is a list of the parameters that extracting operators take, one element per connection and
    endpoint. Further XComs are `destination`, `via` and `conn_id`, and for BigQuery `project` and `dataset`.

    :param warehouse: `bigquery`, `clickhouse`, `redshift` or `snowflake`.
    :param variable: name of the Variable; its value is JSON.

    :raises AirflowFailException: a member is not what it has to be; the message names it.
    """

    ui_color = "#f4f4f4"

    def __init__(self, *, warehouse: str, variable: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.warehouse = get_warehouse(warehouse).name
        self.variable = variable

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Read and check."""
        try:
            given = Variable.get(self.variable, default=None, deserialize_json=True)
            found = read_settings(get_warehouse(self.warehouse), given)
        except (InvalidRequest, ValueError) as error:
            message = f"the Variable {self.variable!r}: {error}"
            raise AirflowFailException(message) from error
        for name, value in found.values.items():
            context["ti"].xcom_push(key=name, value=value)
        return found.extractions


def daily(dag_id: str, doc_md: str | None) -> DAG:
    """Make a DAG whose runs have each a day of UTC as their data interval."""
    return DAG(
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
        doc_md=doc_md,
        tags=["binance", "liquidations", "cloud"],
    )


def extract_and_prepare(warehouse: str, variable: str) -> tuple[ReadSettingsOperator, PrepareLoadOperator]:
    """Add the tasks up to `prepare`, and `watcher`, to the DAG at hand; return `settings` and `prepare`."""
    settings = ReadSettingsOperator(task_id="settings", warehouse=warehouse, variable=variable, retries=0)
    extract = LiquidationsToObjectStorageOperator.partial(
        task_id="extract", map_index_template="{{ task.endpoint }} of {{ task.binance_conn_id }}"
    ).expand_kwargs(settings.output)
    prepare = PrepareLoadOperator(
        task_id="prepare",
        warehouse=warehouse,
        manifests=extract.output,
        destination=XComArg(settings, "destination"),
        via=XComArg(settings, "via"),
        # One key that is refused keeps no other account's rows out; without settings there is nothing to do.
        trigger_rule="all_done_min_one_success",
    )
    [settings, extract, prepare] >> watcher()
    return settings, prepare


# Airflow's watcher pattern: a run ends as its last tasks do, and the load succeeds with what there is.
@task(task_id="watcher", trigger_rule="one_failed", retries=0)
def watcher() -> None:
    """Fail the run where an extraction failed."""
    raise AirflowFailException(
        "a task of this run failed; what the other tasks extracted was loaded. Once the cause is mended, "
        "clear the failed task with those downstream of it: what was loaded is not loaded twice"
    )

"""What the sample DAGs for clouds share: the daily interval, and all tasks up to the warehouse's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseOperator, XComArg

from airflow_provider_binance_liq.compat import CronDataIntervalTimetable
from airflow_provider_binance_liq.dag_support.cloud_settings import read_cloud_settings
from airflow_provider_binance_liq.dag_support.extraction_settings import per_endpoint
from airflow_provider_binance_liq.dag_support.tasks import read_variable, watcher
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.transfers.object_storage_to_cloud_warehouse import PrepareLoadOperator
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
        warehouse = get_warehouse(self.warehouse)
        found = read_variable(self.variable, lambda given: read_cloud_settings(warehouse, given))
        for name in ("destination", "via", "conn_id", "project", "dataset"):
            if hasattr(found, name):
                context["ti"].xcom_push(key=name, value=getattr(found, name))
        return per_endpoint(found.per_connection(destination=found.destination))


def daily(
    dag_id: str, doc_md: str | None, description: str | None = None, on_failure_callback: Any = None
) -> DAG:
    """Make a DAG whose runs have each a day of UTC as their data interval.

    :param on_failure_callback: called for each task that failed for good, such as an Airflow notifier.
    """
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
            "on_failure_callback": on_failure_callback,
        },
        description=description,
        doc_md=doc_md,
        tags=["binance", "liquidations", "cloud"],
    )


def extract_and_prepare(
    warehouse: str, variable: str, pool: str = "default_pool"
) -> tuple[ReadSettingsOperator, PrepareLoadOperator]:
    """Add the tasks up to `prepare`, and `watcher`, to the DAG at hand; return `settings` and `prepare`.

    :param pool: of the extracting tasks.
    """
    settings = ReadSettingsOperator(task_id="settings", warehouse=warehouse, variable=variable, retries=0)
    extract = LiquidationsToObjectStorageOperator.partial(
        task_id="extract", pool=pool, map_index_template="{{ task.map_label }}"
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

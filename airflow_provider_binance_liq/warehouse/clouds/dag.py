"""What the sample DAGs for clouds share: the daily interval, and all tasks up to the warehouse's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, XComArg

from airflow_provider_binance_liq.compat import CronDataIntervalTimetable
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.warehouse.clouds.operators import PrepareLoadOperator, ReadSettingsOperator


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
    """Add the tasks `settings`, `extract` and `prepare` to the DAG at hand; return the first and the last."""
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
        trigger_rule="none_failed",
    )
    return settings, prepare

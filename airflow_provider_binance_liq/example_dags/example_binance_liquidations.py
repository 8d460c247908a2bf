"""Every account's liquidations, day by day, into DuckDB. Copy this file, and edit what is in capitals."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_binance_liq.compat import CronDataIntervalTimetable  # Airflow's own, of any version
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator

# Your connections of type Binance, each with the endpoints that its account has.
ACCOUNTS = {
    "binance_default": ["usdm_futures", "coinm_futures", "margin"],
    # An account of portfolio margin has portfolio_um, portfolio_cm and portfolio_margin instead.
}
# For one machine. Several workers need a store that all of them reach, such as s3://aws_default@bucket/lake.
LAKE = "file:///tmp/binance_liquidations/lake"
WAREHOUSE = "/tmp/binance_liquidations/warehouse.duckdb"  # or md:my_database

with DAG(
    "example_binance_liquidations",
    description="Extract each account's liquidations of the day before, and load them into DuckDB",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),  # "@daily" has no data interval
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
):
    extract = LiquidationsToObjectStorageOperator.partial(
        task_id="extract",
        destination=LAKE,
        map_index_template="{{ task.map_label }}",
    ).expand_kwargs(
        [
            {"binance_conn_id": account, "endpoint": endpoint}
            for account, endpoints in ACCOUNTS.items()
            for endpoint in endpoints
        ]
    )
    load = ObjectStorageToDuckDBOperator(
        task_id="load", manifests=extract.output, destination=LAKE, database=WAREHOUSE
    )

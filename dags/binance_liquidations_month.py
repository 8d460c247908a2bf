"""A DAG that runs when a month is proven whole; from Airflow 3.3 on, and no DAG before it.

Each extraction that proves a day announces it as a partition of an asset. Airflow collects the days of a
month, and starts a run when the last one is there. A month with a day that is missing or not complete starts
none: the coverage page shows which.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, AssetAll

from airflow_provider_binance_liq.compat import HAS_PARTITIONS
from airflow_provider_binance_liq.dag_support.assets import proven_days
from airflow_provider_binance_liq.dag_support.linked import linked_task

VARIABLE = "binance_liquidations"
#: every connection of the Variable that has one of these has to be whole. Margin is not complete without
#: `accept_premises`, so it would be waited for in vain; add it if you have set that
ENDPOINTS = ("usdm_futures", "coinm_futures")

MONTH = """## Once a month of days is proven whole.

It runs when every day of a month (UTC) is proven complete for each connection that the Variable
`binance_liquidations` lists, on the endpoints in its file. The run's partition key is the month, such as
`2026-11`. Replace the task by what you do then: a report, an export, a message.

Days that `binance_liquidations_second_look` extracts again are announced again, so a month whose days were
all looked at twice starts a second run.
"""

ASSETS = proven_days(VARIABLE, ENDPOINTS)

if HAS_PARTITIONS and ASSETS:
    from airflow.sdk import MonthWindow, PartitionedAssetTimetable, RollupMapper, StartOfMonthMapper

    with DAG(
        "binance_liquidations_month",
        description="Run when every day of a month is proven complete",
        doc_md=MONTH,
        schedule=PartitionedAssetTimetable(
            assets=AssetAll(*ASSETS),
            default_partition_mapper=RollupMapper(
                upstream_mapper=StartOfMonthMapper(input_format="%Y-%m-%d"), window=MonthWindow()
            ),
        ),
        start_date=datetime(2019, 9, 1, tzinfo=UTC),
        catchup=False,
        tags=["binance", "liquidations"],
    ):

        @linked_task
        def month_is_whole(dag_run: Any = None) -> str:
            """Return the month, such as `2026-11`: what comes after it starts here."""
            return str(dag_run.partition_key)

        month_is_whole()

"""Run DAGs as `dag.test` does, with the listeners that Airflow has, and print how they ended, as JSON.

    python run_dags.py 2026-10-10 extract_and_load failing

It is a process of its own, because Airflow reads the settings of its OpenLineage provider only once.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from unittest.mock import patch

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.utils.db import initdb
from support.airflow_of_any_version import DagBag
from support.fixed_days import BEGIN, travel

from airflow_provider_binance_liq.operators import waiting


def at_once(**_moment: datetime) -> DateTimeTrigger:
    """End every wait at once: the clock goes on from this instant."""
    return DateTimeTrigger(moment=BEGIN)


def main(day: str, *dag_ids: str) -> None:
    """Run each DAG once, without retries."""
    initdb()
    dags, ends = DagBag().dags, {}
    for dag_id in dag_ids:
        for task in dags[dag_id].tasks:
            task.retries = 0
        run = dags[dag_id].test(logical_date=datetime.fromisoformat(day).replace(tzinfo=UTC))
        ends[dag_id] = str(run.state)
    sys.stdout.write(f"{json.dumps(ends)}\n")


if __name__ == "__main__":
    with travel(), patch.object(waiting, "DateTimeTrigger", at_once):
        main(*sys.argv[1:])

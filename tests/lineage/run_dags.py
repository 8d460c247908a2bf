"""Run DAGs as `dag.test` does, with the listeners that Airflow has, and print how they ended, as JSON.

    python run_dags.py 2026-10-10 extract_and_load failing

It is a process of its own, because Airflow reads the settings of its OpenLineage provider only once.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.utils.db import initdb
from support.airflow_of_any_version import DagBag

from airflow_provider_binance_liq.operators import waiting


def soon(moment: datetime) -> DateTimeTrigger:
    """End every wait after a second."""
    return DateTimeTrigger(moment=min(moment, datetime.now(UTC) + timedelta(seconds=1)))


def main(day: str, *dag_ids: str) -> None:
    """Run each DAG once, without retries."""
    initdb()
    waiting.DateTimeTrigger = soon  # type: ignore[misc,assignment]  # called as the class is
    dags = DagBag().dags
    ends = {}
    for dag_id in dag_ids:
        for task in dags[dag_id].tasks:
            task.retries = 0
        run = dags[dag_id].test(logical_date=datetime.fromisoformat(f"{day}T00:00:00+00:00"))
        ends[dag_id] = str(run.state)
    print(json.dumps(ends))  # noqa: T201 - a command prints


if __name__ == "__main__":
    main(*sys.argv[1:])

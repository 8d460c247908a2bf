"""A real Airflow: its four components, each a process of its own, until all report that they are healthy.

Not `airflow standalone`: that one keeps running if its port is taken, and mixes four logs into one.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.rest import NotReachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_binance_liq.demo.processes import Processes
    from airflow_provider_binance_liq.demo.rest import AirflowApi

_PACKAGE_DIRECTORY: Final = Path(__file__).resolve().parent.parent
#: where the sample DAGs are: carried by the wheel, or beside the package in a checkout
_DAG_DIRECTORIES: Final = (_PACKAGE_DIRECTORY / "_sample_dags", _PACKAGE_DIRECTORY.parent / "dags")
#: file that one of them has to hold
_DAG_FILE: Final = "binance_liquidations.py"
# -P: the working directory is not searched for modules, whatever it holds.
_AIRFLOW: Final = (sys.executable, "-P", "-m", "airflow")
#: the API server reads task logs from their files, so nothing has to serve them on a port of its own
_COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
_MIGRATE_LIMIT_S: Final = 300.0
_HEALTHY_LIMIT_S: Final = 300.0
_DAG_LIMIT_S: Final = 120.0
_POLL_S: Final = 0.5


def sample_dags() -> Path:
    """Return the directory of the sample DAGs.

    :raises DemoFailed: when neither the wheel nor a checkout has them.
    """
    for directory in _DAG_DIRECTORIES:
        if (directory / _DAG_FILE).is_file():
            return directory
    looked = " or ".join(map(str, _DAG_DIRECTORIES))
    message = f"the sample DAGs are missing: no {_DAG_FILE} in {looked}; install the package again"
    raise DemoFailed(message)


def create_tables(processes: Processes, environment: Mapping[str, str]) -> None:
    """Create Airflow's tables in its empty database."""
    command = [*_AIRFLOW, "db", "migrate"]
    processes.finish("airflow-db-migrate", command, environment, limit_s=_MIGRATE_LIMIT_S)


def start_components(processes: Processes, environment: Mapping[str, str]) -> None:
    """Start every component; none waits for another."""
    for name, options in _COMPONENTS.items():
        processes.start(name, [*_AIRFLOW, name, *options], environment)


def wait_until_healthy(processes: Processes, api: AirflowApi, show: Callable[[str], None]) -> None:
    """Wait until all components report that they are healthy."""
    deadline = time.monotonic() + _HEALTHY_LIMIT_S
    while missing := api.unhealthy():
        processes.check()
        if time.monotonic() > deadline:
            message = f"after {_HEALTHY_LIMIT_S:.0f} s Airflow still waits for: {', '.join(missing)}"
            raise DemoFailed(message, processes.log(missing[0].replace("_", "-")))
        show(f"waiting for {', '.join(missing)}")
        time.sleep(_POLL_S)


def wait_for_dag(processes: Processes, api: AirflowApi, dag_id: str) -> None:
    """Wait until Airflow has read the DAG; fail at once when it cannot."""
    deadline = time.monotonic() + _DAG_LIMIT_S
    while not _has_dag(api, dag_id):
        processes.check()
        if time.monotonic() > deadline:
            message = f"Airflow has not read the DAG {dag_id} after {_DAG_LIMIT_S:.0f} s"
            raise DemoFailed(message, processes.log("dag-processor"))
        time.sleep(_POLL_S)


def _has_dag(api: AirflowApi, dag_id: str) -> bool:
    try:
        if api.has_dag(dag_id):
            return True
        errors = api.import_errors()
    except NotReachable:
        return False
    if errors:
        message = "a sample DAG cannot be imported:\n" + "\n".join(errors)
        raise DemoFailed(message)
    return False

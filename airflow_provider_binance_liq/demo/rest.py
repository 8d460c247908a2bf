"""A client for Airflow's REST interface, which Airflow's own pages use as well.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests

from airflow_provider_binance_liq.demo.days import instant
from airflow_provider_binance_liq.demo.failure import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_binance_liq.demo.days import Days
    from airflow_provider_binance_liq.demo.login import Login

_TIMEOUT_S: Final = 20.0
#: most items of one answer, by Airflow's own setting
_PAGE: Final = 100
_COMPONENTS: Final = ("metadatabase", "scheduler", "triggerer", "dag_processor")
_SHOWN: Final = 500
_OK: Final = 400
_NOT_FOUND: Final = 404


class NotReachable(DemoFailed):
    """Nothing answers at Airflow's port, or not in time; a caller that can wait tries again."""


@dataclass(frozen=True, slots=True)
class Run:
    """A DAG run and its state."""

    run_id: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether the run is over, well or not."""
        return self.state in {"success", "failed"}


@dataclass(frozen=True, slots=True)
class TaskInstance:
    """A task of a run, and its state; a task that waits has none."""

    run_id: str
    task_id: str
    map_index: int
    try_number: int
    state: str | None


class AirflowApi:
    """Airflow's REST interface, signed in to as its administrator."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        # The user's proxies and .netrc are for other hosts than this machine.
        self._session.trust_env = False

    def close(self) -> None:
        """Close what is kept open between calls."""
        self._session.close()

    def unhealthy(self) -> list[str]:
        """Return the components that are not healthy yet."""
        try:
            health = self._call("GET", "/api/v2/monitor/health")
        except NotReachable:
            return ["api_server"]
        return [name for name in _COMPONENTS if (health.get(name) or {}).get("status") != "healthy"]

    def sign_in(self, login: Login) -> None:
        """Fetch the token that every further call needs."""
        body = {"username": login.user, "password": login.password}
        token = self._call("POST", "/auth/token", body=body)["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def has_dag(self, dag_id: str) -> bool:
        """Return whether Airflow has read the DAG."""
        return self._call("GET", f"/api/v2/dags/{dag_id}", missing_ok=True) is not None

    def import_errors(self) -> list[str]:
        """Return what kept DAG files from being read."""
        errors = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}:\n{error['stack_trace']}" for error in errors]

    def create_connection(self, connection: Mapping[str, Any]) -> None:
        """Create a connection, as the form under Admin does."""
        self._call("POST", "/api/v2/connections", body=connection)

    def create_variable(self, key: str, value: str, description: str) -> None:
        """Create a variable, as the form under Admin does."""
        body = {"key": key, "value": value, "description": description}
        self._call("POST", "/api/v2/variables", body=body)

    def dry_run(self, dag_id: str, days: Days, *, at_once: int) -> int:
        """Return how many runs a backfill over `days` would have."""
        body = _backfill(dag_id, days, at_once)
        return len(self._call("POST", "/api/v2/backfills/dry_run", body=body)["backfills"])

    def create_backfill(self, dag_id: str, days: Days, *, at_once: int) -> int:
        """Create a backfill over `days` and return its number."""
        created = self._call("POST", "/api/v2/backfills", body=_backfill(dag_id, days, at_once))
        return int(created["id"])

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's runs begin, the backfill's too."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", body={"is_paused": False})

    def runs(self, dag_id: str) -> list[Run]:
        """Return all runs of the DAG."""
        items = self._items(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs")
        return [Run(item["dag_run_id"], item["state"]) for item in items]

    def task_instances(self, dag_id: str) -> list[TaskInstance]:
        """Return the task instances of all runs of the DAG."""
        items = self._items(f"/api/v2/dags/{dag_id}/dagRuns/~/taskInstances", "task_instances")
        return [
            TaskInstance(
                item["dag_run_id"], item["task_id"], item["map_index"], item["try_number"], item["state"]
            )
            for item in items
        ]

    def _items(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        offset, total = 0, 1
        while offset < total:
            answer = self._call("GET", f"{path}?limit={_PAGE}&offset={offset}&order_by=id")
            yield from answer[key]
            offset, total = offset + _PAGE, answer["total_entries"]

    def _call(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, missing_ok: bool = False
    ) -> Any:
        try:
            answer = self._session.request(method, self._url + path, json=body, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            message = f"Airflow's API server did not answer {method} {path}: {error}"
            raise NotReachable(message) from error
        if missing_ok and answer.status_code == _NOT_FOUND:
            return None
        if answer.status_code >= _OK:
            message = f"Airflow answered {method} {path} with {answer.status_code}: {answer.text[:_SHOWN]}"
            raise DemoFailed(message)
        try:
            return answer.json()
        except ValueError as error:
            message = f"what answered {method} {path} is not Airflow: {answer.text[:_SHOWN]}"
            raise DemoFailed(message) from error


def _backfill(dag_id: str, days: Days, at_once: int) -> dict[str, Any]:
    return {
        "dag_id": dag_id,
        "from_date": instant(days.first).isoformat(),
        "to_date": instant(days.last).isoformat(),
        "run_backwards": False,
        "reprocess_behavior": "none",
        "max_active_runs": at_once,
    }

"""A real Airflow for tests: its processes on a PostgreSQL of their own, as the demo starts them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.demo import airflow
from airflow_provider_binance_liq.demo.directory import Directory
from airflow_provider_binance_liq.demo.environment import Port, airflow_environment
from airflow_provider_binance_liq.demo.login import Login
from airflow_provider_binance_liq.demo.postgres import PostgresServer
from airflow_provider_binance_liq.demo.processes import Processes
from airflow_provider_binance_liq.demo.rest import AirflowApi
from airflow_provider_binance_liq.simulator import Settings, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path


class RealAirflow:
    """An Airflow of four processes with the sample DAGs, and a simulated exchange with some accounts.

    What is begun ends with `stack`. It is healthy and signed in, and has read the DAGs `dag_ids`.

    :param dags: the directory of its DAGs; by default that of the sample DAGs.
    :param weight_limits: of the exchange, as the simulator's settings take them.
    :param extra: of the connections, beside the address of the exchange.
    :param members: of the Variable; with any, the accounts get connections too, named after them.
    """

    def __init__(
        self,
        stack: ExitStack,
        place: Path,
        accounts: Sequence[str],
        dag_ids: Sequence[str],
        *,
        dags: Path | None = None,
        weight_limits: tuple[tuple[str, int], ...] = (),
        extra: Mapping[str, Any] | None = None,
        **members: Any,
    ) -> None:
        self.directory = stack.enter_context(Directory.take(place))
        port = Port.take(None)
        stack.callback(port.release)
        self.processes = Processes(self.directory.path, self.directory.logs, self.directory.lock)
        stack.enter_context(self.processes)
        postgres = PostgresServer(self.processes)
        postgres.start()
        settings = Settings(seed=7, accounts=tuple(accounts), weight_limits=weight_limits)
        self.exchange = stack.enter_context(Simulator(settings, port=0))
        self._extra = {"base_url": self.exchange.url, "weight_share": 0.9} | dict(extra or {})
        self._dags = dags or airflow.sample_dags()
        self.url = f"http://127.0.0.1:{port.number}"
        self.login = Login.make(self.directory.airflow_home)
        self._start(postgres.url, port.number, self._settings(members) if members else {})
        self.api = AirflowApi(self.url)
        stack.callback(self.api.close)
        airflow.wait_until_healthy(self.processes, self.api, lambda _: None)
        self.api.sign_in(self.login)
        for dag_id in dag_ids:
            airflow.wait_for_dag(self.processes, self.api, dag_id)

    def _start(self, database_url: str, port: int, settings: Mapping[str, str]) -> None:
        environment = airflow_environment(
            {},
            home=self.directory.airflow_home,
            logs=self.directory.logs,
            dags=self._dags,
            database_url=database_url,
            port=port,
            login=self.login,
        )
        airflow.create_tables(self.processes, environment | settings)
        airflow.start_components(self.processes, environment | settings)

    def _settings(self, members: Mapping[str, Any]) -> dict[str, str]:
        """Return the connections of the accounts, named after them, and the Variable with these members."""
        found = {}
        for account in self.exchange.accounts:
            credentials = self.exchange.credentials(account)
            connection = {
                "conn_type": "binance",
                "login": credentials.api_key,
                "password": credentials.secret,
                "extra": self._extra,
            }
            found[f"AIRFLOW_CONN_{account.upper()}"] = json.dumps(connection)
        variable = {
            "connections": list(self.exchange.accounts),
            "destination": f"file://{self.directory.lake}",
            "database": str(self.directory.warehouse),
        }
        return found | {"AIRFLOW_VAR_BINANCE_LIQUIDATIONS": json.dumps(variable | members)}

    def wait_for(
        self, condition: Callable[[], bool], limit_s: float, told: Callable[[], object] = str
    ) -> None:
        """Wait until the condition holds; what is `told` says why it did not in time."""
        deadline = time.monotonic() + limit_s
        while not condition():
            self.processes.check()
            assert time.monotonic() < deadline, told()
            time.sleep(1)

"""A fleet of Airflow workers as users run one, each part a process of its own on loopback, none left behind.

CeleryExecutor with Redis as broker, PostgreSQL for Airflow's metadata and as the warehouse, an S3 API for the
lake, and the simulated exchange, which counts weight by IP address: all the workers share one.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Any, Final

import requests
from desk import Desk

from airflow_provider_binance_liq.core.endpoints import WITH_ORDERS
from airflow_provider_binance_liq.demo import airflow, guard
from airflow_provider_binance_liq.demo.environment import HOST, Port, airflow_environment, inherited
from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.login import Login
from airflow_provider_binance_liq.demo.postgres import PostgresServer
from airflow_provider_binance_liq.demo.processes import Processes
from airflow_provider_binance_liq.demo.rest import AirflowApi
from airflow_provider_binance_liq.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from size import Size

    from airflow_provider_binance_liq.demo.directory import Directory
    from airflow_provider_binance_liq.demo.processes import Child

DAG_ID: Final = "binance_liquidations"
BUCKET: Final = "lake"
WAREHOUSE: Final = "warehouse"
_READY_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.1
_KILL_LIMIT_S: Final = 10.0
#: what differs from Airflow's defaults; docs/many-workers.md says what each means for a fleet
SETTINGS: Final[Mapping[str, Any]] = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 30,
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 5,
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": 90,
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": 15,
}


class Children(Processes):
    """The children of a fleet, one of which may be made to die as by a power cut."""

    def signal(self, child: Child, number: signal.Signals) -> list[int]:
        """Send a signal to a child and all that came of it; return their process ids."""
        alive = guard.members({child.process.pid})
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return alive

    def kill(self, child: Child) -> None:
        """Kill a child and all that came of it, at once."""
        deadline = time.monotonic() + _KILL_LIMIT_S
        # Again and again: a member may have had a child since they were counted.
        while self.signal(child, signal.SIGKILL):
            if time.monotonic() > deadline:
                raise DemoFailed(f"{child.name} does not die", child.log)
        child.process.wait()
        self._children.remove(child)
        self._update_guard()


@dataclass
class Fleet:
    """All that is up."""

    size: Size
    directory: Directory
    simulator: Simulator
    desk: Desk
    children: Children
    postgres: PostgresServer
    api: AirflowApi
    environment: Mapping[str, str]
    #: the workers that run
    workers: list[Child] = field(default_factory=list)
    _started: int = 0

    def add_worker(self) -> None:
        """Start a worker, as on a machine of its own: it shares no temporary files with the others."""
        self._started += 1
        name = f"w{self._started}"
        home = self.directory.path / name
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-P", "-m", "airflow", "celery", "worker", "--skip-serve-logs"]
        command += ["--concurrency", str(self.size.concurrency), "--celery-hostname", f"{name}@%h"]
        own = {"AIRFLOW_HOME": str(home), "TMPDIR": str(home / "tmp")}
        self.workers.append(self.children.start(name, command, {**self.environment, **own}))

    @property
    def banned_until_ms(self) -> int:
        """When the exchange's ban of the fleet's IP address ends, in epoch ms."""
        return self.simulator._exchange.limits._addresses[HOST].banned_until_ms

    def metadata(self, query: str) -> list[tuple[Any, ...]]:
        """Ask Airflow's own database; asking its API server every second would be work for it to measure."""
        return self._ask("postgres", query)

    def warehouse(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        return self._ask(WAREHOUSE, query)

    def kill(self, worker: Child) -> None:
        """Let a worker die with all its tasks."""
        self.children.kill(worker)
        self.workers.remove(worker)

    def _ask(self, database: str, query: str) -> list[tuple[Any, ...]]:
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def connect(self, database: str) -> Any:
        """Connect to one of the databases."""
        return _connect(self.postgres, database)


class Starting:
    """Starts a fleet, and stops what is up of it whatever happens."""

    def __init__(
        self, size: Size, directory: Directory, show: Callable[[str], None], held: Callable[[], Any]
    ) -> None:
        self._size = size
        self._directory = directory
        self._show = show
        self._held = held
        self._stack = ExitStack()

    def __enter__(self) -> Fleet:
        try:
            return self._start()
        except BaseException:
            self._stack.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> Fleet:
        require_packages()
        redis_server = find_redis()
        simulator = self._stack.enter_context(Simulator(self._size.simulated()))
        self._show(f"exchange at {simulator.url}, its history has the seed {self._size.seed}")
        children, postgres = self._databases()
        broker_url = self._broker(children, redis_server)
        s3_url = self._storage(children)
        self._show("PostgreSQL, Redis and S3 are up")
        port = self._port()
        login = Login.make(self._directory.airflow_home)
        environment = self._environment(postgres, broker_url, port, login)
        airflow.create_tables(children, environment)
        airflow.start_components(children, environment)
        api = AirflowApi(f"http://{HOST}:{port}")
        self._stack.callback(api.close)
        desk = self._stack.enter_context(Desk(simulator.url))
        fleet = Fleet(self._size, self._directory, simulator, desk, children, postgres, api, environment)
        for _ in range(self._size.workers):
            fleet.add_worker()
        airflow.wait_until_healthy(children, api, lambda _: None)
        self._wait_for_workers(fleet, broker_url)
        api.sign_in(login)
        airflow.wait_for_dag(children, api, DAG_ID)
        self._show(f"Airflow is healthy, {len(fleet.workers)} workers answer")
        configure(fleet, s3_url)
        return fleet

    def _databases(self) -> tuple[Children, PostgresServer]:
        here = self._directory
        children = Children(here.path, here.logs, here.lock, self._held)
        with self._held():
            self._stack.enter_context(children)
            postgres = PostgresServer(children)
        postgres.start()
        with closing(_connect(postgres, "postgres")) as connection:
            connection.autocommit = True
            connection.cursor().execute(f"CREATE DATABASE {WAREHOUSE}")
        return children, postgres

    def _broker(self, children: Children, program: str) -> str:
        """Start Redis; its password is in a file, since everybody sees what a command is started with."""
        import redis

        port, password = self._port(), secrets.token_urlsafe(24)
        configuration = self._directory.path / "redis.conf"
        configuration.touch(mode=0o600)
        settings = {
            "bind": HOST,
            "port": port,
            "requirepass": password,
            "save": '""',
            "appendonly": "no",
            "dir": f'"{self._directory.path}"',
        }
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        children.start("redis", [program, str(configuration)], inherited(os.environ))
        url = f"redis://:{password}@{HOST}:{port}/0"
        with closing(redis.Redis.from_url(url)) as client:
            _wait_until(lambda: bool(client.ping()), redis.ConnectionError, children, "redis")
        return url

    def _storage(self, children: Children) -> str:
        import boto3

        port = self._port()
        command = [sys.executable, "-P", "-m", "moto.server", "-H", HOST, "-p", str(port)]
        children.start("s3", command, inherited(os.environ))
        url = f"http://{HOST}:{port}"
        with requests.Session() as session:
            session.trust_env = False
            _wait_until(lambda: session.get(url, timeout=5).ok, requests.ConnectionError, children, "s3")
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **_S3_KEYS)
        with closing(client):
            client.create_bucket(Bucket=BUCKET)
        return url

    def _port(self) -> int:
        port = Port.take(0)
        self._stack.callback(port.release)
        return port.number

    def _environment(
        self, postgres: PostgresServer, broker_url: str, port: int, login: Login
    ) -> dict[str, str]:
        environment = airflow_environment(
            os.environ,
            home=self._directory.airflow_home,
            logs=self._directory.logs,
            dags=airflow.sample_dags(),
            database_url=postgres.url,
            port=port,
            login=login,
        )
        settings = SETTINGS | {
            "AIRFLOW__CELERY__BROKER_URL": broker_url,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{postgres.url}",
            "AIRFLOW__CORE__PARALLELISM": self._size.slots,
            "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": self._size.slots,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Midnight would otherwise add a run to those of the backfill.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": False,
        }
        return environment | {name: str(value) for name, value in settings.items()}

    def _wait_for_workers(self, fleet: Fleet, broker_url: str) -> None:
        from celery import Celery

        wanted = {worker.name for worker in fleet.workers}
        with Celery(broker=broker_url) as app:

            def all_answer() -> bool:
                answers = app.control.ping(timeout=1.0)
                return wanted <= {name.partition("@")[0] for answer in answers for name in answer}

            _wait_until(all_answer, OSError, fleet.children, fleet.workers[-1].name)


#: moto takes any
_S3_KEYS: Final = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


def configure(fleet: Fleet, s3_url: str) -> None:
    """Create what a user would under Admin: connections, and what the DAG is to do."""
    for account in fleet.size.accounts:
        key = fleet.simulator.credentials(account)
        extra = {
            "base_url": fleet.simulator.url,
            "account": account,
            "weight_share": fleet.size.share,
            # The default, except where the exchange is on this machine.
            "coordinate": True,
        }
        fleet.api.create_connection(
            {
                "connection_id": connection_of(account),
                "conn_type": "binance",
                "login": key.api_key,
                "password": key.secret,
                "extra": json.dumps(extra),
            }
        )
    fleet.api.create_connection(
        {
            "connection_id": "aws_default",
            "conn_type": "aws",
            "login": _S3_KEYS["aws_access_key_id"],
            "password": _S3_KEYS["aws_secret_access_key"],
            "extra": json.dumps({"endpoint_url": s3_url, "region_name": "us-east-1"}),
        }
    )
    fleet.api.create_connection(
        {
            "connection_id": WAREHOUSE,
            "conn_type": "postgres",
            "host": _socket(fleet.postgres),
            "login": "airflow",
            "schema": WAREHOUSE,
        }
    )
    fleet.api.create_variable(DAG_ID, json.dumps(dag_settings(fleet.size)), "What the DAG is to do")


#: what is not documented of the real exchange, and known of the simulated one
VOUCHED = ("isolated_rows", "recorded_by_endpoint")


def dag_settings(size: Size) -> dict[str, Any]:
    """Return the value of the Variable that the sample DAG reads."""
    return {
        "connections": [
            {"binance_conn_id": connection_of(account), "accept_premises": list(VOUCHED)}
            for account in size.accounts
        ],
        "endpoints": list(WITH_ORDERS),
        "destination": f"s3://aws_default@{BUCKET}/liquidations",
        "postgres_conn_id": WAREHOUSE,
        # The last of 90 days is on the edge of what the exchange keeps while the backfill runs.
        "beyond_retention": "extract",
    }


def connection_of(account: str) -> str:
    """Return the id of an account's connection."""
    return f"binance_{account.replace('-', '_')}"


def require_packages() -> None:
    """Check that Celery is installed.

    :raises DemoFailed: it is not; the message says how to come by it.
    """
    missing = [name for name in ("apache-airflow-providers-celery", "redis") if not _is_installed(name)]
    if missing:
        raise DemoFailed(f"{', '.join(missing)} not installed: run this with `uv run --group distributed`")


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def find_redis() -> str:
    """Return the program `redis-server`.

    :raises DemoFailed: there is none; the message says how to come by it.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise DemoFailed(
            "redis-server is not installed, and Celery needs a broker: install it, with "
            "`apt-get install redis-server` on Debian and Ubuntu, or `brew install redis` on macOS"
        )
    return program


def _socket(postgres: PostgresServer) -> str:
    """Return the directory of the server's Unix socket, which is a host's name to libpq."""
    return postgres.url.partition("host=")[2]


def _connect(postgres: PostgresServer, database: str) -> Any:
    import psycopg2

    return psycopg2.connect(host=_socket(postgres), user="airflow", dbname=database)


def _wait_until(is_up: Callable[[], bool], down: type[Exception], children: Children, name: str) -> None:
    deadline = time.monotonic() + _READY_LIMIT_S
    while True:
        with suppress(down):
            if is_up():
                return
        children.check()
        if time.monotonic() > deadline:
            raise DemoFailed(f"{name} is not up after {_READY_LIMIT_S:.0f} s", children.log(name))
        time.sleep(_POLL_S)

"""A real PostgreSQL server, and a database of it that is loaded and looked at."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from support.lakehouse import LOADED_AT

from airflow_provider_binance_liq.demo import postgres as programs
from airflow_provider_binance_liq.warehouse.load import Summary, load
from airflow_provider_binance_liq.warehouse.postgres import Postgres
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, ROW_TABLES, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    import pytest

    from airflow_provider_binance_liq.warehouse.schema import Table

CONN_ID = "ware_house"
DATABASE = "ware house"
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "40",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "timezone": "Asia/Kolkata",
}


@dataclass
class Server:
    """A PostgreSQL server, reached by a Unix socket."""

    socket: Path

    def connect(self, database: str = "postgres", **options: Any) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.socket), user="tester", dbname=database, autocommit=True, **options
        )


@contextmanager
def serving(most_bytes: int | None = None) -> Iterator[Server]:
    owner = programs._unprivileged() if os.geteuid() == 0 else None
    root = programs._new_directory(owner)
    user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
    try:
        found = programs._programs(root, owner)
        options = ["--auth=trust", "--username=tester", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [found / "initdb", *options, f"--pgdata={root / 'data'}"],
            env=environment,
            cwd=root,
            check=True,
            capture_output=True,
            **user,
        )
        settings = SETTINGS | {"unix_socket_directories": str(root)}
        command = [found / "postgres", "-D", root / "data"]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        if most_bytes:
            # In blocks of 512 bytes. PostgreSQL takes the refusal for that of a disk.
            command = ["/bin/sh", "-c", f'ulimit -f {most_bytes // 512}; exec "$@"', "sh", *command]
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(
                command, env=environment, cwd=root, stdout=log, stderr=log, start_new_session=True, **user
            )
        try:
            _wait_until_ready(Server(root), process, root / "log")
            yield Server(root)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(10)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


@dataclass
class PostgresWarehouse:
    """A database, loaded and looked at."""

    server: Server
    database: str
    schema: str | None = None

    def connection(self, **fields: Any) -> dict[str, Any]:
        """Return the Airflow connection's fields."""
        here = {"host": str(self.server.socket), "login": "tester", "schema": self.database}
        return {"conn_type": "postgres"} | here | fields

    def set_connection(self, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
        """Give the Airflow connection to the database, with other fields than usual."""
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(self.connection(**fields)))

    def connect(self) -> psycopg.Connection:
        return self.server.connect(self.database)

    def empty(self) -> None:
        """Let nobody else be connected, and nothing be there."""
        with self.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            connection.execute("GRANT USAGE ON SCHEMA public TO public")

    def engine(self, wait_s: float = 20.0) -> Postgres:
        return Postgres(CONN_ID, self.schema, wait_s)

    def load(self, *given: Any, at: datetime = LOADED_AT, wait_s: float = 20.0) -> Summary:
        return load(self.engine(wait_s), list(given), now=lambda: at)

    def query(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            cursor = connection.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def values(self, columns: str = "", where: str = "true") -> list[tuple[str, ...]]:
        """Read columns as text, in the order of the key."""
        order = "endpoint, account, symbol, order_id"
        return self.query(
            f"SELECT {as_text(columns, LIQUIDATIONS)} FROM {LIQUIDATIONS.name} WHERE {where} ORDER BY {order}"
        )

    def windows(self, columns: str = "") -> list[tuple[str, ...]]:
        """Read columns of the windows as text, in the order of the key."""
        order = "endpoint, account, window_start, window_end, symbols, auto_close_type"
        return self.query(f"SELECT {as_text(columns, WINDOWS)} FROM {WINDOWS.name} ORDER BY {order}")

    def dump(self) -> list[tuple[Any, ...]]:
        """Read every table whole, as sorted text."""
        return [
            (table.name, *found)
            for table in (*ROW_TABLES.values(), WINDOWS)
            if self.query("SELECT to_regclass(%s)::text", table.name) != [(None,)]
            for found in sorted(self.query(f"SELECT {as_text('', table)} FROM {table.name}"), key=str)
        ]

    def written(self) -> object:
        """Tell what changes with every transaction that writes: only such a one is given a number."""
        return self.query("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")


def as_text(columns: str, table: Table) -> str:
    """Cast columns to text; without any, all that the table has."""
    return ", ".join(f"{name}::text" for name in (columns.split(", ") if columns else table.names))

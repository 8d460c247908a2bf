"""A PostgreSQL server of the benchmark's own, empty databases, and a meter of what a load takes."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil

from airflow_provider_binance_liq.demo import postgres as programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Report = dict[str, Any]

SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "16GB",
}
_MB: Final = 1024 * 1024


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server, reached by a Unix socket."""

    socket: Path
    pid: int

    def run(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(host=str(self.socket), user="tester", dbname="postgres", autocommit=True) as one:
            one.execute(statement)


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a PostgreSQL of its own, and end it."""
    owner = programs._unprivileged() if os.geteuid() == 0 else None
    root = programs._new_directory(owner)
    user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    options: dict[str, Any] = {"env": {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}, "cwd": root}
    try:
        found = programs._programs(root, owner)
        initdb = [found / "initdb", "--auth=trust", "--username=tester", "--encoding=UTF8", "--locale=C"]
        initdb += ["--no-sync", f"--pgdata={root / 'data'}"]
        subprocess.run(initdb, check=True, capture_output=True, **options, **user)
        settings = SETTINGS | {"unix_socket_directories": str(root)}
        command = [found / "postgres", "-D", root / "data"]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, **options, **user
            )
        try:
            _wait_until_ready(root, process)
            yield Server(root, process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _wait_until_ready(root: Path, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with_status = root / "data" / "postmaster.pid"
        if with_status.exists() and "ready" in with_status.read_text():
            return
        time.sleep(0.05)
    raise RuntimeError((root / "log").read_text())


@contextmanager
def a_database(engine: str, server: Server | None, directory: Path) -> Iterator[str]:
    """Make an empty database, and remove it."""
    if server is None or engine == "duckdb":
        yield str(directory / "liquidations.duckdb")
    else:
        server.run("CREATE DATABASE contender")
        yield f"contender@{server.socket}"
        server.run("DROP DATABASE contender WITH (FORCE)")


class Meter:
    """Wall and processor time of this process, its children and the server's, and the server's memory."""

    def __init__(self, server: int | None) -> None:
        self._server = psutil.Process(server) if server else None
        self._done = threading.Event()
        self.server_mb = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at the server's memory now and then."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        yield
        self._done.set()
        thread.join()

    def _watch(self) -> None:
        while self._server and not self._done.wait(0.2):
            self.server_mb = max(self.server_mb, sum(map(_own_mb, self._processes())))

    def _processes(self) -> list[psutil.Process]:
        return [self._server, *self._server.children(recursive=True)] if self._server else []

    def measure(self, work: Callable[[], None]) -> Report:
        """Do it."""
        own, server, began = self._own_s(), self._server_s(), time.perf_counter()
        work()
        seconds, server = time.perf_counter() - began, self._server_s() - server
        return {"seconds": seconds, "cpu": self._own_s() - own + server, "server_cpu": server}

    def _own_s(self) -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    def _server_s(self) -> float:
        spent = 0.0
        for process in self._processes():
            try:
                spent += sum(process.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
        return spent


def _own_mb(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.NoSuchProcess:
        return 0
    return int(memory.rss - memory.shared) // _MB

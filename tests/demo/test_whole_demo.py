"""The demo whole, with its real exchange, PostgreSQL and Airflow: what it proves, and that it leaves nothing.

Each demo is a process of its own with a place of its own for temporary files, so that whatever it starts or
leaves can be recognised, and is ended by its process id.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest
import requests

from airflow_provider_binance_liq.demo.configuration import ACCOUNT
from airflow_provider_binance_liq.demo.directory import MARKER
from airflow_provider_binance_liq.simulator import Settings, Simulator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.clock,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"),
]

COMMAND = (sys.executable, "-m", "airflow_provider_binance_liq.cli", "demo")
SEED = 7
UP_S = 180
BACKFILL_S = 240
END_S = 40
AT_WORK = r"^Backfill .*running"
KEY = Simulator(Settings(seed=SEED, accounts=(ACCOUNT,))).credentials(ACCOUNT)
#: the key's secret, and what a signed URL has
SECRETS = (re.compile(KEY.secret.encode()), re.compile(rb"signature(=|%3D)\w", re.IGNORECASE))


class Demo:
    """A demo at work: what it says, and all processes that were ever seen below it."""

    def __init__(self, place, *words, pause_at=None):
        self.place = place
        self.lines = []
        self.seen = {}
        self._pause_at = pause_at and re.compile(pause_at)
        # This machine's AIRFLOW__ settings, which point elsewhere, are part of what it has to withstand.
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            env=os.environ | {"TMPDIR": str(place)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.process.pid

    @property
    def text(self):
        return "\n".join(self.lines)

    def _read(self):
        for line in self.process.stdout:
            if self._pause_at and self._pause_at.search(line):
                self.process.send_signal(signal.SIGSTOP)
            self.lines.append(line.rstrip("\n"))

    def look(self):
        with suppress(psutil.Error):
            for child in psutil.Process(self.pid).children(recursive=True):
                self.seen[child.pid] = child.create_time()

    def wait_for(self, pattern, limit_s):
        """Wait until a line matches `pattern`, and return it."""
        deadline = time.monotonic() + limit_s
        while True:
            self.look()
            for line in tuple(self.lines):
                if found := re.search(pattern, line):
                    return found
            assert self.process.poll() is None, f"ended without {pattern!r}:\n{self.text}"
            assert time.monotonic() < deadline, f"no {pattern!r} in {limit_s} s:\n{self.text}"
            time.sleep(0.1)

    def wait(self, limit_s):
        """Wait for the end, and return the exit status."""
        deadline = time.monotonic() + limit_s
        while self.process.poll() is None:
            self.look()
            assert time.monotonic() < deadline, f"not ended in {limit_s} s:\n{self.text}"
            time.sleep(0.1)
        self._reader.join(5)
        return self.process.returncode

    def signal(self, number):
        self.look()
        self.process.send_signal(number)

    def directory(self):
        """Return the temporary directory that it took and what it noted there, None before."""
        for path in self.place.glob("binance-liq-demo-*"):
            with suppress(OSError, ValueError):
                facts = json.loads((path / MARKER).read_text())
                if facts["pid"] == self.pid and "ui" in facts:
                    return path, facts
        return None

    def ui_port(self):
        found = self.directory()
        return found and port_of(found[1]["ui"])

    def survivors(self):
        """Return the processes of this demo that are alive, as far as anything tells whose they are."""
        alive = {pid for pid, born in self.seen.items() if born == birth(pid)}
        return sorted(alive | mentioning(str(self.place)))

    def clean_up(self):
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(END_S)
            self.process.kill()
            self.process.wait(10)
        for pid in self.survivors():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reader.join(5)
        self.process.stdout.close()


def birth(pid):
    """Return when the process was started, None where it runs no more."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def mentioning(text):
    """Return the processes that name `text` in what they were started with or where they work."""
    needle = os.fsencode(text)
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if needle in told or needle in os.fsencode((entry / "cwd").readlink()):
                found.add(int(entry.name))
    return {pid for pid in found if birth(pid) is not None}


def port_of(url):
    return int(url.rpartition(":")[2])


def is_free(port):
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def wait_until(condition, limit_s):
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def files_with(directory, *needles):
    """Return the files below `directory` that hold one of `needles`, and how many were searched."""
    found, searched = [], 0
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                searched += 1
                if any(needle.search(content) for needle in needles):
                    found.append(path.relative_to(directory))
    return found, searched


def tables_with(host, text):
    """Return the tables of the database in which a row holds `text`."""
    import psycopg2

    with closing(psycopg2.connect(host=str(host), user="airflow", dbname="postgres")) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        names = [name for (name,) in cursor.fetchall()]
        found = set()
        for name in names:
            cursor.execute(f'SELECT count(*) FROM "{name}" t WHERE t::text LIKE %s', [f"%{text}%"])
            if cursor.fetchone() != (0,):
                found.add(name)
        return found


def exactly(text):
    return re.compile(re.escape(text.encode()))


def said(demo, *words):
    """Run another demo that ends at once; return its status and what it says."""
    ended = subprocess.run(
        [*COMMAND, "--exit", *words],
        env=os.environ | {"TMPDIR": str(demo.place)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture
def place():
    """A place for temporary files: open to PostgreSQL's user, and with a short path."""
    path = Path(tempfile.mkdtemp(prefix="whole-demo-")).resolve()
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start(place):
    """Start demos, and end them whatever happens."""
    started = []

    def begin(*words, **options):
        started.append(Demo(place, *words, **options))
        return started[-1]

    yield begin
    for demo in started:
        demo.clean_up()


def check_that_what_is_taken_is_refused(demo, directory, ui):
    status, message = said(demo, "--directory", str(directory))
    assert status == 1
    assert message.startswith(f"The demo failed: another demo runs in {directory} (process {demo.pid}")
    assert ui in message
    status, message = said(demo, "--port", str(port_of(ui)))
    assert status == 1
    assert message.startswith(f"The demo failed: port {port_of(ui)} of 127.0.0.1 is in use")


def check_a_second_demo_that_is_ended_while_its_airflow_starts(second, port_in_use):
    assert wait_until(second.ui_port, UP_S)
    assert second.ui_port() != port_in_use
    second.wait_for("^Airflow +tables created", UP_S)
    directory, _ = second.directory()
    assert wait_until((directory / "logs" / "triggerer.log").exists, UP_S)
    second.signal(signal.SIGTERM)
    assert second.wait(END_S) == 143
    assert "Interrupted (SIGTERM)." in second.lines
    assert not directory.exists()


def check_that_what_runs_keeps_the_secrets(place):
    (database,) = place.glob("binance-liq-pg-*/data")
    known, _ = files_with(database, exactly("The demo's simulated exchange"))
    assert known, "what is written into the database is not found in its files"
    assert files_with(database, *SECRETS)[0] == []
    # Airflow itself keeps a connection's login, here the API key, as it is: there, and in its audit log.
    assert tables_with(database.parent, KEY.api_key) <= {"connection", "log"}
    running = mentioning(str(place))
    assert len(running) > 10
    for pid in running:
        with suppress(OSError):
            told = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
            assert not any(secret.search(told) for secret in (exactly(KEY.api_key), *SECRETS))


def check_the_proof(demo):
    assert "Windows: 30 of 30 proven complete" in demo.lines
    rows = re.search(r"Rows: +(\S+) in the exchange's history, (\S+) in the warehouse: (.*)", demo.text)
    assert int(rows[1].replace(",", "")) >= 6 * 1000
    assert rows[1] == rows[2]
    assert rows[3] == "none missing, none extra, none altered"
    assert "none of them refused with 429" in demo.text


def asked(url, path, method="GET", host=None, token=None, **body):
    """Ask Airflow, under whatever name of a host; return the status and what came back."""
    headers = {"Host": host} if host else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(
            method, url + path, headers=headers, json=body or None, timeout=20, allow_redirects=False
        )
        return answer.status_code, answer.text


CONNECTIONS = "/api/v2/connections"


def check_that_only_who_knows_the_password_is_administrator(url, user, password):
    assert asked(url, CONNECTIONS)[0] == 401
    assert asked(url, "/auth/token")[0] == 403
    assert asked(url, "/auth/token/login")[0] == 403
    assert asked(url, "/auth/token", "POST", username=user, password="admin")[0] == 401
    status, text = asked(url, "/auth/token", "POST", username=user, password=password)
    assert status == 201
    assert asked(url, CONNECTIONS, token=json.loads(text)["access_token"])[0] == 200


def check_that_a_rebound_name_is_refused(url, user, password):
    port = port_of(url)
    assert asked(url, "/api/v2/version", host=f"localhost:{port}")[0] == 200
    for host in ("rebound.example", f"rebound.example:{port}", f"127.0.0.1.rebound.example:{port}"):
        assert asked(url, "/api/v2/version", host=host)[0] == 400
        assert asked(url, "/auth/token", "POST", host=host, username=user, password=password)[0] == 400
    # No page of another origin may read an answer.
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{url}/api/v2/version", headers={"Origin": "http://other.example"}, timeout=20)
        assert "access-control-allow-origin" not in answer.headers


def test_it_proves_its_warehouse_beside_other_demos_and_writes_no_secret_anywhere(start, place, tmp_path):
    directory = tmp_path / "a path with späces"
    over = r"^Backfill .*5 of 5 runs.* s\)$"
    words = ("--exit", "--seed", str(SEED), "--directory", str(directory))
    demo = start(*words, pause_at=over)
    exchange_port = port_of(demo.wait_for(r"simulated at (\S+),", UP_S)[1])
    ui = json.loads((directory / MARKER).read_text())["ui"]
    demo.wait_for("^Backfill", UP_S)
    check_that_what_is_taken_is_refused(demo, directory, ui)
    check_a_second_demo_that_is_ended_while_its_airflow_starts(second := start(), port_of(ui))

    # Paused once the backfill is over, while everything still runs.
    demo.wait_for(over, BACKFILL_S)
    check_that_what_runs_keeps_the_secrets(place)
    demo.process.send_signal(signal.SIGCONT)
    assert demo.wait(END_S) == 0, demo.text
    check_the_proof(demo)
    assert demo.lines[-1] == f"Logs and data are kept in {directory}"

    assert demo.survivors() == second.survivors() == sorted(mentioning(str(directory))) == []
    assert is_free(exchange_port)
    assert is_free(port_of(ui))
    assert list(place.iterdir()) == []

    task_logs = [path for path in directory.rglob("attempt=*.log") if path.stat().st_size]
    assert len(task_logs) >= 30
    leaking, searched = files_with(directory, exactly(KEY.api_key), *SECRETS)
    assert leaking == []
    assert searched > 100


def test_ctrl_c_in_the_middle_ends_it_soon_and_leaves_nothing(start, place):
    demo = start("--exit")
    demo.wait_for(AT_WORK, UP_S)
    port = demo.ui_port()
    demo.signal(signal.SIGINT)
    time.sleep(0.2)
    # Whoever waits presses it again.
    demo.signal(signal.SIGINT)
    assert demo.wait(END_S) == 130
    assert "Interrupted (SIGINT)." in demo.lines
    assert "Traceback" not in demo.text
    assert demo.survivors() == []
    assert is_free(port)
    assert list(place.iterdir()) == []


def test_what_a_killed_demo_started_ends_by_itself(start, place):
    demo = start("--exit")
    demo.wait_for(AT_WORK, UP_S)
    demo.signal(signal.SIGKILL)
    assert demo.wait(10) == -signal.SIGKILL
    assert len(demo.seen) > 10
    assert wait_until(lambda: demo.survivors() == [], 30), demo.survivors()
    assert list(place.glob("binance-liq-pg-*")) == []


def test_a_scheduler_that_dies_fails_the_demo_with_a_specific_error(start, place, tmp_path):
    demo = start("--exit", "--directory", str(tmp_path / "demo"))
    demo.wait_for(AT_WORK, UP_S)
    schedulers = [
        child for child in psutil.Process(demo.pid).children() if "scheduler" in " ".join(child.cmdline())
    ]
    assert len(schedulers) == 1
    demo.look()
    schedulers[0].kill()
    assert demo.wait(END_S) == 1
    log = tmp_path / "demo" / "logs" / "scheduler.log"
    assert "The demo failed: scheduler ended by itself, with status -9" in demo.lines
    end = demo.lines.index(f"The end of {log}:")
    assert demo.lines[end + 1].startswith("    ")
    assert "Traceback" not in "\n".join(line for line in demo.lines if not line.startswith("    "))
    assert f"Logs and data are kept in {tmp_path / 'demo'}" in demo.lines
    assert demo.survivors() == []
    assert list(place.iterdir()) == []


def test_without_a_wish_it_stays_up_for_a_browser_until_ctrl_c(start, place):
    demo = start("--days", "1")
    url = demo.wait_for(r"^Airflow's pages: +(\S+)", UP_S + BACKFILL_S)[1]
    demo.wait_for("^Ctrl-C stops everything and removes all that", 10)
    assert "Windows: 6 of 6 proven complete" in demo.lines
    backfills = demo.wait_for(r"^The backfill there: (\S+)", 10)[1]
    browser = build_opener(ProxyHandler({}))
    with browser.open(backfills, timeout=20) as page:
        assert page.status == 200
        assert "text/html" in page.headers["Content-Type"]
    user, password = demo.wait_for(r"^Sign in there as: +(\S+), password (\S+) ", 10).groups()
    check_that_only_who_knows_the_password_is_administrator(url, user, password)
    check_that_a_rebound_name_is_refused(url, user, password)
    assert demo.text.count(password) == 1
    (directory, _) = demo.directory()
    assert files_with(directory / "logs", exactly(password))[0] == []
    assert stat.S_IMODE((directory / "airflow_home" / "passwords.json").stat().st_mode) == 0o600
    assert port_of(url) == demo.ui_port()
    demo.signal(signal.SIGINT)
    assert demo.wait(END_S) == 0
    assert demo.survivors() == []
    assert is_free(port_of(url))
    assert list(place.iterdir()) == []

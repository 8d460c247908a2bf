"""The coverage DAG, end to end: a lake of a simulated exchange, a fixed clock, and an email that arrives."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

import pytest
from support.running import START, Run
from support.sample_dags import in_state, read_dag
from support.scripted import Time
from support.seeded import seeded_exchange

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.operators import coverage
from airflow_provider_binance_liq.simulator import Settings

CODE = (Path(__file__).parents[2] / "dags/binance_liquidations_coverage.py").read_text(encoding="utf-8")


class Mailbox(socketserver.StreamRequestHandler):
    """As much of an SMTP server as takes a message."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                self.server.messages.append(message_from_bytes(b"".join(iter(self.rfile.readline, b".\r\n"))))
            self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")


@pytest.fixture
def mailbox(set_connection):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox)
    server.daemon_threads, server.messages = True, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
    set_connection(
        "smtp_default", conn_type="smtp", host="127.0.0.1", port=server.server_address[1], extra=extra
    )
    yield server.messages
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def lake(tmp_path):
    """Two endpoints of an account, a day of one of them left out."""
    with ExitStack() as running:
        world = Time((START + 20 * DAY_MS) / 1000)
        exchange = running.enter_context(
            seeded_exchange(Settings(seed=3, cascade_rows=100), clock=world.clock)
        )
        run = Run(exchange, world, tmp_path)
        for endpoint, days in (("usdm_futures", (0, 1, 2)), ("margin", (0, 2))):
            for number in days:
                run.run(endpoint, Window(START + number * DAY_MS, START + (number + 1) * DAY_MS))
    return f"file://{tmp_path}/lake"


NOTIFIER = {
    "class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
    "parameters": {"to": "risk@example.com", "subject": "{{ ti.dag_id }}", "html_content": "{{ exception }}"},
}


@pytest.fixture
def run(airflow_database, monkeypatch, lake):
    """Run the DAG so many days after the lake's first, each run on a day of its own."""

    def go(days, **members):
        monkeypatch.setattr(coverage, "_now_ms", lambda: START + days * DAY_MS)
        variable = {"destination": lake} | members
        monkeypatch.setenv("AIRFLOW_VAR_BINANCE_LIQUIDATIONS_COVERAGE", json.dumps(variable))
        logical = datetime.fromtimestamp(START / 1000 + days * 86_400, UTC)
        return read_dag("binance_liquidations_coverage").test(logical_date=logical)

    return go


def summary(run):
    (instance,) = [one for one in run.get_task_instances() if one.task_id == "check"]
    return instance.xcom_pull(task_ids="check", key="coverage")


def test_while_there_is_time_the_run_succeeds_and_reports_what_is_missing(run, mailbox):
    done = run(5, notifier=NOTIFIER)
    assert in_state(done, "success") == {"settings", "check"}
    missing = {one["endpoint"]: one["missing_days"] for one in summary(done)["histories"]}
    assert missing == {"margin": 1, "usdm_futures": 0}
    assert mailbox == []


def test_fourteen_days_before_it_is_forgotten_an_email_says_what_and_until_when(run, mailbox, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://data.example.com")
    # The second of October is forgotten 90 days later; what came after the third is missing too, but later.
    done = run(77, notifier=NOTIFIER)
    assert in_state(done, "failed") == {"check"}
    (message,) = mailbox
    assert (message["To"], message["Subject"]) == ("risk@example.com", "binance_liquidations_coverage")
    text = "".join((part.get_payload(decode=True) or b"").decode() for part in message.walk())
    assert "DataLossImminent: Lost first: margin of " in text
    lost = iso(START + DAY_MS)[:10]
    assert f"https://data.example.com/plugin/binance-liq-nav?history=desk%2Fmargin&day={lost}" in text
    assert f"from {iso(START + 91 * DAY_MS)} on (in 14 days; retention 90 days, assumed)" in text
    assert summary(done)["endangered"] == 1


def test_without_a_notifier_the_task_fails_and_that_is_all(run, mailbox):
    assert in_state(run(78), "failed") == {"check"}
    assert mailbox == []


def test_a_member_that_nobody_knows_fails_the_first_task(run):
    done = run(6, warn_dayz=3)
    assert in_state(done, "failed") == {"settings"}


def test_every_member_of_the_variable_is_documented_in_the_dag():
    documented = set(re.findall(r"^\| `(\w+)` \|", CODE, re.MULTILINE))
    dag = read_dag("binance_liquidations_coverage")
    check = dag.get_task("check")
    taken = {name for name in check.template_fields if name in documented}
    assert documented == taken | {"notifier"}
    assert documented == {*check.template_fields, "notifier"}

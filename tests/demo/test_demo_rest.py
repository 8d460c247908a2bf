"""The demo's talk with Airflow, and what it says when Airflow does not answer as expected."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from airflow_provider_binance_liq.demo import airflow
from airflow_provider_binance_liq.demo.days import Days
from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.login import Login
from airflow_provider_binance_liq.demo.rest import AirflowApi, NotReachable, Run, TaskInstance

HEALTHY = {
    name: {"status": "healthy"} for name in ("metadatabase", "scheduler", "triggerer", "dag_processor")
}
DAYS = Days(date(2026, 10, 10), date(2026, 10, 12))


@dataclass
class Scripted:
    """Answers of an Airflow, given by hand: path without its query → status and body."""

    url: str
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], object]] = field(default_factory=list)

    def answer(self, path, content, status=200):
        self.answers[path] = (status, content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def scripted():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            given.asked.append((self.command, self.path, dict(self.headers), body))
            path = self.path.partition("?")[0]
            status, text = given.answers.get(self.path) or given.answers.get(path) or (404, '{"detail":"no"}')
            content = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    for method in ("POST", "PATCH"):
        setattr(Handler, f"do_{method}", Handler.do_GET)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    given = Scripted(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield given
    server.shutdown()
    server.server_close()


@pytest.fixture
def api(scripted):
    made = AirflowApi(scripted.url)
    yield made
    made.close()


@pytest.fixture
def nobody():
    """An interface at a port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    made = AirflowApi(f"http://127.0.0.1:{port}")
    yield made
    made.close()


def test_components_that_are_not_at_work_are_named(scripted, api):
    scripted.answer(
        "/api/v2/monitor/health",
        HEALTHY
        | {"scheduler": {"status": None}, "triggerer": None, "dag_processor": {"status": "unhealthy"}},
    )
    assert api.unhealthy() == ["scheduler", "triggerer", "dag_processor"]
    scripted.answer("/api/v2/monitor/health", HEALTHY)
    assert api.unhealthy() == []


def test_as_long_as_nothing_answers_it_is_the_api_server_that_is_waited_for(nobody):
    assert nobody.unhealthy() == ["api_server"]


def test_a_call_that_nothing_answers_fails_as_the_demo_does_and_says_which(nobody):
    with pytest.raises(NotReachable, match="did not answer GET /api/v2/dags/some") as failure:
        nobody.has_dag("some")
    assert isinstance(failure.value, DemoFailed)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 503])
def test_a_refusal_is_reported_with_its_status_and_what_airflow_says_about_it(scripted, api, status):
    scripted.answer("/api/v2/backfills", {"detail": "DAG is not there"}, status)
    with pytest.raises(DemoFailed) as failure:
        api.create_backfill("some", DAYS, at_once=4)
    assert f"Airflow answered POST /api/v2/backfills with {status}: " in str(failure.value)
    assert "DAG is not there" in str(failure.value)


def test_a_refusal_of_many_words_is_cut(scripted, api):
    scripted.answer("/api/v2/backfills", "x" * 10_000, 500)
    with pytest.raises(DemoFailed) as failure:
        api.create_backfill("some", DAYS, at_once=4)
    assert len(str(failure.value)) < 600


def test_another_server_at_the_port_is_not_taken_for_airflow(scripted, api):
    scripted.answer("/api/v2/monitor/health", "<html>Hello</html>")
    with pytest.raises(DemoFailed, match="is not Airflow: <html>Hello"):
        api.unhealthy()


def test_a_dag_is_there_or_not(scripted, api):
    scripted.answer("/api/v2/dags/some", {"dag_id": "some"})
    assert api.has_dag("some")
    assert not api.has_dag("other")


def test_signed_in_every_call_carries_the_token(scripted, api):
    scripted.answer("/auth/token", {"access_token": "abc"})
    scripted.answer("/api/v2/dags/some", {})
    login = Login(Path("/passwords.json"), "of this demo alone", "of its viewer")
    api.sign_in(login)
    api.has_dag("some")
    first, second = scripted.asked
    assert first[0] == "POST"
    assert first[3] == {"username": "admin", "password": "of this demo alone"}
    assert "Authorization" not in first[2]
    assert second[2]["Authorization"] == "Bearer abc"


def test_neither_a_proxy_nor_a_netrc_of_the_users_comes_between(scripted, api, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    scripted.answer("/api/v2/dags/some", {})
    assert api.has_dag("some")
    assert "Authorization" not in scripted.asked[0][2]


def test_a_backfill_is_asked_for_from_the_first_to_the_last_day_included(scripted, api):
    scripted.answer("/api/v2/backfills/dry_run", {"backfills": [{}, {}, {}]})
    scripted.answer("/api/v2/backfills", {"id": 17})
    assert api.dry_run("some", DAYS, at_once=4) == 3
    assert api.create_backfill("some", DAYS, at_once=4) == 17
    (_, _, _, planned), (_, _, _, created) = scripted.asked
    assert planned == created
    assert created["from_date"] == "2026-10-10T00:00:00+00:00"
    assert created["to_date"] == "2026-10-12T00:00:00+00:00"
    assert created["max_active_runs"] == 4


def test_all_runs_are_read_however_many_pages_they_fill(scripted, api):
    path = "/api/v2/dags/some/dagRuns"
    for offset, count in ((0, 100), (100, 100), (200, 5)):
        page = [{"dag_run_id": str(offset + number), "state": "success"} for number in range(count)]
        scripted.answer(
            f"{path}?limit=100&offset={offset}&order_by=id", {"dag_runs": page, "total_entries": 205}
        )
    assert [run.run_id for run in api.runs("some")] == [str(number) for number in range(205)]


def test_no_runs_are_none(scripted, api):
    scripted.answer("/api/v2/dags/some/dagRuns", {"dag_runs": [], "total_entries": 0})
    assert api.runs("some") == []


def test_task_instances_are_those_of_all_runs(scripted, api):
    item = {"dag_run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1, "state": None, "more": 1}
    path = "/api/v2/dags/some/dagRuns/~/taskInstances"
    scripted.answer(path, {"task_instances": [item], "total_entries": 1})
    assert api.task_instances("some") == [TaskInstance("r", "t", -1, 1, None)]


@pytest.mark.parametrize(
    ("state", "ended"),
    [("queued", False), ("running", False), ("restarting", False), ("success", True), ("failed", True)],
)
def test_a_run_is_over_when_it_succeeded_or_failed(state, ended):
    assert Run("r", state).ended is ended


# ---- waiting for Airflow


class Steady:
    """Processes that all run on, until `ended` names one that does not."""

    ended = None

    def check(self):
        if self.ended:
            raise DemoFailed(f"{self.ended} ended by itself")

    def log(self, name):
        return Path(f"/logs/{name}.log")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(airflow, "_POLL_S", 0)


def test_what_is_waited_for_is_shown_and_named_when_it_takes_too_long(scripted, api, monkeypatch):
    monkeypatch.setattr(airflow, "_HEALTHY_LIMIT_S", 0.1)
    scripted.answer("/api/v2/monitor/health", HEALTHY | {"dag_processor": {"status": None}})
    shown = []
    with pytest.raises(DemoFailed, match="still waits for: dag_processor") as failure:
        airflow.wait_until_healthy(Steady(), api, shown.append)
    assert failure.value.log == Path("/logs/dag-processor.log")
    assert set(shown) == {"waiting for dag_processor"}


def test_a_component_that_ended_is_not_waited_for(nobody):
    processes = Steady()
    processes.ended = "api-server"
    with pytest.raises(DemoFailed, match="api-server ended by itself"):
        airflow.wait_until_healthy(processes, nobody, print)


def test_a_dag_that_cannot_be_imported_is_reported_with_the_reason(scripted, api):
    error = {"filename": "binance_liquidations.py", "stack_trace": "ImportError: no such thing"}
    scripted.answer("/api/v2/importErrors", {"import_errors": [error]})
    with pytest.raises(DemoFailed, match="ImportError: no such thing"):
        airflow.wait_for_dag(Steady(), api, "some")


def test_a_dag_that_never_comes_is_reported_with_the_log_of_who_should_have_read_it(
    scripted, api, monkeypatch
):
    monkeypatch.setattr(airflow, "_DAG_LIMIT_S", 0.1)
    scripted.answer("/api/v2/importErrors", {"import_errors": []})
    with pytest.raises(DemoFailed, match="has not read the DAG some") as failure:
        airflow.wait_for_dag(Steady(), api, "some")
    assert failure.value.log == Path("/logs/dag-processor.log")


def test_a_silent_airflow_is_waited_for_until_the_limit(nobody, monkeypatch):
    monkeypatch.setattr(airflow, "_DAG_LIMIT_S", 0.1)
    with pytest.raises(DemoFailed, match="has not read the DAG"):
        airflow.wait_for_dag(Steady(), nobody, "some")


def test_the_sample_dags_are_found():
    assert (airflow.sample_dags() / "binance_liquidations.py").is_file()


def test_missing_sample_dags_are_reported_with_where_they_were_looked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(airflow, "_DAG_DIRECTORIES", (tmp_path / "wheel", tmp_path / "checkout"))
    with pytest.raises(DemoFailed, match="the sample DAGs are missing") as failure:
        airflow.sample_dags()
    assert str(tmp_path / "wheel") in str(failure.value)

"""The page in a real API server: who may read it, and backfills that extract exactly the chosen days."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
import requests
from support.lasting_day import lasting_day
from support.running import Run
from support.scripted import Time

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window, epoch_ms
from airflow_provider_binance_liq.demo.environment import inherited
from airflow_provider_binance_liq.simulator import Settings, Simulator

pytestmark = [pytest.mark.slow, pytest.mark.clock, pytest.mark.timeout(600)]

DAGS = Path(__file__).parents[2] / "dags"
AIRFLOW = (sys.executable, "-m", "airflow")
#: seconds that these tests take, at most
LONGEST_S = 300


@cache
def today():
    """The day of all tests here, which is read when they begin."""
    return lasting_day(LONGEST_S)


def ago(days):
    return (today() - timedelta(days=days)).date().isoformat()


def free_port():
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Of the last eight days, three that lie apart."""
    directory = tmp_path_factory.mktemp("lake")
    with ExitStack() as running:
        world = Time(today().timestamp())
        exchange = running.enter_context(Simulator(Settings(seed=3), clock=world.clock))
        run = Run(exchange, world, directory)
        for days in (8, 5, 4):
            start = epoch_ms(today() - timedelta(days=days))
            run.run("usdm_futures", Window(start, start + DAY_MS))
    return directory / "lake"


@pytest.fixture(scope="module")
def environment(tmp_path_factory, lake):
    home = tmp_path_factory.mktemp("home")
    (home / "passwords.json").write_text(json.dumps({"admin": "a", "viewer": "v"}))
    port = free_port()
    connection = {"conn_type": "binance", "login": "key-of-desk", "password": "secret-of-desk"}
    settings = {
        "CORE__DAGS_FOLDER": DAGS,
        "CORE__LOAD_EXAMPLES": False,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "API__PORT": port,
        "API__HOST": "127.0.0.1",
        "API__BASE_URL": f"http://127.0.0.1:{port}/air",
        "API__WORKERS": 1,
        "API_AUTH__JWT_SECRET": "a secret of this test alone, which is long enough for its signatures" * 2,
    }
    return inherited(os.environ) | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_DESK_KEY": json.dumps(connection | {"extra": {"account": "desk"}}),
        **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()},
    }


def airflow(environment, *words):
    return subprocess.run(
        [*AIRFLOW, *words], env=environment, check=True, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def url(environment, tmp_path_factory, lake):
    """A real API server, below a path of its own; the Variable is in its metadata database."""
    airflow(environment, "db", "migrate")
    airflow(environment, "dags", "reserialize")
    variable = {"destination": f"file://{lake}", "connections": ["desk_key"]}
    airflow(environment, "variables", "set", "binance_liquidations", json.dumps(variable))
    log = tmp_path_factory.mktemp("log") / "api-server.log"
    base = environment["AIRFLOW__API__BASE_URL"]
    with (
        log.open("wb") as file,
        subprocess.Popen(
            [*AIRFLOW, "api-server"], env=environment, stdout=file, stderr=file, start_new_session=True
        ) as server,
    ):
        try:
            wait_for(f"{base}/api/v2/version", server, log)
            yield base
        finally:
            os.killpg(server.pid, 15)


def wait_for(url, server, log, limit_s=180):
    deadline = time.monotonic() + limit_s
    while True:
        try:
            if requests.get(url, timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        assert server.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.5)


@pytest.fixture(scope="module")
def sign_in(url):
    def session(name):
        made = requests.Session()
        body = {"username": name, "password": name[0]}
        answer = made.post(f"{url}/auth/token", json=body, timeout=30)
        made.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return made

    return session


def test_without_a_token_it_is_refused_and_only_what_has_no_data_is_given(url):
    for route in (
        "coverage",
        "day?history=x&day=2026-10-01",
        "file?path=x",
        "estimate?history=x&day=2026-10-01",
    ):
        answer = requests.get(f"{url}/binance-liq/{route}", timeout=30)
        assert answer.status_code == 401, (route, answer.text[:200])
        assert "detail" in answer.json()
    answer = requests.get(f"{url}/binance-liq/static/coverage.js", timeout=30)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "binance-liq-coverage" in answer.text


def test_a_viewer_sees_the_coverage_without_secrets_and_nothing_outside_of_the_lake(url, sign_in, lake):
    viewer = sign_in("viewer")
    answer = viewer.get(f"{url}/binance-liq/coverage", timeout=60)
    assert answer.status_code == 200, answer.text
    (history,) = answer.json()["histories"]
    assert history["states"].replace("p", "e") == "emmeemnnn"
    assert history["conn_id"] == "desk_key"
    assert "secret-of-desk" not in answer.text
    day = viewer.get(
        f"{url}/binance-liq/day", params={"history": history["id"], "day": ago(8)}, timeout=30
    ).json()
    path = day["windows"][0]["object_path"]
    answer = viewer.get(f"{url}/binance-liq/file", params={"path": path}, timeout=30)
    assert answer.content == (lake / path).read_bytes()
    for raw in (
        "../home/airflow.db",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "usdm_futures/..%2f..%2fx",
    ):
        answer = viewer.get(f"{url}/binance-liq/file?path={raw}", timeout=30)
        assert answer.status_code in (404, 422), raw


def test_the_page_is_listed_among_airflows_plugins_with_the_base_urls_path(url, sign_in):
    plugins = sign_in("admin").get(f"{url}/api/v2/plugins", timeout=30).json()["plugins"]
    (ours,) = [one for one in plugins if one["name"] == "binance_liquidations"]
    apps = {one["destination"]: one["bundle_url"] for one in ours["react_apps"]}
    assert {"nav", "dag", "dashboard"} <= set(apps)
    assert set(apps.values()) == {"/air/binance-liq/static/plugin.js"}
    assert [one["url_prefix"] for one in ours["fastapi_apps"]] == ["/binance-liq"]


def runs_of(admin, url, dag_id="binance_liquidations"):
    answer = admin.get(f"{url}/api/v2/dags/{dag_id}/dagRuns", params={"limit": 100}, timeout=30).json()
    return {
        one["data_interval_start"][:10]: (one["data_interval_end"][:10], one["conf"])
        for one in answer["dag_runs"]
    }


def cancel(admin, url):
    found = admin.get(f"{url}/api/v2/backfills", params={"dag_id": "binance_liquidations"}, timeout=30).json()
    for one in found["backfills"]:
        if not one["completed_at"]:
            admin.put(f"{url}/api/v2/backfills/{one['id']}/cancel", timeout=30).raise_for_status()


def test_its_backfills_have_runs_of_exactly_the_chosen_days_and_so_has_its_command(url, sign_in, environment):
    admin, viewer = sign_in("admin"), sign_in("viewer")
    days = [ago(7), ago(6), ago(3)]
    query = [("history", "desk/usdm_futures"), *(("day", one) for one in days)]
    found = viewer.get(f"{url}/binance-liq/estimate", params=query, timeout=30).json()
    assert (len(found["backfills"]), found["requests"]) == (2, 3)
    rest = {"dag_id": "binance_liquidations", "run_backwards": False, "reprocess_behavior": "completed"}
    first = rest | found["backfills"][0]
    dry = admin.post(f"{url}/api/v2/backfills/dry_run", json=first, timeout=60)
    assert dry.status_code == 200, dry.text
    assert len(dry.json()["backfills"]) == 2
    refused = viewer.post(f"{url}/api/v2/backfills", json=first, timeout=60)
    assert refused.status_code == 403

    created = admin.post(f"{url}/api/v2/backfills", json=first, timeout=60)
    assert created.status_code == 200, created.text
    conf = {"connections": ["desk_key"], "endpoints": ["usdm_futures"]}
    assert runs_of(admin, url) == {ago(7): (ago(6), conf), ago(6): (ago(5), conf)}

    cancel(admin, url)
    command = found["command"].splitlines()[1].replace("airflow ", f"{sys.executable} -m airflow ", 1)
    done = subprocess.run(
        command, shell=True, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert runs_of(admin, url).keys() == set(days)
    assert runs_of(admin, url)[ago(3)] == (ago(2), conf)

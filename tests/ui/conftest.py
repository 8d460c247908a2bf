"""Airflow's own API server in this process, with the page mounted as its plugin does."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
from support.running import START, Run
from support.scripted import Time
from support.seeded import seeded_exchange

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.simulator import Settings

USERS = "admin:admin,viewer:viewer"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def day(number, days=1):
    return Window(START + number * DAY_MS, START + (number + days) * DAY_MS)


@pytest.fixture(scope="module")
def chromium():
    """Start a browser for the tests of a module: its driver has a loop, beside which no other one may run."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="the dependency group `browser` is not installed"
    )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def run(tmp_path):
    """Jobs that extract from a simulated exchange, 20 days after the first of October."""
    with ExitStack() as running:
        world = Time((START + 20 * DAY_MS) / 1000)
        exchange = running.enter_context(
            seeded_exchange(Settings(seed=3, cascade_rows=100), clock=world.clock)
        )
        yield Run(exchange, world, tmp_path)


@pytest.fixture
def lake(run):
    """Three days of one endpoint, of which the second is missing."""
    run.run("usdm_futures", day(0))
    run.run("usdm_futures", day(2))
    return f"file://{run.directory}/lake"


@pytest.fixture
def configured(lake, monkeypatch, set_connection):
    """Set the Variables of the sample DAGs, and a connection for the account."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    set_connection(
        "desk_key",
        conn_type="binance",
        login="key-of-desk",
        password="secret-of-desk",
        extra={"account": "desk"},
    )

    def variable(coverage=None, **members):
        common = {"destination": lake, "connections": ["desk_key"]} | members
        monkeypatch.setenv("AIRFLOW_VAR_BINANCE_LIQUIDATIONS", json.dumps(common))
        if coverage is not None:
            monkeypatch.setenv("AIRFLOW_VAR_BINANCE_LIQUIDATIONS_COVERAGE", json.dumps(coverage))
        return lake

    variable()
    return variable


@pytest.fixture(scope="session")
def api(airflow_database, tmp_path_factory):
    """Airflow's API server, asked in this process."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from fastapi.testclient import TestClient

    passwords = tmp_path_factory.mktemp("login") / "passwords.json"
    passwords.write_text(json.dumps({"admin": "a", "viewer": "v"}))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", USERS)
        environment.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
        purge_cached_app()
        with TestClient(create_app()) as client:
            yield client
        purge_cached_app()


@pytest.fixture
def as_user(api):
    """Return a client of the page's routes, signed in as a user."""

    def sign_in(name="viewer"):
        answer = api.post("/auth/token", json={"username": name, "password": name[0]})
        token = answer.json()["access_token"]

        def get(path, method="GET", **known):
            headers = {"Authorization": f"Bearer {token}"}
            return api.request(method, f"/binance-liq/{path}", headers=headers, **known)

        return get

    return sign_in


@pytest.fixture
def get(as_user):
    return as_user()

"""A real Airflow with a simulated exchange, and a real browser that signs in to it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import pytest
from support.pictures import keep

from airflow_provider_binance_liq.demo import airflow
from airflow_provider_binance_liq.demo.configuration import ACCOUNT, DAG_ID, configure_airflow
from airflow_provider_binance_liq.demo.directory import Directory
from airflow_provider_binance_liq.demo.environment import Port, airflow_environment
from airflow_provider_binance_liq.demo.login import Login
from airflow_provider_binance_liq.demo.postgres import PostgresServer
from airflow_provider_binance_liq.demo.processes import Processes
from airflow_provider_binance_liq.demo.rest import AirflowApi
from airflow_provider_binance_liq.simulator import Settings, Simulator

_TIMEOUT_MS = 60_000


class Real:
    """What runs: an Airflow as the demo's, and an exchange."""

    def __init__(self, stack, place):
        self.directory = stack.enter_context(Directory.take(place))
        port = Port.take(None)
        stack.callback(port.release)
        processes = Processes(self.directory.path, self.directory.logs, self.directory.lock)
        stack.enter_context(processes)
        postgres = PostgresServer(processes)
        postgres.start()
        self.exchange = stack.enter_context(Simulator(Settings(seed=7, accounts=(ACCOUNT,)), port=0))
        self.url = f"http://127.0.0.1:{port.number}"
        self.login = Login.make(self.directory.airflow_home)
        environment = airflow_environment(
            {},
            home=self.directory.airflow_home,
            logs=self.directory.logs,
            dags=airflow.sample_dags(),
            database_url=postgres.url,
            port=port.number,
            login=self.login,
        )
        airflow.create_tables(processes, environment)
        airflow.start_components(processes, environment)
        self.api = AirflowApi(self.url)
        stack.callback(self.api.close)
        airflow.wait_until_healthy(processes, self.api, lambda _: None)
        self.api.sign_in(self.login)
        airflow.wait_for_dag(processes, self.api, DAG_ID)
        configure_airflow(self.api, self.exchange, self.directory)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with ExitStack() as stack:
        yield Real(stack, tmp_path_factory.mktemp("ui") / "place")


@pytest.fixture
def visit(chromium, real):
    """Sign in as one of the users, and open a page of Airflow's."""
    with ExitStack() as stack:

        @contextmanager
        def context(height):
            size = {"width": 1280, "height": height}
            made = chromium.new_context(viewport=size, timezone_id="UTC", locale="en-US")
            yield made
            made.close()

        def open_page(path, user="admin", height=900):
            page = stack.enter_context(context(height)).new_page()
            page.set_default_timeout(_TIMEOUT_MS)
            page.goto(f"{real.url}/auth/login/")
            page.fill("input[name=username]", user)
            passwords = {"admin": real.login.password, "viewer": real.login.viewer_password}
            page.fill("input[name=password]", passwords[user])
            page.click("button[type=submit]")
            page.wait_for_url(lambda url: "login" not in url)
            page.goto(f"{real.url}{path}")
            return page

        yield open_page


@pytest.fixture
def take_picture(tmp_path):
    """Keep a picture of a page, or of a part of it."""

    def take(shown, name):
        keep(shown.screenshot(animations="disabled"), name, tmp_path)

    return take

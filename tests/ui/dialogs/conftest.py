"""A real Airflow with a simulated exchange, and a real browser that signs in to it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

import pytest
from support.pictures import keep
from support.real_airflow import RealAirflow

from airflow_provider_binance_liq.demo.configuration import ACCOUNT, DAG_ID, configure_airflow

_TIMEOUT_MS = 60_000


@pytest.fixture(scope="package")
def real(tmp_path_factory):
    with ExitStack() as stack:
        airflow = RealAirflow(stack, tmp_path_factory.mktemp("ui") / "place", [ACCOUNT], [DAG_ID])
        configure_airflow(airflow.api, airflow.exchange, airflow.directory)
        yield airflow


@pytest.fixture
def visit(chromium, real):
    """Sign in as one of the users, and open a page of Airflow's."""
    with ExitStack() as stack:

        @contextmanager
        def context(width, height):
            size = {"width": width, "height": height}
            made = chromium.new_context(viewport=size, timezone_id="UTC", locale="en-US")
            yield made
            made.close()

        def open_page(path, user="admin", width=1280, height=900):
            page = stack.enter_context(context(width, height)).new_page()
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

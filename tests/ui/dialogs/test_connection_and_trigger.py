"""The connection's form and test, and the dialogs of the sample DAGs, in Airflow's pages."""

from __future__ import annotations

import json
import re
import socket
import time

import pytest

from airflow_provider_binance_liq.dag_support.params import OVERRIDE
from airflow_provider_binance_liq.dag_support.run_parameters import window_of
from airflow_provider_binance_liq.demo.configuration import ACCOUNT, DAG_ID

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ALL = "USD-M futures, COIN-M futures, portfolio margin, margin and loans"


@pytest.fixture(scope="module")
def silent():
    """The origin of a host that accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="module")
def fill_in(real):
    """Create a connection to the exchange over REST, with other fields than usual."""

    def create(conn_id, base_url=None, password=None, port=0):
        credentials = real.exchange.credentials(ACCOUNT)
        body = {
            "connection_id": conn_id,
            "conn_type": "binance",
            "login": credentials.api_key,
            "password": password or credentials.secret,
            "extra": json.dumps({"base_url": base_url or real.exchange.url}),
        }
        real.api.create_connection(body | ({} if port is None else {"port": port}))

    return create


def stored(real, conn_id):
    found = real.api._call("GET", f"/api/v2/connections/{conn_id}")
    return found["port"], json.loads(found["extra"])


def press_test(page, conn_id):
    """Press the button of a connection's row; return the message, and after how many seconds it came."""
    row = page.get_by_role("row").filter(has=page.get_by_text(conn_id, exact=True))
    button = row.get_by_role("button", name="Test Connection")
    button.wait_for()
    with page.expect_response(lambda answer: answer.url.endswith("/connections/test")) as answered:
        begun = time.monotonic()
        button.click()
    answer = answered.value
    seconds = time.monotonic() - begun
    toast = page.locator("[data-scope=toast][data-part=root]").first
    toast.wait_for()
    return answer, toast.inner_text(), seconds


def open_form(page):
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.locator("input[name=connection_id]").fill("desk")
    form.get_by_role("combobox").last.fill("Binance")
    page.keyboard.press("Enter")
    form.locator("input[name=login]").wait_for()
    return form


def test_the_form_shows_choices_in_words_and_stores_what_was_chosen(real, visit, take_picture):
    page = visit("/connections", height=1250)
    form = open_form(page)
    credentials = real.exchange.credentials(ACCOUNT)
    form.locator("input[name=login]").fill(credentials.api_key)
    form.locator("input[name=password]").fill(credentials.secret)
    form.locator("input[name=port]").fill("0")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.get_by_text("Production (default)").wait_for()
    form.get_by_text("Default: yes, unless the base URL is on this machine").wait_for()
    assert form.get_by_text("null", exact=True).count() == 0
    share = form.locator("input[name=element_weight_share_percent]")
    share.fill("30")
    page.keyboard.press("Tab")
    take_picture(form, "connection-form")
    # Typed by mistake: it stays, and is refused where it is used.
    share.fill("700")
    page.keyboard.press("Tab")
    form.get_by_role("combobox").last.click()
    page.get_by_role("option", name="No, this connection is alone").click()
    form.get_by_role("button", name="Rarely needed", exact=True).click()
    form.locator("#element_base_url").fill(real.exchange.url)
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")
    port, extra = stored(real, "desk")
    assert port == 0
    assert (extra["weight_share_percent"], extra["coordinate"]) == (700, "alone")
    assert extra["environment"] is None

    page.reload()
    _, said, _ = press_test(page, "desk")
    assert "weight_share_percent is 700; it has to be a number from 1 to 100" in said


def test_an_older_connection_is_edited_without_a_change_of_what_it_had(real, visit):
    extra = {
        "base_url": real.exchange.url,
        "weight_share": 0.3,
        "coordinate": True,
        "environment": "production",
    }
    body = {"connection_id": "older", "conn_type": "binance", "login": "k", "password": "s"}
    real.api.create_connection(body | {"port": 0, "extra": json.dumps(extra)})
    page = visit("/connections")
    row = page.get_by_role("row").filter(has=page.get_by_text("older", exact=True))
    row.get_by_role("button", name="Edit Connection").click()
    form = page.get_by_role("dialog")
    form.locator("input[name=login]").wait_for()
    form.get_by_role("button", name="Rarely needed", exact=True).click()
    form.locator("#element_base_url").fill("http://127.0.0.1:9")
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")
    _, now = stored(real, "older")
    assert now == extra | {"base_url": "http://127.0.0.1:9"}


def test_the_demos_connection_is_tested_from_the_list(visit, take_picture):
    page = visit("/connections", height=620)
    _, said, _ = press_test(page, "binance_default")
    take_picture(page, "connection-test")
    assert "Everything can be read with this HMAC key." in said
    assert f"{ALL}: can be read" in said
    assert "Weight used in this minute: futures" in said


def test_a_wrong_secret_is_reported_and_not_shown(visit, fill_in):
    fill_in("wrong_secret", password="not-the-secret-of-this-key")
    answer, said, _ = press_test(visit("/connections"), "wrong_secret")
    assert "does not belong to this API key (-1022)" in said
    assert "not-the-secret" not in answer.text()


def test_a_silent_host_is_reported_in_less_than_five_seconds(visit, fill_in, silent):
    fill_in("silent_host", base_url=silent)
    answer, said, seconds = press_test(visit("/connections"), "silent_host")
    assert answer.status == 200
    assert f"{ALL}: no answer in time" in said
    # The test itself: what the browser and a busy API server take comes on top.
    assert seconds < 15


def test_without_a_port_airflow_3_3_refuses_what_it_tests_with_one(visit, fill_in):
    fill_in("no_port", port=None)
    answer, said, _ = press_test(visit("/connections"), "no_port")
    assert ("Bad Request" in said) == (answer.status == 400)
    assert ("can be read" in said) == (answer.status == 200)


def test_a_viewer_sees_no_connection(visit):
    page = visit("/connections", user="viewer")
    page.get_by_text(re.compile("403|Forbidden", re.IGNORECASE)).first.wait_for()
    assert page.get_by_role("button", name="Test Connection").count() == 0


def test_the_dialog_of_a_run_says_what_each_parameter_does(visit, take_picture):
    page = visit(f"/dags/{DAG_ID}", height=1500)
    page.get_by_test_id("trigger-dag-button").click()
    dialog = page.get_by_role("dialog")
    for title in ("Connections", "Endpoints", "Symbols", "From", "To"):
        dialog.get_by_text(title, exact=True).first.wait_for()
    dialog.get_by_text("As the settings say; if they do not: fail").wait_for()
    take_picture(dialog, "trigger")


def pick(page, dialog, number, day):
    """Type a day into one of the dialog's fields for an instant, which opens a calendar."""
    dialog.get_by_test_id("datetime-input").nth(number).click()
    date = page.get_by_placeholder("YYYY/MM/DD").last
    date.fill(day)
    page.keyboard.press("Escape")
    date.wait_for(state="hidden")


def test_symbols_and_a_time_are_chosen_in_the_dialog(real, visit):
    page = visit(f"/dags/{DAG_ID}", height=1500)
    page.get_by_test_id("trigger-dag-button").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("#element_symbols").fill("BTCUSDT\nETHUSDT")
    # The first one is the logical date.
    pick(page, dialog, 1, "2026/11/18")
    pick(page, dialog, 2, "2026/11/19")
    with page.expect_response(lambda it: "dagRuns" in it.url and it.request.method == "POST") as triggered:
        dialog.get_by_role("button", name="Trigger").last.click()
    assert triggered.value.status == 200
    conf = triggered.value.json()["conf"]
    assert conf["symbols"] == ["BTCUSDT", "ETHUSDT"]
    window = window_of(conf, of_backfill=False)
    assert str(window) == "[2026-11-18T00:00:00Z, 2026-11-19T00:00:00Z)"


def test_the_dialog_of_a_backfill_says_which_tick_parameters_need(visit, take_picture):
    page = visit(f"/dags/{DAG_ID}", height=2000)
    page.get_by_test_id("trigger-dag-button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Backfill", exact=True).first.click()
    # The tick's own label, and the words of the parameters that name it.
    tick = dialog.get_by_text(OVERRIDE, exact=True)
    tick.wait_for()
    assert dialog.get_by_text(f'tick "{OVERRIDE}"').count() == 2
    take_picture(dialog, "backfill")

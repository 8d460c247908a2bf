"""What a person does by hand in Airflow's own pages: read why a task failed, and backfill some past days."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import cache

import pytest
from support.coverage_cells import cell_of
from support.lasting_day import lasting_day

from airflow_provider_binance_liq.demo.configuration import ACCOUNT, DAG_ID, dag_settings
from airflow_provider_binance_liq.demo.rest import NotReachable

pytestmark = [pytest.mark.slow, pytest.mark.clock, pytest.mark.timeout(600)]

VARIABLE = f"/api/v2/variables/{DAG_ID}"
MISTYPED = "mistyped"
TOO_OLD = "too_old"
SCREEN = {"width": 1440, "height": 900}
#: seconds that these tests take, at most
LONGEST_S = 300


@cache
def today():
    """The day of all tests here, which is read when they begin."""
    return lasting_day(LONGEST_S).date()


def ago(days):
    return today() - timedelta(days=days)


def set_connections(real, *conn_ids):
    """Let the DAG extract one endpoint of these connections."""
    value = dag_settings(real.directory) | {"endpoints": ["usdm_futures"], "connections": conn_ids}
    real.api._call("PATCH", VARIABLE, body={"key": DAG_ID, "value": json.dumps(value)})


@pytest.fixture(scope="module")
def at_work(real):
    """The run of yesterday, in which one of two secrets is wrong, and a run of a day that is too old."""
    credentials = real.exchange.credentials(ACCOUNT)
    wrong = {
        "connection_id": MISTYPED,
        "conn_type": "binance",
        "login": credentials.api_key,
        "password": credentials.secret[::-1],
        "extra": json.dumps({"base_url": real.exchange.url}),
    }
    real.api.create_connection(wrong)
    set_connections(real, "binance_default", MISTYPED)
    real.api.unpause(DAG_ID)
    day = [f"{ago(number)}T00:00:00Z" for number in (100, 99)]
    conf = {"connections": ["binance_default"], "beyond_retention": "skip"}
    body = {
        "dag_run_id": TOO_OLD,
        "logical_date": f"{today()}T00:00:01Z",
        "conf": conf | dict(zip(("start", "end"), day, strict=True)),
    }
    real.api._call("POST", f"/api/v2/dags/{DAG_ID}/dagRuns", body=body)
    yield
    real.api._call("PATCH", f"/api/v2/dags/{DAG_ID}", body={"is_paused": True})
    # Other tests take a picture of the connections.
    real.api._session.delete(f"{real.url}/api/v2/connections/{MISTYPED}", timeout=60).raise_for_status()
    value = json.dumps(dag_settings(real.directory))
    real.api._call("PATCH", VARIABLE, body={"key": DAG_ID, "value": value})


@pytest.fixture(scope="module")
def ended(real, at_work):
    """Their runs, once both have ended: the ids by how they begin, which is `scheduled` or `too`."""
    found = {}

    def have_ended():
        try:
            runs = real.api.runs(DAG_ID)
        except NotReachable:
            return False  # not in time, on a machine that does much else
        found.update({one.run_id.partition("_")[0]: one.run_id for one in runs})
        return len(found) == 2 and all(one.ended for one in runs)

    real.wait_for(have_ended, 180)
    return found


def fill_in(page, first, last):
    """Open the dialog for a backfill, and choose its days."""
    page.get_by_test_id("trigger-dag-button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Backfill", exact=True).first.click()
    for number, day in enumerate((first, last)):
        dialog.get_by_test_id("datetime-input").nth(number).click()
        date = page.get_by_placeholder("YYYY/MM/DD").last
        date.fill(f"{day:%Y/%m/%d}")
        page.keyboard.press("Escape")
        date.wait_for(state="hidden")
    return dialog


def test_who_may_only_look_cannot_backfill_with_airflows_dialog(visit, at_work):
    dialog = fill_in(visit(f"/dags/{DAG_ID}", user="viewer", **SCREEN), ago(4), ago(3))
    dialog.get_by_text("User does not have permission to create backfills").wait_for()
    assert dialog.get_by_role("button", name="Run Backfill").is_disabled()


def lines_in_sight(page, *texts):
    """Return the lines of the log that begin so: each is wholly in the window, where nothing was scrolled."""
    found = []
    for text in texts:
        line = page.locator("code > span:not(:has(*))", has_text=text).first
        line.wait_for()
        box = line.bounding_box()
        assert box["x"] >= 0, (text, box)
        assert box["y"] >= 0, (text, box)
        assert box["x"] + box["width"] <= SCREEN["width"], (text, box)
        assert box["y"] + box["height"] <= SCREEN["height"], (text, box)
        middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
        shown = "(one, [x, y]) => { const top = document.elementFromPoint(x, y); return one.contains(top) }"
        assert line.evaluate(shown, middle), f"{text}: something lies above it"
        found.append(line.inner_text())
    return found


@pytest.fixture(scope="module")
def page(chromium, real):
    """The administrator's window, already signed in."""
    context = chromium.new_context(
        viewport=SCREEN, timezone_id="UTC", locale="en-US", reduced_motion="reduce"
    )
    token = real.api._session.headers["Authorization"].removeprefix("Bearer ")
    context.add_cookies([{"name": "_token", "value": token, "url": real.url}])
    made = context.new_page()
    made.set_default_timeout(60_000)
    yield made
    context.close()


@pytest.fixture
def open_log(page, real, ended):
    """Return a function that opens a run, and from there the log of one of its extractions."""

    def opened(run, label):
        page.goto(f"{real.url}/dags/{DAG_ID}/runs/{ended[run]}")
        page.get_by_role("link", name=label).click()

    return opened


def test_the_log_of_a_failure_says_cause_and_what_to_do_without_scrolling(page, open_log, take_picture):
    open_log("scheduled", f"{MISTYPED} · usdm_futures")
    cause, advice, window = lines_in_sight(page, "Cause: ", "What to do: ", "Window: ")
    assert cause.startswith(
        "Cause: KeyRejected: HTTP 400, code -1022: Signature for this request is not valid"
    )
    assert advice == "What to do: enter key and secret again: the secret does not belong to this API key"
    assert window == f"Window: usdm_futures of {MISTYPED}, {ago(1)} to {today()}"
    # Folds the trace, which names this machine's paths; a click by hand would scroll to it.
    page.get_by_text("AirflowFailException: ").first.evaluate("one => one.click()")
    page.get_by_text("task_runner.py").first.wait_for(state="hidden")
    take_picture(page, "failed-task")


def test_the_log_of_a_skip_beyond_retention_says_why_and_what_to_do_without_scrolling(page, open_log):
    open_log("too", f"{ACCOUNT} · usdm_futures")
    cause, advice, window = lines_in_sight(page, "Skipped: ", "What to do: ", "Window: ")
    assert cause.startswith("Skipped: the window begins before the 90 days that the exchange keeps")
    assert advice == 'What to do: nothing; or set beyond_retention to "extract" what is left'
    assert window == f"Window: usdm_futures of {ACCOUNT}, {ago(100)} to {ago(99)}"


def test_the_log_of_an_extraction_says_what_was_proven_without_scrolling(page, open_log):
    open_log("scheduled", f"{ACCOUNT} · usdm_futures")
    proven, proof = lines_in_sight(page, "Proven: ", "Proof: ")
    assert f"of usdm_futures of {ACCOUNT}, {ago(1)} to {today()}; " in proven
    assert proof.startswith("Proof: each page proves the one before it")


#: whether the grid's tasks at these paths have the colour of the first of them, which succeeded
SAME_COLOUR = """paths => {
  const found = paths.map(path => document.querySelector(
    `a[id^=grid-][href*="${path}"] [data-testid=task-state-badge]`));
  return found.every(Boolean) && new Set(found.map(one => getComputedStyle(one).backgroundColor)).size === 1;
}"""


def test_days_are_backfilled_with_airflows_own_dialog_and_proven_on_the_coverage_page(real, page, ended):
    set_connections(real, "binance_default")
    days = [ago(4), ago(3)]
    page.goto(f"{real.url}/dags/{DAG_ID}")
    dialog = fill_in(page, *days)
    dialog.get_by_text("2 runs will be triggered").wait_for()
    dialog.get_by_role("spinbutton").first.fill("2")
    dialog.get_by_role("button", name="Run Backfill").click()
    page.get_by_text("Backfill jobs have been successfully triggered").first.wait_for()
    page.reload()  # from then on, the grid follows what runs
    # A run is named by the end of its day.
    runs = [f"/runs/backfill__{day + timedelta(days=1)}T00:00:00+00:00/tasks" for day in days]
    tasks = [f"{run}/{task_id}" for run in runs for task_id in ("settings", "extract", "load")]
    scheduled = f"/runs/{ended['scheduled']}/tasks"
    succeeded = f"{scheduled}/settings"
    page.wait_for_function(SAME_COLOUR, arg=[succeeded, *tasks], polling=1000, timeout=180_000)
    assert not page.evaluate(SAME_COLOUR, [succeeded, f"{scheduled}/extract"]), "one of which failed"
    # What the run costs is in sight; how that adds up is folded.
    page.locator(f'a[id^=grid-][href*="{runs[0]}/settings"]').click()
    lines_in_sight(page, "This run needs at least 1 request of weight 50")
    assert page.get_by_text("minutes alone").count() == 0
    page.goto(f"{real.url}/plugin/binance-liq-nav")
    page.get_by_role("grid", name="Days by account and endpoint").wait_for()
    for day in days:
        assert "proven complete" in cell_of(page, 0, day.isoformat()).get_attribute("aria-label")

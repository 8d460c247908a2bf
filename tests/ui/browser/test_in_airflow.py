"""The page in a real Airflow's UI: a day that is missing is seen, backfilled from there, and proven."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from support.coverage_cells import cell_of, drag
from support.lasting_day import lasting_day
from support.pictures import keep
from support.real_airflow import RealAirflow

from airflow_provider_binance_liq.demo.days import Days
from airflow_provider_binance_liq.demo.rest import NotReachable

pytestmark = [pytest.mark.slow, pytest.mark.clock, pytest.mark.timeout(900)]

DAG = "binance_liquidations"
#: seconds that a test takes which needs to know the day, at most
LONGEST_S = 300


class SmallAirflow(RealAirflow):
    """An Airflow with one account of a simulated exchange."""

    def __init__(self, stack, place):
        super().__init__(stack, place, ["desk"], [DAG], endpoints=["usdm_futures", "coinm_futures"])
        self.token = self.api._session.headers["Authorization"].removeprefix("Bearer ")

    def backfill(self, day):
        number = self.api.create_backfill(DAG, Days(day, day), at_once=4)
        self.wait_for(lambda: self._has_ended(number), 240, lambda: number)

    def run_of(self, day):
        runs = self.api._call("GET", f"/api/v2/dags/{DAG}/dagRuns")["dag_runs"]
        (run,) = [one for one in runs if one["data_interval_start"].startswith(day.isoformat())]
        return run["dag_run_id"]

    def page_of_extraction(self, day):
        """Return the path of the page that has the links of a day's first extraction."""
        return f"/dags/{DAG}/runs/{quote(self.run_of(day), safe='')}/tasks/extract/mapped/0/details"

    def states_of(self, day):
        """Return the state of each task of a day's run; a mapped one is several."""
        path = f"/api/v2/dags/{DAG}/dagRuns/{self.run_of(day)}/taskInstances"
        found = self.api._call("GET", path)["task_instances"]
        return sorted((one["task_id"], one["state"]) for one in found)

    def _has_ended(self, number):
        try:
            return bool(self.api._call("GET", f"/api/v2/backfills/{number}")["completed_at"])
        except NotReachable:
            return False  # not in time, on a machine that does much else


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with ExitStack() as stack:
        yield SmallAirflow(stack, tmp_path_factory.mktemp("airflow") / "place")


@pytest.fixture
def browse(chromium, real):
    contexts = []

    def at(path, scheme):
        context = chromium.new_context(
            viewport={"width": 1440, "height": 860}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        context.add_cookies([{"name": "_token", "value": real.token, "url": real.url}])
        page = context.new_page()
        page.goto(f"{real.url}{path}")
        return page

    yield at
    for context in contexts:
        context.close()


def test_the_page_follows_the_theme_of_airflow(real, browse):
    page = browse("/plugin/binance-liq-nav", "dark")
    page.get_by_role("heading", name="Nothing has been extracted yet").wait_for(timeout=60_000)
    colours = "one => getComputedStyle(one).getPropertyValue('background-color')"
    assert page.locator("binance-liq-coverage").evaluate(colours) == page.locator("html").evaluate(colours)


def test_the_page_is_found_in_the_menu_and_as_a_tab_of_the_dag(real, browse):
    page = browse("/", "light")
    page.get_by_role("button", name="Browse").click(timeout=60_000)
    page.get_by_role("menuitem", name="Liquidations").click()
    page.get_by_role("heading", name="Nothing has been extracted yet").wait_for(timeout=60_000)
    assert page.url.endswith("/plugin/binance-liq-nav")

    page = browse(f"/dags/{DAG}", "light")
    page.get_by_role("link", name="Liquidations", exact=True).click(timeout=60_000)
    page.get_by_role("heading", name="Nothing has been extracted yet").wait_for(timeout=60_000)


def test_a_missing_day_is_backfilled_from_the_page(real, browse, tmp_path):
    today = lasting_day(LONGEST_S).date()
    # Three of its days are missing, of two endpoints: the newest day that is due as well.
    missing = [today - timedelta(days=6), today - timedelta(days=5)]
    real.api.unpause(DAG)
    real.backfill(today - timedelta(days=7))
    real.backfill(today - timedelta(days=4))

    page = browse("/plugin/binance-liq-nav", "light")
    page.get_by_role("grid", name="Days by account and endpoint").wait_for(timeout=60_000)
    assert "6 days are missing and can be extracted" in page.locator("#headline").inner_text()
    row = int(page.locator(".line[data-history]", has_text="desk · USD").get_attribute("data-history"))
    cells = [cell_of(page, row, day.isoformat()) for day in missing]
    assert all("missing: no window covers it" in cell.get_attribute("aria-label") for cell in cells)
    # Where this lake is on this machine is nobody's business.
    page.locator(".said .quiet").evaluate(
        "one => one.append(one.textContent.replace(/^\\S+/, 'file:///data/lake'))"
    )
    page.locator(".said .quiet").evaluate("one => one.firstChild.remove()")
    keep(page.screenshot(), "coverage-in-airflow", tmp_path)

    drag(page, *cells)
    page.get_by_role("button", name="Backfill…").click()
    page.get_by_text("Airflow will run 2 runs").wait_for()
    page.get_by_role("button", name="Start the backfill").click()
    page.get_by_text("The backfill has ended: 2 of 2 days proven.").wait_for(timeout=240_000)
    assert all("proven complete" in cell.get_attribute("aria-label") for cell in cells)
    assert "4 days are missing and can be extracted" in page.locator("#headline").inner_text()

    cells[0].click()
    panel = page.get_by_role("complementary")
    panel.get_by_role("link", name="log of extract").click(trial=True)
    with page.expect_download() as download:
        panel.get_by_role("link", name=".manifest.json").click()
    manifest = json.loads(Path(download.value.path()).read_bytes())
    assert manifest["window"]["start"] == f"{missing[0]}T00:00:00Z"
    panel.get_by_text("into liquidations.duckdb").wait_for()

    # Of a day that is proven, only this extraction runs again, and what follows it.
    whole = today - timedelta(days=7)
    cell_of(page, row, whole.isoformat()).click()
    panel.get_by_role("button", name="Extract this day again…").click()
    page.get_by_role("button", name="Backfill…").click()
    page.get_by_text("Airflow will run 1 run; each of them is there already").wait_for()
    page.get_by_role("button", name="Start the backfill").click()
    page.get_by_text("The backfill has ended: 1 of 1 day proven.").wait_for(timeout=240_000)
    states = real.states_of(whole)
    assert len(states) == 5, states
    assert {state for _, state in states} == {"success", "skipped"}, states

    # From a task back to the day that it has extracted, and to what it has written.
    page = browse(real.page_of_extraction(missing[0]), "light")
    with page.expect_download() as download:
        page.get_by_role("link", name="Object", exact=True).click(timeout=60_000)
    assert download.value.suggested_filename.endswith(".ndjson")
    for name, about in (
        ("Manifest", "manifest.json"),
        ("Binance documentation", "https://developers.binance"),
    ):
        assert about in page.get_by_role("link", name=name, exact=True).get_attribute("href")
    page.goto(real.url + page.get_by_role("link", name="Coverage", exact=True).get_attribute("href"))
    panel = page.get_by_role("complementary")
    panel.get_by_role("heading", name=missing[0].isoformat(), level=2).wait_for(timeout=60_000)
    panel.get_by_role("link", name=".manifest.json").wait_for()

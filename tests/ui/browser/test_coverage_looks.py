"""Whether everybody can read the page: by assistive technology, in light and dark, and on a phone.

The pictures of the documentation are taken here.
"""

from __future__ import annotations

import pytest
from support.coverage_cells import cell_of, drag
from support.coverage_documents import days_ago, document, example, large, lively
from support.coverage_site import PREFIX, RUNS
from support.coverage_windows import WINDOW
from support.pictures import keep

from airflow_provider_binance_liq.ui.page import page as auditors_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NARROW = {"width": 360, "height": 780}
CONF = {"connections": ["desk"], "endpoints": ["usdm_futures"]}
ESTIMATE = {
    "requests": 12,
    "weight": 240,
    "minutes": 0.4,
    "days": 2,
    "backfills": [
        {
            "from_date": f"{days_ago(12)}T00:00:00Z",
            "to_date": f"{days_ago(11)}T00:00:00Z",
            "dag_run_conf": CONF,
        }
    ],
    "command": "airflow backfill create --dag-id binance_liquidations",
}
AT_WORK = {
    "dag_run_id": "scheduled__2026-11-26T00:00:00+00:00",
    "state": "running",
    "conf": {},
    "data_interval_start": f"{days_ago(2)}T00:00:00Z",
    "data_interval_end": f"{days_ago(1)}T00:00:00Z",
}


def as_it_is(page):
    page.locator(".c.runs").first.wait_for()


def opened(page):
    page.get_by_role("button", name="desk · USD-M futures").click()
    page.get_by_role("grid", name="desk · USD-M futures, 2026").wait_for()


def day(page):
    cell_of(page, 0, days_ago(14)).click()
    page.get_by_text("2 premises of the proof").wait_for()


def chosen(page):
    drag(page, cell_of(page, 0, days_ago(13)), cell_of(page, 0, days_ago(10)))
    page.get_by_text("12 requests at least").wait_for()


def confirming(page):
    chosen(page)
    page.get_by_role("button", name="Backfill…").click()
    page.get_by_text("Airflow will run 2 runs").wait_for()


def filtered(page):
    page.get_by_label("Missing only").check()


STATES = {one.__name__: one for one in (as_it_is, opened, day, chosen, confirming, filtered)}


@pytest.fixture
def busy(site):
    site.give(f"{PREFIX}estimate", ESTIMATE)
    site.give(f"{PREFIX}day", {"windows": [WINDOW], "problems": []})
    site.give(RUNS, {"dag_runs": [AT_WORK]})
    site.give("/api/v2/backfills/dry_run", {"backfills": [], "total_entries": 2}, method="POST")
    return site


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_assistive_technology_meets_no_obstacle(visit, busy, violations, state, scheme):
    page = visit(busy.page, scheme=scheme)
    STATES[state](page)
    assert violations(page) == []


@pytest.mark.parametrize("state", ["as_it_is", "opened", "day", "filtered"])
def test_a_phone_shows_the_page_without_scrolling_it_sideways(visit, busy, violations, state):
    page = visit(busy.page, size=NARROW)
    STATES[state](page)
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    assert violations(page) == []


@pytest.mark.parametrize("font", ["sans-serif", "DejaVu Sans, Verdana, sans-serif"])
def test_what_stands_at_a_rows_name_is_not_cut_off(visit, serve, font):
    desk = lively("desk", "usdm_futures", 1_500, 4, retention=(1_200, "documented"))
    for ago in range(4, 1_200):
        desk.put(days_ago(ago), "m")
    page = visit(serve(document([desk])).page)
    page.locator("binance-liq-coverage").evaluate(
        "(one, font) => one.style.setProperty('font-family', font)", font
    )
    told = page.locator(".name small").first
    assert told.inner_text() == "1,196 days to extract, 16 h left"
    assert told.evaluate("one => one.scrollWidth <= one.clientWidth")


@pytest.mark.parametrize(("status", "body"), [(200, document([])), (403, {"detail": "Forbidden"}), (500, {})])
def test_a_page_without_days_has_no_obstacle_either(visit, busy, violations, status, body):
    busy.give(f"{PREFIX}coverage", body, status=status)
    page = visit(busy.page)
    page.locator(".blank h2").wait_for()
    assert violations(page) == []


def test_the_auditors_file_has_no_obstacle(visit, violations, tmp_path):
    place = tmp_path / "coverage.html"
    place.write_text(auditors_file(example() | {"dag_id": None}), encoding="utf-8")
    assert violations(visit(place.as_uri(), offline=True)) == []


def test_the_hosts_theme_colours_the_page(visit, busy):
    page = visit(busy.page)
    page.evaluate("document.documentElement.style.setProperty('--chakra-colors-bg-panel', 'rgb(1, 2, 3)')")
    assert (
        page.locator(".scroller").evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(1, 2, 3)"
    )


def test_nothing_moves_for_whom_motion_disturbs(visit, busy):
    page = visit(busy.page)
    as_it_is(page)
    assert page.locator(".c.runs .box").first.evaluate("one => getComputedStyle(one).animationName") == "none"


def test_of_two_years_of_eighteen_histories_only_what_is_in_view_is_made(visit, serve):
    page = visit(serve(large()).page)
    page.locator(".line .c").first.wait_for()
    assert page.locator(".line .c").count() < 13_140 / 4


def test_cells_out_of_view_are_made_when_they_come_into_view(visit, serve):
    page = visit(serve(document([lively("desk", "margin", 730, 3)])).page)
    first = cell_of(page, 0, days_ago(729))
    assert first.count() == 0
    page.locator(".scroller").evaluate("one => one.scrollTo(0, 0)")
    first.wait_for()


@pytest.mark.parametrize(
    ("name", "state", "look"),
    [
        ("coverage-light", "as_it_is", {"scheme": "light", "size": {"width": 1440, "height": 760}}),
        ("coverage-dark", "day", {"scheme": "dark", "size": {"width": 1440, "height": 860}}),
        ("coverage-opened", "opened", {"scheme": "light", "size": {"width": 1440, "height": 900}}),
        ("coverage-backfill", "confirming", {"scheme": "light", "size": {"width": 1440, "height": 860}}),
        ("coverage-narrow", "as_it_is", {"scheme": "light", "size": NARROW}),
    ],
)
def test_pictures_of_the_documentation(visit, busy, name, state, look, tmp_path):
    page = visit(busy.page, **look)
    STATES[state](page)
    page.mouse.move(1, 1)
    picture = page.screenshot()
    assert len(picture) < 250_000
    keep(picture, name, tmp_path)

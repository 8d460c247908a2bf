"""Filters, which the page's address keeps, and the download of what they show."""

from __future__ import annotations

import csv
from urllib.parse import parse_qs, urlsplit

import pytest
from support.coverage_cells import cell_of
from support.coverage_documents import days_ago

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def query(page):
    return {name: value[0] for name, value in parse_qs(urlsplit(page.url).query).items()}


def rows(page):
    return page.locator(".line:not(.axis) .name button").all_inner_texts()


def test_filters_are_written_to_the_address(page):
    page.get_by_role("combobox", name="Account").select_option("fund")
    page.get_by_role("combobox", name="Endpoint").select_option("usdm_futures")
    page.get_by_label("Missing only").check()
    page.get_by_label("From", exact=True).fill(days_ago(60))
    page.get_by_label("From", exact=True).press("Enter")
    page.get_by_role("group", name="Legend").get_by_role("button", name="not proven").click()
    assert query(page) == {
        "account": "fund", "endpoint": "usdm_futures", "missing": "1", "from": days_ago(60), "state": "u",
    }  # fmt: skip
    page.get_by_role("button", name="Clear filters").first.click()
    assert query(page) == {}


def test_the_address_of_another_is_shown_as_they_saw_it(visit, site):
    page = visit(f"{site.page}?account=desk&missing=1&to={days_ago(30)}&open=desk%2Fmargin&theirs=kept")
    page.get_by_role("grid", name="desk · Margin, 2026").wait_for()
    assert [name.split("\n")[-1] for name in rows(page)] == ["desk · USD-M futures", "desk · Margin"]
    assert page.get_by_label("Missing only").is_checked()
    page.get_by_label("Missing only").uncheck()
    assert query(page)["theirs"] == "kept"


def test_the_link_of_a_task_opens_its_day(visit, site):
    page = visit(f"{site.page}?history=desk%2Fusdm_futures&day={days_ago(80)}")
    page.get_by_role("complementary").get_by_text(days_ago(80)).wait_for()
    # A calendar of the whole history as well, and the day is in view.
    page.get_by_role("grid", name="desk · USD-M futures, 2026").wait_for()
    assert cell_of(page, 0, days_ago(80)).bounding_box()["x"] > 0
    page.get_by_label("Missing only").check()
    assert query(page) == {"missing": "1", "open": "desk/usdm_futures"}


@pytest.mark.parametrize("history", ["desk/usdm_futures", "ghost/usdm_futures"])
def test_a_link_to_a_day_that_the_lake_does_not_have_says_so(visit, site, history):
    page = visit(f"{site.page}?history={history.replace('/', '%2F')}&day=2019-01-01")
    page.get_by_text(f"The lake has nothing of {history} for 2019-01-01.").wait_for()
    assert page.get_by_role("complementary").count() == 0


def test_the_routers_state_of_the_address_stays(page):
    page.evaluate("history.replaceState({ idx: 3 }, '')")
    page.get_by_label("Missing only").check()
    assert page.evaluate("history.state") == {"idx": 3}
    assert page.evaluate("history.length") <= 2


def test_a_state_of_the_legend_shows_only_its_days(page):
    page.get_by_role("group", name="Legend").get_by_role("button", name="lost").click()
    assert [name.split("\n")[-1] for name in rows(page)] == ["desk · USD-M futures", "fund · USD-M futures"]
    assert "aside" in cell_of(page, 0, days_ago(12)).get_attribute("class")
    assert page.get_by_role("button", name="lost").get_attribute("aria-pressed") == "true"


def test_a_wrong_day_is_refused_and_filters_nothing(page):
    field = page.get_by_label("To", exact=True)
    field.fill("27/11/2026")
    field.press("Enter")
    assert field.evaluate("one => one.validationMessage") == "A day as YYYY-MM-DD, such as 2026-11-27"
    assert query(page) == {}


def test_filters_that_leave_nothing_say_so(visit, site):
    page = visit(f"{site.page}?account=fund&state=f")
    page.get_by_role("heading", name="No day matches the filters").wait_for()
    page.get_by_role("button", name="Clear filters").last.click()
    assert len(rows(page)) == 6


def test_what_is_shown_is_downloaded(visit, site, tmp_path):
    page = visit(f"{site.page}?account=desk&endpoint=usdm_futures&missing=1")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "coverage_2026-11-27.csv"
    download.value.save_as(tmp_path / "coverage.csv")
    found = list(csv.DictReader((tmp_path / "coverage.csv").open()))
    assert [row["state"] for row in found] == ["missing"] * 3 + [
        "not proven",
        "partly covered",
        "failed verification",
    ] + ["missing"] * 2
    assert found[3] == {
        "account": "desk",
        "endpoint": "usdm_futures",
        "filter": "",
        "day": days_ago(40),
        "state": "not proven",
        "rows": "112",
        "caveat": "true",
        "loaded": "true",
        "recoverable_until": "2027-01-16T00:00:00Z",
    }

"""The page without a mouse."""

from __future__ import annotations

import pytest
from support.coverage_cells import cell_of, focused_day
from support.coverage_documents import days_ago, document, quiet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def grid(page):
    cell_of(page, 0, days_ago(12)).focus()
    return page


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_one_cell_of_the_grid_is_in_the_order_of_tab(page):
    assert page.locator('.line .month .c[tabindex="0"]').count() == 1


def test_arrows_go_from_day_to_day(grid):
    press(grid, "ArrowLeft", "ArrowLeft", "ArrowRight")
    assert focused_day(grid) == days_ago(13)
    assert grid.locator('.line .month .c[tabindex="0"]').count() == 1


def test_up_and_down_go_to_the_same_day_of_another_history(grid):
    press(grid, "ArrowDown", "ArrowDown", "ArrowUp")
    assert focused_day(grid) == days_ago(12)
    assert cell_of(grid, 1, days_ago(12)).evaluate("one => one.getRootNode().activeElement === one")


def test_home_and_end_go_to_the_first_and_the_newest_day(grid):
    press(grid, "Home")
    assert focused_day(grid) == days_ago(149)
    press(grid, "End")
    assert focused_day(grid) == days_ago(0)


def test_a_page_is_thirty_days(grid):
    press(grid, "PageUp")
    assert focused_day(grid) == days_ago(42)
    press(grid, "PageDown", "PageDown")
    assert focused_day(grid) == days_ago(0)


def test_the_focused_day_is_in_view_and_said_in_words(grid):
    press(grid, "Home")
    box = cell_of(grid, 0, days_ago(149)).bounding_box()
    names = grid.locator(".axis .name").bounding_box()
    assert box["x"] >= names["x"] + names["width"]
    assert days_ago(149) in grid.locator(".tip").inner_text()
    assert "desk · USD-M futures" in grid.locator(".tip").inner_text()


def test_shift_and_arrows_choose_days_and_escape_takes_them_back(grid):
    press(grid, "Shift+ArrowRight", "Shift+ArrowRight")
    assert grid.locator('.c[aria-selected="true"]').count() == 3
    assert "2 days to extract" in grid.get_by_role("region", name="Chosen days").inner_text()
    press(grid, "Shift+ArrowLeft")
    assert grid.locator('.c[aria-selected="true"]').count() == 2
    press(grid, "Escape")
    assert grid.locator('.c[aria-selected="true"]').count() == 0
    assert focused_day(grid) == days_ago(11)


def test_enter_opens_the_day_and_escape_returns_to_its_cell(grid):
    press(grid, "Enter")
    panel = grid.get_by_role("complementary")
    assert panel.get_attribute("aria-label") == f"desk · USD-M futures, {days_ago(12)}"
    assert grid.evaluate(
        "document.querySelector('binance-liq-coverage').shadowRoot.activeElement.tagName"
    ) == ("H2")
    press(grid, "Escape")
    assert panel.count() == 0
    assert focused_day(grid) == days_ago(12)


def test_a_row_opens_as_calendars_of_weekdays_by_weeks(page):
    name = page.get_by_role("button", name="desk · USD-M futures")
    name.press("Enter")
    assert name.get_attribute("aria-expanded") == "true"
    year = page.get_by_role("grid", name="desk · USD-M futures, 2026: weekdays by weeks")
    assert year.get_by_role("rowheader").all_inner_texts() == [
        "Mon",
        "Tue",
        "Wed",
        "Thu",
        "Fri",
        "Sat",
        "Sun",
    ]
    year.locator('[aria-label^="2026-11-16, Monday"]').focus()
    press(page, "ArrowRight", "ArrowDown")
    assert focused_day(page) == "2026-11-24"
    press(page, "ArrowLeft", "Shift+ArrowDown")
    assert year.locator('[aria-selected="true"]').count() == 2
    name.press("Enter")
    assert year.count() == 0


def test_each_month_of_a_calendar_has_its_name_once(serve, visit):
    # From 2026-08-29 on, a Saturday: of the first week, two days are in August; September begins in the next.
    page = visit(serve(document([quiet("desk", "margin", 91)])).page)
    page.get_by_role("button", name="desk · Margin").click()
    months = page.locator('.weeks [role="columnheader"] > [aria-hidden]')
    assert [name for name in months.all_inner_texts() if name] == ["08", "09", "10", "11"]


def test_a_week_of_two_months_has_the_name_of_the_later_one(serve, visit):
    # From 2026-09-30 on, a Wednesday: October begins the day after.
    page = visit(serve(document([quiet("desk", "margin", 59)])).page)
    page.get_by_role("button", name="desk · Margin").click()
    months = page.locator('.weeks [role="columnheader"] > [aria-hidden]')
    assert [name for name in months.all_inner_texts() if name] == ["10", "11"]


def test_the_first_gap_is_found_by_its_button(page):
    page.get_by_role("button", name="Go to the first gap").press("Enter")
    assert focused_day(page) == days_ago(86)

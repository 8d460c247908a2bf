"""Each state and mark of a day: what its cell is called, and which colour and glyph it has."""

from __future__ import annotations

import pytest
from support.coverage_cells import cell_of, style_of
from support.coverage_documents import days_ago, document, quiet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

NAMES = {
    "p": "proven complete, 7 rows",
    "e": "proven complete, without a row",
    "h": "partly covered: some of it is proven, the rest is missing; can be extracted for 79 d",
    "u": "extracted, but not proven complete; can be extracted for 79 d",
    "m": "missing: no window covers it; can be extracted for 79 d",
    "l": "lost: not proven, and older than what the exchange keeps",
    "f": "failed verification: a manifest cannot be used, or its object does not match it; "
    "can be extracted for 79 d",
    "n": "not due: not over yet, or too young for its rows to have settled",
}
MARKS = {
    1: "has a caveat, or rests on an assumption that other days do not",
    2: "in the lake, not yet loaded",
    4: "extracted more than once",
    16: "a manifest of it cannot be used: restore it from a backup",
}


@pytest.fixture
def open_cell(serve, visit):
    def show(day, letter, **known):
        page = visit(serve(document([quiet("desk", "margin", 120).put(day, letter, **known)])).page)
        cell = cell_of(page, 0, day)
        cell.wait_for()
        return cell

    return show


@pytest.mark.parametrize("letter", NAMES)
def test_a_state_is_said_in_words(open_cell, letter):
    cell = open_cell(days_ago(10), letter, rows=7 if letter == "p" else 0)
    assert cell.get_attribute("aria-label") == f"{days_ago(10)}, Tuesday: {NAMES[letter]}"
    assert cell.get_attribute("role") == "gridcell"


def test_states_differ_in_colour_and_in_glyph(open_cell):
    looks = {}
    for letter in NAMES:
        box = open_cell(days_ago(10), letter, rows=7 if letter == "p" else 0).locator(".box")
        fill = (
            style_of(box, "background-color"),
            style_of(box, "background-image"),
            style_of(box, "box-shadow"),
        )
        glyph = tuple(
            style_of(box, one, "::before") for one in ("mask-image", "clip-path", "background-image")
        )
        looks[letter] = fill, glyph
    assert len({fill for fill, _ in looks.values()}) == len(NAMES)
    assert len({glyph for _, glyph in looks.values()}) == len(NAMES)
    assert ("none", "none", "none") not in {glyph for _, glyph in looks.values()}


def test_only_a_failed_verification_is_red(open_cell):
    failed = style_of(open_cell(days_ago(10), "f").locator(".box"), "background-color")
    assert failed == "rgb(220, 38, 38)"
    assert style_of(open_cell(days_ago(10), "l").locator(".box"), "background-color") == "rgb(229, 231, 235)"


def test_more_rows_are_deeper_in_one_hue(open_cell):
    fills = [
        style_of(open_cell(days_ago(10), "p", rows=rows).locator(".box"), "background-color")
        for rows in (1, 10, 100, 1_000, 10_000, 100_000)
    ]
    assert len(set(fills)) == 5
    assert fills[-1] == fills[-2]


@pytest.mark.parametrize("flag", MARKS)
def test_a_mark_is_said_in_words(open_cell, flag):
    assert MARKS[flag] in open_cell(days_ago(10), "p", rows=3, flags=flag).get_attribute("aria-label")


def test_a_caveat_and_a_load_that_is_due_have_a_corner_each(open_cell):
    cell = open_cell(days_ago(10), "p", rows=3, flags=3)
    assert style_of(cell.locator(".box"), "clip-path", "::after") == "polygon(0px 0px, 100% 0px, 100% 100%)"
    assert style_of(cell.locator(".box > i"), "clip-path") == "polygon(0px 0px, 100% 100%, 0px 100%)"
    plain = open_cell(days_ago(10), "p", rows=3)
    assert style_of(plain.locator(".box"), "content", "::after") == "none"
    assert plain.locator(".box > i").count() == 0


def test_what_is_lost_within_a_week_is_sharper(open_cell):
    late, early = (open_cell(days_ago(ago), "m").locator(".box") for ago in (84, 82))
    assert style_of(late, "background-color") == "rgb(234, 88, 12)"
    assert style_of(early, "background-color") == "rgb(255, 247, 237)"
    assert style_of(late, "mask-image", "::before") != style_of(early, "mask-image", "::before")


def test_a_run_at_work_is_shown_on_its_days_and_accounts_only(serve, visit):
    site = serve(document([quiet("desk", "margin", 60), quiet("fund", "margin", 60)]))
    run = {
        "dag_run_id": "backfill__1",
        "state": "running",
        "conf": {"connections": ["desk"], "endpoints": ["margin"]},
        "data_interval_start": f"{days_ago(9)}T00:00:00Z",
        "data_interval_end": f"{days_ago(8)}T00:00:00Z",
    }
    site.give("/api/v2/dags/binance_liquidations/dagRuns", {"dag_runs": [run], "total_entries": 1})
    page = visit(site.page)
    page.locator(".c.runs").wait_for()
    assert page.locator(".c.runs").count() == 1
    assert "a run is running now" in cell_of(page, 0, days_ago(9)).get_attribute("aria-label")
    asked = site.sent("GET", "/api/v2/dags/binance_liquidations/dagRuns")[0][0]
    assert sorted(asked["state"]) == ["queued", "running"]


def test_no_number_is_written_into_a_cell(page):
    assert page.locator(".line .month .c").all_inner_texts() == [""] * page.locator(".line .month .c").count()

"""Days are chosen, their cost is shown, and a backfill is created and followed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from support.coverage_cells import cell_of, drag
from support.coverage_documents import days_ago, document, example, lively
from support.coverage_site import PREFIX, RUNS
from support.coverage_windows import WINDOW

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BACKFILLS = "/api/v2/backfills"
CONF = {"connections": ["desk"], "endpoints": ["usdm_futures"]}


def stretch(first, last):
    return {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z", "dag_run_conf": CONF}


ESTIMATE = {
    "requests": 12,
    "weight": 240,
    "minutes": 0.4,
    "days": 2,
    "backfills": [stretch(days_ago(12), days_ago(11))],
    "why_not": "",
    "command": "airflow backfill create --dag-id binance_liquidations --from-date 2026-11-15",
}


@pytest.fixture
def chosen(site, page):
    """Two missing days, and two proven ones beside them, are chosen with the mouse."""
    site.give(f"{PREFIX}estimate", ESTIMATE)
    site.give(f"{BACKFILLS}/dry_run", {"backfills": [], "total_entries": 2}, method="POST")
    drag(page, cell_of(page, 0, days_ago(13)), cell_of(page, 0, days_ago(10)))
    page.get_by_text("12 requests at least").wait_for()
    return page


@pytest.fixture
def confirmed(chosen):
    chosen.get_by_role("button", name="Backfill…").click()
    chosen.get_by_text("Airflow will run 2 runs").wait_for()
    return chosen


def test_a_drag_chooses_days_and_their_cost_is_asked_for(site, chosen):
    bar = chosen.get_by_role("region", name="Chosen days").inner_text()
    assert "2 days to extract of desk · USD-M futures" in bar
    assert f"{days_ago(12)} to {days_ago(11)} · 2 proven, left out" in bar
    assert "12 requests at least, weight 240, less than a minute" in bar
    asked = site.sent("GET", f"{PREFIX}estimate")[-1]
    assert asked[0] == {"history": ["desk/usdm_futures"], "day": [days_ago(12), days_ago(11)]}


def test_proven_days_are_extracted_again_if_that_is_asked_for(site, chosen):
    with chosen.expect_response("**/estimate*"):
        chosen.get_by_label("proven ones again").check()
    chosen.get_by_text("4 days to extract", exact=True).wait_for()
    assert site.sent("GET", f"{PREFIX}estimate")[-1][0]["day"] == [days_ago(ago) for ago in (13, 12, 11, 10)]


def test_a_lost_day_is_not_extracted(site, page):
    site.give(f"{PREFIX}estimate", ESTIMATE)
    page.locator(".scroller").evaluate("one => one.scrollTo(0, 0)")
    cell_of(page, 0, days_ago(119)).wait_for()
    drag(page, cell_of(page, 0, days_ago(119)), cell_of(page, 0, days_ago(118)))
    bar = page.get_by_role("region", name="Chosen days")
    assert "No day to extract" in bar.inner_text()
    assert "2 not kept by the exchange any more" in bar.inner_text()
    assert page.get_by_role("button", name="Backfill…").count() == 0


def test_airflow_is_asked_what_would_run_before_the_reader_is(site, confirmed):
    dialog = confirmed.get_by_role("dialog").inner_text()
    assert "Backfill 2 days?" in dialog
    assert f"desk · USD-M futures for {days_ago(12)} to {days_ago(11)}" in dialog
    assert len(site.sent("POST", f"{BACKFILLS}/dry_run")) == 1
    assert site.sent("POST", BACKFILLS) == []


def test_a_backfill_is_created_for_these_days_and_this_account_only(site, confirmed):
    site.give(BACKFILLS, {"id": 7}, method="POST")
    site.give(f"{BACKFILLS}/7", {"id": 7, "completed_at": None})
    confirmed.get_by_role("button", name="Start the backfill").click()
    confirmed.get_by_text("The backfill is running").wait_for()
    ((_, body),) = site.sent("POST", BACKFILLS)
    assert body == {
        "dag_id": "binance_liquidations",
        "run_backwards": False,
        "reprocess_behavior": "completed",
        **stretch(days_ago(12), days_ago(11)),
    }


def test_when_it_has_ended_the_lake_is_read_again(site, confirmed):
    done = example()
    at = len(done["histories"][0]["states"])
    states = done["histories"][0]["states"]
    done["histories"][0]["states"] = f"{states[: at - 13]}pe{states[at - 11 :]}"
    site.give(BACKFILLS, {"id": 7}, method="POST")
    site.give(f"{BACKFILLS}/7", {"id": 7, "completed_at": "2026-11-27T07:20:00Z"})
    site.give(f"{PREFIX}coverage", done)
    confirmed.get_by_role("button", name="Start the backfill").click()
    confirmed.get_by_text("The backfill has ended: 2 of 2 days proven.").wait_for()
    assert site.sent("GET", f"{PREFIX}coverage")[-1][0] == {"refresh": ["true"]}
    assert "proven complete" in cell_of(confirmed, 0, days_ago(12)).get_attribute("aria-label")


def test_days_apart_are_backfilled_one_stretch_after_the_other(site, page):
    both = [stretch(days_ago(40), days_ago(39)), stretch(days_ago(12), days_ago(11))]
    site.give(f"{PREFIX}estimate", {**ESTIMATE, "backfills": both})
    site.give(f"{BACKFILLS}/dry_run", {"backfills": [], "total_entries": 2}, method="POST")
    site.give(BACKFILLS, {"id": 7}, method="POST")
    site.give(f"{BACKFILLS}/7", {"id": 7, "completed_at": "2026-11-27T07:20:00Z"})
    page.get_by_role("button", name="desk · USD-M futures").click()
    page.get_by_role("button", name="Choose the 7 days to extract").click()
    page.get_by_role("button", name="Backfill…").click()
    page.get_by_text("so these are 2 backfills").wait_for()
    page.get_by_role("button", name="Start the backfill").click()
    page.get_by_text("The backfill has ended").wait_for()
    assert [body["from_date"] for _, body in site.sent("POST", BACKFILLS)] == [
        one["from_date"] for one in both
    ]


@pytest.mark.parametrize(
    ("status", "detail", "words"),
    [
        (403, "Forbidden", "Your role may not create backfills. Copy the command"),
        (409, "There is already a running backfill", "Another backfill of this DAG is active"),
        (503, "Database is locked.", "Airflow's metadata database is SQLite or is locked"),
        (422, "binance_liquidations has a non-periodic schedule", "has a non-periodic schedule"),
        (401, "Not authenticated", "Your session has ended"),
    ],
)
@pytest.mark.parametrize("asked", [f"{BACKFILLS}/dry_run", BACKFILLS])
def test_what_is_in_the_way_is_said_in_words(site, chosen, status, detail, words, asked):
    site.give(asked, {"detail": detail}, method="POST", status=status)
    chosen.get_by_role("button", name="Backfill…").click()
    if asked == BACKFILLS:
        chosen.get_by_role("button", name="Start the backfill").click()
    alert = chosen.get_by_role("dialog").get_by_role("alert")
    alert.wait_for()
    assert words in alert.inner_text()
    assert chosen.get_by_role("button", name="Start the backfill").is_disabled()
    assert chosen.get_by_role("dialog").get_by_role("button", name="Copy the command").is_enabled()


def test_the_command_is_copied(site, chosen):
    chosen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chosen.get_by_role("button", name="Copy the command").click()
    chosen.get_by_text("The command is copied.").wait_for()
    assert chosen.evaluate("navigator.clipboard.readText()") == ESTIMATE["command"]


def run_of(day, state, task="desk · usdm_futures · 15 Nov 2026 · 3 rows · proven", *, name=None):
    """Give what Airflow says of the run of a day, and of its tasks."""
    run = name or f"scheduled__{day}"
    start = datetime.fromisoformat(f"{day}T00:00:00Z")
    ends = [f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in (start, start + timedelta(days=1))]
    about = dict(zip(("data_interval_start", "data_interval_end"), ends, strict=True))
    tasks = [
        {"task_id": "settings", "map_index": -1, "state": "success", "rendered_map_index": None},
        {"task_id": "extract", "map_index": 4, "state": "failed", "rendered_map_index": task},
    ]
    return {"dag_run_id": run, "state": state, **about}, (f"{RUNS}/{run}/taskInstances", tasks)


def give_runs(site, *runs):
    """Answer with these runs, and with their tasks; none of them is at work."""
    known = [run for run, _ in runs]
    site.answers[("GET", RUNS)] = lambda: (
        200,
        {"dag_runs": known if "logical_date_gte" in site.requests[-1][2] else []},
    )
    for _, (path, tasks) in runs:
        site.give(path, {"task_instances": tasks})


def test_a_day_whose_run_is_there_has_its_extraction_cleared_and_nothing_else(site, chosen):
    give_runs(site, run_of(days_ago(12), "failed"))
    later = {**ESTIMATE, "backfills": [stretch(days_ago(11), days_ago(11))]}
    site.give(f"{PREFIX}estimate", later)
    site.give(f"{BACKFILLS}/dry_run", {"backfills": [], "total_entries": 1}, method="POST")
    site.give("/api/v2/dags/binance_liquidations/clearTaskInstances", {"task_instances": []}, method="POST")
    site.give(BACKFILLS, {"id": 7}, method="POST")
    site.give(f"{BACKFILLS}/7", {"id": 7, "completed_at": "2026-11-27T07:20:00Z"})
    chosen.get_by_role("button", name="Backfill…").click()
    chosen.get_by_text("Airflow will run 2 runs; 1 of them is there already").wait_for()
    chosen.get_by_role("button", name="Start the backfill").click()
    chosen.get_by_text("The backfill has ended").wait_for()
    ((_, cleared),) = site.sent("POST", "/api/v2/dags/binance_liquidations/clearTaskInstances")
    assert cleared["dag_run_id"] == f"scheduled__{days_ago(12)}"
    assert cleared["task_ids"] == [["extract", 4]]
    assert cleared["include_downstream"]
    ((_, created),) = site.sent("POST", BACKFILLS)
    assert created["from_date"] == f"{days_ago(11)}T00:00:00Z"


def test_a_run_that_is_at_work_or_of_another_account_is_not_cleared(site, chosen):
    give_runs(
        site,
        run_of(days_ago(12), "running"),
        run_of(days_ago(11), "success", "fund · usdm_futures · 16 Nov 2026 · 3 rows · proven"),
    )
    chosen.get_by_role("button", name="Backfill…").click()
    chosen.get_by_text("Airflow will run 2 runs.").wait_for()


def test_a_day_that_only_an_earlier_extraction_proves_is_not_said_to_be_extracted_again(site, confirmed):
    done = example()
    at, states = len(done["histories"][0]["states"]), done["histories"][0]["states"]
    done["histories"][0]["states"] = f"{states[: at - 13]}pe{states[at - 11 :]}"
    site.give(f"{PREFIX}coverage", done)
    site.give(BACKFILLS, {"id": 7}, method="POST")
    site.give(f"{BACKFILLS}/7", {"id": 7, "completed_at": "2026-11-27T07:20:00Z"})
    site.give(f"{PREFIX}day", {"windows": [WINDOW], "problems": []})
    give_runs(site, run_of(days_ago(12), "failed"), run_of(days_ago(11), "success"))
    confirmed.get_by_role("button", name="Start the backfill").click()
    confirmed.get_by_text(
        "The backfill has ended: 2 of 2 days proven. 1 run failed. 1 of the proven days was not extracted "
        "again: an earlier extraction proves it. The runs' logs say why."
    ).wait_for()


def test_the_rows_stay_where_they_were_after_a_backfill(site, confirmed):
    before = confirmed.locator(".line .name button").all_inner_texts()
    done = example()
    done["histories"].reverse()
    site.give(f"{PREFIX}coverage", done)
    site.give(BACKFILLS, {"id": 7}, method="POST")
    site.give(f"{BACKFILLS}/7", {"id": 7, "completed_at": "2026-11-27T07:20:00Z"})
    confirmed.get_by_role("button", name="Start the backfill").click()
    confirmed.get_by_text("The backfill has ended").wait_for()
    assert confirmed.locator(".line .name button").all_inner_texts() == before
    confirmed.get_by_role("button", name="Refresh").click()
    confirmed.wait_for_function(
        "first => document.querySelector('binance-liq-coverage').shadowRoot"
        ".querySelector('.line .name button').innerText !== first",
        arg=before[0],
    )


def test_who_may_not_create_backfills_is_reported_so_and_gets_the_command(site, page):
    site.give(f"{PREFIX}estimate", {**ESTIMATE, "may_backfill": False})
    drag(page, cell_of(page, 0, days_ago(12)), cell_of(page, 0, days_ago(11)))
    page.get_by_text("Your role may not create backfills. Copy the command").wait_for()
    assert page.get_by_role("button", name="Backfill…").count() == 0
    assert page.get_by_role("button", name="Copy the command").is_enabled()


def test_an_estimate_that_fails_says_why(site, page):
    site.give(f"{PREFIX}estimate", {"detail": "binance_liquidations has no connection for desk"}, status=422)
    drag(page, cell_of(page, 0, days_ago(12)), cell_of(page, 0, days_ago(11)))
    page.get_by_text("has no connection for desk").wait_for()
    assert page.get_by_role("button", name="Backfill…").count() == 0


def test_without_a_dag_there_is_only_the_command(serve, visit):
    site = serve(
        document([lively("desk", "margin", 60, 1).put(days_ago(9), "m").put(days_ago(8), "m")], dag_id=None)
    )
    site.give(f"{PREFIX}estimate", ESTIMATE)
    page = visit(site.page)
    cell_of(page, 0, days_ago(9)).wait_for()
    drag(page, cell_of(page, 0, days_ago(9)), cell_of(page, 0, days_ago(8)))
    page.get_by_text("12 requests at least").wait_for()
    assert page.get_by_role("button", name="Copy the command").is_enabled()
    assert page.get_by_role("button", name="Backfill…").count() == 0


def test_days_that_no_dag_extracts_say_why(site, page):
    why_not = "No connection in the Variable binance_liquidations has the account 'desk'"
    site.give(f"{PREFIX}estimate", {**ESTIMATE, "backfills": [], "command": "", "why_not": why_not})
    drag(page, cell_of(page, 0, days_ago(12)), cell_of(page, 0, days_ago(11)))
    page.get_by_text(why_not).wait_for()
    assert page.get_by_role("button", name="Backfill…").count() == 0
    assert page.get_by_role("button", name="Copy the command").is_disabled()

"""The file that an auditor is handed: opened from a disk, without a network, with no button that acts."""

from __future__ import annotations

import pytest
from support.commands import backfill_of
from support.coverage_cells import cell_of, drag
from support.coverage_documents import days_ago, document, example, quiet
from support.pictures import keep

from airflow_provider_binance_liq.ui.page import page as auditors_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def url(tmp_path):
    place = tmp_path / "coverage.html"
    place.write_text(auditors_file(example() | {"dag_id": None}), encoding="utf-8")
    return place.as_uri()


@pytest.fixture
def file(visit, url):
    page = visit(url, offline=True)
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    return page


def test_it_shows_every_history_and_asks_nothing_of_the_network(file):
    assert file.locator(".line:not(.axis)").count() == 6
    assert file.locator("#headline").inner_text().startswith("13 days are missing")
    file.reload()
    cell_of(file, 0, days_ago(12)).click()
    file.get_by_role("complementary").get_by_role("heading", name=days_ago(12)).wait_for()
    assert {one.split("?")[0] for one in file.asked} == {file.url.split("?")[0]}


def test_it_offers_the_command_and_no_action(file):
    drag(file, cell_of(file, 0, days_ago(12)), cell_of(file, 0, days_ago(11)))
    bar = file.get_by_role("region", name="Chosen days")
    assert bar.get_by_role("button").all_inner_texts() == ["Copy the command", "Clear"]
    assert file.get_by_role("button", name="Refresh").count() == 0
    file.context.grant_permissions(["clipboard-read", "clipboard-write"])
    bar.get_by_role("button", name="Copy the command").click()
    file.get_by_text("The command is copied.").wait_for()
    command = file.evaluate("navigator.clipboard.readText()")
    assert backfill_of(command) == {
        "dag_id": "binance_liquidations",
        "from_date": "2026-11-15T00:00:00Z",
        "to_date": "2026-11-16T00:00:00Z",
        "dag_run_conf": {"connections": ["desk"], "endpoints": ["usdm_futures"]},
        "max_active_runs": 4,
        "reprocess_behavior": "completed",
        "run_backwards": False,
    }


def commands_of(visit, tmp_path, **known):
    """Choose a missing day of a history, and return the bar of what is chosen."""
    history = quiet("""it's "$HOME" `id`""", "margin", 60).put(days_ago(12), "m")
    shown = document([history], dag_id=None)
    shown["histories"][0] |= known
    place = tmp_path / "odd.html"
    place.write_text(auditors_file(shown), encoding="utf-8")
    page = visit(place.as_uri(), offline=True)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cell_of(page, 0, days_ago(12)).click()
    page.get_by_role("button", name="Extract this day…").click()
    return page, page.get_by_role("region", name="Chosen days")


def test_a_shell_reads_what_was_copied_as_it_stands(visit, tmp_path):
    page, bar = commands_of(visit, tmp_path)
    bar.get_by_role("button", name="Copy the command").click()
    page.get_by_text("The command is copied.", exact=True).wait_for()
    conf = backfill_of(page.evaluate("navigator.clipboard.readText()"))["dag_run_conf"]
    assert conf == {"connections": ["""it's "$HOME" `id`"""], "endpoints": ["margin"]}


def test_without_a_connection_it_says_that_all_are_extracted(visit, tmp_path):
    page, bar = commands_of(visit, tmp_path, conn_id=None)
    bar.get_by_role("button", name="Copy the command").click()
    page.get_by_text("It extracts the endpoint of every connection of the DAG.").wait_for()
    conf = backfill_of(page.evaluate("navigator.clipboard.readText()"))["dag_run_conf"]
    assert conf == {"endpoints": ["margin"]}


def test_of_a_filtered_history_there_is_no_command(visit, tmp_path):
    _, bar = commands_of(visit, tmp_path, filter="only BTCUSDT")
    assert "has no filter" in bar.inner_text()
    assert bar.get_by_role("button", name="Copy the command").is_disabled()


def test_its_countdown_stays_at_the_time_of_its_document(file):
    before = file.locator(".line .name").nth(1).inner_text()
    file.wait_for_timeout(1200)
    assert file.locator(".line .name").nth(1).inner_text() == before
    assert "as of 2026-11-27 07:10 UTC" in file.locator(".said").inner_text()


def test_its_filters_work_and_its_days_are_downloaded(file):
    file.get_by_label("Missing only").check()
    assert file.locator(".line:not(.axis)").count() == 3
    with file.expect_download() as download:
        file.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename == "coverage_2026-11-27.csv"


def test_its_picture_for_the_documentation(file, tmp_path):
    cell_of(file, 0, "2026-11-13").click()
    file.get_by_role("complementary").get_by_role("heading", name="2026-11-13").wait_for()
    file.mouse.move(1, 1)
    file.set_viewport_size({"width": 1440, "height": 790})
    keep(file.screenshot(), "auditors-file", tmp_path)

"""What the page says when there is nothing to show, and what it says of one day."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from support.coverage_cells import cell_of
from support.coverage_documents import days_ago, document, example, quiet
from support.coverage_site import PREFIX, RUNS
from support.coverage_windows import DOUBTED, NAME, WINDOW

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def headline(page):
    return page.locator("#headline").inner_text()


def test_one_sentence_says_how_things_are(page):
    assert headline(page) == (
        "13 days are missing or not proven and can be extracted; the first is lost in 3 d 16 h. "
        "1 day failed verification. 6 are lost for good, 706 days proven."
    )


def test_it_says_so_if_all_is_well(serve, visit):
    page = visit(serve(document([quiet("desk", "margin", 60)])).page)
    assert headline(page) == "Nothing is missing that can be extracted. Nothing is lost, 57 days proven."
    assert page.get_by_role("button", name="Go to the first gap").count() == 0


def test_a_gap_outside_of_the_chosen_days_is_not_spoken_of(serve, visit):
    history = quiet("desk", "margin", 60).put(days_ago(40), "m").put(days_ago(20), "m")
    url = serve(document([history])).page
    page = visit(f"{url}{'&' if '?' in url else '?'}from={days_ago(30)}")
    assert headline(page).startswith("1 day is missing and can be extracted; it is lost in 69 d. ")
    page.get_by_role("button", name="Go to the first gap").click()
    page.locator(f'.tip:has-text("{days_ago(20)}")').wait_for()
    page.get_by_label("From").fill(days_ago(10))
    page.get_by_label("From").press("Tab")
    assert headline(page).startswith("Nothing is missing that can be extracted. ")
    assert page.get_by_role("button", name="Go to the first gap").count() == 0


def test_a_long_name_of_a_row_is_not_cut_off(serve, visit):
    page = visit(serve(document([quiet("a-desk-with-a-long-name", "coinm_futures", 60)])).page)
    name = page.locator(".name button > span").last
    assert name.evaluate("one => one.scrollWidth <= one.clientWidth && one.scrollHeight <= one.clientHeight")


def test_the_page_says_what_is_read_while_it_waits(serve, visit):
    site = serve(None)
    ready = threading.Event()
    site.answers["GET", f"{PREFIX}coverage"] = lambda: ready.wait(30) and (200, example())
    page = visit(site.page)
    page.get_by_role("heading", name="Reading the lake…").wait_for()
    ready.set()
    page.locator("#headline").wait_for()


def test_an_empty_lake_says_what_to_do(serve, visit):
    page = visit(serve(document([])).page)
    blank = page.locator(".blank")
    assert "Nothing has been extracted yet" in blank.inner_text()
    assert "s3://desk-lake/binance has no manifest yet" in blank.inner_text()
    assert page.get_by_role("link", name="Open binance_liquidations").get_attribute("href").endswith(
        "/dags/binance_liquidations"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "title", "words"),
    [
        (401, "Sign in again", "Your session has ended"),
        (403, "No permission", "Ask an administrator"),
        (422, "The lake cannot be read", "s3://desk-lake/binance: the bucket does not exist"),
        (500, "The lake cannot be read", "the bucket does not exist"),
    ],
)
def test_an_error_is_said_in_words_and_can_be_tried_again(serve, visit, status, title, words):
    site = serve(None)
    site.give(
        f"{PREFIX}coverage", {"detail": "s3://desk-lake/binance: the bucket does not exist"}, status=status
    )
    page = visit(site.page)
    page.get_by_role("heading", name=title).wait_for()
    assert words in page.locator(".blank").inner_text()
    site.give(f"{PREFIX}coverage", example())
    page.get_by_role("button", name="Try again").click()
    page.locator("#headline").wait_for()


def test_an_answer_that_is_no_json_is_said_to_be_none(serve, visit):
    site = serve(None)
    site.give(f"{PREFIX}coverage", b"<!doctype html><title>Airflow</title>")
    page = visit(site.page)
    page.get_by_text("did not answer with JSON: is the plugin loaded?").wait_for()


def test_manifests_that_cannot_be_used_are_listed(serve, visit):
    words = ["usdm_futures/x.manifest.json: its object is missing"]
    page = visit(serve(document([quiet("desk", "margin", 60)], unusable=words, unusable_count=23)).page)
    page.get_by_text("23 manifests cannot be used").click()
    assert page.get_by_text(words[0]).is_visible()
    assert page.get_by_text("and 22 more: see binance-liq verify").is_visible()


def test_a_refresh_lists_the_lake_again(site, page):
    with page.expect_response("**/coverage?refresh=true"):
        page.get_by_role("button", name="Refresh").click()


def test_a_day_shows_its_windows_their_proof_and_their_files(site, page):
    site.give(f"{PREFIX}day", {"windows": [WINDOW], "problems": []})
    cell_of(page, 0, "2026-11-13").click()
    panel = page.get_by_role("complementary")
    panel.get_by_text("2026-11-13 00:00 UTC to 2026-11-14 00:00 UTC").wait_for()
    words = panel.inner_text()
    for said in (
        "proven complete",
        "412",
        WINDOW["sha256"],
        "time_paging",
        "6 pages, 7 requests, weight 140",
    ):
        assert said in words
    assert "Airflow labels its run 2026-11-14, by the end of its interval." in words
    assert "No row of the window appears two days after its end." in words
    href = panel.get_by_role("link", name=".manifest.json").get_attribute("href")
    assert href.endswith(
        f"/binance-liq/file?path={NAME.replace('/', '%2F').replace('=', '%3D')}.manifest.json"
    )
    assert site.sent("GET", f"{PREFIX}day")[0][0] == {"history": ["desk/usdm_futures"], "day": ["2026-11-13"]}


def test_names_of_fields_are_set_apart_in_what_is_assumed(serve, visit):
    known = document([quiet("desk", "margin", 60)])
    known["histories"][0]["assumed"] = [{"code": "total_is_whole", "sentence": "`total` counts every row."}]
    page = visit(serve(known).page)
    page.get_by_role("button", name="desk · Margin").click()
    assert page.locator(".facts .plain-list code").inner_text() == "total"
    assert "`" not in page.locator(".facts").inner_text()


def test_a_day_that_is_not_proven_says_why(site, page):
    site.give(f"{PREFIX}day", {"windows": [DOUBTED], "problems": ["its object is cut off"]})
    cell_of(page, 0, days_ago(40)).click()
    panel = page.get_by_role("complementary")
    panel.get_by_text("Why it is not complete").wait_for()
    assert "isolated_rows Rows of isolated accounts may have been left out." in panel.inner_text()
    assert "its object is cut off" in panel.inner_text()


def test_a_day_links_to_its_run_and_to_the_log_of_its_extraction(site, page):
    run = {
        "dag_run_id": "scheduled__2026-11-14T00:00:00+00:00",
        "state": "success",
        "data_interval_start": "2026-11-13T00:00:00Z",
        "data_interval_end": "2026-11-14T00:00:00Z",
    }
    site.give(RUNS, {"dag_runs": [run]})
    site.give(f"{PREFIX}day", {"windows": [], "problems": []})
    name = "desk · usdm_futures · 13 Nov · 3 rows · proven"
    task = {"task_id": "extract", "map_index": 2, "rendered_map_index": name}
    site.give(
        f"{RUNS}/scheduled__2026-11-14T00%3A00%3A00%2B00%3A00/taskInstances", {"task_instances": [task]}
    )
    cell_of(page, 0, "2026-11-13").click()
    link = page.get_by_role("link", name="log of extract")
    link.wait_for()
    run_page = "/dags/binance_liquidations/runs/scheduled__2026-11-14T00%3A00%3A00%2B00%3A00"
    assert link.get_attribute("href") == f"{site.url}{run_page}/tasks/extract/mapped/2"
    assert page.get_by_role("link", name=run["dag_run_id"]).get_attribute("href") == f"{site.url}{run_page}"


def test_texts_of_the_document_are_texts(serve, visit):
    history = quiet("<img src=x onerror=alert(1)>", "margin", 60).put(days_ago(9), "m")
    page = visit(serve(document([history], destination="<b>lake</b>")).page)
    assert page.locator("img").count() == 0
    assert "<b>lake</b>" in page.locator(".said").inner_text()
    assert "<img src=x onerror=alert(1)> · Margin" in page.locator(".line .name").nth(1).inner_text()


def test_a_reader_far_from_utc_sees_utc_and_iso(page):
    text = page.locator("main").inner_text()
    assert "as of 2026-11-27 07:10 UTC" in text
    assert "27.11." not in text
    assert "51,093,208 USDT" in text


def test_a_dashboard_has_the_sentence_and_a_link(site, visit):
    page = visit(site.page)
    page.evaluate(
        "([api, airflow]) => { document.body.innerHTML ="
        " `<binance-liq-coverage brief api='${api}' airflow='${airflow}'></binance-liq-coverage>` }",
        [f"{site.url}{PREFIX}", f"{site.url}/"],
    )
    page.get_by_role("link", name="Open the coverage").wait_for()
    assert page.locator(".headline").inner_text().startswith("13 days are missing")
    assert page.get_by_role("grid").count() == 0


def test_it_does_not_speak_of_loads_where_none_are_known(serve, visit):
    page = visit(serve(document([quiet("desk", "margin", 60)], loads_known=False)).page)
    assert "not yet loaded" not in page.locator(".legend").inner_text()


def test_in_the_tab_of_a_dag_without_a_lake_it_says_so(site, page):
    site.give(f"{PREFIX}coverage", {"detail": "there is no DAG with a lake 'other'"}, status=404)
    page.evaluate(
        """() => {
            const tab = document.createElement("binance-liq-coverage");
            const given = { api: "../", airflow: "../../", dag: "other" };
            for (const [name, value] of Object.entries(given)) tab.setAttribute(name, value);
            document.querySelector("binance-liq-coverage").replaceWith(tab);
        }"""
    )
    page.get_by_role("heading", name="This DAG does not extract liquidations").wait_for()
    assert site.sent("GET", f"{PREFIX}coverage")[-1][0] == {"dag_id": ["other"]}
    link = page.get_by_role("link", name="Open the coverage of the DAG that does")
    assert link.get_attribute("href") == f"{site.url}/plugin/binance-liq-nav"


def test_what_is_worth_more_than_is_known_is_said_to_be_at_least_that(serve, visit):
    known, some, none = (quiet(account, "margin", 60).put(days_ago(9), "p", rows=5) for account in "abc")
    known.notional = {"BTC": "1.25", "USDT": "1234.5"}
    some.notional, some.rows_without_amount = {"USDT": "7"}, 2
    none.rows_without_amount = 5
    page = visit(serve(document([known, some, none])).page)
    sums = page.locator(".line .name small:last-child")
    assert sums.all_inner_texts() == [
        "5 rows · 1.25 BTC, 1,234.5 USDT",
        "5 rows · ≥ 7 USDT",
        "5 rows · amounts not recorded",
    ]
    assert "amounts of 2 rows are not recorded" in sums.nth(1).get_attribute("title")
    # Amounts are of all days, and not of those that a filter shows.
    page.get_by_label("From").fill(days_ago(8))
    page.get_by_label("From").press("Enter")
    page.get_by_text("0 rows").first.wait_for()
    assert sums.all_inner_texts() == ["0 rows"] * 3


def test_what_is_not_loaded_is_distinguished_from_what_is_not_known_to_be(serve, visit):
    one = quiet("desk", "margin", 60)
    one.put(days_ago(9), "e", flags=2).put(days_ago(8), "e", flags=8)
    page = visit(serve(document([one])).page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    rows = [line.split(",") for line in Path(download.value.path()).read_text().splitlines()]
    loaded = {row[3]: row[7] for row in rows[1:]}
    assert [loaded[days_ago(ago)] for ago in (10, 9, 8)] == ["true", "false", ""]

"""Verification: a lake that jobs wrote is well, and the windows that it lacks are named."""

from __future__ import annotations

import pytest
from verifying import DIRECTORY, HOUR_MS, START, STEM, day, everywhere, row

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.lake.verify import lake as lake_module

# --- what is well ---------------------------------------------------------------------------------------


@everywhere
def test_a_lake_that_jobs_wrote_is_well(either):
    found = [
        either.extract(endpoint, day(number), compression=compression)
        for endpoint, compression in (("usdm_futures", None), ("margin", "gzip"), ("portfolio_cm", "gzip"))
        for number in range(3)
    ]
    report = either.report()
    assert report["status"] == 0
    assert report["problems"] == report["notes"] == []
    assert report["manifests"] == report["sound"] == 9
    assert report["rows"] == sum(each.object.rows for each in found) > 0
    assert report["bytes"] == sum(each.object.bytes for each in found)
    assert [each["endpoint"] for each in report["timelines"]] == ["margin", "portfolio_cm", "usdm_futures"]
    assert {(each["start"], each["end"], each["windows"]) for each in report["timelines"]} == {
        ("2026-10-01T00:00:00Z", "2026-10-04T00:00:00Z", 3)
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_week_with_a_cascade_is_well_on_every_endpoint(lake, endpoint):
    assert lake.extract(endpoint, day(0, 7)).object.rows >= 100
    # No entry of a ledger says that it is of an isolated account, or that there is none.
    unproven = {"unproven"} if endpoint == "margin_capital_flow" else set()
    assert {kind for kind, _ in lake.wrong()} == unproven


@pytest.mark.parametrize("kind", [None, "LIQUIDATION", "ADL"])
def test_filtered_extractions_are_well_beside_whole_ones(lake, kind):
    lake.extract(window=day(0, 7))
    lake.extract(window=day(0, 7), symbols=["ETHUSDT", "BTCUSDT"], kind=kind)
    assert lake.wrong() == set()
    whole, filtered = lake.report()["timelines"]
    assert (whole["symbols"], whole["auto_close_type"]) == ([], None)
    assert (filtered["symbols"], filtered["auto_close_type"]) == (["BTCUSDT", "ETHUSDT"], kind)
    assert lake.notes("overlap") == []


def test_an_empty_window_is_well(lake):
    lake.land([])
    assert lake.wrong() == set()


def test_a_row_is_inside_by_either_of_its_instants(lake):
    inside, before, after = START + HOUR_MS, START - 1, START + DAY_MS
    lake.land([row(1, before, update=inside), row(2, inside, update=after)])
    assert lake.wrong() == set()


def test_order_ids_are_ordered_as_numbers_and_symbols_by_their_letters(lake):
    keys = [("BTCUSDT", 9), ("BTCUSDT", 10), ("BTCUSDT", 2**63), ("币安人生USDT", 9)]
    lake.land([row(order_id, symbol=symbol) for symbol, order_id in keys])
    assert lake.wrong() == set()


def test_a_person_reads_it_in_lines(lake):
    lake.extract(window=day(0))
    status, out, err = lake.command()
    assert status == 0
    series, last = out.splitlines()
    assert series.startswith("usdm_futures of desk: 2026-10-01T00:00:00Z to 2026-10-02T00:00:00Z, 1 window, ")
    assert last.startswith(f"All is well in {lake.url}: 1 of 1 manifest match")
    assert err == ""


def test_quiet_says_only_what_is_wrong(lake):
    lake.extract(window=day(0))
    assert lake.command("--quiet") == (0, "", "")
    lake.object.unlink()
    status, out, _ = lake.command("--quiet")
    assert status == 1
    assert out.splitlines()[0].startswith(f"WRONG missing-object {DIRECTORY}/{STEM}.manifest.json: ")
    assert out.splitlines()[1].startswith("1 problem in ")


@pytest.mark.parametrize("options", [(), ("--json",), ("--quiet",)])
def test_the_same_lake_gives_the_same_words(lake, options):
    for number in (0, 2, 5):
        lake.extract(window=day(number))
        lake.extract("margin", day(number))
    lake.object.unlink()
    assert lake.command(*options)[:2] == lake.command(*options)[:2]


def test_what_loads_into_clouds_have_handed_on_is_no_part_of_the_lake(lake, tmp_path):
    lake.extract()
    before = lake.report()
    (tmp_path / "lake" / "_loads").mkdir()
    (tmp_path / "lake" / "_loads" / "one.jsonl").write_text("{}")
    assert lake.report() == before


def test_a_local_path_may_be_plain_and_relative(lake, monkeypatch, tmp_path):
    lake.extract()
    monkeypatch.chdir(tmp_path)
    for destination in ("lake", "./lake/", str(tmp_path / "lake"), f"{lake.url}/"):
        assert main(["verify", destination]) == 0


def test_nothing_is_changed_at_the_destination(lake, tmp_path):
    lake.extract()
    lake.object.write_bytes(b"damaged")

    def state():
        return {
            path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
            for path in (tmp_path / "lake").rglob("*")
        }

    before = state()
    assert lake.command()[0] == 1
    assert state() == before


# --- the windows ----------------------------------------------------------------------------------------


@everywhere
def test_a_gap_is_wrong_until_it_is_allowed(either):
    for number in (0, 1, 4):
        either.extract(window=day(number))
    assert either.wrong() == {("gap", "")}
    span = {"start": "2026-10-03T00:00:00Z", "end": "2026-10-05T00:00:00Z"}
    assert either.timeline(endpoint="usdm_futures")["gaps"] == [span]
    assert either.message("gap") == (
        "usdm_futures of desk: no manifest covers [2026-10-03T00:00:00Z, 2026-10-05T00:00:00Z)"
    )
    allowed = either.report("--allow-gaps")
    assert allowed["status"] == 0
    assert [each["kind"] for each in allowed["notes"]] == ["gap"]


def test_gaps_are_looked_for_in_each_endpoint_account_and_filter_apart(lake):
    for number in (0, 1, 2):
        lake.extract("usdm_futures", day(number))
        if number != 1:
            lake.extract("margin", day(number))
            lake.extract("usdm_futures", day(number), account="other")
            lake.extract("usdm_futures", day(number), symbols=["BTCUSDT"])
    assert sorted(each["message"].partition(":")[0] for each in lake.report()["problems"]) == [
        "margin of desk",
        "usdm_futures of desk, only BTCUSDT",
        "usdm_futures of other",
    ]


def test_a_gap_of_a_millisecond_is_one(lake):
    lake.land([], Window(START, START + HOUR_MS))
    lake.land([], Window(START + HOUR_MS + 1, START + 2 * HOUR_MS))
    assert "[2026-10-01T01:00:00Z, 2026-10-01T01:00:00.001Z)" in lake.message("gap")


def test_a_window_whose_manifest_is_damaged_leaves_a_gap(lake):
    for number in range(3):
        lake.extract(window=day(number))
    path = "usdm_futures/account=desk/date=2026-10-02/20261002T000000Z_20261003T000000Z.manifest.json"
    lake.at(path).write_bytes(b"")
    assert lake.wrong() == {("invalid-manifest", path), ("gap", "")}


@everywhere
def test_overlaps_are_notes_where_their_rows_agree(either):
    either.extract(window=day(0, 3))
    either.extract(window=day(2, 2))
    either.extract("margin", window=day(3, 2))
    assert either.wrong() == set()
    assert either.notes("overlap") == [
        "usdm_futures of desk: several windows cover [2026-10-03T00:00:00Z, 2026-10-04T00:00:00Z)"
    ]
    assert either.timeline(endpoint="usdm_futures")["overlaps"] == [
        {"start": "2026-10-03T00:00:00Z", "end": "2026-10-04T00:00:00Z"}
    ]


def test_rows_of_one_key_and_update_with_other_bytes_contradict_each_other(lake):
    lake.land([row(1), row(2, price="1.10")], day(0, 2))
    lake.land([row(1), row(2, price="1.11")], day(0))
    assert {kind for kind, _ in lake.wrong()} == {"contradiction"}
    assert lake.message("contradiction") == (
        "1 row with other bytes than in an overlapping window; the first: "
        "row BTCUSDT 2, updated 2026-10-01T01:00:00Z"
    )


def test_an_order_that_was_updated_in_between_contradicts_nothing(lake):
    lake.land([row(1, update=START + 2 * HOUR_MS)], day(0, 2))
    lake.land([row(1, update=START + 3 * HOUR_MS, price="1.2")], day(0))
    assert lake.wrong() == set()


def test_rows_of_windows_that_only_touch_are_not_compared(lake):
    spanning = {"at": START + DAY_MS - 1, "update": START + DAY_MS}
    lake.land([row(1, **spanning, price="1.10")], day(0))
    lake.land([row(1, **spanning, price="1.11")], day(1))
    assert lake.wrong() == set()


@everywhere
def test_a_window_that_is_not_proven_is_wrong_until_that_is_allowed(either):
    either.extract(retention_days=1, beyond_retention="extract")
    assert either.wrong() == {("unproven", f"{DIRECTORY}/{STEM}.manifest.json")}
    assert "the 1 day that the exchange keeps" in either.message("unproven")
    assert either.report("--allow-unproven")["status"] == 0
    assert either.timeline(endpoint="usdm_futures")["unproven"] == [
        {"start": "2026-10-01T00:00:00Z", "end": "2026-10-02T00:00:00Z"}
    ]


# --- how old it is --------------------------------------------------------------------------------------


def at(number, hours=0):
    """The option that sets the clock: so many days after the first."""
    return f"--now={iso(START + number * DAY_MS + hours * HOUR_MS)}"


def test_a_history_that_ended_too_long_ago_is_wrong_where_its_age_is_limited(lake):
    lake.extract(window=day(0))
    lake.extract("margin", window=day(0, 7))
    assert lake.wrong(at(115)) == set()
    assert lake.wrong("--max-age=2d", at(8)) == {("stale", "")}
    status, out, _ = lake.command("--max-age=2d", at(115))
    assert status == 1
    assert (
        "WRONG stale: usdm_futures of desk: its newest complete window ended 114 days ago, at "
        "2026-10-02T00:00:00Z, more than the 2 days that are allowed\n" in out
    )
    assert "WRONG stale: margin of desk: its newest complete window ended 108 days ago" in out


@pytest.mark.parametrize(("late_ms", "kinds"), [(0, set()), (1, {("stale", "")})])
def test_an_age_is_too_old_by_the_millisecond(lake, late_ms, kinds):
    lake.land([])
    assert lake.wrong("--max-age=36h", f"--now={iso(START + DAY_MS + 36 * HOUR_MS + late_ms)}") == kinds


def test_a_window_that_is_not_complete_is_not_the_newest_complete_one(lake):
    lake.land([])
    lake.land([], day(1), complete=False)
    options = ("--allow-unproven", at(3))
    assert lake.wrong("--max-age=2d", *options) == set()
    assert lake.wrong("--max-age=47h", *options) == {("stale", "")}
    assert lake.timeline()["proven_until"] == "2026-10-02T00:00:00Z"


def test_a_window_that_fetching_again_would_not_prove_is_as_new_as_a_complete_one(lake):
    lake.land([], complete=False)
    lake.edit(lambda plain: plain["proof"].update(incomplete_reasons=["isolated_rows"]))
    assert lake.wrong("--allow-unproven", "--max-age=2d", at(3)) == set()
    lake.edit(lambda plain: plain["proof"].update(incomplete_reasons=["isolated_rows", "two_types"]))
    assert lake.wrong("--allow-unproven", "--max-age=2d", at(3)) == {("stale", "")}
    assert "not proven complete: isolated_rows, two_types" in lake.message("unproven")


def test_a_history_without_any_complete_window_is_stale_whatever_its_age(lake):
    lake.land([], complete=False)
    assert lake.wrong("--allow-unproven", "--max-age=9999d", at(2)) == {("stale", "")}
    assert lake.timeline()["proven_until"] is None


def test_without_a_limit_the_last_line_reports_how_old_the_newest_complete_window_is(lake):
    lake.land([])
    assert lake.command(at(115))[1].endswith("; the newest complete window ended 114 days ago\n")
    assert lake.command(at(2, 12))[1].endswith("; the newest complete window ended 36 hours ago\n")
    lake.land([], day(4), account="fund")
    told = "; the newest complete windows of each history ended between 2 days and 6 days ago\n"
    assert lake.command(at(7))[1].endswith(told)


@pytest.mark.parametrize(
    ("text", "seconds"), [("2d", 172_800), ("36h", 129_600), ("1d12h", 129_600), ("90m", 5400), ("5s", 5)]
)
def test_an_age_is_written_in_days_hours_minutes_and_seconds(lake, text, seconds):
    lake.land([])
    assert lake.report("--max-age", text, at(1))["max_age_s"] == seconds


@pytest.mark.parametrize("text", ["", "2", "two days", "12h1d", "-1d", "1w", "٣d"])
def test_an_age_that_is_none_is_refused(lake, text, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["verify", lake.url, f"--max-age={text}"])
    assert caught.value.code == 2
    assert "is not a length of time" in capsys.readouterr().err


def test_what_is_allowed_allows_nothing_else(lake):
    lake.extract(window=day(0), retention_days=1, beyond_retention="extract")
    lake.extract(window=day(2))
    assert {kind for kind, _ in lake.wrong("--allow-gaps")} == {"unproven"}
    assert {kind for kind, _ in lake.wrong("--allow-unproven")} == {"gap"}
    assert lake.command("--allow-gaps", "--allow-unproven")[0] == 0


# --- a lake that is written to meanwhile ----------------------------------------------------------------


def test_an_object_that_is_replaced_while_it_is_read_is_looked_at_again(lake, monkeypatch):
    lake.land([row(1)])
    real, replaced = lake_module.read_manifest, []

    def read(path):
        said = real(path)
        if not replaced:
            replaced.append(lake.land([row(1), row(2)]))
        return said

    monkeypatch.setattr(lake_module, "read_manifest", read)
    report = lake.report()
    assert (report["status"], report["rows"]) == (0, 2)


def test_a_manifest_that_vanishes_after_it_was_listed_is_a_note(lake, monkeypatch):
    lake.extract(window=day(0))
    lake.extract("margin")
    real = lake_module.read_manifest

    def read(path):
        if "usdm_futures" in str(path):
            path.unlink(missing_ok=True)
        return real(path)

    monkeypatch.setattr(lake_module, "read_manifest", read)
    report = lake.report()
    assert report["status"] == 0
    assert [each["kind"] for each in report["notes"]] == ["vanished"]

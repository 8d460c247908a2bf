"""`binance-liq coverage`: lines, a table, and one file that loads nothing from anywhere."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import json
import os
import re
from datetime import date

import pytest
from support.running import START

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.manifest import ManifestFilters, from_json
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.lake import open_destination
from airflow_provider_binance_liq.lake.layout import filter_mark
from airflow_provider_binance_liq.lake.verify.coverage import CoverageReport, Expectation
from airflow_provider_binance_liq.lake.verify.holdings import read_holdings

NOW = START + 8 * DAY_MS


@pytest.fixture
def coverage(lake, capsys):
    def command(*options, destination=lake, days=8):
        capsys.readouterr()
        status = main(["coverage", destination, "--now", iso(START + days * DAY_MS), *map(str, options)])
        return status, *capsys.readouterr()

    return command


def embedded(text):
    """The document in a page, as a browser finds it."""
    element = r'^<script type="application/json" id="coverage">(.*?)</script>'
    (found,) = re.findall(element, text, re.DOTALL | re.MULTILINE)
    return json.loads(found)


def test_it_says_what_the_check_task_says_and_a_line_per_history(coverage, lake):
    status, out, err = coverage()
    report = CoverageReport.of(read_holdings(open_destination(lake)), Expectation(NOW), 14)
    assert out.splitlines()[:3] == list(report.lines())
    head, line = out.splitlines()[4:6]
    assert head.split()[:4] == ["history", "from", "days", "proven"]
    assert line.split()[:5] == ["desk/usdm_futures", "2026-10-01", "9", "2", "4"]
    assert line.endswith("2026-10-02T00:00:00Z, until 2026-12-31T00:00:00Z")
    assert (status, err) == (0, "")


def test_its_status_says_whether_something_will_be_lost(coverage):
    assert coverage("--warn-days", 82)[0] == 0
    assert coverage("--warn-days", 83)[0] == 1
    assert coverage("--warn-days", 1, "--retention-days", 8)[0] == 1
    assert coverage("--account", "nobody")[0] == 1
    assert coverage("--endpoint", "margin")[0] == 1


def test_the_options_say_what_is_expected(coverage, tmp_path):
    def states(*options):
        coverage("--html", tmp_path / "x.html", *options)
        (history,) = embedded((tmp_path / "x.html").read_text())["histories"]
        return history["first_day"], history["states"].replace("p", "e")

    assert states() == ("2026-10-01", "ememmmnnn")
    assert states("--settle", "5d") == ("2026-10-01", "emennnnnn")
    assert states("--start", "2026-09-29")[1].startswith("mme")
    assert states("--retention-days", "7")[1][1] == "m"
    assert states("--retention-days", "6")[1][1] == "l"


def test_the_file_has_all_of_it_and_loads_nothing(coverage, tmp_path):
    path = tmp_path / "coverage.html"
    status, out, _ = coverage("--html", path)
    text = path.read_text()
    assert (status, out.splitlines()[-1]) == (0, f"Written: {path}")
    found = embedded(text)
    assert (found["dag_id"], found["histories"][0]["conn_id"]) == (None, None)
    assert found["now"] == found["as_of"] == "2026-10-09T00:00:00Z"
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
    (script,) = re.findall(r"^<script>(.*?)</script>", text, re.DOTALL | re.MULTILINE)
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{checksum}'; ")
    assert not re.search(r"<(link|img|iframe|script)[^>]*\b(src|href)=", text)
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".tmp")] == []


def test_no_text_of_a_manifest_ends_the_script_that_it_is_in(coverage, run, tmp_path):
    manifest = next(
        (run.directory / "lake/usdm_futures/account=desk/date=2026-10-01").glob("*.manifest.json")
    )
    plain = json.loads(manifest.read_text())
    evil = "</script><script>alert(1)</script><!--\u2028"
    plain["filters"]["symbols"] = [evil]
    manifest.write_text(json.dumps(plain))
    mark = filter_mark(ManifestFilters((evil,)))
    for path in list(manifest.parent.iterdir()):
        stem, suffix = path.name.split(".", 1)
        path.rename(path.with_name(f"{stem}{mark}.{suffix}"))
    (manifest,) = manifest.parent.glob("*.manifest.json")
    broken = manifest.with_name(f"{manifest.name.removesuffix('.manifest.json')}<b>.manifest.json")
    broken.write_text("{")
    path = tmp_path / "coverage.html"
    assert coverage("--html", path)[0] == 1
    text = path.read_text()
    assert from_json(manifest.read_bytes()).filters.symbols == (evil,)
    assert evil in [one["filter"].removeprefix("only ") for one in embedded(text)["histories"]]
    assert "<b>" in embedded(text)["unusable"][0]
    assert "alert(1)</script>" not in text
    assert "<b>" not in text


def test_the_table_has_a_line_per_day(coverage, tmp_path):
    path = tmp_path / "days.csv"
    coverage("--csv", path)
    lines = list(csv.DictReader(path.read_text().splitlines()))
    assert [one["day"] for one in lines] == [date(2026, 10, number).isoformat() for number in range(1, 10)]
    assert lines[1] == {
        "account": "desk",
        "endpoint": "usdm_futures",
        "filter": "",
        "day": "2026-10-02",
        "state": "missing",
        "rows": "0",
        "caveat": "no",
        "recoverable_until": "2026-12-31T00:00:00Z",
    }


def test_an_earlier_file_stays_where_the_lake_cannot_be_read(coverage, tmp_path):
    path = tmp_path / "coverage.html"
    path.write_text("earlier")
    status, out, err = coverage("--html", path, destination=f"{tmp_path}/nowhere")
    assert (status, out) == (2, "")
    assert "there is no directory" in err
    assert path.read_text() == "earlier"


def test_a_file_that_cannot_be_written_is_an_error_in_a_line(coverage, tmp_path):
    status, _, err = coverage("--html", tmp_path / "none/coverage.html")
    assert status == 2
    assert err.count("\n") == 1
    assert "cannot be written: No such file or directory" in err


def test_an_empty_lake_is_reported(coverage, tmp_path):
    (tmp_path / "empty").mkdir()
    status, out, _ = coverage(destination=f"{tmp_path}/empty")
    assert status == 1
    assert out.startswith("Nothing to check: no manifest of any endpoint of any account can be used")


def test_a_lake_whose_days_are_not_due_yet_is_not_said_to_be_empty(coverage):
    status, out, _ = coverage(days=1)
    assert status == 0
    assert out.startswith("Nothing is expected yet: a day is due 2 days after its end\n")


def test_nothing_is_written_to_the_lake(coverage, run):
    before = sorted((run.directory / "lake").rglob("*"))
    coverage()
    assert sorted((run.directory / "lake").rglob("*")) == before


@pytest.mark.parametrize(
    ("destination", "options", "said"),
    [
        ("s3://key:secret@bucket/lake", (), "holds a password"),
        (None, ("--start", "2027-01-01"), "nothing is expected"),
    ],
)
def test_what_cannot_be_asked_is_refused_without_a_secret(coverage, lake, destination, options, said):
    status, out, err = coverage(*options, destination=destination or lake)
    assert (status, out) == (2, "")
    assert said in err
    assert "secret" not in err


def test_a_device_or_a_pipe_is_not_replaced_by_a_file(coverage, tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        status, _, err = coverage("--csv", path)
        assert status == 2
        assert "it is a device or a pipe" in err
        assert path.is_fifo()
    assert link.is_symlink()

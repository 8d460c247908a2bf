"""The contenders of `loads.py` end with the same rows, so that its figures compare like with like."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
import loads
from loads_objects import SCENARIOS

pytestmark = pytest.mark.slow
ROWS = 2_000
#: after each scenario: the first load, one row more, the same rows replaced
EXPECTED = {"first load": ROWS, "reload": ROWS + 1, "replacement": ROWS + 1}


@pytest.fixture(scope="module", params=loads.ENGINES)
def reports(request):
    """Let everybody compete once on one engine; dlt where it is installed."""
    pytest.importorskip("dlt")
    found = loads.benchmark(ROWS, 1, [request.param], check=True)
    return {report["contender"]: report for report in found}


@pytest.mark.parametrize("scenario", EXPECTED)
def test_every_contender_keeps_the_same_keys_amounts_and_instants(reports, scenario):
    kept = {name: report["kept"][scenario] for name, report in reports.items()}
    assert {name: one["rows"] for name, one in kept.items()} == dict.fromkeys(
        loads.CONTENDERS, EXPECTED[scenario]
    )
    assert {one["content"] for one in kept.values()} == {kept["ours"]["content"]}


@pytest.mark.parametrize("scenario", EXPECTED)
def test_hand_written_sql_fills_every_column_as_the_provider_does(reports, scenario):
    # When a row came in is what they differ in: confirmed rows keep that instant only in the provider.
    assert reports["hand"]["kept"][scenario]["columns"] == reports["ours"]["kept"][scenario]["columns"]


def test_every_scenario_changes_what_is_there(reports):
    kept = [reports["ours"]["kept"][scenario]["columns"] for scenario in EXPECTED]
    assert len(set(kept)) == len(EXPECTED)


def test_the_unchanged_object_is_skipped_and_leaves_everything_as_it_was(reports):
    kept = reports["ours"]["kept"]
    assert kept["unchanged"] == kept["first load"]


def test_the_table_has_a_line_for_every_contender_and_scenario(reports):
    lines = loads.summarize(list(reports.values()))
    assert {(line.contender, line.scenario) for line in lines} == {
        *((name, scenario) for name in loads.CONTENDERS for scenario in EXPECTED),
        ("ours", "unchanged"),
    }
    assert loads.table(lines).count("\n") == len(lines) + 2
    assert [line.ratio for line in lines if line.contender == "ours"] == [1.0] * len(SCENARIOS)


def test_the_page_on_the_benchmarks_reports_every_scenario_and_contender():
    page = Path(__file__).parents[2].joinpath("docs", "benchmarks.md").read_text(encoding="utf-8")
    assert [name for name in (*SCENARIOS, *loads.CONTENDERS) if f"**{name}**" not in page] == []

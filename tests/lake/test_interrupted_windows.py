"""A window whose publication was interrupted: readers find nothing there, and no check calls that well."""

from __future__ import annotations

import pytest
from verifying import DIRECTORY, START, STEM, day

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import InconsistentManifest
from airflow_provider_binance_liq.lake import publication
from airflow_provider_binance_liq.lake.verify import listing
from airflow_provider_binance_liq.warehouse.export import export

MANIFEST = f"{DIRECTORY}/{STEM}.manifest.json"
ROWS = [
    b'{"symbol":"BTCUSDT","orderId":%d,"time":%d,"updateTime":%d}' % (one, START, START) for one in (1, 2)
]
both = pytest.mark.parametrize("either", ["file", "s3"], indirect=True)


class Killed(BaseException):
    """The process ends here."""


def kill(*_):
    raise Killed


@pytest.fixture
def interrupt(monkeypatch):
    """Land a window again, and end just before its manifest is written; days beside it are sound."""

    def land(lake):
        lake.land(ROWS[:1])
        lake.land([], day(1))
        with monkeypatch.context() as patch:
            patch.setattr(publication, "_write_manifest", kill)
            with pytest.raises(Killed):
                lake.land(ROWS)
        assert not lake.manifest.exists()
        return lake

    return land


@both
def test_a_window_that_readers_do_not_find_is_a_problem(either, interrupt):
    lake = interrupt(either)
    assert lake.wrong() == {("interrupted", MANIFEST)}
    assert lake.command()[0] == 1
    assert "extracting it again completes it" in lake.message("interrupted")


@both
def test_the_next_extraction_completes_it_and_all_is_well(either, interrupt):
    lake = interrupt(either)
    lake.land(ROWS)
    assert lake.wrong() == set()
    assert lake.command()[0] == 0


def test_a_publication_that_goes_on_meanwhile_is_no_problem(lake, interrupt, monkeypatch):
    interrupt(lake)
    looked = listing.list_lake

    def slow(*given):
        found = looked(*given)
        lake.land(ROWS)
        return found

    monkeypatch.setattr("airflow_provider_binance_liq.lake.verify.lake.list_lake", slow)
    assert lake.wrong() == set()


def test_a_note_that_only_was_not_removed_is_a_leftover(lake, interrupt):
    interrupt(lake)
    note = lake.at(f"{DIRECTORY}/.{STEM}.pending.tmp").read_bytes()
    lake.land(ROWS)
    lake.at(f"{DIRECTORY}/.{STEM}.pending.tmp").write_bytes(note)
    assert lake.wrong() == set()
    assert [one["kind"] for one in lake.report()["notes"]] == ["leftover"]


def test_a_foreign_file_with_such_an_end_is_no_window(lake):
    lake.land(ROWS)
    lake.at("usdm_futures/.mine.pending.tmp").write_bytes(b"")
    assert lake.wrong() == set()


def test_the_coverage_counts_it_among_what_cannot_be_used(lake, interrupt, capsys):
    interrupt(lake)
    assert main(["coverage", lake.url, "--now", iso(START + 4 * DAY_MS)]) == 1
    assert f"Cannot be used: {MANIFEST}: its publication was interrupted" in capsys.readouterr().out


def test_nothing_is_exported_without_it(lake, interrupt, tmp_path):
    interrupt(lake)
    with pytest.raises(InconsistentManifest, match="its publication was interrupted"):
        export(lake.url, tmp_path / "out")
    assert not (tmp_path / "out").exists()

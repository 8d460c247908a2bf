"""Extracted by one DAG and loaded by another, in a real Airflow: what is announced is loaded.

Airflow gathers the events of a run by their time. Several extractions end at the same moment here, in the
runs of two backfills and a scheduled one, so events come while a run of the loading DAG is being made.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from support.real_airflow import RealAirflow

from airflow_provider_binance_liq.core.manifest import from_json
from airflow_provider_binance_liq.core.windows import Window, epoch_ms
from airflow_provider_binance_liq.demo.days import Days
from airflow_provider_binance_liq.demo.progress import Progress, failures
from airflow_provider_binance_liq.operators.labels import label, outcome

pytestmark = [pytest.mark.slow, pytest.mark.clock, pytest.mark.timeout(900)]

EXTRACT, LOAD = "binance_liquidations_extract", "binance_liquidations_load"
ACCOUNTS = ("desk", "fund")
ENDPOINTS = ("usdm_futures", "margin")
UNFINISHED = {"queued", "running"}


class TwoDags(RealAirflow):
    """The DAG that extracts and the one that loads, and what they write."""

    def __init__(self, stack, place):
        super().__init__(stack, place, ACCOUNTS, (LOAD, EXTRACT), endpoints=list(ENDPOINTS))

    def wait(self, condition):
        def told():
            return self.states(EXTRACT), self.states(LOAD), self.missing()

        self.wait_for(condition, 300, told)

    def states(self, dag_id):
        return [run.state for run in self.api.runs(dag_id)]

    def failures(self, dag_id):
        """What failed, with the end of its logs: the reason of an assertion that fails."""
        progress = Progress(self.api.runs(dag_id), self.api.task_instances(dag_id), 0)
        return "\n".join(failures(self.directory.logs, dag_id, progress))

    def is_idle(self, dag_id, at_least):
        states = self.states(dag_id)
        return len(states) >= at_least and not UNFINISHED & set(states)

    def backfills_are_over(self):
        """Tell whether Airflow takes another backfill; it says so some time after the last run."""
        path = f"/api/v2/backfills?dag_id={EXTRACT}"
        return all(one["completed_at"] for one in self.api._call("GET", path)["backfills"])

    def consumed(self, run_id):
        """The runs whose events a run of the loading DAG was triggered by."""
        path = f"/api/v2/dags/{LOAD}/dagRuns/{run_id}/upstreamAssetEvents"
        return [event["source_run_id"] for event in self.api._call("GET", path)["asset_events"]]

    def map_names(self):
        """The names in the UI of all extractions."""
        path = f"/api/v2/dags/{EXTRACT}/dagRuns/~/taskInstances"
        found = self.api._items(path, "task_instances")
        return sorted(one["rendered_map_index"] for one in found if one["task_id"] == "extract")

    def names_expected(self):
        """The same, from the manifests in the lake."""
        manifests = [from_json(path.read_bytes()) for path in self.directory.lake.rglob("*.manifest.json")]
        return sorted(
            label(
                one.account,
                one.endpoint,
                Window(*(epoch_ms(datetime.fromisoformat(at)) for at in (one.window.start, one.window.end))),
                outcome(one),
            )
            for one in manifests
        )

    def landed(self):
        manifests = [from_json(path.read_bytes()) for path in self.directory.lake.rglob("*.manifest.json")]
        return {(one.account, one.endpoint, one.window.start, one.object.sha256) for one in manifests}

    def loaded(self):
        if not self.directory.warehouse.exists():
            return set()
        query = "SELECT account, endpoint, window_start, object_sha256 FROM binance_liquidation_windows"
        try:
            with duckdb.connect(str(self.directory.warehouse), read_only=True) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                rows = connection.execute(query).fetchall()
        except duckdb.Error:
            return set()  # a load holds the file
        return {(one, two, f"{start:%Y-%m-%dT%H:%M:%SZ}", four) for one, two, start, four in rows}

    def missing(self):
        return self.landed() - self.loaded()


@pytest.fixture
def real(tmp_path):
    with ExitStack() as stack:
        yield TwoDags(stack, tmp_path / "place")


def backfill(real, first, last):
    real.api.create_backfill(EXTRACT, Days(first, last), at_once=4)
    return (last - first).days + 1


def test_all_that_extractions_announce_is_loaded_by_runs_that_their_events_trigger(real):
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    runs = backfill(real, yesterday - timedelta(days=5), yesterday - timedelta(days=3))
    # Unpaused, the DAG has a scheduled run as well: the one of yesterday.
    real.api.unpause(EXTRACT)
    runs += 1
    real.wait(lambda: real.is_idle(EXTRACT, runs) and real.backfills_are_over())
    assert set(real.states(EXTRACT)) == {"success"}, real.failures(EXTRACT)
    assert real.states(LOAD) == []  # paused: whatever is announced meanwhile waits

    real.api.unpause(LOAD)
    runs += backfill(real, yesterday - timedelta(days=2), yesterday - timedelta(days=1))
    real.wait(lambda: real.is_idle(EXTRACT, runs) and not real.missing())
    real.wait(lambda: real.is_idle(LOAD, 1))

    assert set(real.states(EXTRACT)) == {"success"}, real.failures(EXTRACT)
    assert set(real.states(LOAD)) == {"success"}, real.failures(LOAD)
    # One more than asked for where midnight has passed: then another day was over.
    days = len(real.states(EXTRACT))
    assert days >= runs
    assert len(real.loaded()) == len(real.landed()) == days * len(ACCOUNTS) * len(ENDPOINTS)
    consumed = [real.consumed(run.run_id) for run in real.api.runs(LOAD)]
    # One event a run, so no run is loaded twice; the first load has what was announced while it was paused.
    sources_of_all = [source for sources in consumed for source in sources]
    assert len(sources_of_all) == len(set(sources_of_all)) == days
    assert len(consumed) <= days - 3
    assert max(len(set(sources)) for sources in consumed) >= 4
    assert real.map_names() == real.names_expected()
    assert any("backfill" in source for sources in consumed for source in sources)
    assert any("scheduled" in source for sources in consumed for source in sources)

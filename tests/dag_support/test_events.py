"""Events of assets: which manifests they hold, and how those are reported that hold none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.dag_support.events import check_events, read_events, read_run
from airflow_provider_binance_liq.exceptions import InconsistentManifest


@dataclass(frozen=True)
class Event:
    """An event as Airflow gives it to a task."""

    extra: Any
    source_task_id: str | None = "extract"
    source_dag_id: str | None = "binance_liquidations_extract"
    source_run_id: str | None = "scheduled__2026-11-01"
    timestamp: datetime = datetime(2026, 11, 2, tzinfo=UTC)
    asset: Any = field(default_factory=lambda: SimpleNamespace(name="binance_liquidations_margin"))


@pytest.fixture
def manifests(lake):
    return [lake.lay([row(1)]).to_dict(), lake.lay([row(2)], day=2).to_dict()]


def test_what_events_hold_is_what_the_extracting_tasks_returned(manifests):
    first, second = map(Event, manifests)
    found = read_events([first, second])
    assert found.manifests == manifests
    assert found.others == []
    check_events(found.others)


def test_a_manifest_that_several_events_hold_is_taken_once(manifests):
    first, second = map(Event, manifests)
    assert read_events([first, first], [first, second]).manifests == manifests


def test_no_event_is_no_manifest():
    assert read_events([]).to_dict() == {"manifests": [], "others": []}


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (None, "has schema_version None"),
        ({}, "has schema_version None"),
        ({"from_rest_api": True}, "has schema_version None"),
        ({"schema_version": 99}, "has schema_version 99; this version reads 1"),
        ({"schema_version": 1, "endpoint": "margin"}, "lacks or misspells a member"),
    ],
)
def test_an_event_without_a_manifest_is_named_and_keeps_no_other_from_being_loaded(extra, message, manifests):
    found = read_events([Event(extra), Event(manifests[0])])
    assert found.manifests == manifests[:1]
    (line,) = found.others
    assert line.startswith(
        "the event of binance_liquidations_margin at 2026-11-02T00:00:00+00:00, of "
        "binance_liquidations_extract.extract, run scheduled__2026-11-01: the manifest "
    )
    assert message in line
    with pytest.raises(InconsistentManifest, match=r"events without a manifest: the event of .*were loaded"):
        check_events(found.others)


def test_an_event_that_a_person_made_is_named_as_such():
    event = replace(
        Event({"from_rest_api": True}), source_task_id=None, source_dag_id=None, source_run_id=None
    )
    assert ", not of a task: " in read_events([event]).others[0]


def test_an_event_without_a_manifest_is_reported_by_the_run_that_it_triggered_and_by_no_other(manifests):
    assert read_events([], [Event({}), Event(manifests[0])]).to_dict() == {
        "manifests": manifests[:1],
        "others": [],
    }


class Inlet(list):
    """An inlet's events; those before the instant that is asked for are left out."""

    def after(self, begin):
        self.begin = begin
        return [event for event in self if event.timestamp >= datetime.fromisoformat(begin)]


def at(extra, minute):
    return Event(extra, timestamp=datetime(2026, 11, 2, 0, minute, tzinfo=UTC))


def test_a_run_takes_what_triggered_it_and_what_came_since_from_the_minute_before_on(lake):
    old, before, between, late = (lake.lay([row(day)], day=day).to_dict() for day in range(1, 5))
    inlet = Inlet([at(old, 0), at(before, 9), at(between, 10), at(late, 30)])
    context = {
        "triggering_asset_events": {"margin": [inlet[2]], "another DAG's": [at({}, 10)]},
        "inlet_events": {"margin": inlet},
        "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 2, 0, 10, tzinfo=UTC)),
    }
    found = read_run(context)
    assert inlet.begin == "2026-11-02T00:09:00+00:00"
    assert found.manifests == [between, before, late]
    assert found.others == []
    assert read_run(context, "2026-11-02T00:00:00+00:00").manifests == [between, old, before, late]


def test_an_event_may_hold_the_manifests_of_a_whole_run(manifests):
    event = Event({"manifests": manifests}, source_task_id="announce")
    assert read_events([event]).to_dict() == {"manifests": manifests, "others": []}
    assert read_events([Event({"manifests": []})]).to_dict() == {"manifests": [], "others": []}


@pytest.mark.parametrize("wrong", [None, 5, {}])
def test_what_is_no_manifest_among_those_of_a_run_is_reported_and_the_others_are_loaded(manifests, wrong):
    found = read_events([Event({"manifests": [manifests[0], wrong, manifests[1]]})])
    assert found.manifests == manifests
    assert len(found.others) == 1

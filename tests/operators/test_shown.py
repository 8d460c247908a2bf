"""What the UI shows of an extracting task, before it runs, after it, and while it waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_binance_liq.compat import AirflowFailException, AirflowSkipException
from airflow_provider_binance_liq.operators.liquidations import UsdmFuturesLiquidationsOperator
from airflow_provider_binance_liq.simulator import ExplicitHistory, Fault, Settings, Simulator

NOW = datetime(2026, 10, 12, 9, 30, tzinfo=UTC)
DAY = datetime(2026, 10, 10, tzinfo=UTC)
INTERVAL = {"data_interval_start": DAY, "data_interval_end": DAY + timedelta(days=1)}


class Store:
    """The task's own state, as Airflow 3.3 has it in the context."""

    def __init__(self, *, broken=False):
        self.states, self.broken = [], broken

    def set(self, key, value):
        if self.broken:
            raise RuntimeError("the API server does not answer")
        assert key == "progress"
        self.states.append(value)


@pytest.fixture
def exchange():
    with (
        time_machine.travel(NOW, tick=False),
        Simulator(Settings(seed=5), history=ExplicitHistory({})) as running,
    ):
        yield running


@pytest.fixture
def task(exchange, connect_to, tmp_path):
    connect_to(exchange, extra={"account": "desk", "timeout_s": 2})

    def make(**known):
        return UsdmFuturesLiquidationsOperator(task_id="e", destination=f"file://{tmp_path}", **known)

    return make


def test_before_it_runs_it_is_named_by_its_connection_and_after_it_by_what_it_found(task):
    extract = task()
    assert extract.map_label == "binance_default · usdm_futures"
    extract.execute(INTERVAL)
    assert extract.map_label == "desk · usdm_futures · 10 Oct 2026 · 0 rows · proven"
    assert extract.covered_day == ("desk", "usdm_futures", "2026-10-10", "")


def test_a_failure_and_a_skip_are_in_the_name(task, exchange):
    exchange.add_fault(Fault("http_401_2015"))
    failing = task()
    with pytest.raises(AirflowFailException):
        failing.execute(INTERVAL)
    assert failing.map_label == "desk · usdm_futures · 10 Oct 2026 · failed"
    assert failing.manifest is None
    skipping = task(beyond_retention="skip", retention_days=1)
    with pytest.raises(AirflowSkipException):
        skipping.execute(INTERVAL)
    assert skipping.map_label == "desk · usdm_futures · 10 Oct 2026 · skipped"


def test_a_second_look_without_a_first_says_that_it_compared_nothing(task, caplog):
    later = {key: at + timedelta(days=1) for key, at in INTERVAL.items()}
    alone = task(look_back_days=1)
    manifest = alone.execute(later)
    said = "this second look found no earlier extraction of the window to compare with"
    assert alone.map_label == "desk · usdm_futures · 10 Oct 2026 · 0 rows · proven · nothing to compare"
    assert manifest["proof"]["caveats"] == [said]
    assert f"Caveat: {said}" in caplog.text
    second = task(look_back_days=1)
    second.execute(later)
    assert second.map_label == "desk · usdm_futures · 10 Oct 2026 · 0 rows · proven"


def test_its_state_says_until_when_it_waits_and_why(task, exchange):
    exchange.add_fault(Fault("http_418", seconds=600))
    store = Store()
    with pytest.raises(TaskDeferred):
        task().execute({**INTERVAL, "task_state_store": store})
    # The last one is what people see; on a starved machine, seldom, another one came before it.
    *_, state = store.states
    assert state["why"] == "its IP address is banned", store.states
    assert not any("without_worker_slot" in one for one in store.states[:-1]), store.states
    # Not as texts: with the jitter's milliseconds, `09:40:00.100Z` would come before `09:40:00Z`.
    assert datetime.fromisoformat(state["waiting_until"]) >= NOW + timedelta(minutes=10)
    assert state["without_worker_slot"]


def test_once_it_has_ended_its_state_says_what_became_of_it(task, exchange):
    exchange.add_fault(Fault("http_418", seconds=600, times=1))
    store = Store()
    context = {**INTERVAL, "task_state_store": store}
    extract = task()
    with pytest.raises(TaskDeferred) as deferred:
        extract.execute(context)
    assert "waiting_until" in store.states[-1]
    with time_machine.travel(NOW + timedelta(minutes=11), tick=False):
        extract.resume(context, **deferred.value.kwargs)
    assert "waiting_until" not in store.states[-2]
    assert store.states[-1] == {"outcome": "desk · usdm_futures · 10 Oct 2026 · 0 rows · proven"}


def test_of_a_failure_its_state_says_so(task, exchange):
    exchange.add_fault(Fault("http_401_2015"))
    store = Store()
    with pytest.raises(AirflowFailException):
        task().execute({**INTERVAL, "task_state_store": store})
    assert store.states == [{"outcome": "desk · usdm_futures · 10 Oct 2026 · failed"}]


def test_a_store_that_does_not_work_keeps_nothing_from_being_extracted(task, exchange):
    exchange.add_fault(Fault("http_418", seconds=600))
    with pytest.raises(TaskDeferred):
        task().execute({**INTERVAL, "task_state_store": Store(broken=True)})
    exchange.clear_faults()


def test_the_reason_of_a_failure_is_kept_with_the_name_that_the_ui_shows(task, exchange):
    exchange.add_fault(Fault("http_401_2015"))
    pushed = {}
    ti = SimpleNamespace(map_index=3, xcom_push=lambda key, value: pushed.update({key: value}))
    extract = task()
    with pytest.raises(AirflowFailException):
        extract.execute({**INTERVAL, "ti": ti, "task": extract})
    reason = pushed["failure"]
    assert (reason["map_index"], reason["label"]) == (3, extract.map_label)
    assert reason["cause"].startswith("HTTP 401")

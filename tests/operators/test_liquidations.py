"""The operators, executed as Airflow executes them, against the simulated exchange."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import threading
import time
from datetime import UTC, date, datetime, timedelta

import pendulum
import pytest
import time_machine
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG
from support.rows import numbered_row

from airflow_provider_binance_liq.compat import (
    AirflowFailException,
    AirflowSkipException,
    CronDataIntervalTimetable,
)
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.exceptions import (
    ExchangeUnavailable,
    InvalidRequest,
    RetryableError,
    StorageError,
    Throttled,
)
from airflow_provider_binance_liq.exchange.client import BinanceClient
from airflow_provider_binance_liq.lake import open_destination
from airflow_provider_binance_liq.operators import liquidations, waiting
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.simulator import ExplicitHistory, Fault, Settings, Simulator
from airflow_provider_binance_liq.simulator.documented import DOCUMENTED

NOW = datetime(2026, 10, 12, 9, 30, tzinfo=UTC)
DAY = datetime(2026, 10, 10, tzinfo=UTC)
ONE_ENDPOINT_EACH = list(liquidations.OPERATORS.values())


def interval(start, length=timedelta(days=1)):
    """What a run's context has; nothing else of it is needed."""
    return {"data_interval_start": start, "data_interval_end": start + length}


@pytest.fixture
def now():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def exchange(now):
    rows = {
        name: [
            numbered_row(name, number, at, **({"symbol": symbol} if "symbol" in endpoint.fields else {}))
            for number, (symbol, at) in enumerate(_moments(), 1)
        ]
        for name, endpoint in ENDPOINTS.items()
    }
    with Simulator(Settings(seed=5), history=ExplicitHistory(rows)) as running:
        yield running


def _moments():
    start_ms = int(DAY.timestamp() * 1000)
    return [("BTCUSDT", start_ms), ("ETHUSDT", start_ms + 5000), ("BTCUSDT", start_ms + 86_399_999)]


@pytest.fixture
def operator(exchange, connect_to, tmp_path):
    def make(kind=LiquidationsToObjectStorageOperator, *, extra=(), **known):
        connect_to(exchange, extra={"account": "desk", "timeout_s": 2, **dict(extra)})
        if kind is LiquidationsToObjectStorageOperator:
            known = {"endpoint": "usdm_futures"} | known
        return kind(**{"task_id": "extract", "destination": f"file://{tmp_path / 'lake'}"} | known)

    return make


def lines(manifest):
    return open_destination(manifest["object"]["uri"]).read_bytes().splitlines()


# --- what it writes and returns -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ONE_ENDPOINT_EACH)
def test_each_endpoint_has_an_operator_that_sets_nothing_but_the_endpoint(operator, exchange, kind, tmp_path):
    manifest = operator(kind).execute(interval(DAY))
    name = kind.default_endpoint
    assert manifest["endpoint"] == name
    assert lines(manifest) == exchange.truth(
        name, start_ms=_moments()[0][1], end_ms=_moments()[0][1] + 86_400_000
    )
    key = f"lake/{name}/account=desk/date=2026-10-10/20261010T000000Z_20261011T000000Z"
    assert (tmp_path / f"{key}.ndjson").exists()
    assert json.loads((tmp_path / f"{key}.manifest.json").read_bytes()) == manifest
    assert set(vars(kind)) - {"__module__", "__doc__", "default_endpoint"} <= {
        name for name in vars(kind) if name.startswith("_")
    }


def test_there_is_such_an_operator_for_every_endpoint():
    assert {kind.default_endpoint for kind in ONE_ENDPOINT_EACH} == set(ENDPOINTS)


def test_the_xcom_is_the_manifest_as_plain_values_and_never_rows(operator):
    manifest = operator().execute(interval(DAY))
    assert json.loads(json.dumps(manifest)) == manifest
    assert manifest["object"]["rows"] == 3
    assert "orderId" not in json.dumps(manifest)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_rows_that_the_documentation_shows_are_landed_as_it_shows_them(connect_to, tmp_path, endpoint):
    records = DOCUMENTED[endpoint]
    day = datetime.fromtimestamp(records[0].time_ms / 1000, UTC).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    with time_machine.travel(day + timedelta(days=2)), Simulator(Settings(seed=1)) as exchange:
        connect_to(exchange)
        operator = LiquidationsToObjectStorageOperator(
            task_id="extract", endpoint=endpoint, destination=f"file://{tmp_path}"
        )
        manifest = operator.execute(interval(day))
    assert lines(manifest) == [record.body for record in records if record.is_liquidation]
    unproven = ["isolated_rows"] if endpoint == "margin_capital_flow" else []
    assert manifest["proof"].get("incomplete_reasons", []) == unproven


def test_a_manual_run_over_the_same_interval_writes_the_same_key_and_the_same_bytes(operator, tmp_path):
    first = operator().execute({**interval(DAY), "logical_date": DAY, "run_id": "scheduled__2026-10-11"})
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*.ndjson")}
    again = operator().execute({**interval(DAY), "logical_date": NOW, "run_id": "manual__2026-10-12"})
    assert again["object"] == first["object"]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.ndjson")} == kept


def test_the_interval_may_be_in_any_zone_and_of_pendulum(operator):
    utc = operator().execute(interval(DAY))
    elsewhere = pendulum.instance(DAY).in_timezone("America/New_York")
    assert operator().execute(interval(elsewhere))["object"] == utc["object"]


def test_symbols_and_types_restrict_the_object_which_has_a_name_of_its_own(operator, tmp_path):
    whole = operator().execute(interval(DAY))
    only = operator(symbols=["ETHUSDT"]).execute(interval(DAY))
    assert only["object"]["rows"] == 1
    assert only["filters"]["symbols"] == ["ETHUSDT"]
    assert only["object"]["uri"] != whole["object"]["uri"]
    assert len(list(tmp_path.rglob("*.manifest.json"))) == 2


# --- which window ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (interval(DAY, timedelta(0)), "data interval is empty"),
        ({}, "no data interval"),
        ({"data_interval_start": None, "data_interval_end": None}, "no data interval"),
    ],
)
def test_a_run_without_a_proper_interval_fails_and_reports_which_schedule_has_one(operator, context, said):
    with pytest.raises(AirflowFailException, match="CronDataIntervalTimetable") as caught:
        operator().execute(context)
    assert said in str(caught.value)
    assert str(caught.value).startswith("InvalidInterval: usdm_futures")


@pytest.mark.parametrize("start", [datetime(2026, 10, 12, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)])
def test_an_interval_that_is_not_over_fails_before_anything_is_asked(operator, exchange, start):
    with pytest.raises(AirflowFailException, match="the interval is not over"):
        operator().execute(interval(start))
    assert exchange.requests == ()


def test_a_second_look_takes_the_window_that_lies_some_days_before_the_interval(operator):
    first = operator().execute(interval(DAY))
    second = operator(look_back_days=1).execute(interval(DAY + timedelta(days=1)))
    assert second["window"] == first["window"]
    assert second["object"] == first["object"]


@pytest.mark.parametrize("day", map(datetime.fromisoformat, ("2026-10-25", "2026-10-26", "2026-03-29")))
@pytest.mark.parametrize("days", [1, 80])
def test_a_second_look_counts_days_as_its_timetable_does(operator, day, days):
    berlin = pendulum.timezone("Europe/Berlin")
    with DAG("d", schedule=CronDataIntervalTimetable("0 0 * * *", timezone="Europe/Berlin")):
        again, once = operator(look_back_days=days), operator(task_id="once")

    def interval_of(local):
        # As Airflow hands it over: in UTC, whatever the timetable's time zone.
        ends = [pendulum.instance(local + timedelta(days=n), tz=berlin).in_timezone("UTC") for n in (0, 1)]
        return dict(zip(("data_interval_start", "data_interval_end"), ends, strict=True))

    assert again._window(interval_of(day)) == once._window(interval_of(day - timedelta(days=days)))


def test_without_a_timetable_days_are_those_of_the_intervals_own_zone(operator):
    berlin = pendulum.timezone("Europe/Berlin")
    start, end = pendulum.datetime(2026, 10, 25, tz=berlin), pendulum.datetime(2026, 10, 26, tz=berlin)
    found = operator(look_back_days=1)._window({"data_interval_start": start, "data_interval_end": end})
    assert str(found) == "[2026-10-23T22:00:00Z, 2026-10-24T22:00:00Z)"


@pytest.mark.parametrize("days", [30_000, 999_999_999])
def test_a_second_look_before_there_was_time_fails_with_a_specific_error(operator, days):
    with pytest.raises(AirflowFailException, match="InvalidInterval: usdm_futures"):
        operator(look_back_days=days).execute(interval(DAY))


@pytest.mark.parametrize(
    "start", [date(2026, 10, 10), 5, "9999-12-31T23:59:59.9999-12:00", "0001-01-01T00:00+14:00"]
)
def test_a_start_that_is_no_instant_fails_with_a_specific_error(operator, start):
    with pytest.raises(AirflowFailException, match="InvalidInterval: usdm_futures"):
        operator(start=start, end="2026-10-11T00:00:00Z").execute({})


# --- told to end ----------------------------------------------------------------------------------------


def test_a_task_that_is_told_to_end_stops_at_once_and_leaves_nothing(
    operator, exchange, tmp_path, monkeypatch
):
    temporary = tmp_path / "worker"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    task = operator(extra={"timeout_s": 60})
    exchange.add_fault(Fault("slow_first_byte", endpoint="usdm_futures", seconds=60))
    before = signal.signal(signal.SIGTERM, lambda *_: task.on_kill())
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM))
    began_s = time.perf_counter()
    try:
        timer.start()
        with pytest.raises(SystemExit) as caught:
            task.execute(interval(DAY))
    finally:
        timer.cancel()
        signal.signal(signal.SIGTERM, before)
    assert caught.value.code == 143
    assert time.perf_counter() - began_s < 30
    assert list(temporary.iterdir()) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_task_that_has_ended_is_not_stopped_again(operator):
    task = operator()
    task.execute(interval(DAY))
    task.on_kill()


def test_rows_that_the_exchange_has_forgotten_fail_the_task_and_are_not_dropped(operator, tmp_path):
    first = operator().execute(interval(DAY))
    with pytest.raises(AirflowFailException, match="RowsMissing: usdm_futures"):
        operator().execute(forgotten(first))
    assert len(lines(first)) == 4


def forgotten(manifest):
    """The interval whose object is made to look as if it had held one row more."""
    path = open_destination(manifest["object"]["uri"])
    body = path.read_bytes()
    extra = body.splitlines()[0].replace(b'"orderId":1,', b'"orderId":99,')
    path.write_bytes(body + extra + b"\n")
    beside = open_destination(manifest["object"]["uri"].replace(".ndjson", ".manifest.json"))
    stored = json.loads(beside.read_bytes())
    content = path.read_bytes()
    stored["object"] |= {"rows": 4, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    beside.write_bytes(json.dumps(stored).encode())
    return interval(DAY)


def test_start_and_end_stand_instead_of_the_interval(operator):
    moments = {"start": "2026-10-10T00:00:05Z", "end": "2026-10-10 00:00:06"}
    assert operator(**moments).execute({})["object"]["rows"] == 1
    as_datetimes = {"start": DAY, "end": DAY + timedelta(seconds=5)}
    assert operator(**as_datetimes).execute(interval(DAY))["object"]["rows"] == 1


def test_start_and_end_are_templates(operator):
    task = operator(start="{{ params.since }}", end="{{ params.until }}")
    task.render_template_fields({"params": {"since": "2026-10-10", "until": None}})
    with pytest.raises(AirflowFailException, match="only one of start and end is given"):
        task.execute(interval(DAY))
    task = operator(start="{{ params.since }}", end="{{ params.until }}")
    task.render_template_fields({"params": {"since": "2026-10-10", "until": "2026-10-11"}})
    assert task.execute({})["object"]["rows"] == 3


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("yesterday", "2026-10-11", "ISO 8601"),
        ("2026-10-11", "2026-10-10", "not before"),
        ("2026-10-10", "2026-10-10", "not before"),
        (datetime.fromisoformat("2026-10-10"), DAY + timedelta(days=1), "time zone"),
    ],
)
def test_a_start_or_end_that_is_none_fails_with_a_specific_error(operator, start, end, said):
    with pytest.raises(AirflowFailException, match="InvalidInterval") as caught:
        operator(start=start, end=end).execute({})
    assert said in str(caught.value)


# --- waiting --------------------------------------------------------------------------------------------


def test_it_waits_in_the_worker_until_the_end_is_settled(operator, now, monkeypatch):
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        now.shift(seconds)

    monkeypatch.setattr(waiting.time, "sleep", sleep)
    end = datetime(2026, 10, 12, 9, 29, 30, tzinfo=UTC)
    operator().execute(interval(end - timedelta(hours=1), timedelta(hours=1)))
    assert slept == [30.0]


def test_a_longer_wait_is_deferred_and_the_task_resumes_by_itself(operator, now):
    task = operator(settle=timedelta(hours=2))
    recent = interval(datetime(2026, 10, 12, 8, tzinfo=UTC), timedelta(hours=1))
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(recent)
    assert deferred.value.method_name == "resume"
    moment = deferred.value.trigger.serialize()[1]["moment"]
    assert moment == datetime(2026, 10, 12, 11, tzinfo=UTC)
    now.move_to(moment)
    assert task.resume(recent, moment)["proof"]["complete"]


def test_a_ban_is_waited_for_without_a_worker_slot(operator, exchange, now):
    exchange.add_fault(Fault("http_418", seconds=600))
    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(interval(DAY))
    moment = deferred.value.trigger.serialize()[1]["moment"]
    assert timedelta(0) <= moment - (NOW + timedelta(seconds=600)) < timedelta(minutes=2)
    now.move_to(moment)
    assert operator().resume(interval(DAY), moment)["object"]["rows"] == 3
    assert exchange.stats.during_ban == 0


def test_after_a_ban_it_goes_on_from_what_it_already_has(operator, exchange, now):
    exchange.add_fault(Fault("http_418", nth=2, seconds=600))
    two_weeks = interval(DAY - timedelta(days=13), timedelta(days=14))
    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(two_weeks)
    now.move_to(deferred.value.trigger.serialize()[1]["moment"])
    kwargs = json.loads(json.dumps(deferred.value.kwargs))
    manifest = operator().resume(two_weeks, None, **kwargs)
    assert manifest["object"]["rows"] == 3
    assert manifest["proof"]["pages"] == 3
    assert sum(request.endpoint == "usdm_futures" for request in exchange.requests) == 4


@pytest.fixture
def banned(exchange, monkeypatch):
    """Let another task have told of a ban."""

    def tell(until):
        host = exchange.url.removeprefix("http://")
        monkeypatch.setenv(f"AIRFLOW_VAR_BINANCE_IP_BANNED_UNTIL:{host}".upper(), until)

    return tell


def test_a_task_that_starts_during_a_ban_another_one_met_waits_without_asking(
    operator, exchange, now, banned
):
    banned("2026-10-12T10:05:00Z")
    task = operator(extra={"coordinate": True}.items())
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(interval(DAY))
    assert not exchange.requests
    moment = deferred.value.trigger.serialize()[1]["moment"]
    assert timedelta(0) <= moment - datetime(2026, 10, 12, 10, 5, tzinfo=UTC) < timedelta(minutes=2)
    now.move_to(moment)
    assert task.resume(interval(DAY), moment, **deferred.value.kwargs)["object"]["rows"] == 3


@pytest.mark.parametrize("until", ["2026-10-12T09:29:00Z", "soon", ""])
def test_a_ban_that_has_ended_or_cannot_be_read_holds_nobody(operator, banned, until):
    banned(until)
    assert operator(extra={"coordinate": True}.items()).execute(interval(DAY))["object"]["rows"] == 3


def test_a_ban_of_an_address_that_is_not_shared_is_nobody_elses(operator, banned):
    banned("2026-10-12T10:05:00Z")
    assert operator().execute(interval(DAY))["object"]["rows"] == 3


@pytest.mark.clock
def test_a_ban_that_does_not_say_how_long_is_guessed_longer_each_time(operator, exchange, now, monkeypatch):
    monkeypatch.setattr(LiquidationsToObjectStorageOperator, "_jitter", lambda _: 0.0)
    exchange.add_fault(Fault("http_418", times=None, seconds=1, until_in_body=False))
    waits, kwargs = [], {}
    for _ in range(4):
        with pytest.raises(TaskDeferred) as deferred:
            operator().resume(interval(DAY), **kwargs)
        kwargs = deferred.value.kwargs
        moment = deferred.value.trigger.serialize()[1]["moment"]
        waits.append((moment - datetime.now(UTC)).total_seconds())  # `now` has fixed this clock
        now.move_to(moment)
    assert [round(wait / waits[0]) for wait in waits] == [1, 2, 4, 8]


def test_what_is_proven_may_be_kept_without_a_request(operator, exchange):
    first = operator().execute(interval(DAY))
    asked = len(exchange.requests)
    assert operator(keep_proven=True).execute(interval(DAY)) == first
    assert len(exchange.requests) == asked


def test_without_deferral_a_ban_is_an_error_that_a_retry_resolves(operator, exchange):
    exchange.add_fault(Fault("http_418", seconds=600))
    with pytest.raises(Throttled, match=r"^usdm_futures \[2026-10-10T00:00:00Z, .*banned"):
        operator(deferrable=False).execute(interval(DAY))


# --- every wait ends ------------------------------------------------------------------------------------


def follow(task, context, now, kwargs=None):
    """Resume a task as Airflow does, for as long as it defers; returns how often, and its error."""
    deferrals, kwargs = 0, kwargs or {}
    while True:
        try:
            task.resume(context, **kwargs)
        except TaskDeferred as deferred:
            deferrals += 1
            kwargs = json.loads(json.dumps(deferred.kwargs))
            now.move_to(deferred.trigger.serialize()[1]["moment"])
        except AirflowFailException as error:
            return deferrals, error


@pytest.fixture
def sleeping(now, monkeypatch):
    """Let sleeping move the clock."""
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        now.shift(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setitem(BinanceClient.__init__.__kwdefaults__, "sleep", sleep)
    return slept


LASTING = {
    "a ban of unstated length": (Fault("http_418", times=None, seconds=1, until_in_body=False), "banned"),
    "a ban that is lengthened each time": (Fault("http_418", times=None, seconds=3600), "banned"),
    "429 without an instant": (Fault("http_429", times=None), "429"),
    "429 with a second to wait": (Fault("http_429", times=None, retry_after=1), "429"),
    "429 with ten minutes to wait": (Fault("http_429", times=None, retry_after=600), "429"),
}


@pytest.mark.parametrize(("fault", "why"), LASTING.values(), ids=LASTING)
def test_what_lasts_fails_the_task_within_max_wait_and_long_before_the_rows_are_lost(
    operator, exchange, now, sleeping, fault, why
):
    exchange.add_fault(fault)
    task = operator(max_wait=timedelta(hours=12))
    deferrals, error = follow(task, interval(DAY), now)
    assert str(error).startswith(
        "WaitTooLong: usdm_futures [2026-10-10T00:00:00Z, 2026-10-11T00:00:00Z): it waited "
    )
    assert why in str(error)
    assert "max_wait allows 12 h 0 min in all" in str(error)
    assert "clear the task, or raise max_wait" in str(error)
    assert datetime.now(UTC) <= NOW + timedelta(hours=12, minutes=5)  # `now` has fixed this clock at NOW
    assert deferrals < 80


def test_a_ban_that_ends_after_max_wait_fails_at_once_instead_of_waiting_for_nothing(operator, exchange):
    exchange.add_fault(Fault("http_418", seconds=2 * 86_400))
    with pytest.raises(
        AirflowFailException, match=r"WaitTooLong: .*it waited 0 s so far, and would now wait 2 d 0 h"
    ):
        operator().execute(interval(DAY))


def test_what_was_waited_before_a_deferral_counts_after_it(operator, exchange):
    exchange.add_fault(Fault("http_418", seconds=7200))
    waited_ms = 23 * 3_600_000
    with pytest.raises(
        AirflowFailException, match="it waited 23 h 0 min so far, and would now wait 2 h 0 min"
    ):
        operator().resume(interval(DAY), waited_ms=waited_ms)
    with pytest.raises(TaskDeferred) as deferred:
        operator(max_wait=timedelta(hours=26)).resume(interval(DAY), waited_ms=waited_ms)
    assert 25 * 3_600_000 <= deferred.value.kwargs["waited_ms"] <= 25 * 3_600_000 + 125_000


@pytest.mark.parametrize("journal", [None, {"uri": "file:///lake/x.journal.tmp", "sha256": "0" * 64}])
def test_a_deferral_that_an_older_version_wrote_is_resumed(operator, exchange, journal):
    exchange.add_fault(Fault("http_418", seconds=7200))
    with pytest.raises(TaskDeferred) as deferred:
        operator().resume(interval(DAY), None, holds=7, journal=journal, waited_ms=3_600_000)
    assert deferred.value.kwargs["consecutive_waits"] >= 7
    assert deferred.value.kwargs["waited_ms"] >= 3 * 3_600_000
    exchange.clear_faults()


def test_a_try_begins_with_nothing_waited(operator, exchange):
    exchange.add_fault(Fault("http_418", times=2, seconds=600))
    for _ in range(2):
        with pytest.raises(TaskDeferred) as deferred:
            operator().execute(interval(DAY))
        assert deferred.value.kwargs["waited_ms"] < 750_000


def test_a_wait_that_ends_when_the_exchange_forgets_the_window_is_not_begun(operator, exchange):
    exchange.add_fault(Fault("http_418", times=None, seconds=7200))
    old = interval(NOW - timedelta(days=89, hours=23), timedelta(hours=1))
    with pytest.raises(
        AirflowFailException, match=r"WaitTooLong: .*may have forgotten the window's first rows"
    ):
        operator().execute(old)


def test_who_extracts_beyond_retention_anyway_waits(operator, exchange):
    exchange.add_fault(Fault("http_418", times=None, seconds=7200))
    old = interval(NOW - timedelta(days=89, hours=23), timedelta(hours=1))
    with pytest.raises(TaskDeferred):
        operator(beyond_retention="extract").execute(old)


def test_settling_counts_as_waiting(operator, now):
    recent = interval(datetime(2026, 10, 12, 8, tzinfo=UTC), timedelta(hours=1))
    with pytest.raises(TaskDeferred) as deferred:
        operator(settle=timedelta(hours=2)).execute(recent)
    assert deferred.value.kwargs["waited_ms"] == 90 * 60_000


def test_tasks_that_one_ban_deferred_come_back_spread_over_two_minutes_and_none_before_its_end(
    operator, banned, monkeypatch
):
    banned("2026-10-12T10:30:00Z")
    moments = []
    for number in range(20):
        monkeypatch.setattr(LiquidationsToObjectStorageOperator, "_jitter", lambda _, n=number: n / 20)
        with pytest.raises(TaskDeferred) as deferred:
            operator(extra={"coordinate": True}.items()).execute(interval(DAY))
        moments.append(deferred.value.trigger.serialize()[1]["moment"])
    assert len(set(moments)) == 20
    assert min(moments) == NOW + timedelta(hours=1)
    assert max(moments) - min(moments) <= timedelta(minutes=2)


def test_short_waits_that_add_up_are_deferred_and_no_row_is_lost(connect_to, tmp_path, now, sleeping):
    day_ms = int(DAY.timestamp() * 1000)
    rows = {"usdm_futures": [numbered_row("usdm_futures", n, day_ms + n * 1000) for n in range(1, 1201)]}
    with Simulator(Settings(seed=5), clock=time.time, history=ExplicitHistory(rows)) as exchange:
        # Two requests a minute: an extraction of a dozen waits again and again, for less than a minute each.
        connect_to(exchange, extra={"weight_share": 0.05})
        task = LiquidationsToObjectStorageOperator(
            task_id="extract", endpoint="usdm_futures", destination=f"file://{tmp_path}"
        )
        deferrals, kwargs, held = 0, {}, []
        while True:
            sleeping.clear()
            try:
                manifest = task.resume(interval(DAY), **kwargs)
            except TaskDeferred as deferred:
                deferrals += 1
                kwargs = json.loads(json.dumps(deferred.kwargs))
                now.move_to(deferred.trigger.serialize()[1]["moment"])
            else:
                break
            finally:
                held += sleeping
        truth = exchange.truth("usdm_futures", start_ms=day_ms, end_ms=day_ms + 86_400_000)
    assert lines(manifest) == truth
    assert len(truth) == 1200
    assert manifest["proof"]["complete"]
    assert deferrals >= 4
    # A worker slot is held for the first minute of waits, and for trivial ones.
    assert sum(seconds for seconds in held if seconds > 6) <= 61
    # No request was sent twice: the answers before each wait were kept.
    assert manifest["proof"]["requests"] == manifest["proof"]["pages"]


class _NotYet(RetryableError):
    """What says when it can be gone on, without being a ban."""


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_error_that_says_when_to_come_back_in_a_moment_is_waited_out_in_the_worker(
    operator, now, sleeping, monkeypatch, deferrable
):
    task = operator(deferrable=deferrable)
    real, asked = task._extract, []

    def extract(window, *rest):
        asked.append(window)
        if len(asked) < 3:
            error = _NotYet("the exchange's clock is a little behind")
            now_s = datetime.now(UTC).timestamp()  # `now` has fixed this clock
            error.retry_at_ms = int(now_s * 1000) + 3000
            raise error
        return real(window, *rest)

    monkeypatch.setattr(task, "_extract", extract)
    assert task.execute(interval(DAY))["object"]["rows"] == 3
    assert sleeping[:2] == [3.0, 3.0]


def test_such_an_error_without_end_ends_too(operator, now, sleeping, monkeypatch):
    task = operator(max_wait=timedelta(minutes=10))

    def extract(*_):
        error = _NotYet("the exchange's clock stands still")
        error.retry_at_ms = 1
        raise error

    monkeypatch.setattr(task, "_extract", extract)
    with pytest.raises(
        AirflowFailException, match=r"WaitTooLong: .*because the exchange's clock stands still; but"
    ):
        task.execute(interval(DAY))
    assert sum(sleeping) <= 600


# --- beyond retention -----------------------------------------------------------------------------------

OLD = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_what_is_older_than_the_exchange_keeps_fails_with_a_specific_error(operator, exchange, endpoint):
    with pytest.raises(AirflowFailException, match="BeyondRetention") as caught:
        operator(endpoint=endpoint).execute(interval(OLD))
    source = "as documented" if ENDPOINTS[endpoint].retention_days else "nothing is documented"
    assert source in str(caught.value)
    assert "beyond_retention='extract'" in str(caught.value)
    clocks = {family.clock_path for family in FAMILIES.values()}
    assert {request.path for request in exchange.requests} <= clocks


def test_beyond_retention_it_may_be_skipped(operator, tmp_path, caplog):
    with pytest.raises(AirflowSkipException, match=r"missing$"), caplog.at_level("WARNING"):
        operator(beyond_retention="skip").execute(interval(OLD))
    skipped, advice, window = [one.getMessage() for one in caplog.records][-3:]
    assert skipped.startswith("Skipped: the window begins before the 90 days that the exchange keeps (as")
    assert advice == 'What to do: nothing; or set beyond_retention to "extract" what is left'
    assert window == f"Window: usdm_futures of desk, {OLD:%Y-%m-%d} to {OLD + timedelta(days=1):%Y-%m-%d}"
    assert not list(tmp_path.rglob("*.json"))


def test_what_is_extracted_from_beyond_retention_is_never_claimed_complete(operator):
    manifest = operator(beyond_retention="extract").execute(interval(OLD))
    assert manifest["proof"]["complete"] is False
    assert manifest["proof"]["incomplete_reasons"] == ["within_retention"]
    assert "90 days that the exchange keeps" in manifest["proof"]["caveats"][0]


def test_who_knows_that_the_exchange_keeps_longer_can_say_so(operator):
    assert operator(retention_days=400).execute(interval(OLD))["proof"]["complete"]


def test_an_empty_answer_of_portfolio_margin_is_no_proof_and_the_manifest_says_so(operator):
    manifest = operator(endpoint="portfolio_margin").execute(interval(DAY - timedelta(days=1)))
    assert manifest["object"]["rows"] == 0
    assert (manifest["proof"]["complete"], manifest["proof"]["incomplete_reasons"]) == (
        False,
        ["recorded_by_endpoint"],
    )
    assert "Risk-Based Liquidation Adjustment" in manifest["proof"]["caveats"][-1]


def test_who_vouches_for_a_premise_gets_a_complete_window_that_names_it_as_assumed(operator):
    known = {"endpoint": "margin", "accept_premises": ["isolated_rows"]}
    proof = operator(**known).execute(interval(DAY - timedelta(days=1)))["proof"]
    assert proof["complete"]
    assert {"code": "isolated_rows", "status": "assumed", "by": None} in proof["premises"]


def test_a_premise_that_there_is_not_cannot_be_vouched_for(operator):
    with pytest.raises(InvalidRequest, match=r"unknown premise 'isolated'.* Did you mean isolated_rows"):
        operator(accept_premises=["isolated"])


def test_a_probe_report_that_does_not_exist_is_reported_with_what_to_give(operator, tmp_path):
    url = f"file://{tmp_path}/absent.json"
    with pytest.raises(StorageError, match=f"probe_report '{url}' does not exist; give the URL of a report"):
        operator(probe_report=url).execute(interval(DAY))


# --- failures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (Fault("http_401_2015"), "KeyRejected"),
        (Fault("http_400_1022"), "KeyRejected"),
        (Fault("http_451"), "LocationRestricted"),
        (Fault("http_403_html"), "FirewallBlocked"),
        (Fault("http_400"), "RequestRejected"),
        (Fault("row_outside_window"), "UnexpectedRow"),
    ],
)
def test_what_no_retry_can_mend_fails_the_task_at_once_and_names_endpoint_and_window(
    operator, exchange, fault, name, tmp_path
):
    exchange.add_fault(fault)
    with pytest.raises(AirflowFailException) as caught:
        operator().execute(interval(DAY))
    window = "usdm_futures [2026-10-10T00:00:00Z, 2026-10-11T00:00:00Z)"
    assert str(caught.value).startswith(f"{name}: {window}: ")
    assert not list(tmp_path.rglob("*.ndjson"))


@pytest.mark.slow
def test_what_a_retry_may_mend_is_left_to_airflow(operator, exchange):
    exchange.add_fault(Fault("http_500", times=None))
    with pytest.raises(ExchangeUnavailable, match=r"^usdm_futures \[2026-10-10T00:00:00Z, "):
        operator().execute(interval(DAY))


def test_a_destination_that_cannot_be_written_to_says_what_to_do(operator, tmp_path):
    (tmp_path / "lake").write_text("a file, and no directory")
    with pytest.raises(StorageError, match="then retry"):
        operator().execute(interval(DAY))


@pytest.mark.parametrize("destination", ["", "lake", "file://lake", "nowhere://bucket", "s3://missing@b/p"])
def test_a_destination_that_is_none_fails_before_anything_is_asked(operator, exchange, destination):
    with pytest.raises(AirflowFailException, match=r"InvalidRequest: .*destination"):
        operator(destination=destination).execute(interval(DAY))
    assert not [request for request in exchange.requests if request.has_key]


def test_a_missing_connection_fails_by_its_name(operator):
    with pytest.raises(Exception, match="binance_missing"):
        operator(binance_conn_id="binance_missing").execute(interval(DAY))


@pytest.mark.parametrize("extra", [{"environment": "staging"}, {"recv_window_ms": 999_999}])
def test_a_connection_with_a_wrong_field_fails_the_task_by_the_fields_name(operator, extra):
    with pytest.raises(AirflowFailException, match=f"InvalidConnection: .*{next(iter(extra))}"):
        operator(extra=extra).execute(interval(DAY))


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "spot"},
        {"beyond_retention": "ignore"},
        {"compression": "zip"},
        {"settle": timedelta(seconds=-1)},
        {"settle": 60},
        {"max_wait": timedelta(0)},
        {"max_wait": timedelta(hours=1), "settle": timedelta(hours=1)},
        {"max_wait": 3600},
        {"retention_days": 0},
        {"look_back_days": -1},
        {"missing_rows": "drop"},
    ],
)
def test_a_wrong_parameter_is_refused_when_the_dag_is_read(operator, wrong):
    with pytest.raises(InvalidRequest, match=next(iter(wrong))):
        operator(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"symbols": "BTCUSDT"}, {"symbols": ["btcusdt"]}, {"auto_close_type": "X"}]
)
def test_a_wrong_filter_fails_the_task_before_anything_is_asked(operator, exchange, wrong):
    with pytest.raises(AirflowFailException, match="InvalidRequest"):
        operator(**wrong).execute(interval(DAY))
    assert not [request for request in exchange.requests if request.has_key]


def test_neither_the_log_nor_an_error_holds_a_secret_or_a_signature(operator, exchange, caplog):
    credentials = exchange.credentials()
    exchange.add_fault(Fault("http_400_1022", nth=2))
    with caplog.at_level(logging.DEBUG):
        operator().execute(interval(DAY))
        with pytest.raises(AirflowFailException) as caught:
            operator().execute(interval(DAY))
    cause = caught.value.__cause__
    for text in (caplog.text, str(caught.value), repr(caught.value), str(cause), repr(cause)):
        assert credentials.secret not in text
        assert credentials.api_key not in text
        assert not [part for part in text.split("signature=")[1:] if not part.startswith("***")]

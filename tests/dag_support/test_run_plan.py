"""What a run logs of its cost: the very estimate of `binance-liq plan`."""

from __future__ import annotations

import logging
import shlex
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.dag_support.params import OVERRIDE
from airflow_provider_binance_liq.dag_support.run_plan import commands, estimate_run, greatest_share, log_plan
from airflow_provider_binance_liq.dag_support.settings import read_settings

DAY = datetime(2026, 11, 1, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
NOW_MS = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
CLASSIC = ("usdm_futures", "coinm_futures", "margin")
PORTFOLIO = {"binance_conn_id": "fund", "endpoints": ["portfolio_um", "portfolio_margin"]}


def extractions(*connections, again=False, **members):
    known = {"connections": list(connections), "endpoints": list(CLASSIC)} | members
    return read_settings(known, {}).extractions(again=again)


@pytest.fixture
def connection(set_connection):
    def define(conn_id, **extra):
        set_connection(conn_id, conn_type="binance", login="k" * 64, password="s" * 64, extra=extra)

    return define


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.INFO, "airflow_provider_binance_liq.dag_support.run_plan")

    def run(given, start=DAY, end=NEXT, **options):
        caplog.clear()
        log_plan(given, start, end, now_ms=NOW_MS, **options)
        return [record.getMessage() for record in caplog.records if record.name.endswith(".run_plan")]

    return run


def printed(capsys, command):
    assert main(shlex.split(command)[1:]) == 0
    return capsys.readouterr().out.splitlines()


def test_it_is_what_the_command_prints_for_the_same_day(logged, connection, capsys):
    connection("desk", weight_share=0.25)
    connection("fund")
    told = logged(extractions("desk", "fund"), of_backfill=True)
    same = printed(
        capsys,
        "binance-liq plan --start 2026-11-01 --end 2026-11-02 --accounts 2 --share 0.5 --now 2026-11-20 "
        "--endpoint usdm_futures --endpoint coinm_futures --endpoint margin",
    )
    # Folded: the page of a log shows its end.
    assert told[1 : 3 + len(same)] == ["::group::The estimate by endpoint", *same, "::endgroup::"]


def test_a_run_that_is_none_of_a_backfill_has_its_cost_in_one_sentence(logged, connection):
    connection("desk")
    (told,) = logged(extractions("desk"))
    pools = "futures 100 of 1,200 a minute; sapi:margin 1 of 6,000 a minute"
    assert told == f"This run needs at least 3 requests of weight 101 ({pools}): 1 minute"


def test_each_endpoint_counts_for_the_connections_that_have_it():
    given = extractions("desk", {"binance_conn_id": "second", "endpoints": ["margin"]}, PORTFOLIO)
    estimate = estimate_run(given, Window.between(DAY, NEXT), 0.5, NOW_MS)
    assert {one.endpoint.name: one.cost.windows for one in estimate.endpoints} == {
        "usdm_futures": 1,
        "coinm_futures": 1,
        "portfolio_um": 1,
        "portfolio_margin": 1,
        "margin": 2,
    }
    assert estimate.accounts == 3


def test_what_is_beyond_retention_is_said(logged, connection):
    connection("desk")
    old = DAY - timedelta(days=100)
    told, *_ = logged(extractions("desk", endpoints=["margin"]), old, old + timedelta(days=1))
    assert told.endswith(
        "1 minute. margin: 1 window of it begins before 2026-08-22T00:00:00Z, so rows may be gone (90 days "
        "are kept, assumed)"
    )


@pytest.mark.parametrize("of_backfill", [False, True])
@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("fail", "These will fail"),
        ("skip", "These are skipped, as beyond_retention says"),
        ("extract", "Of these, what is left is extracted, and never proven complete"),
    ],
)
def test_the_end_of_the_log_says_what_happens_to_a_day_beyond_retention(
    logged, connection, choice, told, of_backfill
):
    connection("desk")
    old = DAY - timedelta(days=100)
    given = extractions("desk", endpoints=["margin", "usdm_futures"], beyond_retention=choice)
    lines = logged(given, old, old + timedelta(days=1), of_backfill=of_backfill)
    advice = lines.pop() if choice == "fail" else None
    assert lines[-1] == f"{told} (older than the exchange is known to keep): usdm_futures, margin"
    if advice is not None:
        assert (
            advice == f'To skip such days, choose beyond_retention "skip"; in a backfill, tick "{OVERRIDE}"'
        )


def test_a_filtered_run_is_estimated_with_its_symbols(connection):
    connection("desk")
    (one,) = extractions("desk", endpoints=["margin"])
    window = Window.between(DAY, NEXT)
    filtered = {**one, "operator": one["operator"] | {"symbols": ["BTCUSDT", "ETHUSDT"]}}
    (estimate,) = estimate_run([filtered], window, 0.5, NOW_MS).endpoints
    assert estimate.filters.symbols == ("BTCUSDT", "ETHUSDT")


def test_a_second_look_is_judged_by_the_day_that_it_looks_at(logged, connection):
    connection("desk")
    told = logged(extractions("desk", again=True, second_look_days=10), of_backfill=True)
    assert "from 2026-10-22T00:00:00Z to 2026-10-23T00:00:00Z" in told[2]


def test_a_run_of_a_backfill_says_how_to_plan_the_whole(logged, connection, capsys):
    connection("desk")
    connection("other")
    connection("fund")
    told = logged(extractions("desk", PORTFOLIO, "other"), of_backfill=True)
    classic, portfolio = told[-2:]
    assert classic == (
        "binance-liq plan --start FIRST_DAY --end DAY_AFTER_THE_LAST --endpoint usdm_futures "
        "--endpoint coinm_futures --endpoint margin --accounts 2 --share 0.5"
    )
    assert portfolio.endswith("--endpoint portfolio_um --endpoint portfolio_margin --accounts 1 --share 0.5")
    filled = classic.replace("FIRST_DAY", "2026-08-03").replace("DAY_AFTER_THE_LAST", "2026-11-01")
    assert printed(capsys, filled)[0].startswith("90 windows of 1d")


def test_a_connection_with_nothing_to_extract_is_in_no_command():
    given = extractions("desk", {"binance_conn_id": "idle", "endpoints": ["margin"]})
    given[1]["endpoints"] = []
    assert len(list(commands(given, 0.5))) == 1


def test_minutes_are_counted_by_the_greatest_share_because_an_estimate_is_the_least(connection):
    connection("desk", weight_share=0.25)
    connection("fund", weight_share=0.75)
    assert greatest_share(["desk", "fund"]) == 0.75


@pytest.mark.parametrize("field", [{"extra": {"weight_share": 7}}, {"extra": "[]"}, {"password": ""}])
def test_a_connection_that_is_wrong_fails_nothing_here(field, logged, set_connection):
    fields = {"conn_type": "binance", "login": "k" * 64, "password": "s" * 64} | field
    set_connection("desk", **fields)
    told = logged(extractions("desk", "absent"))
    assert told[0] == "The connection 'desk' cannot be read now: InvalidConnection"
    assert told[1] == "The connection 'absent' cannot be read now: InvalidConnection"
    assert "of 1,200 a minute" in told[2]


def test_a_second_look_at_a_time_before_1970_is_said_and_fails_nothing_here(logged, connection):
    connection("desk")
    start = datetime(1970, 1, 2, tzinfo=UTC)
    (told,) = logged(extractions("desk", again=True), start, start + timedelta(days=1))
    assert told.startswith("What this run costs cannot be estimated: a window has a start before its end")


def test_a_share_that_no_request_fits_into_is_said_and_fails_nothing_here(logged, connection):
    connection("desk", weight_share=0.01)
    (told,) = logged(extractions("desk", endpoints=["usdm_futures"]))
    assert told.startswith("What this run costs cannot be estimated: a request of usdm_futures costs")


@pytest.mark.parametrize(("start", "end"), [(None, None), (DAY, DAY)])
def test_a_run_without_a_data_interval_has_no_estimate(logged, start, end):
    assert logged(extractions("desk"), start, end) == [
        "The run has no data interval, so there is nothing to estimate"
    ]


@pytest.mark.parametrize(("hours", "said"), [(24, "1d"), (6, "6h"), (0.5, "30m"), (1 / 36_000, "100 ms")])
def test_the_length_of_a_window_is_said_as_the_command_takes_it(hours, said):
    window = Window.between(DAY, DAY + timedelta(hours=hours))
    assert estimate_run(extractions("desk"), window, 0.5, NOW_MS).every == said

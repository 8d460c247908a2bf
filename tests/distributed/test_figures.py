"""The figures of a fleet's backfill, by hand: what would be noticed if it were not so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from figures import Figures, least, lines, pools
from run import OPTIONS, main
from size import Size

from airflow_provider_binance_liq.simulator.exchange import LoggedRequest

MEASURED = Path(__file__).with_name("measured.json")
MINUTE_MS = 60_000


def asked(at_s, used, *, account="a", endpoint="usdm_futures", day=0, pool="futures", during_ban=False):
    return LoggedRequest(
        method="GET",
        path="",
        endpoint=endpoint,
        params={"startTime": str(day * 24 * 60 * MINUTE_MS)},
        host="",
        has_key=bool(account),
        account=account,
        status=200,
        at_ms=at_s * 1000,
        weight=50,
        used_weight=used,
        weight_limit=2400,
        pool=pool,
        during_ban=during_ban,
        during_hold=False,
        fault=None,
    )


def pool_of(*log):
    (pool,) = pools(log, share=0.5, clients=6, other_traffic=300)
    return pool


def test_a_pools_highest_use_is_that_of_its_fullest_minute():
    pool = pool_of(asked(1, 900), asked(61, 1230), asked(121, 50))
    assert (pool.limit, pool.allowed, pool.highest, pool.requests, pool.weight) == (2400, 1200, 1230, 3, 150)
    assert pool.highest_share == 1230 / 2400


def test_the_bound_is_the_share_and_a_request_of_each_client_and_what_others_spend():
    assert pool_of(asked(1, 50)).bound == 1200 + 6 * 50 + 300


def test_pools_are_counted_apart():
    log = [asked(1, 1200), asked(2, 50, pool="papi")]
    assert [(pool.name, pool.highest) for pool in pools(log, 0.5, 6, 300)] == [
        ("futures", 1200),
        ("papi", 50),
    ]


@pytest.mark.parametrize(
    ("log", "late"),
    [
        # Up to the share, everybody may ask.
        ([asked(1, 1100), asked(2, 1150), asked(3, 1200)], 0),
        # Nor is one late that fits in what heavier ones leave.
        ([asked(1, 1160), asked(2, 1165), asked(3, 1170), asked(4, 1175)], 0),
        # Past it, what was on its way, once for each of them.
        ([asked(1, 1200), asked(2, 1250), asked(3, 1300, day=1), asked(4, 1350, account="b")], 1),
        # Who was told asks on.
        ([asked(1, 1200), asked(2, 1250), asked(3, 1300)], 2),
        # The next minute is another.
        ([asked(1, 1200), asked(2, 1250), asked(61, 50), asked(62, 100)], 1),
        # What is public names nobody, and during a ban nothing is used.
        ([asked(1, 1200), asked(2, 1250, account=""), asked(3, 1250, during_ban=True)], 0),
    ],
)
def test_requests_past_the_share_are_counted_by_window_and_minute(log, late):
    assert pool_of(*log).sent_late == late


def test_the_least_time_counts_quiet_days_cascades_and_what_others_leave():
    size = Size(days=90, cascade_rows=2500)
    # futures: 2 endpoints x 2 accounts x 90 days x 50, of 1,200 a minute.
    assert least(size, 0, 0.5, 0) == 15
    # Six of the days take 25 requests each instead of one.
    assert least(size, 6, 0.5, 0) == (84 + 6 * 25) * 4 * 50 // 1200 == 39
    assert least(size, 6, 0.5, 300) == (84 + 6 * 25) * 4 * 50 // 900 == 52


@pytest.fixture
def good():
    return Figures.from_dict(json.loads(MEASURED.read_text(encoding="utf-8")))


def test_figures_are_the_same_after_they_were_written_and_read(good):
    assert Figures.from_dict(json.loads(json.dumps(good.to_dict()))) == good
    assert good.to_dict()["ratio"] == round(good.ratio, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows_missing": 1},
        {"rows_extra": 1},
        {"rows_altered": 1},
        {"tasks_failed": 1},
        {"status_429": 1},
        {"desk_refused": 1},
        {"windows": 1079},
        {"pools": None},
    ],
)
def test_whatever_is_wrong_makes_the_command_fail(good, wrong):
    assert good.is_well
    if "pools" in wrong:
        wrong = {"pools": tuple(replace(pool, highest=pool.bound + 1) for pool in good.pools)}
    assert not replace(good, **wrong).is_well


def test_every_figure_of_a_pool_is_in_the_report(good):
    report = "\n".join(lines(good))
    for pool in good.pools:
        assert f"`{pool.name}`" in report
        assert f"{pool.highest:,} of {pool.limit:,}; bound {pool.bound:,}" in report


def test_the_command_reports_every_option(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in told for name in OPTIONS)
    assert set(OPTIONS) == {field for field in Size.__slots__ if field != "accounts"}

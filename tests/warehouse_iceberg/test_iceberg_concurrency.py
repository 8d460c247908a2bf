"""Loads at once: each commits against the very snapshot that it read, or does its work again."""

from __future__ import annotations

import json
import threading

import iceberg_dying
import pytest
from support.icehouse import TABLES
from support.lakehouse import LOADED_AT, row
from support.loading import copy

from airflow_provider_binance_liq.exceptions import WarehouseBusy
from airflow_provider_binance_liq.warehouse.load import load

pytestmark = pytest.mark.slow

BOUND_S = 60


class Interrupted:
    """An engine whose work is interrupted, once, by what somebody else does at that very moment."""

    def __init__(self, engine, step, meanwhile):
        self.engine, self.step, self.meanwhile = engine, step, [meanwhile]
        self.works = 0

    def run(self, work):
        def watched(session):
            self.works += 1
            done = work(Watched(session, self))
            # The first work only sees what is known.
            if self.works > 1:
                self.reached("commit")
            return done

        return self.engine.run(watched)

    def reached(self, step):
        if step == self.step and self.meanwhile:
            self.meanwhile.pop()()


class Watched:
    def __init__(self, session, engine):
        self.session, self.engine = session, engine

    def __getattr__(self, name):
        def watched(*arguments):
            done = getattr(self.session, name)(*arguments)
            self.engine.reached(name)
            return done

        return watched


@pytest.fixture
def interrupt(iceberg):
    """Load, while somebody else loads something at one step of it."""

    def run(manifest, other, step):
        engine = Interrupted(iceberg.engine(), step, lambda: iceberg.load(other))
        summary = load(engine, [manifest], fetch=copy, now=lambda: LOADED_AT)
        assert engine.meanwhile == []
        return summary, engine.works

    return run


@pytest.mark.parametrize(
    ("step", "known"),
    [
        ("commit", True),
        ("commit", False),
        ("stage_rows", True),
        pytest.param("stage_rows", False, marks=pytest.mark.slow),
        pytest.param("merge_rows", True, marks=pytest.mark.slow),
        pytest.param("stage_windows", True, marks=pytest.mark.slow),
    ],
)
def test_a_row_that_two_loads_bring_at_once_is_there_once(lake, iceberg, duckdb, interrupt, step, known):
    first, one, other = (
        lake.lay([row(9)], day=9),
        lake.lay([row(1), row(2)], day=10),
        lake.lay([row(1), row(3)], day=11),
    )
    if known:
        iceberg.load(first)
        duckdb.load(first)
    summary, works = interrupt(one, other, step)
    duckdb.load(other)
    assert summary == duckdb.load(one)
    assert iceberg.dump() == duckdb.dump()
    # To see what is known; in vain; and again.
    assert works == 3


def test_a_load_that_others_overtook_only_in_the_windows_does_its_work_again(lake, iceberg, interrupt):
    first = lake.lay([row(1, price='"1"')], extracted_at="2026-11-11T00:00:00Z")
    seen_again = lake.lay([row(1, price='"1"')], extracted_at="2026-11-13T00:00:00Z")
    between = lake.lay([row(1, price='"2"')], extracted_at="2026-11-12T00:00:00Z")
    iceberg.load(first)
    summary, works = interrupt(between, seen_again, "stage_rows")
    assert (summary.updated, works) == (0, 3)
    assert [price[:1] for (price,) in iceberg.values("price")] == ["1"]


def test_what_is_in_a_snapshot_is_never_lost_to_one_that_did_not_read_it(lake, iceberg, interrupt):
    newest = lake.lay([row(1, price='"3"')], extracted_at="2026-11-13T00:00:00Z")
    older = lake.lay([row(1, price='"2"')], extracted_at="2026-11-12T00:00:00Z")
    iceberg.load(lake.lay([row(1, price='"1"')]))
    summary, _ = interrupt(older, newest, "commit")
    assert summary.updated == 0
    assert [price[:1] for (price,) in iceberg.values("price")] == ["3"]
    assert iceberg.windows("object_sha256") == [(newest.object.sha256,)]


def test_whoever_is_overtaken_again_and_again_gives_up_in_time(lake, iceberg):
    iceberg.load(lake.lay([row(1)]))
    now, pauses, days = [0.0], [], iter(range(12, 28))

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += 3

    def overtaken(session):
        done = load_one(session)
        day = next(days)
        iceberg.load(lake.lay([row(100 + day)], day=day))
        return done

    engine = iceberg.engine(wait_s=5, clock=lambda: now[0], sleep=sleep)
    mine, works = lake.lay([row(2)], day=11), []

    class Overtaken:
        def run(self, work):
            nonlocal load_one
            works.append(work)
            load_one = work
            return engine.run(overtaken)

    load_one = None
    with pytest.raises(
        WarehouseBusy, match=r"lake\.desk\.binance were written to by others for 5 s"
    ) as caught:
        load(Overtaken(), [mine], fetch=copy, now=lambda: LOADED_AT)
    assert "a retry tries again" in str(caught.value)
    assert len(pauses) == 2
    # Nothing of it is in, and a load in peace goes through.
    assert iceberg.query("SELECT count(*) FROM binance_liquidations WHERE order_id = 2") == [(0,)]
    assert iceberg.load(mine).inserted == 1


# --- for real --------------------------------------------------------------------------------------------


def at_once(iceberg, tmp_path, shares):
    """Load each share in a process of its own, all begun together; return what they said."""
    iceberg_dying.preload()
    started = [
        (*iceberg_dying.start(iceberg.path, share, tmp_path / f"said {number}"), tmp_path / f"said {number}")
        for number, share in enumerate(shares)
    ]
    for _, begin, _ in started:
        begin.set()
    for process, _, _ in started:
        process.join(BOUND_S)
        assert process.exitcode == 0
    return [json.loads(said.read_text(encoding="utf-8")) for *_, said in started]


def test_processes_that_load_the_same_windows_into_nothing_leave_them_once(lake, iceberg, tmp_path):
    manifests = [lake.lay([row(100 * day + n) for n in range(20)], day=day) for day in range(10, 13)]
    done = at_once(iceberg, tmp_path, [manifests] * 2)
    assert sorted(summary["inserted"] for summary in done) == [0, 60]
    assert iceberg.query("SELECT count(*) FROM binance_liquidations") == [(60,)]
    assert len(iceberg.windows()) == 3


@pytest.mark.slow
def test_processes_that_load_windows_sharing_a_row_lose_nothing(lake, iceberg, tmp_path):
    shares = [
        [lake.lay([row(100 * day + n) for n in range(20)] + [row(7)], day=day) for day in range(share, 28, 6)]
        for share in range(4, 10)
    ]
    done = at_once(iceberg, tmp_path, shares)
    assert sum(summary["inserted"] for summary in done) == 24 * 20 + 1
    assert iceberg.query("SELECT count(*) FROM binance_liquidations") == [(24 * 20 + 1,)]
    assert len(iceberg.windows()) == 24


def test_threads_of_one_process_do_not_disturb_each_other(lake, iceberg):
    manifests = [
        lake.lay([row(100 * day + n) for n in range(5)] + [row(7)], day=day) for day in range(10, 13)
    ]
    done = []
    threads = [threading.Thread(target=lambda one=one: done.append(iceberg.load(one))) for one in manifests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert sum(summary.inserted for summary in done) == 3 * 5 + 1
    assert len(iceberg.windows()) == 3


def test_a_reader_sees_a_snapshot_whole_while_another_is_committed(lake, iceberg):
    iceberg.load(lake.lay([row(1)]))
    reading = iceberg.table(TABLES[0]).scan()
    iceberg.load(lake.lay([row(1, price='"2"'), row(2)], extracted_at="2026-11-12T00:00:00Z"))
    assert [one["order_id"] for one in reading.to_arrow().to_pylist()] == [1]
    assert len(iceberg.values()) == 2

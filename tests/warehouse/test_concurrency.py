"""Several processes and one file: nothing is lost, nobody waits for ever, a killed load leaves no half."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest
from support import loading
from support.lakehouse import row

from airflow_provider_binance_liq.exceptions import RetryableError, WarehouseBusy

pytestmark = pytest.mark.usefixtures("not_held")

LOADING = Path(loading.__file__)
BOUND_S = 50


@pytest.fixture
def start(warehouse, tmp_path):
    """Start loads in processes of their own; they begin when told to."""
    processes = []

    def begin(manifests, *, wait_s=40, one_by_one="no", killed_at=""):
        given = tmp_path / f"given-{len(processes)}.json"
        given.write_text(json.dumps([one.to_dict() for one in manifests]), encoding="utf-8")
        options = [
            str(warehouse.path),
            str(given),
            str(wait_s),
            one_by_one,
            *([killed_at] if killed_at else []),
        ]
        process = subprocess.Popen(
            [sys.executable, str(LOADING), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate(timeout=10)


def let_go(*processes):
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()


def result(process):
    out, _ = process.communicate(timeout=BOUND_S)
    return json.loads(out.splitlines()[-1])


# --- writers ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_processes_that_load_different_windows_at_once_lose_nothing(lake, warehouse, start):
    shares = [
        [lake.lay([row(100 * day + n) for n in range(20)] + [row(7)], day=day) for day in range(share, 28, 4)]
        for share in range(4, 7)
    ]
    loads = [start(share, one_by_one="yes") for share in shares]
    let_go(*loads)
    done = [summary for process in loads for summary in result(process)]
    assert sum(summary["inserted"] for summary in done) == 18 * 20 + 1
    # The row that every window tells is there once.
    assert warehouse.query("SELECT count(*) FROM binance_liquidations") == [(18 * 20 + 1,)]
    assert len(warehouse.windows()) == 18


@pytest.mark.slow
def test_processes_that_load_the_same_windows_at_once_leave_them_once(lake, warehouse, start):
    manifests = [lake.lay([row(100 * day + n) for n in range(20)], day=day) for day in range(10, 15)]
    loads = [start(manifests) for _ in range(3)]
    let_go(*loads)
    done = [summary for process in loads for summary in result(process)]
    assert sorted(summary["inserted"] for summary in done) == [0, 0, 100]
    assert warehouse.query("SELECT count(*) FROM binance_liquidations") == [(100,)]
    assert len(warehouse.windows()) == 5


@pytest.mark.slow
def test_threads_of_one_process_wait_for_each_other_too(lake, warehouse):
    manifests = [
        lake.lay([row(100 * day + n) for n in range(20)] + [row(7)], day=day) for day in range(10, 16)
    ]
    done = []
    threads = [
        threading.Thread(target=lambda one=one: done.append(warehouse.load(one, wait_s=40)), daemon=True)
        for one in manifests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND_S)
    assert sum(summary.inserted for summary in done) == 6 * 20 + 1
    assert len(warehouse.windows()) == 6


@pytest.fixture
def before(monkeypatch):
    """Do something just before a function is called for the first time."""

    def set_up(owner, name, act):
        real, left = getattr(owner, name), [act]

        def function(*arguments, **options):
            if left:
                left.pop()(*arguments)
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, function)

    return set_up


def test_duckdb_never_creates_the_file_since_it_would_overwrite_one_made_in_between(lake, warehouse, before):
    opened = []
    before(duckdb, "connect", opened.append)
    warehouse.load(lake.lay([row(1)]))
    assert len(opened) == 1
    assert opened != [str(warehouse.path)]
    assert list(warehouse.path.parent.iterdir()) == [warehouse.path]


def test_a_first_load_keeps_what_another_loaded_while_it_was_creating_the_file(lake, warehouse, before):
    first, second = lake.lay([row(1)]), lake.lay([row(2)], day=11)
    before(os, "link", lambda *_: warehouse.load(first))
    assert warehouse.load(second).inserted == 1
    assert warehouse.query("SELECT count(*) FROM binance_liquidations") == [(2,)]
    assert len(warehouse.windows()) == 2


def test_without_hard_links_a_first_load_works_all_the_same(lake, warehouse, before):
    def refuse(*_):
        raise OSError(errno.EPERM, "no hard links here")

    before(os, "link", refuse)
    assert warehouse.load(lake.lay([row(1)])).inserted == 1


# --- readers ---------------------------------------------------------------------------------------------

READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
print("reading", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def reader(warehouse):
    """Hold the file open from another process, as a notebook does, until told to close it."""
    readers = []

    def hold():
        process = subprocess.Popen(
            [sys.executable, "-c", READER, str(warehouse.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        readers.append(process)
        assert process.stdout.readline() == "reading\n"
        return lambda: process.communicate("\n", timeout=10)

    yield hold
    for process in readers:
        process.kill()
        process.wait(timeout=10)


def test_a_reader_that_holds_the_file_open_is_waited_for_only_so_long(lake, warehouse, reader):
    warehouse.load(lake.lay([row(1)]))
    before = warehouse.dump()
    second = lake.lay([row(2)], day=11)
    close = reader()
    begun = time.monotonic()
    with pytest.raises(
        WarehouseBusy, match=r"was in use by others for 0\.5 s .* a retry tries again"
    ) as caught:
        warehouse.load(second, wait_s=0.5)
    assert 0.5 <= time.monotonic() - begun < 10
    assert isinstance(caught.value, RetryableError)
    assert str(warehouse.path) in str(caught.value)
    close()
    assert warehouse.dump() == before
    assert warehouse.load(second, wait_s=0.5).inserted == 1


@pytest.mark.slow
def test_a_reader_that_closes_the_file_in_time_is_waited_for(lake, warehouse, reader):
    warehouse.load(lake.lay([row(1)]))
    close = reader()
    timer = threading.Timer(0.5, close)
    timer.start()
    assert warehouse.load(lake.lay([row(2)], day=11), wait_s=30).inserted == 1
    timer.join(10)


@pytest.mark.slow
def test_a_reader_in_the_same_process_is_waited_for_as_well(lake, warehouse):
    warehouse.load(lake.lay([row(1)]))
    second = lake.lay([row(2)], day=11)
    with (
        duckdb.connect(str(warehouse.path), read_only=True),
        pytest.raises(WarehouseBusy),
    ):
        warehouse.load(second, wait_s=0.2)
    assert warehouse.load(second, wait_s=0.2).inserted == 1


@pytest.mark.slow
def test_waiting_grows_longer_but_never_past_the_end(lake, warehouse, reader):
    warehouse.load(lake.lay([row(1)]))
    reader()
    now, pauses = [0.0], []

    def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds

    with pytest.raises(WarehouseBusy):
        warehouse.load(lake.lay([row(2)], day=11), wait_s=10, clock=lambda: now[0], sleep=sleep)
    assert sum(pauses) == pytest.approx(10)
    assert max(pauses) <= 2
    assert all(0.025 * 2**n <= pause <= 0.05 * 2**n for n, pause in enumerate(pauses[:5]))


# --- the kernel ------------------------------------------------------------------------------------------


@pytest.fixture
def large(lake):
    body = [
        row(n, symbol=f'"S{n % 50}USDT"', avgPrice=f'"{n}.123456"', note='"' + 100 * "x" + '"')
        for n in range(60_000)
    ]
    return [lake.lay(body[part::3], day=20 + part) for part in range(3)]


def rows_in(warehouse):
    ((rows,),) = warehouse.query("SELECT count(*) FROM binance_liquidations")
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("step", loading.STEPS)
def test_a_load_killed_in_its_transaction_leaves_nothing_and_is_repaired(lake, warehouse, start, step):
    warehouse.load(lake.lay([row(1)]))
    before = warehouse.dump()
    # An object that another one replaces: then every step has something to do.
    manifests = [
        lake.lay([row(2)], extracted_at="2026-11-12T00:00:00Z"),
        lake.lay([row(100 + n) for n in range(500)], day=11),
    ]
    process = start(manifests, killed_at=step)
    let_go(process)
    process.communicate(timeout=BOUND_S)
    assert process.returncode == -signal.SIGKILL
    assert warehouse.dump() == before
    assert warehouse.load(manifests).inserted == 501
    once = warehouse.dump()
    warehouse.load(manifests)
    assert warehouse.dump() == once


@pytest.mark.slow
def test_a_large_load_killed_while_it_writes_leaves_all_or_none_and_is_repaired(
    warehouse, start, large, lake
):
    warehouse.load(lake.lay([row(1, symbol='"FIRST"')]))
    log = warehouse.path.with_name(warehouse.path.name + ".wal")
    size = warehouse.path.stat().st_size
    process = start(large)
    let_go(process)
    deadline = time.monotonic() + BOUND_S
    while process.poll() is None and time.monotonic() < deadline:
        if (
            log.exists() and log.stat().st_size > 1_000_000
        ) or warehouse.path.stat().st_size > size + 1_000_000:
            break
    process.kill()
    process.communicate(timeout=10)
    assert rows_in(warehouse) in (1, 60_001)
    assert len(warehouse.windows()) in (1, 4)
    warehouse.load(large)
    assert rows_in(warehouse) == 60_001
    assert len(warehouse.windows()) == 4
    assert warehouse.load(large).windows_skipped == 3

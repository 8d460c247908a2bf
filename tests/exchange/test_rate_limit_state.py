"""The state of an IP address: shared by the processes of a machine where it can be, never in the way."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.scripted import Time

from airflow_provider_binance_liq.core.weights import Limit, RateLimitState
from airflow_provider_binance_liq.exchange.rate_limit_state import (
    OwnRateLimitState,
    SharedRateLimitState,
    find_rate_limit_state,
)
from airflow_provider_binance_liq.exchange.rate_limiter import Delay, RateLimiter, RequestCost

NOON = 1_791_633_600_000
FUTURES = RequestCost("fapi", "futures", 50)
ORIGINS = {"fapi": "https://fapi.example", "dapi": "https://dapi.example"}


def at_noon():
    return NOON / 1000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "binance-liq" / "state.json"


def spend(store, weight):
    with store.open() as state:
        state.pool("futures", Limit(2400), 0.5, NOON).send(os.urandom(4).hex(), NOON, weight)


def used(store):
    with store.open() as state:
        return state.pool("futures", Limit(2400), 0.5, NOON).used(NOON)


def test_what_one_writes_another_reads(path):
    spend(SharedRateLimitState(path, clock=at_noon), 50)
    assert used(SharedRateLimitState(path, clock=at_noon)) == 50


def test_states_of_two_clients_know_nothing_of_each_other():
    one, other = OwnRateLimitState(), OwnRateLimitState()
    spend(one, 50)
    assert (used(one), used(other)) == (50, 0)


UNREADABLE = {
    "nothing": b"",
    "half of one": b"{",
    "a list": b"[]",
    "pools that are none": b'{"pools": 7}',
    "no text at all": b"\xff\xfe",
    "a name that is no UTF-8": b'{"pools": {"\xff": {}}}',
    "null": b"null",
    "a limit of nothing": b'{"limits": {"futures": {"limit": {"weight": 0}, "at_ms": 1}}}',
    "a minute of no length": b'{"limits": {"futures": {"limit": {"weight": 1, "minute_ms": 0}, "at_ms": 1}}}',
    "nesting without end": b'{"pools":' + b"[" * 100_000,
    "megabytes": b" " * 5_000_000,
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_a_state_that_cannot_be_read_is_begun_anew(path, text):
    path.parent.mkdir(mode=0o700)
    path.write_bytes(text)
    store = SharedRateLimitState(path, clock=at_noon)
    assert used(store) == 0
    spend(store, 20)
    assert used(SharedRateLimitState(path, clock=at_noon)) == 20


def test_a_shorter_state_leaves_nothing_of_a_longer_one(path):
    store = SharedRateLimitState(path, clock=at_noon)
    with store.open() as state:
        state.pools.update(
            {f"sapi:{number}": RateLimitState().pool("", Limit(1), 1, 0).usage for number in range(99)}
        )
    with store.open() as state:
        state.pools.clear()
    assert used(SharedRateLimitState(path, clock=at_noon)) == 0


def test_the_state_is_its_users_alone_and_holds_no_name_of_a_host(path):
    spend(SharedRateLimitState(path, clock=at_noon), 50)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert "example" not in path.read_text()


def test_a_directory_that_others_may_write_to_is_not_trusted(path, caplog):
    path.parent.mkdir()
    path.parent.chmod(0o777)
    store = SharedRateLimitState(path, clock=at_noon)
    spend(store, 50)
    assert used(store) == 50, "it goes on with a state of its own"
    assert not path.exists()
    assert caplog.text.count("without the other processes") == 1


def test_a_link_that_somebody_left_there_is_not_followed(path, tmp_path):
    path.parent.mkdir(mode=0o700)
    target = tmp_path / "precious"
    target.write_text("precious")
    path.symlink_to(target)
    spend(SharedRateLimitState(path, clock=at_noon), 50)
    assert target.read_text() == "precious"


def test_a_process_that_was_stopped_with_the_state_in_its_hands_delays_nobody_for_long(path):
    world = Time()
    with SharedRateLimitState(path, clock=at_noon).open():
        spend(SharedRateLimitState(path, monotonic=world.clock, sleep=world.sleep), 50)
    assert 1 < sum(world.naps) < 4


# --- where the file cannot be had -----------------------------------------------------------------------


@pytest.fixture
def disk(monkeypatch):
    """A disk on which what a test names fails, with the error that it names."""
    failing = {}

    def fail_sometimes(module, name):
        real = getattr(module, name)

        def call(*arguments, **known):
            if name in failing:
                raise OSError(failing[name], os.strerror(failing[name]))
            return real(*arguments, **known)

        monkeypatch.setattr(module, name, call)

    fail_sometimes(fcntl, "flock")
    for name in ("pread", "pwrite", "posix_fallocate"):
        fail_sometimes(os, name)
    return failing


def banned_until(store):
    with store.open() as state:
        return state.banned_until_ms


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


FAULTS = [("flock", errno.ENOLCK), ("pread", errno.EIO), ("pwrite", errno.ENOSPC)]


@pytest.mark.parametrize(("step", "code"), FAULTS)
def test_whatever_fails_it_goes_on_with_a_state_of_its_own_and_leaks_no_descriptor(
    path, disk, step, code, caplog
):
    shared = SharedRateLimitState(path, clock=at_noon)
    spend(shared, 50)
    disk[step] = code
    before = descriptors()
    for _ in range(20):
        spend(shared, 1)
    assert descriptors() == before
    assert used(shared) >= 20
    assert caplog.text.count("without the other processes") == 1
    assert os.strerror(code) in caplog.text


@pytest.mark.parametrize(("step", "code"), FAULTS)
def test_a_ban_that_is_known_survives_a_disk_that_takes_no_more(path, disk, step, code):
    first, second = SharedRateLimitState(path, clock=at_noon), SharedRateLimitState(path, clock=at_noon)
    with first.open() as state:
        state.ban(NOON + 600_000, NOON)
    disk[step] = code
    spend(first, 50)
    if step == "pwrite":
        assert banned_until(second) == NOON + 600_000
    disk.clear()
    assert banned_until(first) == banned_until(second) == NOON + 600_000
    assert used(second) == 50, "what could not be written then is written now"


def test_a_state_for_which_there_is_no_room_from_the_first_is_kept_here(path, disk):
    disk["posix_fallocate"] = errno.ENOSPC
    shared = SharedRateLimitState(path, clock=at_noon)
    spend(shared, 50)
    spend(shared, 20)
    assert used(shared) == 70
    assert path.read_bytes() == b""
    disk.clear()
    spend(shared, 1)
    assert used(SharedRateLimitState(path, clock=at_noon)) == 71


def test_a_state_whose_writer_died_after_it_had_room_is_read(path):
    with SharedRateLimitState(path, clock=at_noon).open() as state:
        state.ban(NOON + 600_000, NOON)
    path.write_bytes(path.read_bytes().rstrip() + bytes(5000))
    assert banned_until(SharedRateLimitState(path, clock=at_noon)) == NOON + 600_000


def test_a_disk_that_is_really_full_loses_nothing(path, tmp_path):
    shared = SharedRateLimitState(path, clock=at_noon)
    with shared.open() as state:
        state.ban(NOON + 600_000, NOON)
    script = f"""
        import pathlib, resource, signal
        from airflow_provider_binance_liq.exchange.rate_limit_state import SharedRateLimitState
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
        with SharedRateLimitState(pathlib.Path({str(path)!r})).open() as state:
            print(state.banned_until_ms)
            state.ban({NOON + 700_000}, {NOON})
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == str(NOON + 600_000)
    assert "without the other processes" in done.stderr
    assert banned_until(shared) == NOON + 600_000


def test_an_error_in_between_is_not_taken_for_one_of_the_disk(path):
    shared = SharedRateLimitState(path, clock=at_noon)

    def fail(state):
        state.ban(NOON, NOON)
        raise OSError("of the caller")

    with pytest.raises(OSError, match="of the caller"), shared.open() as state:
        fail(state)
    assert banned_until(shared) == NOON


def test_who_asks_elsewhere_or_through_another_proxy_has_another_state(monkeypatch):
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    here = find_rate_limit_state(ORIGINS, coordinate=True).path
    assert find_rate_limit_state(dict(reversed(ORIGINS.items())), coordinate=True).path == here
    assert find_rate_limit_state({"fapi": "https://other.example"}, coordinate=True).path != here
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    assert find_rate_limit_state(ORIGINS, coordinate=True).path != here
    assert isinstance(find_rate_limit_state(ORIGINS, coordinate=False), OwnRateLimitState)


# --- many processes -------------------------------------------------------------------------------------

WORKER = """
    import sys, pathlib
    from airflow_provider_binance_liq.exchange.rate_limit_state import SharedRateLimitState
    from airflow_provider_binance_liq.exchange.rate_limiter import RequestCost, RateLimiter, Delay
    rate_limiter = RateLimiter(SharedRateLimitState(pathlib.Path(sys.argv[1])), 0.5, {})
    acquired = 0
    for _ in range(40):
        if not isinstance(rate_limiter.acquire(RequestCost("fapi", "futures", 50), %d), Delay):
            acquired += 1
    print(acquired)
"""


def test_processes_that_ask_at_the_same_time_never_exceed_the_share_together(path):
    command = [sys.executable, "-c", textwrap.dedent(WORKER % (NOON + 5_000)), str(path)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    acquired = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    assert sum(acquired) == 2400 * 0.5 / 50
    waits = RateLimiter(SharedRateLimitState(path, clock=at_noon), 0.5, {}).acquire(FUTURES, NOON + 5_000)
    assert waits == Delay(NOON + 60_000, banned=False)


def test_a_share_of_ones_own_is_kept_beside_others_with_a_larger_one(path):
    greedy, modest = (
        RateLimiter(SharedRateLimitState(path, clock=at_noon), 1.0, {}),
        RateLimiter(SharedRateLimitState(path, clock=at_noon), 0.1, {}),
    )
    for _ in range(10):
        assert isinstance(greedy.acquire(FUTURES, NOON), str)
    delay = modest.acquire(FUTURES, NOON)
    assert delay.reason == (
        f"your share of the weight is used up ({10 * FUTURES.weight} of 240 a minute in pool {FUTURES.pool}; "
        "weight_share 0.1 of 2,400)"
    )
    assert isinstance(greedy.acquire(FUTURES, NOON), str)


def test_requests_of_an_endpoint_may_be_spaced_across_clients_and_nobody_is_said_to_have_asked_for_it(path):
    spaced = RequestCost("sapi", "sapi:spaced", 1, interval_ms=1000)
    one, other = (RateLimiter(SharedRateLimitState(path, clock=at_noon), 0.5, {}) for _ in range(2))
    assert isinstance(one.acquire(spaced, NOON), str)
    delay = other.acquire(spaced, NOON + 300)
    assert delay == Delay(NOON + 1000, banned=False, spaced=True)
    assert delay.reason == "requests to its endpoint are spaced"
    assert isinstance(other.acquire(spaced, NOON + 1000), str)


def test_an_interval_that_a_wrong_clock_left_far_ahead_delays_nobody(path):
    spaced = RequestCost("sapi", "sapi:spaced", 1, interval_ms=1000)
    one = RateLimiter(SharedRateLimitState(path, clock=at_noon), 0.5, {})
    assert isinstance(one.acquire(spaced, NOON + 10_000_000), str)
    assert isinstance(one.acquire(spaced, NOON), str)

"""Nothing that was started outlives what started it, however that ends: shown with real processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from airflow_provider_binance_liq.demo import guard
from airflow_provider_binance_liq.demo import processes as module
from airflow_provider_binance_liq.demo.failure import DemoFailed, Interrupted
from airflow_provider_binance_liq.demo.interrupts import Interrupts
from airflow_provider_binance_liq.demo.processes import Processes

ENVIRONMENT = {"PATH": os.environ["PATH"]}
SLEEP = ["sleep", "300"]
#: `set -m`: each child in a process group of its own, as Airflow's tasks are
TREE = "set -m; sh -c 'sleep 300 & echo $! >>pids; wait' & echo $! >>pids; echo $$ >>pids; wait"
#: the same, and nobody listens to a polite request
STUBBORN_TREE = f'trap "" TERM; {TREE}'
#: a child whose parent is gone already
ORPHAN = "(sleep 300 & echo $! >>pids) & wait; echo $$ >>pids; exec sleep 300"


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_until(condition, limit_s=10.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


@pytest.fixture
def directory(tmp_path):
    """A place with blanks in it, whose processes are ended should a test fail to."""
    path = tmp_path / "a path with späces"
    path.mkdir()
    yield path
    for pid in noted(path):
        if runs(pid):
            os.kill(pid, signal.SIGKILL)


def noted(directory):
    """Return the process ids that a tree has written down."""
    try:
        return [int(line) for line in (directory / "pids").read_text().split()]
    except FileNotFoundError:
        return []


@pytest.fixture
def lock(directory):
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


@pytest.fixture
def unentered(directory, lock):
    return Processes(directory, directory, lock)


@pytest.fixture
def processes(unentered):
    with unentered:
        yield unentered


def start_tree(processes, directory, tree, count):
    child = processes.start("tree", ["sh", "-c", tree], ENVIRONMENT)
    wait_until(lambda: len(noted(directory)) == count)
    return child


@pytest.mark.parametrize(
    ("tree", "count"), [(TREE, 3), (STUBBORN_TREE, 3), (ORPHAN, 2)], ids=["tree", "stubborn", "orphan"]
)
def test_everything_that_came_of_a_child_ends_with_the_demo_in_bounded_time(
    unentered, directory, tree, count, monkeypatch
):
    monkeypatch.setattr(guard.stop, "__kwdefaults__", {"grace_s": 0.5})
    with unentered as processes:
        start_tree(processes, directory, tree, count)
        assert all(map(runs, noted(directory)))
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    assert not any(map(runs, noted(directory)))


@pytest.mark.parametrize("error", [DemoFailed("no"), KeyboardInterrupt(), Interrupted(2), SystemExit(3)])
def test_everything_ends_whatever_is_raised(unentered, directory, error):
    def fail():
        with unentered as processes:
            start_tree(processes, directory, TREE, 3)
            raise error

    with pytest.raises(type(error)):
        fail()
    assert not any(map(runs, noted(directory)))


def test_the_guard_ends_too_and_lets_the_directory_go(unentered, directory):
    with unentered as processes:
        guard_pid = processes._guard.pid
        assert runs(guard_pid)
    assert not runs(guard_pid)


def test_the_demo_stops_everything_itself_where_its_guard_was_killed(unentered, directory):
    with unentered as processes:
        processes._guard.kill()
        processes._guard.wait(10)
        start_tree(processes, directory, TREE, 3)
    assert not any(map(runs, noted(directory)))


def test_children_end_in_an_order_that_keeps_the_first_one_for_last(unentered, directory):
    with unentered as processes:
        for name in ("database", "other"):
            tree = f"trap 'echo {name} >>ended; exit' TERM; echo $$ >>pids; while :; do sleep 0.01; done"
            processes.start(name, ["sh", "-c", tree], ENVIRONMENT)
        wait_until(lambda: len(noted(directory)) == 2)
    assert (directory / "ended").read_text().split() == ["other", "database"]


def test_a_child_that_cannot_even_be_killed_is_named(unentered, monkeypatch):
    stop = guard.stop
    monkeypatch.setattr(guard, "stop", lambda pids: [*stop(pids), *pids])
    with pytest.raises(DemoFailed, match=r"could not be stopped: \d+"), unentered as processes:
        processes.start("one", ["true"], ENVIRONMENT)


def test_what_a_child_prints_is_in_its_log_and_added_to_what_is_there(processes, directory):
    for word in ("one", "two"):
        processes.finish("speaker", ["sh", "-c", f"echo {word}; echo {word}! >&2"], ENVIRONMENT, limit_s=10)
    assert (directory / "speaker.log").read_text() == "one\none!\ntwo\ntwo!\n"


def test_a_child_has_the_given_environment_only_and_works_in_the_directory(processes, directory, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "theirs")
    environment = ENVIRONMENT | {"WORD": "späces"}
    processes.finish("speaker", ["sh", "-c", "pwd; env"], environment, limit_s=10)
    printed = (directory / "speaker.log").read_text()
    assert printed.startswith(f"{directory}\n")
    assert "WORD=späces" in printed
    assert "theirs" not in printed


def test_a_child_has_a_session_of_its_own_so_that_the_terminals_ctrl_c_does_not_reach_it(unentered):
    with unentered as processes:
        child = processes.start("sleeper", SLEEP, ENVIRONMENT)
        assert os.getsid(child.process.pid) == child.process.pid != os.getsid(0)


def test_a_command_that_fails_is_reported_with_its_status_and_log(processes, directory):
    with pytest.raises(DemoFailed, match="migrate ended with status 3") as failure:
        processes.finish("migrate", ["sh", "-c", "echo why; exit 3"], ENVIRONMENT, limit_s=10)
    assert failure.value.log == directory / "migrate.log"
    assert failure.value.log.read_text() == "why\n"


def test_a_command_that_takes_too_long_is_reported_and_ends_with_the_demo(unentered, directory):
    def wait():
        with unentered as processes:
            processes.finish("slow", ["sh", "-c", TREE], ENVIRONMENT, limit_s=0.3)

    with pytest.raises(DemoFailed, match="slow is not done after 0 s"):
        wait()
    assert not any(map(runs, noted(directory)))


def test_a_command_that_is_not_there_is_reported(processes):
    with pytest.raises(DemoFailed, match="/no/such/program could not be started"):
        processes.start("absent", ["/no/such/program"], ENVIRONMENT)


def test_a_finished_command_is_not_missed(processes):
    processes.finish("quick", ["true"], ENVIRONMENT, limit_s=10)
    processes.check()


def test_a_child_that_ends_by_itself_is_named_with_its_status_and_log(unentered, directory):
    with unentered as processes:
        processes.start("sleeper", SLEEP, ENVIRONMENT)
        processes.check()
        child = processes.start("scheduler", SLEEP, ENVIRONMENT)
        os.kill(child.process.pid, signal.SIGKILL)
        child.process.wait(10)
        with pytest.raises(DemoFailed, match="scheduler ended by itself, with status -9") as failure:
            processes.check()
    assert failure.value.log == directory / "scheduler.log"


# ---- sessions


def test_members_of_a_session_are_those_that_run(directory):
    child = subprocess.Popen(["sh", "-c", TREE], cwd=directory, start_new_session=True)
    wait_until(lambda: len(noted(directory)) == 3)
    assert set(noted(directory)) <= set(guard.members({child.pid}))
    assert os.getpid() not in guard.members({child.pid})
    child.kill()
    # Dead and not yet waited for is not running.
    wait_until(lambda: child.pid not in guard.members({child.pid}))
    assert guard.stop([child.pid], grace_s=5) == []
    child.wait(10)
    assert not any(map(runs, noted(directory)))


def test_the_polite_are_not_waited_for_longer_than_they_take(directory):
    child = subprocess.Popen(SLEEP, start_new_session=True)
    begun = time.monotonic()
    assert guard.stop([child.pid], grace_s=30) == []
    assert time.monotonic() - begun < 5
    assert child.wait(10) == -signal.SIGTERM


def test_one_that_has_children_faster_than_they_are_counted_ends_too(directory):
    loop = 'trap "" TERM; echo $$ >pids; while :; do sleep 0.01 & sleep 0.01; done'
    child = subprocess.Popen(["sh", "-c", loop], cwd=directory, start_new_session=True)
    wait_until(lambda: noted(directory))
    assert guard.stop([child.pid], grace_s=0.5) == []
    child.wait(10)


def test_no_sessions_and_gone_ones_are_nothing_to_stop():
    child = subprocess.Popen(["true"], start_new_session=True)
    child.wait(10)
    begun = time.monotonic()
    assert guard.stop([], grace_s=30) == []
    assert guard.stop([child.pid], grace_s=30) == []
    assert time.monotonic() - begun < 5


# ---- the guard: the demo itself is killed

DEMO = """
import sys, time
from pathlib import Path
from airflow_provider_binance_liq.demo.processes import Processes

directory, removed, tree = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
lock = (directory / "lock").open("w")
import fcntl; fcntl.flock(lock, fcntl.LOCK_EX)
with Processes(directory, directory, lock.fileno()) as processes:
    processes.remove_at_end(removed)
    processes.finish("quick", ["true"], {}, limit_s=10)
    processes.start("tree", ["sh", "-c", tree], {"PATH": "/usr/bin:/bin"})
    print(processes._guard.pid, flush=True)
    time.sleep(300)
"""


@pytest.fixture
def killable(directory):
    """A demo in a process of its own, with a tree of processes, and its guard."""
    removed = directory / "a database in späces"
    removed.mkdir()
    (removed / "file").write_text("data")
    command = [sys.executable, "-c", DEMO, str(directory), str(removed), STUBBORN_TREE]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    guard_pid = int(demo.stdout.readline())
    wait_until(lambda: len(noted(directory)) == 3)
    yield demo, guard_pid, removed
    demo.kill()
    demo.wait(10)
    demo.stdout.close()
    wait_until(lambda: not runs(guard_pid), 30)


def ignores(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(mask, 16) & 1 << (number - 1))


def locked(directory):
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


@pytest.mark.slow
def test_what_a_killed_demo_leaves_is_stopped_and_removed_and_the_directory_held_until_then(
    killable, directory
):
    demo, guard_pid, removed = killable
    demo.kill()
    demo.wait(10)
    assert locked(directory)
    wait_until(lambda: not any(map(runs, [*noted(directory), guard_pid])), 20)
    assert not removed.exists()
    assert not locked(directory)


@pytest.mark.slow
def test_the_signals_of_a_terminal_do_not_end_the_guard_before_the_demo(killable, directory):
    _, guard_pid, _ = killable
    wait_until(lambda: ignores(guard_pid, signal.SIGHUP))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(guard_pid, number)
    time.sleep(0.3)
    assert runs(guard_pid)
    assert all(map(runs, noted(directory)))


# ---- signals


@pytest.mark.parametrize(
    ("number", "name", "status"),
    [(signal.SIGINT, "SIGINT", 130), (signal.SIGTERM, "SIGTERM", 143), (signal.SIGHUP, "SIGHUP", 129)],
)
def test_a_signal_interrupts_with_the_status_that_a_shell_expects(number, name, status):
    with Interrupts(), pytest.raises(Interrupted) as interruption:
        os.kill(os.getpid(), number)
    assert (interruption.value.name, interruption.value.status) == (name, status)


def test_no_librarys_handling_of_errors_swallows_an_interruption():
    def survive():
        with contextlib.suppress(Exception):
            os.kill(os.getpid(), signal.SIGTERM)

    with Interrupts(), pytest.raises(Interrupted):
        survive()


def test_an_impatient_second_signal_does_not_disturb_the_stopping():
    with Interrupts():
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)


def test_once_things_are_being_stopped_no_signal_interrupts():
    with Interrupts() as interrupts:
        interrupts.ignore()
        os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_are_those_of_before_afterwards():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_signal_that_was_ignored_before_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_in_a_block_that_holds_it_interrupts_at_its_end():
    done = []

    def make():
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("made")
        done.append("went on")

    with Interrupts() as interrupts, pytest.raises(Interrupted):
        make()
    assert done == ["made"]


def test_a_signal_in_such_a_block_is_ignored_while_things_are_being_stopped():
    with Interrupts() as interrupts:
        interrupts.ignore()
        with interrupts.held():
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_just_when_a_child_is_started_leaves_no_child_behind(directory, lock, monkeypatch):
    started = []
    real = subprocess.Popen

    def popen(command, **options):
        started.append(real(command, **options))
        if command == SLEEP:
            os.kill(os.getpid(), signal.SIGTERM)
        return started[-1]

    def start(held):
        with Processes(directory, directory, lock, held) as processes:
            processes.start("sleeper", SLEEP, ENVIRONMENT)
            raise AssertionError("not interrupted")

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        start(interrupts.held)
    assert len(started) == 2
    assert not any(runs(process.pid) for process in started)

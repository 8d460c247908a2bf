"""One backfill by a fleet, with a worker killed and a ban in the middle: what is done, and what comes of it.

Every step waits for a state of Airflow's own database, never for a length of time; each fails by name when
the backfill is over before its turn has come.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fleet import DAG_ID

from airflow_provider_binance_liq.core.endpoints import WITH_ORDERS
from airflow_provider_binance_liq.demo import guard
from airflow_provider_binance_liq.demo.days import Days, latest
from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.simulator import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fleet import Fleet

    from airflow_provider_binance_liq.demo.processes import Child

_POLL_S: Final = 1.0
_BANNED: Final = 418
#: parts of all windows that are extracted before a worker is killed
_KILL_AFTER: Final = 0.15
_EXTRACT: Final = "extract"
_BANNED_LIMIT_S: Final = 180.0
#: the backfill has failed when nothing more has ended for so long
_STANDSTILL_S: Final = 900.0
_INSTANCES: Final = f"""
    SELECT run_id, task_id, map_index, try_number, state, pid
    FROM task_instance WHERE dag_id = '{DAG_ID}' ORDER BY run_id, task_id, map_index
"""
_EARLIER: Final = f"""
    SELECT run_id, task_id, map_index, try_number, state, pid
    FROM task_instance_history WHERE dag_id = '{DAG_ID}' ORDER BY run_id, task_id, map_index, try_number
"""
_RUNS: Final = f"SELECT run_id, state FROM dag_run WHERE dag_id = '{DAG_ID}' ORDER BY run_id"
_ENDED: Final = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


@dataclass(frozen=True, slots=True, order=True)
class Instance:
    """A task of a run, and how it stands."""

    run_id: str
    task_id: str
    map_index: int
    try_number: int
    state: str | None
    #: process that runs it, or ran it last
    pid: int | None

    @property
    def name(self) -> tuple[str, str, int]:
        """What stays the same from try to try."""
        return self.run_id, self.task_id, self.map_index

    @property
    def extracts(self) -> bool:
        """Whether it asks the exchange."""
        return self.task_id == _EXTRACT


@dataclass(frozen=True, slots=True)
class Glance:
    """All tasks at one instant."""

    at_ms: int
    tasks: Sequence[Instance]
    runs: Sequence[tuple[str, str]]

    def extracting(self, state: str) -> list[Instance]:
        """Return the extracting tasks in one state."""
        return [task for task in self.tasks if task.extracts and task.state == state]

    @property
    def ended(self) -> int:
        """How many tasks are over."""
        return sum(task.state in _ENDED for task in self.tasks)

    def __str__(self) -> str:
        runs = Counter(state for _, state in self.runs)
        tasks = Counter(task.state or "waiting" for task in self.tasks)
        counted = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(tasks.items()))
        return f"{runs['success']} of {len(self.runs)} runs; tasks: {counted}"


@dataclass(slots=True)
class Ban:
    """The ban in the middle, and what extractions did meanwhile."""

    #: when the exchange banned the address, and when that ended, in epoch ms
    begun_ms: int = 0
    ended_ms: int = 0
    #: most extractions that were deferred at a glance at which none held a worker slot
    deferred: int = 0
    #: longest that an extraction was seen to hold a worker slot during the ban, in seconds
    held_s: float = 0.0
    #: task and try → when it was first seen in a worker slot
    seen_ms: dict[Instance, int] = field(default_factory=dict)

    def look(self, now: Glance, dead: set[int | None]) -> None:
        """Note who holds a slot; tasks of `dead` processes only seem to, until Airflow has missed them."""
        running = [task for task in now.extracting("running") if task.pid not in dead]
        self.seen_ms = {task: self.seen_ms.get(task, now.at_ms) for task in running}
        for since_ms in self.seen_ms.values():
            self.held_s = max(self.held_s, (now.at_ms - since_ms) / 1000)
        if not running:
            self.deferred = max(self.deferred, len(now.extracting("deferred")))


@dataclass(slots=True)
class Outcome:
    """What the backfill came to."""

    days: Days
    #: how many of the days have a cascade
    cascades: int
    seconds: float
    ban: Ban
    #: name of the worker that was killed
    killed: str
    #: tasks that it was at work on, as they stood then
    lost: list[Instance]
    #: how all tasks stand at the end, and every earlier try of them
    tasks: list[Instance]
    earlier: list[Instance]
    runs: list[tuple[str, str]]


def _of(worker: Child, now: Glance) -> list[Instance]:
    """Return the extractions that a worker is at work on."""
    alive = set(guard.members({worker.process.pid}))
    return [task for task in now.extracting("running") if task.pid in alive]


class Drive:
    """Drives one backfill."""

    def __init__(self, fleet: Fleet, show: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._show = show
        self._days = latest(datetime.now(UTC), fleet.size.days)
        self._ended = (-1, 0.0)

    def run(self) -> Outcome:
        """Backfill all days, kill a worker, ban the address, and wait until everything is over."""
        fleet, begun = self._fleet, time.monotonic()
        # Created first: unpausing would otherwise add a run of its own for yesterday.
        fleet.api.create_backfill(DAG_ID, self._days, at_once=fleet.size.runs_at_once)
        fleet.api.unpause(DAG_ID)
        killed, lost = self._kill()
        ban = self._ban({task.pid for task in lost})
        last = self._watch("every run to be over", self._is_over)
        return Outcome(
            days=self._days,
            cascades=len(fleet.simulator.cascade_days(self._days.start_ms, self._days.end_ms)),
            seconds=time.monotonic() - begun,
            ban=ban,
            killed=killed,
            lost=lost,
            tasks=list(last.tasks),
            earlier=[Instance(*row) for row in fleet.metadata(_EARLIER)],
            runs=list(last.runs),
        )

    # ---- a worker dies

    def _kill(self) -> tuple[str, list[Instance]]:
        """Kill a worker in the middle of extractions, and start another in its place."""
        fleet = self._fleet
        windows = fleet.size.days * len(fleet.size.accounts) * len(WITH_ORDERS)
        self._watch(
            "some windows to be extracted",
            lambda now: len(now.extracting("success")) >= _KILL_AFTER * windows,
        )
        victim, lost = fleet.workers[0], list[Instance]()
        while not lost:
            self._watch("a worker to be at work", lambda now: bool(_of(victim, now)))
            # Stopped first: what it is at work on then is what it never ends.
            fleet.children.signal(victim, signal.SIGSTOP)
            time.sleep(_POLL_S)
            lost = _of(victim, self._glance())
            if not lost:
                fleet.children.signal(victim, signal.SIGCONT)
        fleet.kill(victim)
        fleet.add_worker()
        self._show(f"killed {victim.name}, which was at work on {len(lost)} extractions; another one starts")
        return victim.name, lost

    # ---- the address is banned

    def _ban(self, dead: set[int | None]) -> Ban:
        """Let the exchange ban the address, and watch until that is over."""
        fleet, ban = self._fleet, Ban()
        fleet.desk.pause()
        try:
            fleet.simulator.add_fault(Fault("http_418", seconds=fleet.size.ban_s))
            self._watch("the ban to begin", lambda _: bool(fleet.simulator.stats.banned), _BANNED_LIMIT_S)
            ban.begun_ms = next(asked.at_ms for asked in fleet.simulator.requests if asked.status == _BANNED)
            self._show(f"banned for {fleet.size.ban_s} s")
            limit_s = fleet.size.ban_s + _BANNED_LIMIT_S
            self._watch("the ban to end", lambda now: self._ends(now, ban, dead), limit_s)
        finally:
            fleet.desk.resume()
        self._show(f"the ban is over; {ban.deferred} extractions waited without a worker slot")
        return ban

    def _ends(self, now: Glance, ban: Ban, dead: set[int | None]) -> bool:
        ban.ended_ms = self._fleet.banned_until_ms
        if now.at_ms >= ban.ended_ms:
            return True
        ban.look(now, dead)
        return False

    # ---- watching

    def _is_over(self, now: Glance) -> bool:
        over = [state in {"success", "failed"} for _, state in now.runs]
        return len(over) >= self._fleet.size.days and all(over)

    def _watch(self, what: str, reached: Callable[[Glance], bool], limit_s: float | None = None) -> Glance:
        """Look every second until `reached`; fail when the backfill is over or stands still before."""
        deadline = None if limit_s is None else time.monotonic() + limit_s
        shown = ""
        while True:
            self._fleet.children.check()
            now = self._glance()
            if str(now) != shown:
                self._show(shown := str(now))
            if reached(now):
                return now
            if self._is_over(now):
                raise DemoFailed(f"the backfill is over, and still waited for is {what}: {now}")
            late = deadline is not None and time.monotonic() > deadline
            if late or self._stands_still(now):
                raise DemoFailed(f"waited too long for {what}: {now}", self._fleet.children.log("scheduler"))
            time.sleep(_POLL_S)

    def _stands_still(self, now: Glance) -> bool:
        if now.ended != self._ended[0]:
            self._ended = (now.ended, time.monotonic())
        return time.monotonic() - self._ended[1] > _STANDSTILL_S

    def _glance(self) -> Glance:
        at_ms = self._fleet.simulator.now_ms
        tasks = [Instance(*row) for row in self._fleet.metadata(_INSTANCES)]
        return Glance(at_ms, tasks, self._fleet.metadata(_RUNS))

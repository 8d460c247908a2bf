"""Stopping a session: a process and all that came of it.

Airflow puts each task into a process group of its own, so ending a group would leave tasks behind. Nobody
in it starts a new session, though: a member of a child's session is a descendant of that child, even after
those between them are gone.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Collection

_POLL_S = 0.1


def members(sessions: Collection[int]) -> list[int]:
    """Return the process ids that belong to `sessions` and still run."""
    return [pid for pid in psutil.pids() if _session_of(pid) in sessions and not _is_zombie(pid)]


def stop(sessions: Collection[int], *, grace_s: float) -> list[int]:
    """Ask every member to end, kill those that have not after `grace_s`, and return who is left."""
    _signal(members(sessions), signal.SIGTERM)
    if not _wait(sessions, grace_s):
        return []
    # Again and again: a member may have had a child since they were counted.
    return _wait(sessions, grace_s, signal.SIGKILL)


def _wait(sessions: Collection[int], limit_s: float, number: signal.Signals | None = None) -> list[int]:
    deadline = time.monotonic() + limit_s
    while (left := members(sessions)) and time.monotonic() < deadline:
        if number is not None:
            _signal(left, number)
        time.sleep(_POLL_S)
    return left


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return -1


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True

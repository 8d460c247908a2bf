"""Stops what the demo started, even when the demo itself was killed and could not.

The demo runs this as a process of its own, holds the other end of its standard input, and writes there what
it has started. The end of that input means that the demo is gone, or that it has stopped everything itself.

Each child has a session of its own. Airflow puts each task into a process group of its own, so to stop a
group would leave tasks behind. Nobody in it starts a new session, though: a member of a child's session is a
descendant of that child, even after those between them are gone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_POLL_S: Final = 0.1
#: the API server takes longer than this to end, and has nothing to save
_GRACE_S: Final = 3.0


def members(sessions: Collection[int]) -> list[int]:
    """Return the process ids that belong to `sessions` and still run."""
    found = []
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            if os.getsid(pid) in sessions and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


def stop(sessions: Sequence[int], *, grace_s: float = _GRACE_S) -> list[int]:
    """Stop all members, those of the first session last: the others need the database to end.

    :returns: the process ids that could not even be killed.
    """
    return [*_stop(sessions[1:], grace_s), *_stop(sessions[:1], grace_s)]


def _stop(sessions: Collection[int], grace_s: float) -> list[int]:
    """Terminate each member once; kill those that still run after `grace_s`, until none is left."""
    begun = time.monotonic()
    terminated: set[int] = set()
    while (left := members(sessions)) and (passed_s := time.monotonic() - begun) < 2 * grace_s:
        kill = passed_s >= grace_s
        for pid in left if kill else set(left) - terminated:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)
        terminated.update(left)
        time.sleep(_POLL_S)
    return left


def main() -> int:
    """Wait for the demo's end, then stop what it had not stopped and remove its directories."""
    # The signals are the demo's; this process ends when the demo does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions: list[int] = []
    directories: list[str] = []
    for line in sys.stdin:
        sessions, directories = json.loads(line)
    stop(sessions)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

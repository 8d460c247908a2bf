"""Stops what the demo started when the demo itself was killed and could not.

The demo holds the other end of this process's standard input, and writes there what it starts. The end of
that input without a word of farewell means that the demo is gone.
"""

from __future__ import annotations

import shutil
import signal
import sys
from typing import Final

from airflow_provider_binance_liq.demo import sessions

FAREWELL: Final = "farewell"
_GRACE_S: Final = 5.0


def main() -> int:
    """Read what the demo starts until it says farewell, or stop that when it cannot."""
    # The signals are the demo's; this process ends when the demo does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    started: list[int] = []
    directories: list[str] = []
    for line in sys.stdin:
        word, _, value = line.rstrip("\n").partition(" ")
        if word == FAREWELL:
            return 0
        if word == "session":
            started.append(int(value))
        elif word == "ended":
            started.remove(int(value))
        elif word == "directory":
            directories.append(value)
    sessions.stop(started, grace_s=_GRACE_S)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

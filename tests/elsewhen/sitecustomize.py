"""Let every Python process of a command live at another instant: put this directory on PYTHONPATH.

    uv run env TESTS_BEGIN_AT=2028-02-29T12:00:00Z PYTHONPATH="$PWD/tests/elsewhen" pytest -m clock

Python reads this module as it starts, whatever it runs. The shift is chosen once and inherited by children,
so that all of them agree. Waits are measured by the monotonic clock, which stays. Debian's faketime, which
would reach C too, breaks Python's `time.sleep` or the timeouts of its locks, however it treats that clock.

A database server keeps the real time, and Airflow's scheduler asks it: nothing that runs a whole Airflow
belongs here, only what runs DAGs within the test.
"""

import os
import time
from datetime import datetime

import time_machine

_SHIFT = "TESTS_SHIFT_S"
if _SHIFT not in os.environ:
    begin = datetime.fromisoformat(os.environ["TESTS_BEGIN_AT"])
    os.environ[_SHIFT] = str(begin.timestamp() - time.time())  # only the distance to `begin` is kept
time_machine.travel(time.time() + float(os.environ[_SHIFT]), tick=True).start()  # that is `begin`, whenever

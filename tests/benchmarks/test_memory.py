"""Memory stays flat: a window of a million rows is not held in memory at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def measure(rows):
    program = Path(__file__).with_name("one_window.py")
    ran = subprocess.run(
        [sys.executable, str(program), str(rows)], capture_output=True, text=True, timeout=280, check=True
    )
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_million_rows_take_hardly_more_memory_than_a_thousand(record_property):
    few, many = measure(1_000), measure(1_000_000)
    assert (few["rows"], many["rows"]) == (1_000, 1_000_000)
    record_property("1,000 rows", few)
    record_property("1,000,000 rows", many)
    # Held at once, a million rows of 450 bytes would be half a gigabyte.
    assert many["mb"] - few["mb"] < 64

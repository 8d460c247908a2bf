"""A command: its words as a POSIX shell reads them, and what Airflow's own parser makes of them."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC


def words_of(command):
    """Return the words that a POSIX shell makes of a line, without running it."""
    script = f"set -- {command}\nprintf '%s\\0' \"$@\""
    found = subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True, timeout=10)
    return found.stdout.decode().split("\0")[:-1]


def backfill_of(command):
    """Return what `POST /api/v2/backfills` would take, as Airflow's parser reads the command."""
    from airflow.cli.cli_parser import get_parser

    program, *words = words_of(command)
    assert program == "airflow"
    given = get_parser().parse_args(words)
    return {
        "dag_id": given.dag_id,
        "from_date": given.from_date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "to_date": given.to_date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "dag_run_conf": json.loads(given.dag_run_conf),
        "max_active_runs": given.max_active_runs,
        "reprocess_behavior": given.reprocess_behavior,
        "run_backwards": given.run_backwards,
    }

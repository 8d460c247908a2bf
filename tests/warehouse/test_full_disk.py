"""A disk fills while DuckDB is loaded into: nothing is merged, the error says so, and room mends it."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.lakehouse import row

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("not_held")]

SUPPORT = Path(__file__).parents[1] / "support"
ROWS = 2000


@pytest.fixture
def large(lake):
    """Rows that no compression makes much smaller."""
    letters = random.Random(7)
    return lake.lay([row(n, note=f'"{letters.randbytes(150).hex()}"') for n in range(1, ROWS + 1)], day=11)


@pytest.fixture
def given(large, tmp_path):
    path = tmp_path / "given.json"
    path.write_text(json.dumps([large.to_dict()]), encoding="utf-8")
    return str(path)


def run(*words, **environment):
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env=os.environ | environment,
        input="\n",
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def test_a_disk_that_fills_while_an_object_is_fetched_leaves_the_warehouse_as_it_was(
    lake, warehouse, large, given
):
    warehouse.load(lake.lay([row(10_000)]))
    before = warehouse.dump()
    said = run(SUPPORT / "fetching.py", "duckdb", warehouse.path, given, large.object.bytes - 200_000)
    assert said.startswith("StorageError: cannot read file://"), said
    assert warehouse.dump() == before
    assert warehouse.load(large).inserted == ROWS


@pytest.mark.parametrize("room", [4_096, 200_000], ids=["soon", "late"])
def test_a_disk_that_fills_while_the_database_grows_leaves_it_as_it_was_and_room_resolves_it(
    lake, warehouse, large, given, room
):
    warehouse.load(lake.lay([row(10_000)]))
    before = warehouse.dump()
    size = str(large.object.bytes + room)
    (said,) = json.loads(run(SUPPORT / "loading.py", warehouse.path, given, "0.2", "no", FILE_BYTES=size))
    assert re.match(r"StorageError: .*Could not write .*Nothing was merged", said), said
    assert warehouse.dump() == before
    assert warehouse.load(large).inserted == ROWS
    assert warehouse.load(large).windows_skipped == 1

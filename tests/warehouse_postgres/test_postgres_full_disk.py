"""A disk fills while PostgreSQL is loaded into: the worker's, or the server's own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_binance_liq.exceptions import StorageError

pytestmark = pytest.mark.slow

FETCHING = Path(__file__).parents[1] / "support/fetching.py"


@pytest.fixture
def incompressible(lake, row):
    """Lay down an object of rows that no compression makes much smaller."""
    letters = random.Random(7)

    def lay(rows, length):
        return lake.lay(
            [row(n, note=f'"{letters.randbytes(length // 2).hex()}"') for n in range(1, rows + 1)]
        )

    return lay


def test_a_disk_that_fills_while_an_object_is_fetched_leaves_the_tables_as_they_were(
    postgres, lake, row, incompressible, tmp_path
):
    postgres.load(lake.lay([row(0)], day=9))
    before = postgres.dump()
    manifest = incompressible(500, 300)
    given = tmp_path / "given.json"
    given.write_text(json.dumps([manifest.to_dict()]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(FETCHING), "postgres", "ware_house", str(given), "100000"],
        env=os.environ | {"AIRFLOW_CONN_WARE_HOUSE": json.dumps(postgres.connection())},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1].startswith("StorageError: cannot read file://")
    assert postgres.dump() == before
    assert postgres.load(manifest).inserted == 500


def test_a_disk_that_fills_below_the_server_leaves_the_tables_as_they_were(
    small_disk, lake, row, incompressible, monkeypatch
):
    small_disk.set_connection(monkeypatch)
    small_disk.load(lake.lay([row(0)], day=9))
    before = small_disk.dump()
    with pytest.raises(
        StorageError, match=r"(?s)PostgreSQL .*could not (extend|write) .*Nothing was merged; a retry"
    ):
        small_disk.load(incompressible(14_000, 1500))
    assert small_disk.dump() == before
    assert small_disk.load(incompressible(100, 300)).inserted == 100

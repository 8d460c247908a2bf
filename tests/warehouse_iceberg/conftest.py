"""A lake to load from, and the two warehouses to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from icehouse import Icehouse

# The objects to load are those of DuckDB's tests, and so are the tests that hold for every warehouse.
from support import lakehouse

if TYPE_CHECKING:
    from pathlib import Path

pytest.register_assert_rewrite("test_idempotence", "test_all_or_nothing")


@pytest.fixture
def lake(tmp_path: Path) -> lakehouse.Lake:
    return lakehouse.Lake(tmp_path / "lake of [objects]")


@pytest.fixture
def iceberg(tmp_path: Path) -> Icehouse:
    return Icehouse(tmp_path / "ice berg")


@pytest.fixture
def warehouse(iceberg: Icehouse) -> Icehouse:
    """Stand in for DuckDB where its tests run against Iceberg."""
    return iceberg


@pytest.fixture
def duckdb(tmp_path: Path) -> lakehouse.Warehouse:
    return lakehouse.Warehouse(tmp_path / "liquidations.duckdb")

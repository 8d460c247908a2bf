"""A lake to load from and a warehouse to load into, for each test its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.lakehouse import Lake, Warehouse

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake of [objects]")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "ware house" / "liquidations.duckdb")

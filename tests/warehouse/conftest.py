"""A lake to load from and a DuckDB warehouse to load into, for each test its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.lakehouse import Lake

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake of [objects]")


@pytest.fixture
def warehouse(duckdb: Any) -> Any:
    return duckdb


@pytest.fixture
def not_held(warehouse: Any) -> None:
    """Let nothing open the file but what is tested."""
    warehouse.shared = True

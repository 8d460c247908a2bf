"""Every test here holds for every engine: DuckDB and, as slow tests, PostgreSQL and Iceberg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.lakehouse import Lake, Spot

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake of [objects]")


@pytest.fixture
def spot(lake: Lake) -> Spot:
    return Spot(lake)


@pytest.fixture(
    params=["duckdb", *(pytest.param(name, marks=pytest.mark.slow) for name in ("postgres", "iceberg"))]
)
def warehouse(request: pytest.FixtureRequest) -> Any:
    """Give each engine in turn."""
    return request.getfixturevalue(request.param)

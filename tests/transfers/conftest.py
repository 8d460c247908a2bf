"""A lake to load from and a warehouse to load into, for each test its own."""

from __future__ import annotations

import pytest
from support.lakehouse import Lake


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake of [objects]")


@pytest.fixture
def warehouse(duckdb):
    return duckdb

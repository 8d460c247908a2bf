"""Iceberg's own tests; what holds for every engine is in `tests/warehouse_contract`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.lakehouse import Lake

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake of [objects]")

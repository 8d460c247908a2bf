"""PostgreSQL's own tests; what holds for every engine is in `tests/warehouse_contract`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import lakehouse
from support.postgres_house import PostgresWarehouse, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def small_disk() -> Iterator[PostgresWarehouse]:
    """A server of its own, none of whose files may grow far beyond 16 MiB, as a segment of its log has."""
    with serving(most_bytes=17_000_000) as server:
        yield PostgresWarehouse(server, "postgres")


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    return lakehouse.Lake(tmp_path / "lake of [objects]")


@pytest.fixture
def row() -> Any:
    """Write a row as the exchange does; its fields are texts of JSON values."""
    return lakehouse.row

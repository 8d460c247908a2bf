"""Fixtures of warehouses: PostgreSQL is started once for all folders of tests, and emptied for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """Start a PostgreSQL server."""
    from support.postgres_house import serving

    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def database(server: Any) -> Any:
    """Make the database of all tests."""
    from support.postgres_house import DATABASE, PostgresWarehouse

    with server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{DATABASE}"')
    return PostgresWarehouse(server, DATABASE)


@pytest.fixture
def postgres(database: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give an empty database, and the connection to it."""
    database.set_connection(monkeypatch)
    database.empty()
    return database


@pytest.fixture
def duckdb(tmp_path: Path) -> Iterator[Any]:
    """Give a DuckDB file that is not there yet."""
    from support.lakehouse import Warehouse

    warehouse = Warehouse(tmp_path / "ware house" / "liquidations.duckdb")
    yield warehouse
    warehouse.release()


@pytest.fixture
def iceberg(tmp_path: Path) -> Any:
    """Give an Iceberg catalog without tables."""
    from support.icehouse import Icehouse

    return Icehouse(tmp_path / "ice berg")

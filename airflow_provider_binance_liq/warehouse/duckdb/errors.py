"""DuckDB's errors: what they mean for a retry, without the secrets that a URL may hold."""

from __future__ import annotations

from typing import Final

from airflow_provider_binance_liq.core.urls import hide_parameters
from airflow_provider_binance_liq.exceptions import StorageError, WarehouseError
from airflow_provider_binance_liq.warehouse.retries import Conflict

#: what DuckDB says where the disk takes no more
_NO_ROOM: Final = "Could not write"
MOTHERDUCK: Final = ("md:", "motherduck:")


def shown(database: str) -> str:
    """Name a database without the parameters of its URL: a token may be among them."""
    return database.partition("?")[0] if is_motherduck(database) else database


def is_motherduck(database: str) -> bool:
    """Whether DuckDB takes this name for one of MotherDuck's."""
    return database.lower().startswith(MOTHERDUCK)


def hiding(error: Exception) -> Exception:
    """Return an error as a log may repeat it."""
    text = hide_parameters(str(error))
    return error if text == str(error) else type(error)(text)


def translate(error: Exception, database: str) -> Exception:
    """Say what a retry should do about an error of DuckDB's."""
    import duckdb

    text = hide_parameters(str(error)).rstrip(" .!")
    database = shown(database)
    if _is_conflict(error, text):
        return Conflict(text.splitlines()[0])
    unusable = isinstance(error, duckdb.IOException) and "not a valid DuckDB database" not in text
    if unusable or _NO_ROOM in text:
        return StorageError(f"{database} cannot be read or written: {text}. Nothing was merged")
    if isinstance(error, duckdb.OutOfMemoryException | duckdb.InternalException | duckdb.FatalException):
        return StorageError(f"{database}: DuckDB gave up: {text}. Nothing was merged")
    if "not a valid DuckDB database" in text:
        text += "; give another path, or remove the file"
    return WarehouseError(f"{database}: {text}. Nothing was merged")


def _is_conflict(error: Exception, text: str) -> bool:
    import duckdb

    return (
        # A commit that the disk has no room for is one of these too, and waiting gives no room.
        (isinstance(error, duckdb.TransactionException) and _NO_ROOM not in text)
        or (isinstance(error, duckdb.IOException) and "lock on file" in text)
        # A MERGE of one row per key inserts none twice: another transaction, not seen by this one, did.
        or (isinstance(error, duckdb.ConstraintException) and "Duplicate key" in text)
        # Another connection of this very process has the file open read-only, or is just closing it.
        or (isinstance(error, duckdb.ConnectionException) and "different configuration" in text)
        or "Unique file handle conflict" in text
    )

"""A DuckDB file, or MotherDuck by its `md:` URL: one transaction at a time, and what its errors mean.

DuckDB lets one process write a file at a time and refuses the others at once, and within a process it refuses
a transaction that another one has overtaken. Several load tasks may run at once, so a conflict is waited out,
for a bounded time; a whole transaction is repeated, never a part of one.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_binance_liq.core.urls import has_credentials, hide_parameters
from airflow_provider_binance_liq.exceptions import StorageError, WarehouseBusy, WarehouseError
from airflow_provider_binance_liq.warehouse.duckdb.errors import hiding, is_motherduck, shown, translate
from airflow_provider_binance_liq.warehouse.duckdb.session import DuckDBSession
from airflow_provider_binance_liq.warehouse.retries import Conflict, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from duckdb import DuckDBPyConnection

    from airflow_provider_binance_liq.warehouse.load import Session

T = TypeVar("T")
#: of a URL; a single letter would be a drive
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?=/)")
#: what a file system answers that has no hard links
_NO_HARD_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class DuckDB:
    """A DuckDB database, opened for one transaction at a time."""

    #: path of a file, or `md:<database>`
    database: str
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def __post_init__(self) -> None:
        if not self.database.strip() or self.database.startswith(":memory:"):
            named = hide_parameters(self.database)
            message = f"a database {named!r} would be gone after the task; give a path or an md: URL"
            raise WarehouseError(message)
        if "\0" in self.database:
            raise WarehouseError("the name of a database has a NUL in it; give a path or an md: URL")
        if is_motherduck(self.database):
            return
        if scheme := _SCHEME.match(self.database):
            message = f"a database cannot be at a {scheme[0]} URL; give a path or an md: URL"
            raise WarehouseError(message)
        if has_credentials(self.database):
            raise WarehouseError("the path of a database holds a secret; give a path or an md: URL")

    def __str__(self) -> str:
        return shown(self.database)

    def run(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction, again while others are in conflict with it.

        :raises WarehouseBusy: they still are, after `retry.wait_s`.
        """

        def once() -> T:
            with self._transaction() as session:
                return work(session)

        try:
            return self.retry.run(once, shown(self.database))
        except Conflict as conflict:
            raise self._busy(conflict) from conflict.__cause__

    def _busy(self, conflict: Conflict) -> WarehouseBusy:
        return WarehouseBusy(
            f"{shown(self.database)} was in use by others for {self.retry.wait_s:g} s ({conflict}); DuckDB "
            "takes one writer at a time, and none while another program holds the file open. Nothing was "
            "merged; a retry tries again"
        )

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        import duckdb

        connection: DuckDBPyConnection | None = None
        try:
            if not is_motherduck(self.database):
                _create(Path(self.database).expanduser())
            connection = duckdb.connect(self.database)
            connection.begin()
            yield DuckDBSession(connection)
            connection.commit()
        except duckdb.Error as error:
            raise translate(error, self.database) from hiding(error)
        finally:
            if connection is not None:
                # Closing rolls back what was not committed.
                connection.close()


def _create(path: Path) -> None:
    """Create an empty database where there is none, whole at once, and never over another one.

    DuckDB looks whether a file is there, and opens it later. A file that another process made and filled in
    between is overwritten, and what was committed to it is lost (seen with DuckDB 2.0.0).
    """
    import duckdb

    try:
        # A link to a file that is not there yet is followed, as DuckDB does.
        path = path.resolve()
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".duckdb-", dir=path.parent) as directory:
            made = Path(directory) / "new.duckdb"
            duckdb.connect(str(made)).close()
            _link(made, path)
    except OSError as error:
        message = f"the database {path} cannot be created: {error}"
        raise StorageError(message) from error


def _link(made: Path, path: Path) -> None:
    """Give a file its name, unless another file has it."""
    try:
        os.link(made, path)
    except FileExistsError:
        return
    except OSError as error:
        # A file system without hard links: DuckDB creates the file itself.
        if error.errno not in _NO_HARD_LINKS:
            raise

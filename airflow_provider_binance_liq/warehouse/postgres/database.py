"""PostgreSQL, 15 or later, by an Airflow connection: one transaction, and what its errors mean.

Loads wait for each other in `LOCK TABLE ... IN SHARE ROW EXCLUSIVE MODE`, not in an advisory lock: that would
stop only those who ask for it, and what is counted before the merge has to be true during the merge, also if
others write. Readers never wait, and no merge fails because of a row that was just inserted. Only the
creation of the tables is guarded by an advisory lock, since there is no table to lock yet: even `IF NOT
EXISTS` collides with others who create it at the same time.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_binance_liq.exceptions import (
    InvalidConnection,
    LiquidationsError,
    StorageError,
    WarehouseBusy,
    WarehouseError,
)
from airflow_provider_binance_liq.warehouse.postgres.errors import (
    LOCK_NOT_AVAILABLE,
    LOST,
    RETRYABLE,
    code_of,
    named,
    redacted,
)
from airflow_provider_binance_liq.warehouse.postgres.session import PostgresSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.warehouse.load import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL database, in one transaction at a time."""

    postgres_conn_id: str = "postgres_default"
    #: schema of the tables; without it, the first one on the user's search path
    schema: str | None = None
    #: how long to wait for others who write
    wait_s: float = 300.0

    def __str__(self) -> str:
        return self._where

    def run(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction.

        :raises WarehouseBusy: others still held the tables after `wait_s`.
        :raises StorageError: the server was not available, or gave up.
        :raises WarehouseError: the rows and the tables contradict each other, or the user may not write.
        :raises InvalidConnection: there is no such connection.
        """
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        hook = PostgresHook(self.postgres_conn_id)
        errors = named("Error")
        with closing(self._connect(hook, errors)) as connection:
            deadline = time.monotonic() + self.wait_s
            session = PostgresSession(connection.cursor(), self._where, deadline)
            try:
                session.begin(self.schema)
                result = work(session)
            except errors as error:
                raise self._translate(error, hook) from error
            try:
                connection.commit()
            except errors as error:
                raise self._translate(error, hook, committing=True) from error
            return result

    @property
    def _where(self) -> str:
        return f"PostgreSQL ({self.postgres_conn_id})"

    def _connect(self, hook: Any, errors: tuple[type[Exception], ...]) -> Any:
        from airflow_provider_binance_liq.compat import AirflowNotFoundException

        unfit: tuple[type[Exception], ...] = (TypeError, ValueError, *named("ProgrammingError"))
        try:
            connection = hook.get_conn()
        except AirflowNotFoundException:
            message = (
                f"connection {self.postgres_conn_id!r} does not exist; create it (type Postgres) in the UI "
                "or with 'airflow connections add', or correct postgres_conn_id"
            )
            raise InvalidConnection(message) from None
        except unfit as error:
            message = f"connection {self.postgres_conn_id!r}: {redacted(error, hook)}"
            raise InvalidConnection(message) from error
        except errors as error:
            raise self._translate(error, hook) from error
        connection.autocommit = False
        # The connection's extra may ask for rows as dictionaries; here they are tuples.
        if hasattr(connection, "row_factory"):
            from psycopg.rows import tuple_row

            connection.row_factory = tuple_row
        else:
            connection.cursor_factory = None
            connection.set_client_encoding("UTF8")
        return connection

    def _translate(self, error: Exception, hook: Any, *, committing: bool = False) -> LiquidationsError:
        """Say what a retry should do about an error of the driver's."""
        code, text, where = code_of(error), redacted(error, hook), self._where
        if code == LOCK_NOT_AVAILABLE:
            return WarehouseBusy(
                f"{where}: others who write held the tables for {self.wait_s:g} s ({text}). Nothing was "
                "merged; a retry tries again"
            )
        if committing and (not code or code.startswith(LOST)):
            return StorageError(
                f"{where}: {text}. The server was lost while it committed: all was merged, or nothing was; a "
                "retry finds out, since loading the same again changes nothing"
            )
        lost = not code and isinstance(error, named("OperationalError", "InterfaceError"))
        if lost or code.startswith(RETRYABLE):
            return StorageError(f"{where}: {text}. Nothing was merged; a retry tries again")
        return WarehouseError(f"{where}: {text}. Nothing was merged")

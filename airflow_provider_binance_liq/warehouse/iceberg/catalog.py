"""An Iceberg catalog: one load's work at a time, and what its errors mean.

Iceberg commits one table at a time, and no catalog that PyIceberg knows commits two. So rows are committed
first and windows last: a window that is there has its rows. A load that is killed leaves rows without their
window; the next load finds them, changes nothing and adds the window. A commit is valid only against
the very snapshot that was read; where another one came first, the whole work is done again, never a part of
it.
"""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from airflow_provider_binance_liq.exceptions import (
    InvalidConnection,
    InvalidRequest,
    LiquidationsError,
    StorageError,
    WarehouseBusy,
    WarehouseError,
)
from airflow_provider_binance_liq.warehouse import duckdb as local
from airflow_provider_binance_liq.warehouse.duckdb.typed import in_memory
from airflow_provider_binance_liq.warehouse.iceberg.compaction import compact_table
from airflow_provider_binance_liq.warehouse.iceberg.connection import SECRET
from airflow_provider_binance_liq.warehouse.iceberg.session import IcebergSession
from airflow_provider_binance_liq.warehouse.retries import Conflict, RetryPolicy
from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES, WINDOWS

# PyIceberg takes half a second to import, Airflow's SDK more: both are imported in the worker.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyiceberg.catalog import Catalog

    from airflow_provider_binance_liq.warehouse.iceberg.compaction import Compacted
    from airflow_provider_binance_liq.warehouse.load import Session
    from airflow_provider_binance_liq.warehouse.schema import Table

T = TypeVar("T")

_SHORT: Final = 4


@dataclass(frozen=True, slots=True)
class Iceberg:
    """The tables in a namespace of an Iceberg catalog.

    `properties` are PyIceberg's, and take precedence over its own configuration of a catalog of that name.
    """

    catalog: str = "default"
    namespace: str = "binance"
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def __post_init__(self) -> None:
        if not isinstance(self.catalog, str) or not self.catalog.strip():
            message = f"catalog is {self.catalog!r}; give the name of an Iceberg catalog"
            raise InvalidRequest(message)
        if not isinstance(self.namespace, str) or not all(part.strip() for part in self.namespace.split(".")):
            message = (
                f"namespace is {self.namespace!r}; give the name of a namespace, levels joined by points"
            )
            raise InvalidRequest(message)

    def run(self, work: Callable[[Session], T]) -> T:
        """Do `work` on the tables as they are, and commit what it changed: rows first, windows last.

        :raises WarehouseBusy: others committed first for as long as `retry.wait_s`.
        """
        return self._retried(lambda: self._once(work), "No window of this load was committed")

    def _retried(self, work: Callable[[], T], left: str) -> T:
        try:
            return self.retry.run(work, str(self))
        except Conflict as conflict:
            message = (
                f"{self} were written to by others for {self.retry.wait_s:g} s ({conflict}). "
                f"{left}; a retry tries again"
            )
            raise WarehouseBusy(message) from conflict.__cause__

    def compact(self) -> dict[str, Compacted]:
        """Rewrite the small files that loads have added, in all tables; return what was done, table by table.

        Rows stay as they are, and loads may run meanwhile: who commits second repeats its work.

        :raises WarehouseBusy: others committed first for as long as `retry.wait_s`.
        """
        done: dict[str, Compacted] = {}
        for table in (*ROW_TABLES.values(), WINDOWS):
            compacted = self._retried(partial(self._compact, table), "What was compacted stays so")
            if compacted is not None:
                done[table.name] = compacted
        return done

    def _compact(self, table: Table) -> Compacted | None:
        name = (*self.namespace.split("."), table.name)
        with self._translating(), closing(self._open_catalog()) as catalog:
            if not catalog.table_exists(name):
                return None
            return compact_table(lambda: catalog.load_table(name), table)

    def __str__(self) -> str:
        return f"the Iceberg tables {self.catalog}.{self.namespace}"

    def _once(self, work: Callable[[Session], T]) -> T:
        with self._translating(), closing(self._open_catalog()) as catalog, in_memory() as connection:
            session = IcebergSession(local.DuckDBSession(connection), catalog, self.namespace)
            result = work(session)
            session.commit()
            return result

    def _open_catalog(self) -> Catalog:
        from pyiceberg.catalog import load_catalog
        from pyiceberg.exceptions import (
            NoSuchPropertyException,
            NotInstalledError,
        )

        try:
            return load_catalog(self.catalog, **self.properties)
        except (ValueError, NoSuchPropertyException, NotInstalledError) as error:
            message = f"the Iceberg catalog {self.catalog!r} is not set up: {self._redacted(str(error))}"
            raise InvalidConnection(message) from None

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Say of every error what a retry should do, and never a secret."""
        try:
            yield
        except (LiquidationsError, Conflict):
            raise
        except Exception as error:
            known = _translate(error, str(self))
            if known is None:
                raise
            text = " ".join(str(known).split()).removesuffix(f". {_NOTHING}")
            message = self._redacted(text)
            if not isinstance(known, Conflict):
                message = ". ".join((message, *getattr(error, "__notes__", (_NOTHING,))))
            # The cause is logged with it, and would repeat what was just taken out.
            raise type(known)(message) from (error if self._redacted(text) == text else None)

    def _redacted(self, text: str) -> str:
        for secret in self._secrets():
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> list[str]:
        from pyiceberg.utils.config import Config

        known: dict[str, Any] = {**(Config().get_catalog_config(self.catalog) or {}), **self.properties}
        found = {str(value) for name, value in known.items() if SECRET.search(name)}
        with suppress(ValueError):
            found.add(urlsplit(str(known.get("uri", ""))).password or "")
        # The longest first: one may be part of another. No secret is as short as `true`.
        return sorted((one for one in found if len(one) > _SHORT), key=len, reverse=True)


_NOTHING: Final = "Nothing was merged"


def _translate(error: Exception, where: str) -> Exception | None:
    """Say what a retry should do about an error; None where it is none of the warehouse's."""
    import duckdb
    from pyiceberg import exceptions as iceberg

    if isinstance(error, duckdb.Error):
        return local.translate(error, where)
    if _is_conflict(error):
        return Conflict(str(error).splitlines()[0] if str(error) else type(error).__name__)
    text = f"{where}: {type(error).__name__}: {error}"
    refused = iceberg.UnauthorizedError | iceberg.ForbiddenError | iceberg.OAuthError | iceberg.SignError
    if isinstance(error, refused):
        return InvalidConnection(text)
    away = OSError | iceberg.ServerError | iceberg.ServiceUnavailableError
    unanswered = type(error).__name__ in ("OperationalError", "InterfaceError")
    if isinstance(error, away) or unanswered or _asks_for_a_pause(error):
        return StorageError(text)
    if isinstance(error, ValueError) or _module(error) in ("pyiceberg", "sqlalchemy", "pyarrow"):
        return WarehouseError(text)
    return None


def _asks_for_a_pause(error: Exception) -> bool:
    """Tell whether the catalog was asked too often: older PyIceberg has no error of its own for that."""
    answer = getattr(error.__cause__, "response", None)
    return getattr(answer, "status_code", None) == HTTPStatus.TOO_MANY_REQUESTS


def _is_conflict(error: Exception) -> bool:
    """Whether another load committed first, or may have; repeating the work finds out."""
    from pyiceberg import exceptions as iceberg

    if isinstance(
        error,
        iceberg.CommitFailedException
        | iceberg.CommitStateUnknownException
        | iceberg.ValidationException
        | iceberg.WaitingForLockException
        | iceberg.TableAlreadyExistsError
        | iceberg.NamespaceAlreadyExistsError,
    ):
        return True
    if _module(error) != "sqlalchemy":
        return False
    text = str(error)
    return type(error).__name__ == "IntegrityError" or "is locked" in text or "already exists" in text


def _module(error: Exception) -> str:
    return type(error).__module__.partition(".")[0]

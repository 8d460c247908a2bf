"""From the lake into DuckDB: for one machine, or for MotherDuck."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.core.urls import hide_parameters
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.transfers.base import LoadOperator, check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_binance_liq.warehouse.load import Engine


class ObjectStorageToDuckDBOperator(LoadOperator):
    """Load into DuckDB: a file, or MotherDuck.

    DuckDB takes one writer at a time; tasks that load into the same file wait for each other, up to `wait_s`,
    and are then retried as the task's `retries` say.

    :param manifests: what the extracting tasks returned: one, or lists of them as mapped tasks give.
    :param destination: where they wrote to: objects are read only below it, and by its own connection. None:
        anywhere, as the manifests say; so give it wherever others can write manifests.
    :param database: path of the file, created with its directory if it does not exist, or `md:<database>`.
    :param wait_s: how many seconds to wait for other processes that have the file open.
    """

    template_fields: Sequence[str] = ("manifests", "destination", "database")

    _shown: Any = None
    _url: Callable[[], Any]

    def __init__(self, *, database: str, wait_s: float = 300.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.database = database
        self.wait_s = wait_s

    @property
    def database(self) -> Any:
        """The parameter as it may be shown: Airflow has it in its UI, and in each event of OpenLineage's."""
        return self._shown

    @database.setter
    def database(self, given: Any) -> None:
        # A template is rendered into its own attribute; only then does it have a secret.
        is_known = isinstance(given, str) and not any(mark in given for mark in ("{{", "{%"))
        shown = hide_parameters(given) if is_known else given
        if shown is None or shown != self._shown:
            # In a function, which is shown nowhere. What is set again as it is shown has its secret already.
            self._shown, self._url = shown, lambda: given

    def engine(self) -> Engine:
        """Return the database."""
        return duckdb_engine(self._url(), self.wait_s)


def duckdb_engine(database: object, wait_s: float) -> Engine:
    """Return a DuckDB database.

    :raises InvalidRequest: `database` is no path, or that of a directory.
    """
    from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
    from airflow_provider_binance_liq.warehouse.retries import RetryPolicy

    path = check_text("database", database, "the path of a DuckDB file, or md:<database>")
    if Path(path).is_dir():
        within = Path(path) / "liquidations.duckdb"
        message = f"database is {path!r}, a directory; give the path of a file in it, such as {within}"
        raise InvalidRequest(message)
    return DuckDB(path, RetryPolicy(wait_s=wait_s))

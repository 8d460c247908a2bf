"""Operators that load: manifests in, a summary out; rows go from storage straight to the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_binance_liq.compat import AirflowFailException, AirflowSkipException
from airflow_provider_binance_liq.exceptions import InvalidRequest, PermanentError

# The warehouses' own libraries are imported in the worker: DAG files import this module.
if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_binance_liq.warehouse.load import Engine


class LoadOperator(BaseOperator):
    """Load the objects of manifests in one transaction: all of them or none.

    The XCom is a summary: `windows`, `windows_skipped`, `rows`, `inserted`, `updated`, `unchanged` and
    `missing`. Without any manifest, as when every extraction was skipped, the task is skipped.

    :param destination: where the extracting tasks wrote to: objects are read only below it, and by its own
        connection. Without it, whoever writes the manifests is trusted with where their objects are.
    :raises AirflowFailException: no retry can mend it, such as an object that is not what its manifest says.
    :raises RetryableError: a retry may succeed, unchanged.
    """

    template_fields: Sequence[str] = ("manifests", "destination")
    ui_color = "#dcefe0"

    def __init__(self, *, manifests: Any, destination: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.manifests = manifests
        self.destination = destination

    def engine(self) -> Engine:
        """Return the warehouse to load into."""
        raise NotImplementedError

    def execute(self, context: Context) -> dict[str, int]:  # noqa: ARG002 - nothing of it is needed
        """Load, and return what was done."""
        from airflow_provider_binance_liq.warehouse.load import load

        try:
            summary = load(self.engine(), self.manifests, destination=self.destination)
        except PermanentError as error:
            message = f"{type(error).__name__}: {error}"
            raise AirflowFailException(message) from error
        if not summary.windows:
            raise AirflowSkipException("there is no manifest to load")
        self.log.info("Loaded: %s", summary)
        return summary.to_dict()


class ObjectStorageToDuckDBOperator(LoadOperator):
    """Load into DuckDB: a file, or MotherDuck.

    DuckDB takes one writer at a time; tasks that load into the same file wait for each other, up to `wait_s`,
    and are then retried as Airflow was told to.

    :param manifests: what the extracting tasks returned: one, or lists of them as mapped tasks give.
    :param destination: where they wrote to: objects are read only below it, and by its own connection.
    :param database: path of the file, made if it is not there, or `md:<database>`.
    :param wait_s: how many seconds to wait for others who write.
    """

    template_fields: Sequence[str] = ("manifests", "destination", "database")

    def __init__(self, *, database: str, wait_s: float = 300.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.database = database
        self.wait_s = wait_s

    def engine(self) -> Engine:
        """Return the database."""
        from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
        from airflow_provider_binance_liq.warehouse.retries import RetryPolicy

        if not isinstance(self.database, str) or not self.database.strip():
            message = f"database is {self.database!r}; give the path of a DuckDB file, or md:<database>"
            raise InvalidRequest(message)
        return DuckDB(self.database, RetryPolicy(wait_s=self.wait_s))


class ObjectStorageToPostgresOperator(LoadOperator):
    """Load into PostgreSQL, 15 or later.

    Loads into the same tables wait for each other, and for others who write to them, up to `wait_s`, and are
    then retried as Airflow was told to; readers are never held up.

    :param manifests: what the extracting tasks returned: one, or lists of them as mapped tasks give.
    :param destination: where they wrote to: objects are read only below it, and by its own connection.
    :param postgres_conn_id: the connection to the database.
    :param schema: schema of the tables, which has to be there; without it, the user's search path decides.
    :param wait_s: how many seconds to wait for others who write.
    """

    template_fields: Sequence[str] = ("manifests", "destination", "postgres_conn_id", "schema")

    def __init__(
        self,
        *,
        postgres_conn_id: str = "postgres_default",
        schema: str | None = None,
        wait_s: float = 300.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.postgres_conn_id = postgres_conn_id
        self.schema = schema
        self.wait_s = wait_s

    def engine(self) -> Engine:
        """Return the database."""
        from airflow_provider_binance_liq.warehouse.postgres import Postgres

        if not isinstance(self.postgres_conn_id, str) or not self.postgres_conn_id.strip():
            message = f"postgres_conn_id is {self.postgres_conn_id!r}; give the id of a connection"
            raise InvalidRequest(message)
        if self.schema is not None and (not isinstance(self.schema, str) or not self.schema.strip()):
            message = f"schema is {self.schema!r}; give the name of a schema, or None for the search path's"
            raise InvalidRequest(message)
        return Postgres(self.postgres_conn_id, self.schema, self.wait_s)


class ObjectStorageToIcebergOperator(LoadOperator):
    """Load into Apache Iceberg tables, by any catalog that PyIceberg has.

    Loads may run at once: whoever commits second does its work again, up to `wait_s`, and is then retried as
    Airflow was told to; readers are never held up. Rows are committed before their windows.

    :param manifests: what the extracting tasks returned: one, or lists of them as mapped tasks give.
    :param destination: where they wrote to: objects are read only below it, and by its own connection.
    :param catalog: the catalog's name, by which PyIceberg's own configuration knows it.
    :param namespace: namespace of the tables, made if it is not there; levels are joined by points.
    :param iceberg_conn_id: the connection to the catalog; without it, PyIceberg's configuration alone counts.
    :param wait_s: how many seconds to repeat a load that others overtake.
    """

    template_fields: Sequence[str] = ("manifests", "destination", "catalog", "namespace", "iceberg_conn_id")

    def __init__(
        self,
        *,
        catalog: str = "default",
        namespace: str = "binance",
        iceberg_conn_id: str | None = None,
        wait_s: float = 300.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.catalog = catalog
        self.namespace = namespace
        self.iceberg_conn_id = iceberg_conn_id
        self.wait_s = wait_s

    def engine(self) -> Engine:
        """Return the tables' catalog and namespace."""
        from airflow_provider_binance_liq.warehouse.iceberg import Iceberg, read_connection
        from airflow_provider_binance_liq.warehouse.retries import RetryPolicy

        conn_id = self.iceberg_conn_id
        if conn_id is not None and (not isinstance(conn_id, str) or not conn_id.strip()):
            message = (
                f"iceberg_conn_id is {conn_id!r}; give the id of a connection, or None for no connection"
            )
            raise InvalidRequest(message)
        properties = {} if conn_id is None else read_connection(conn_id)
        return Iceberg(self.catalog, self.namespace, properties, RetryPolicy(wait_s=self.wait_s))

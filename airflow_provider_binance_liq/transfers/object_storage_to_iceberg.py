"""From the lake into Apache Iceberg tables, for those without a warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.transfers.base import LoadOperator, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_binance_liq.warehouse.load import Engine


class ObjectStorageToIcebergOperator(LoadOperator):
    """Load into Apache Iceberg tables, by any catalog that PyIceberg has.

    Loads may run at once: the second to commit repeats its work, up to `wait_s`, and is then retried as
    the task's `retries` say; readers are never held up. Rows are committed before their windows.

    :param manifests: what the extracting tasks returned: one, or lists of them as mapped tasks give.
    :param destination: where they wrote to: objects are read only below it, and by its own connection. None:
        anywhere, as the manifests say; so give it wherever others can write manifests.
    :param catalog: the catalog's name; a SQL catalog stores its tables under this name.
    :param namespace: namespace of the tables, created if it does not exist; levels are joined by dots.
    :param iceberg_conn_id: the connection to the catalog; None: PyIceberg's own configuration is used.
    :param wait_s: how many seconds to retry a load after conflicts with others.
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

        properties = {}
        if self.iceberg_conn_id is not None:
            takes = "the id of a connection, or None for no connection"
            properties = read_connection(check_text("iceberg_conn_id", self.iceberg_conn_id, takes))
        return Iceberg(self.catalog, self.namespace, properties, RetryPolicy(wait_s=self.wait_s))

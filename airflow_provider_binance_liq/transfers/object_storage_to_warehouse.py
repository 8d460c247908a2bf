"""From the lake into a warehouse that is known only when the task runs: so one task serves every setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.transfers.base import LoadOperator
from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import duckdb_engine
from airflow_provider_binance_liq.transfers.object_storage_to_postgres import postgres_engine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import XComArg

    from airflow_provider_binance_liq.warehouse.load import Engine


class ObjectStorageToWarehouseOperator(LoadOperator):
    """Load into DuckDB or PostgreSQL, whichever the settings of the run name.

    A DAG that always loads into the same warehouse is easier to read with that warehouse's own operator.

    :param manifests: what the extracting tasks returned: one, or lists of them as mapped tasks give.
    :param destination: where they wrote to: objects are read only below it, and by its own connection. None:
        anywhere, as the manifests say; so give it wherever others can write manifests.
    :param warehouse: `{"database": ...}` for DuckDB, or `{"postgres_conn_id": ..., "schema": ...}` for
        PostgreSQL: as the operators of these take them. `schema` may be absent, and None counts as absent.
    :param wait_s: how many seconds to wait for others that write.
    """

    template_fields: Sequence[str] = ("manifests", "destination", "warehouse")

    def __init__(
        self, *, warehouse: Mapping[str, str | None] | XComArg, wait_s: float = 300.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        # A mapping, once it is rendered.
        self.warehouse: Any = warehouse
        self.wait_s = wait_s

    def engine(self) -> Engine:
        """Return the warehouse that is given."""
        given = {name: value for name, value in dict(self.warehouse).items() if value is not None}
        if given.keys() == {"database"}:
            return duckdb_engine(given["database"], self.wait_s)
        if "postgres_conn_id" in given and given.keys() <= {"postgres_conn_id", "schema"}:
            return postgres_engine(given["postgres_conn_id"], given.get("schema"), self.wait_s)
        message = (
            f"warehouse has {', '.join(given) or 'no member'}; it takes database for DuckDB, or "
            "postgres_conn_id and schema for PostgreSQL"
        )
        raise InvalidRequest(message)

"""From the lake into PostgreSQL, by a connection of Airflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.transfers.base import LoadOperator, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_binance_liq.warehouse.load import Engine


class ObjectStorageToPostgresOperator(LoadOperator):
    """Load into PostgreSQL, 15 or later.

    Loads into the same tables wait for each other, and for others who write to them, up to `wait_s`, and are
    then retried as the task's `retries` say; readers are never held up.

    :param manifests: what the extracting tasks returned: one, or lists of them as mapped tasks give.
    :param destination: where they wrote to: objects are read only below it, and by its own connection. None:
        anywhere, as the manifests say; so give it wherever others can write manifests.
    :param postgres_conn_id: the connection to the database.
    :param schema: the tables' schema, which has to exist; None: the first of the user's search path.
    :param wait_s: how many seconds to wait for others that write to the tables.
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
        return postgres_engine(self.postgres_conn_id, self.schema, self.wait_s)


def postgres_engine(postgres_conn_id: object, schema: object, wait_s: float) -> Engine:
    """Return a database of PostgreSQL.

    :raises InvalidRequest: a connection's id or a schema that is none.
    """
    from airflow_provider_binance_liq.warehouse.postgres import Postgres

    conn_id = check_text("postgres_conn_id", postgres_conn_id, "the id of a connection")
    if schema is not None:
        schema = check_text("schema", schema, "the name of a schema, or None for the search path's")
    return Postgres(conn_id, schema, wait_s)

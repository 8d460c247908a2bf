"""Who loads: this provider, and SQL written by hand for the same table; dlt is in `loads_dlt`."""

from __future__ import annotations

import hashlib
import json
import os
from abc import ABC, abstractmethod
from contextlib import closing
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from loads_objects import path_of

from airflow_provider_binance_liq.warehouse import duckdb as on_duckdb
from airflow_provider_binance_liq.warehouse import postgres as on_postgres
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.load import load
from airflow_provider_binance_liq.warehouse.postgres.indexes import indexes_of
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.warehouse.schema import Types

    Report = dict[str, Any]

CONN_ID: Final = "benchmark"
_MB: Final = 1024 * 1024


class Contender(ABC):
    """Loads manifests into a database."""

    #: whether it knows an object that it has loaded
    skips = False
    table = LIQUIDATIONS.name
    #: key, amounts and update of every row, however they are stored
    content = (
        "symbol, order_id, CAST(avg_price AS numeric(38,18)), CAST(executed_qty AS numeric(38,18)), "
        "CAST(round(extract(epoch FROM updated_at) * 1000) AS bigint)"
    )
    #: every column but when it was loaded
    columns = ", ".join(name for name in LIQUIDATIONS.names if name != "loaded_at")

    def __init__(self, engine: str, database: str) -> None:
        self.engine = engine
        #: a path, or the name of a PostgreSQL database and its socket's directory, `name@directory`
        self.database = database
        import_module("duckdb" if engine == "duckdb" else "psycopg")

    @abstractmethod
    def load(self, manifest: Manifest) -> None:
        """Load an object."""

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Read what is there."""
        with closing(self.connect()) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found: list[tuple[Any, ...]] = connection.execute(statement).fetchall()
            return found

    def connect(self) -> Any:
        """Open the database."""
        if self.engine == "duckdb":
            import duckdb

            return duckdb.connect(self.database)
        import psycopg

        name, _, socket = self.database.partition("@")
        return psycopg.connect(host=socket, user="tester", dbname=name)

    def settle(self) -> None:
        """Leave nothing to be written while the next one is measured."""
        with closing(self.connect()) as connection:
            connection.execute("CHECKPOINT")

    def kept(self) -> Report:
        """Tell what is there: how many rows, and digests of them."""
        return {
            "rows": self.query(f"SELECT count(*) FROM {self.table}")[0][0],
            "content": self._digest(self.content),
            "columns": self._digest(self.columns) if self.columns else None,
        }

    def _digest(self, columns: str) -> str:
        # Sorted here: engines sort non-ASCII texts by their own rules.
        found = sorted(map(str, self.query(f"SELECT {columns} FROM {self.table}")))
        return hashlib.sha256("\n".join(found).encode()).hexdigest()


class Ours(Contender):
    """This provider, with all of its checks."""

    skips = True

    def __init__(self, engine: str, database: str) -> None:
        super().__init__(engine, database)
        # A task has imported Airflow long before it loads.
        from airflow_provider_binance_liq.lake import open_destination

        open_destination("file:///")
        if engine == "postgres":
            import_module("airflow.providers.postgres.hooks.postgres")

    def load(self, manifest: Manifest) -> None:
        load(self._engine(), manifest)

    def _engine(self) -> Any:
        if self.engine == "duckdb":
            return on_duckdb.DuckDB(self.database)
        name, _, socket = self.database.partition("@")
        fields = {"conn_type": "postgres", "host": socket, "login": "tester", "schema": name}
        os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = json.dumps(fields)
        return on_postgres.Postgres(CONN_ID)


class Hand(Contender):
    """The best SQL that we can write for this table, and nothing but it."""

    def load(self, manifest: Manifest) -> None:
        with closing(self.connect()) as connection:
            (self._duckdb if self.engine == "duckdb" else self._postgres)(connection, manifest)
            connection.commit()

    def _duckdb(self, connection: Any, manifest: Manifest) -> None:
        connection.begin()
        connection.execute(sql.create_table(LIQUIDATIONS, on_duckdb.TYPES))
        fields = json.dumps(_fields(on_duckdb.TYPES))
        source = (
            f"SELECT json::VARCHAR AS raw, unnest(from_json(json, '{fields}')) FROM read_ndjson_objects(?)"
        )
        values = _values(manifest, 'make_timestamptz("{}" * 1000)', "make_timestamptz({} * 1000)")
        connection.execute(_upsert(values, f"({source})"), [str(path_of(manifest))])

    def _postgres(self, connection: Any, manifest: Manifest) -> None:
        connection.execute(sql.create_table(LIQUIDATIONS, on_postgres.TYPES))
        # The same table: what indexes cost is not what a load does.
        for name, columns in indexes_of(LIQUIDATIONS).items():
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {name} ON {LIQUIDATIONS.name} ({', '.join(columns)})"
            )
        connection.execute("CREATE TEMP TABLE lines (raw text) ON COMMIT DROP")
        # Neither character is in a JSON text, so that every line is one value, taken as it is.
        copying = r"COPY lines FROM STDIN (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02', ENCODING 'UTF8')"
        with (
            path_of(manifest).open("rb") as file,
            connection.cursor() as cursor,
            cursor.copy(copying) as copy,
        ):
            while chunk := file.read(_MB):
                copy.write(chunk)
        fields = ", ".join(f'"{name}" {kind}' for name, kind in _fields(on_postgres.TYPES).items())
        source = f"lines CROSS JOIN LATERAL json_to_record(raw::json) AS fields({fields})"
        values = _values(manifest, 'to_timestamp("{}" / 1000.0)', "to_timestamp({} / 1000.0)")
        connection.execute(_upsert(values, source))


def _fields(types: Types) -> dict[str, str]:
    """Return the exchange's fields and their types; instants are numbers there."""
    return {
        field: types["int64" if column.kind.startswith("instant") else column.kind]
        for column in LIQUIDATIONS.of("row")
        for field in column.fields
    }


def _values(manifest: Manifest, instant: str, given: str) -> dict[str, str]:
    """Return the expression of every column."""
    values = {}
    for column in LIQUIDATIONS.of("row"):
        form = instant if column.kind.startswith("instant") else '"{}"'
        found = [form.format(field) for field in column.fields]
        values[column.name] = found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
    at = datetime.fromisoformat(manifest.extracted_at).timestamp()
    constants = {"account": manifest.account, "endpoint": manifest.endpoint}
    constants |= {"object_sha256": manifest.object.sha256, "quantity_unit": "BASE"}
    return values | {
        **{name: f"'{value}'" for name, value in constants.items()},
        "close_type": (
            "CASE WHEN \"clientOrderId\" LIKE 'autoclose-%' THEN 'LIQUIDATION' "
            "WHEN \"clientOrderId\" LIKE 'adl^_autoclose%' ESCAPE '^' THEN 'ADL' ELSE 'OTHER' END"
        ),
        "raw": "raw",
        "extracted_at": given.format(f"{round(at * 1000)}::bigint"),
        "loaded_at": "now()",
    }


def _upsert(values: dict[str, str], source: str) -> str:
    selected = ", ".join(f"{values[name]} AS {name}" for name in LIQUIDATIONS.names)
    rest = [name for name in LIQUIDATIONS.names if name not in LIQUIDATIONS.key]
    return (
        f"INSERT INTO {LIQUIDATIONS.name} AS known SELECT {selected} FROM {source}\n"
        f"ON CONFLICT ({', '.join(LIQUIDATIONS.key)}) DO UPDATE SET "
        f"{', '.join(f'{name} = excluded.{name}' for name in rest)}\n"
        "WHERE excluded.updated_at > known.updated_at "
        "OR (excluded.updated_at = known.updated_at AND excluded.extracted_at > known.extracted_at)"
    )

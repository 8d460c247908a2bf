"""Names of datasets, by OpenLineage's naming conventions: https://openlineage.io/docs/spec/naming.

What the conventions leave out is named as others name it, so that their lineage and this one meet: DuckDB as
in OpenLineage's dbt integration, Iceberg as in its Spark integration, and PostgreSQL by Airflow's own hook.
"""

from __future__ import annotations

import re
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.iceberg import Iceberg
from airflow_provider_binance_liq.warehouse.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_binance_liq.warehouse.load import Engine

#: how the conventions write the schemes that Airflow knows
_SCHEMES: Final = {"s3a": "s3", "gcs": "gs", "abfs": "abfss", "adl": "abfss", "local": "file", "": "file"}
_URL: Final = re.compile(r"(?:([a-z0-9+.-]+):(?:/{2})?)?([^/]*)/?(.*)", re.DOTALL)
_MOTHERDUCK: Final = re.compile(r"(?:md|motherduck):([^?]*)", re.IGNORECASE)


class Name(NamedTuple):
    """A dataset's namespace and its name there."""

    namespace: str
    name: str
    #: another name of the same dataset
    symlink: Name | None = None


def name_object(uri: str) -> Name:
    """Name an object of the lake, whichever connection its URL has."""
    found = _URL.fullmatch(uri)
    scheme, authority, key = found.groups("") if found else ("", "", uri)
    scheme, bucket = _SCHEMES.get(scheme, scheme), authority.rpartition("@")[2]
    if scheme == "file":
        return Name(f"file://{bucket}" if bucket else "file", f"/{key}")
    if scheme == "abfss" and (account := _azure_account(uri)):
        bucket = f"{bucket}@{account}.dfs.core.windows.net"
    return Name(f"{scheme}://{bucket}", key)


def _azure_account(uri: str) -> str | None:
    """Return the name of the storage account, which only the connection has."""
    from airflow.sdk import ObjectStoragePath

    # A store that is not installed or not reached: any error, and lineage fails no task.
    with suppress(Exception):
        return str(ObjectStoragePath(uri).fs.account_name)
    return None


def name_tables(engine: Engine, tables: Sequence[str]) -> list[Name]:
    """Name tables of a warehouse, which is asked for what its parameters do not say."""
    if isinstance(engine, DuckDB):
        return _in_duckdb(engine.database, tables)
    if isinstance(engine, Postgres):
        return _in_postgres(engine, tables)
    return _in_iceberg(engine, tables) if isinstance(engine, Iceberg) else []


def _in_duckdb(database: str, tables: Sequence[str]) -> list[Name]:
    if there := _MOTHERDUCK.match(database):
        place, catalog = there.group(), there.group(1)
    else:
        path = Path(database).absolute()
        # DuckDB names a database by its file, up to the first point.
        place, catalog = str(path), path.name.partition(".")[0]
    return [Name(f"duckdb://{place}", f"{catalog}.main.{table}") for table in tables]


def _in_postgres(engine: Postgres, tables: Sequence[str]) -> list[Name]:
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    hook = PostgresHook(engine.postgres_conn_id)
    info = hook.get_openlineage_database_info(hook.get_connection(engine.postgres_conn_id))
    schema = engine.schema or hook.get_openlineage_default_schema()
    return [
        Name(f"{info.scheme}://{info.authority}", f"{info.database}.{schema}.{table}") for table in tables
    ]


def _in_iceberg(engine: Iceberg, tables: Sequence[str]) -> list[Name]:
    """Name tables by where their files are, and as symlinks by the catalog's URL."""
    from pyiceberg.catalog import load_catalog

    with closing(load_catalog(engine.catalog, **engine.properties)) as catalog:
        namespace = _without_user(catalog.properties.get("uri", "")) or engine.catalog
        aliases = [Name(namespace, f"{engine.namespace}.{table}") for table in tables]
        places = [name_object(catalog.load_table(alias.name).location()) for alias in aliases]
    return [Name(*place[:2], alias) for place, alias in zip(places, aliases, strict=True)]


def _without_user(url: str) -> str:
    """Take the user, the password and all parameters out of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.scheme else ""

"""What the sample DAG is told: which connections, which endpoints, where to. Checked member by member.

The Variable holds what holds every day, the parameters of a manual run what holds this once. A member that
nobody knows is refused: a misspelt `endpoint` would otherwise extract something else than was meant.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.premises import check_codes
from airflow_provider_binance_liq.core.urls import hide_parameters
from airflow_provider_binance_liq.exceptions import InvalidRequest

MEMBERS: Final = (
    "connections",
    "endpoints",
    "destination",
    "database",
    "postgres_conn_id",
    "schema",
    "compression",
    "beyond_retention",
    "second_look_days",
)
CONNECTION_MEMBERS: Final = ("binance_conn_id", "endpoints", "probe_report", "accept_premises")
DEFAULT_CONNECTION: Final = "binance_default"
#: an account is classic or portfolio margin; without a word, classic
CLASSIC: Final = tuple(name for name, endpoint in ENDPOINTS.items() if endpoint.family.name != "papi")
_CHOICES: Final[Mapping[str, tuple[str | None, ...]]] = {
    "compression": (None, "gzip"),
    "beyond_retention": ("fail", "skip", "extract"),
}
_DEFAULTS: Final = {"compression": None, "beyond_retention": "fail"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """One connection, and what to extract with it."""

    binance_conn_id: str
    endpoints: tuple[str, ...]
    #: URL of what `binance-liq probe` has found with it
    probe_report: str | None = None
    #: codes of premises that the user vouches for, of this account
    accept_premises: tuple[str, ...] = ()

    def knowledge(self) -> dict[str, Any]:
        """Return the operator's parameters for what is known of the account, where something is."""
        known = {"probe_report": self.probe_report, "accept_premises": list(self.accept_premises)}
        return {name: value for name, value in known.items() if value}


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Where to load: a DuckDB database, or else PostgreSQL by its connection."""

    database: str | None = None
    postgres_conn_id: str | None = None
    #: of the tables in PostgreSQL; without it, the user's search path decides
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a run of the DAG has to know."""

    connections: tuple[Chosen, ...]
    destination: str
    warehouse: Warehouse
    compression: str | None
    beyond_retention: str
    #: how far back a second look looks; the only documented retention is 90 days
    second_look_days: int

    def extractions(self, *, again: bool = False) -> list[dict[str, Any]]:
        """Return, per connection, its endpoints and the parameters that its extracting operators take.

        :param again: for a second look.
        """
        return [
            {
                "endpoints": list(account.endpoints),
                "operator": {
                    "binance_conn_id": account.binance_conn_id,
                    "destination": self.destination,
                    "compression": self.compression,
                    "beyond_retention": self.beyond_retention,
                    "look_back_days": self.second_look_days if again else 0,
                    **account.knowledge(),
                },
            }
            for account in self.connections
        ]


def read_settings(
    variable: object, parameters: Mapping[str, Any], home: str | None = None, *, loads: bool = False
) -> Settings:
    """Put the Variable and the parameters of the run together; the parameters outrank it.

    :param loads: whether the run loads what it extracts, so that the warehouse has to be one that lasts.
    :raises InvalidRequest: a member that is unknown or not what it has to be; the message names it.
    """
    given = _mapping("the settings", variable or {}, MEMBERS)
    over = {name: parameters.get(name) for name in MEMBERS if parameters.get(name) not in (None, "", [])}
    merged = _merge({name: value for name, value in given.items() if value is not None}, over)
    if loads:
        _see_lasting(merged)
    base = Path(home or os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser() / "binance_liquidations"
    return Settings(
        connections=_connections(
            merged, _endpoints("endpoints", over["endpoints"]) if "endpoints" in over else None
        ),
        destination=_destination(merged.get("destination", f"file://{base / 'lake'}")),
        warehouse=_warehouse(merged, default=str(base / "warehouse.duckdb")),
        compression=_choice("compression", merged),
        beyond_retention=_choice("beyond_retention", merged) or "fail",
        second_look_days=_days("second_look_days", merged.get("second_look_days", 80)),
    )


def _see_lasting(merged: Mapping[str, Any]) -> None:
    """Refuse to load from a store that all workers share into a file that only one of them has."""
    destination = merged.get("destination")
    if {"database", "postgres_conn_id"} & set(merged) or not isinstance(destination, str):
        return
    if "://" in destination and not destination.startswith("file://"):
        message = (
            f"destination is {hide_parameters(destination)!r}, which workers share, and no warehouse is "
            "named: rows would go into a DuckDB file of the worker that loads them, and be gone with it. "
            "Name one: postgres_conn_id, or database as md:<database> or a path on a disk that workers share"
        )
        raise InvalidRequest(message)


def _merge(given: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Let `over` outrank `given`; whoever names a warehouse does not mean the other one as well."""
    outranked = {"database"} if "postgres_conn_id" in over else set()
    if "database" in over:
        outranked = {"postgres_conn_id", "schema"}
    return {name: value for name, value in given.items() if name not in outranked} | dict(over)


def _warehouse(merged: Mapping[str, Any], default: str) -> Warehouse:
    if "postgres_conn_id" not in merged:
        if "schema" in merged:
            raise InvalidRequest("schema is given without postgres_conn_id; DuckDB takes no schema")
        return Warehouse(database=_database(merged.get("database", default)))
    if "database" in merged:
        raise InvalidRequest(
            "database and postgres_conn_id are both given, but a run loads into one of them: keep DuckDB's "
            "database or the connection to PostgreSQL"
        )
    schema = _text("schema", merged["schema"], "the name of a schema") if "schema" in merged else None
    conn_id = _text("postgres_conn_id", merged["postgres_conn_id"], "the id of a connection")
    return Warehouse(postgres_conn_id=conn_id, schema=schema)


def _text(name: str, value: object, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        message = f"{name} is {value!r}; it takes {what}"
        raise InvalidRequest(message)
    return value


def _connections(merged: Mapping[str, Any], only: tuple[str, ...] | None) -> tuple[Chosen, ...]:
    """Read the connections; `only` restricts each of them, as a manual run may ask."""
    listed = _list("connections", merged.get("connections", [DEFAULT_CONNECTION]))
    default = _endpoints("endpoints", merged.get("endpoints", list(CLASSIC)))
    chosen = [_connection(one, default) for one in listed]
    names = [account.binance_conn_id for account in chosen]
    if len(set(names)) < len(names):
        message = f"connections names one twice: {', '.join(names)}"
        raise InvalidRequest(message)
    if only is not None:
        chosen = [
            replace(one, endpoints=tuple(name for name in one.endpoints if name in only)) for one in chosen
        ]
    if not any(account.endpoints for account in chosen):
        raise InvalidRequest("no connection has any of the endpoints, so there would be nothing to extract")
    return tuple(chosen)


def _connection(one: object, default: tuple[str, ...]) -> Chosen:
    if isinstance(one, str) and one.strip():
        return Chosen(one, default)
    if not isinstance(one, Mapping):
        message = f"connections holds {one!r}; it takes connection ids, or objects with binance_conn_id"
        raise InvalidRequest(message)
    members = _mapping("a connection's settings", one, CONNECTION_MEMBERS)
    conn_id = members.get("binance_conn_id")
    if not isinstance(conn_id, str) or not conn_id.strip():
        message = f"one of connections has binance_conn_id {conn_id!r}; it takes a connection id"
        raise InvalidRequest(message)
    own = members.get("endpoints")
    report, premises = members.get("probe_report"), members.get("accept_premises")
    return Chosen(
        conn_id,
        default if own is None else _endpoints(f"endpoints of {conn_id}", own),
        None if report is None else _text(f"probe_report of {conn_id}", report, "a URL"),
        () if premises is None else check_codes(_list(f"accept_premises of {conn_id}", premises)),
    )


def _endpoints(where: str, value: object) -> tuple[str, ...]:
    names = _list(where, value)
    for name in names:
        if not isinstance(name, str):
            message = f"{where} holds {name!r}, which is no endpoint's name"
            raise InvalidRequest(message)
        get_endpoint(name)
    return tuple(name for name in ENDPOINTS if name in names)


def _list(where: str, value: object) -> list[Any]:
    if not isinstance(value, list) or not value:
        message = f"{where} is {value!r}; it takes a list that is not empty"
        raise InvalidRequest(message)
    return value


def _mapping(where: str, value: object, members: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        message = f"{where} have to be a JSON object, not {value!r}"
        raise InvalidRequest(message)
    unknown = [str(name) for name in value if name not in members]
    if unknown:
        message = f"{where} have no member {', '.join(unknown)}; there are {', '.join(members)}"
        raise InvalidRequest(message)
    return value


def _destination(value: object) -> str:
    if not isinstance(value, str) or not ("://" in value or value.startswith("/")):
        message = (
            f"destination is {value!r}; it takes a URL such as file:///lake or s3://aws_default@bucket/lake"
        )
        raise InvalidRequest(message)
    return value


def _database(value: object) -> str:
    absolute = isinstance(value, str) and (
        value.startswith(("md:", "motherduck:")) or Path(value).is_absolute()
    )
    if not isinstance(value, str) or not absolute:
        # A relative path would be another file on every worker.
        message = f"database is {_shown(value)!r}; it takes an absolute path, or md:<database>"
        raise InvalidRequest(message)
    return value


def _shown(value: object) -> object:
    return hide_parameters(value) if isinstance(value, str) else value


def _choice(name: str, merged: Mapping[str, Any]) -> str | None:
    value: str | None = merged.get(name, _DEFAULTS[name])
    if value not in _CHOICES[name]:
        known = ", ".join(str(one) for one in _CHOICES[name])
        message = f"{name} is {value!r}; it takes {known}"
        raise InvalidRequest(message)
    return value


def _days(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = f"{name} is {value!r}; it takes a number of days from 1"
        raise InvalidRequest(message)
    return value

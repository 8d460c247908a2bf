"""The settings of the sample DAGs: what their Variables may have, and what a run may choose of it.

The Variable says what there is: accounts, destinations, warehouses. A run's parameters only choose among
that, since who may trigger a DAG is not always who may say where data goes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import Meta
from msgspec.structs import replace

from airflow_provider_binance_liq.dag_support.extraction_settings import (
    Connection,
    Extraction,
    Text,
    Url,
    as_tuple,
    in_order,
    read_alone,
    read_members,
    show,
)
from airflow_provider_binance_liq.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: a relative path would be another file on every worker
Database = Annotated[str, Meta(pattern=r"^(md:|motherduck:|/)")]
#: members that may list several values, for a run to choose one; the first is the default
CHOICES: Final = ("destination", "database", "postgres_conn_id", "schema")
#: members that a run may outrank
FREE: Final = ("compression", "beyond_retention", "second_look_days")


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """Where to load: a DuckDB database, or else PostgreSQL by its connection."""

    database: str | None = None
    postgres_conn_id: str | None = None
    #: of the tables in PostgreSQL; without it, the user's search path decides
    schema: str | None = None


class DagSettings(Extraction, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the Variable of the DAGs that load into DuckDB or PostgreSQL may have."""

    # One text alone is checked below: after msgspec 0.20 to 0.22 has read a union of a list and a text with a
    # pattern, Python may crash as it ends.
    destination: str | tuple[Url, ...] = ()
    database: str | tuple[Database, ...] = ()
    postgres_conn_id: str | tuple[Text, ...] = ()
    schema: str | tuple[Text, ...] = ()
    beyond_retention: Literal["fail", "skip", "extract"] = "fail"
    #: how far back a second look looks; the only documented retention is 90 days
    second_look_days: Annotated[int, Meta(ge=1, le=3650)] = 80

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in _ALONE.items():
            if isinstance(value := getattr(self, name), str):
                read_alone(name, value, kind)
        if self.schema and not self.postgres_conn_id:
            raise InvalidRequest("schema is given without postgres_conn_id; DuckDB takes no schema")
        if self.database and self.postgres_conn_id:
            raise InvalidRequest(
                "database and postgres_conn_id are both given, but a run loads into one of them: keep "
                "DuckDB's database or the connection to PostgreSQL"
            )

    @property
    def warehouse(self) -> LoadTarget:
        """Where to load, of a run that has chosen."""
        return LoadTarget(*(_first(as_tuple(getattr(self, name))) for name in CHOICES[1:]))

    def extractions(self, *, again: bool = False) -> list[dict[str, Any]]:
        """Return what `per_connection` does; `again` is for a second look."""
        return self.per_connection(
            destination=self.destination,
            beyond_retention=self.beyond_retention,
            look_back_days=self.second_look_days if again else 0,
        )


#: what a member of `CHOICES` is if it is one text alone
_ALONE: Final = {"destination": Url, "database": Database, "postgres_conn_id": Text, "schema": Text}
#: what the Variable may have
MEMBERS: Final = DagSettings.__struct_fields__


def read_settings(
    variable: object, parameters: Mapping[str, Any], home: str | None = None, *, loads: bool = False
) -> DagSettings:
    """Read the Variable, and let the run's parameters choose among what it has.

    :param parameters: `connections` and `endpoints` restrict the run to some of the settings'; `destination`,
        `database`, `postgres_conn_id` and `schema` choose one that the settings list; `compression`,
        `beyond_retention` and `second_look_days` outrank them.
    :param loads: whether the run loads what it extracts, so that the warehouse has to be one that lasts.
    :raises InvalidRequest: a member is unknown or not what it has to be, or a parameter names what the
        settings do not have; the message names the member.
    """
    settings, listed, usual = _read_listed(variable, home)
    wanted = {name: parameters[name] for name in MEMBERS if parameters.get(name) not in (None, "", [])}
    free = read_members(DagSettings, {name: wanted[name] for name in FREE if name in wanted})
    chosen = {name: _first(_pick(name, wanted.get(name), listed[name])) for name in CHOICES}
    if loads and "database" in usual:
        _check_local(str(chosen["destination"]))
    outranked = {name: getattr(free, name) for name in FREE if name in wanted}
    return replace(settings, connections=_restrict(settings.accounts(), wanted), **chosen, **outranked)


def _read_listed(
    variable: object, home: str | None
) -> tuple[DagSettings, dict[str, tuple[str, ...]], dict[str, str]]:
    """Read the Variable: the settings, what a run may choose among, and the defaults."""
    settings = read_members(DagSettings, variable)
    base = Path(home or os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser() / "binance_liquidations"
    usual = {"destination": f"file://{base / 'lake'}"}
    if settings.warehouse == LoadTarget():
        usual["database"] = str(base / "warehouse.duckdb")
    listed = {name: as_tuple(getattr(settings, name) or usual.get(name)) for name in CHOICES}
    return settings, listed, usual


def listed_destinations(variable: object, home: str | None = None) -> tuple[str, ...]:
    """Return every destination that the Variable lists."""
    return _read_listed(variable, home)[1]["destination"]


def check_chosen(
    variable: object,
    chosen: Mapping[str, Any],
    connection: Mapping[str, Any] | None = None,
    home: str | None = None,
) -> None:
    """Check again, where it is used, what a task was handed: who may clear tasks may change XComs.

    :param chosen: some of `destination`, `database`, `postgres_conn_id` and `schema`.
    :param connection: `binance_conn_id`, `endpoint`, `probe_report` and `accept_premises` of an extraction.
    :raises InvalidRequest: the settings do not have it; the message names it.
    """
    settings, listed, _ = _read_listed(variable, home)
    for name, value in chosen.items():
        wanted = list(value) if isinstance(value, list | tuple) else [value]
        if name not in listed or not wanted:
            message = f"{show(name)} is {show(value)}, which the settings do not have"
            raise InvalidRequest(message)
        # Without a destination, a load would trust manifests to say where their objects are.
        _pick(name, [one for one in wanted if one is not None or name == "destination"], listed[name])
    if connection is None:
        return
    by_id = {one.binance_conn_id: one for one in settings.accounts()}
    _pick("binance_conn_id", connection["binance_conn_id"], by_id)
    account = by_id[connection["binance_conn_id"]]
    _pick("endpoint", connection["endpoint"], account.endpoints or ())
    known = account.operator()
    for name in ("probe_report", "accept_premises"):
        if (connection.get(name) or None) != known.get(name):
            message = f"{name} is {show(connection.get(name))}, which the settings do not have"
            raise InvalidRequest(message)


def _restrict(accounts: Iterable[Connection], wanted: Mapping[str, Any]) -> tuple[Connection, ...]:
    """Keep the connections and endpoints that the run asks for."""
    by_id = {one.binance_conn_id: one for one in accounts}
    kept = [by_id[name] for name in _pick("connections", wanted.get("connections"), by_id)]
    there = in_order(name for one in kept for name in one.endpoints or ())
    names = _pick("endpoints", wanted.get("endpoints"), there)
    narrowed = ((one, tuple(name for name in one.endpoints or () if name in names)) for one in kept)
    return tuple(replace(one, endpoints=endpoints) for one, endpoints in narrowed if endpoints)


def _pick(name: str, wanted: object, allowed: Iterable[str]) -> list[str]:
    """Return what the run asks for, all of which the settings have to list; without a wish, all they list."""
    listed = list(allowed)
    picked = listed if wanted is None else [wanted] if not isinstance(wanted, list) else wanted
    for one in picked:
        if one not in listed:
            there = f"a run may choose among {', '.join(map(show, listed))}" if listed else "they have none"
            message = f"{name} is {show(one)}, which the settings do not have; {there}"
            raise InvalidRequest(message)
    return [one for one in listed if one in picked]


def _check_local(destination: str) -> None:
    """Refuse to load from a store that all workers share into a file that only one of them has."""
    if "://" in destination and not destination.startswith("file://"):
        message = (
            f"destination is {show(destination)}, which workers share, and no warehouse is named: rows would "
            "go into a DuckDB file of the worker that loads them, and be gone with it. Name one: "
            "postgres_conn_id, or database as md:<database> or a path on a disk that workers share"
        )
        raise InvalidRequest(message)


def _first(values: Iterable[str]) -> str | None:
    return next(iter(values), None)

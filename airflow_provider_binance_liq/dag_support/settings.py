"""The settings of the sample DAGs: what their Variables may have, and what a run may choose of it.

The Variable says what there is: accounts, destinations, warehouses. A run's parameters only choose among
that, since who may trigger a DAG is not always who may say where data goes. A member that is unknown is
refused: a misspelt `endpoint` would otherwise extract something else than was meant.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.premises import check_codes
from airflow_provider_binance_liq.core.urls import has_credentials, has_password, hide_parameters
from airflow_provider_binance_liq.exceptions import InvalidRequest

Text = Annotated[str, Meta(pattern=r"\S")]
Texts = Annotated[tuple[Text, ...], Meta(min_length=1)]
Url = Annotated[str, Meta(pattern=r"://|^/")]
#: a relative path would be another file on every worker
Database = Annotated[str, Meta(pattern=r"^(md:|motherduck:|/)")]
T = TypeVar("T", bound=msgspec.Struct)

#: what each member takes, for errors
TAKES: Final = {
    "connections": "a list, not empty, of ids of connections or of objects with binance_conn_id",
    "binance_conn_id": "the id of a connection",
    "endpoints": "a list of endpoints that is not empty",
    "probe_report": "the URL of a report of binance-liq probe",
    "accept_premises": "a list of codes of premises that is not empty",
    "destination": "a URL such as file:///lake or s3://aws_default@bucket/lake",
    "compression": "gzip or null",
    "database": "an absolute path, or md:<database>",
    "postgres_conn_id": "the id of a connection",
    "schema": "the name of a schema",
    "beyond_retention": "fail, skip or extract",
    "second_look_days": "a number of days from 1 to 3650",
    "via": "a text",
    "conn_id": "the id of a connection",
    "project": "the name of a project",
    "dataset": "the name of a dataset",
}
#: members that may list several values, for a run to choose one; the first is the default
CHOICES: Final = ("destination", "database", "postgres_conn_id", "schema")
#: members that a run may outrank
FREE: Final = ("compression", "beyond_retention", "second_look_days")


def default_endpoints() -> tuple[str, ...]:
    """Return the default endpoints: those of a classic account."""
    return tuple(name for name, endpoint in ENDPOINTS.items() if endpoint.account_type == "classic")


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connection to Binance, what to extract with it, and what is known of its account."""

    binance_conn_id: Text
    endpoints: Texts | None = None
    probe_report: Text | None = None
    accept_premises: Texts | None = None

    def __post_init__(self) -> None:
        check_codes(self.accept_premises or ())
        _in_order(self.endpoints or ())

    def operator(self) -> dict[str, Any]:
        """Return the operator's parameters that are this connection's own."""
        known = {"probe_report": self.probe_report, "accept_premises": list(self.accept_premises or ())}
        return {"binance_conn_id": self.binance_conn_id} | {name: one for name, one in known.items() if one}


class Extraction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all sample DAGs have to know: whose liquidations to extract, and how to write them."""

    connections: Annotated[tuple[Text | Connection, ...], Meta(min_length=1)] = ("binance_default",)
    endpoints: Texts | None = None
    compression: Literal["gzip"] | None = None

    def __post_init__(self) -> None:
        names = [one.binance_conn_id for one in self.accounts()]
        if len(set(names)) < len(names):
            message = f"connections names one twice: {', '.join(names)}"
            raise InvalidRequest(message)

    def accounts(self) -> tuple[Connection, ...]:
        """Return every connection with its endpoints."""
        default = _in_order(self.endpoints or default_endpoints())
        named = (Connection(binance_conn_id=one) if isinstance(one, str) else one for one in self.connections)
        return tuple(replace(one, endpoints=_in_order(one.endpoints or default)) for one in named)

    def per_connection(self, **common: Any) -> list[dict[str, Any]]:
        """Return, per connection, its endpoints and the parameters that its extracting operators take."""
        common["compression"] = self.compression
        return [
            {"endpoints": list(one.endpoints or ()), "operator": one.operator() | common}
            for one in self.accounts()
        ]


def per_endpoint(connections: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return an extracting operator's parameters per connection and endpoint, for a task that is mapped."""
    return [{"endpoint": name, **one["operator"]} for one in connections for name in one["endpoints"]]


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Where to load: a DuckDB database, or else PostgreSQL by its connection."""

    database: str | None = None
    postgres_conn_id: str | None = None
    #: of the tables in PostgreSQL; without it, the user's search path decides
    schema: str | None = None


class Settings(Extraction, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the Variable of the DAGs that load into DuckDB or PostgreSQL may have."""

    destination: Url | tuple[Url, ...] = ()
    database: Database | tuple[Database, ...] = ()
    postgres_conn_id: Text | tuple[Text, ...] = ()
    schema: Text | tuple[Text, ...] = ()
    beyond_retention: Literal["fail", "skip", "extract"] = "fail"
    #: how far back a second look looks; the only documented retention is 90 days
    second_look_days: Annotated[int, Meta(ge=1, le=3650)] = 80

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schema and not self.postgres_conn_id:
            raise InvalidRequest("schema is given without postgres_conn_id; DuckDB takes no schema")
        if self.database and self.postgres_conn_id:
            raise InvalidRequest(
                "database and postgres_conn_id are both given, but a run loads into one of them: keep "
                "DuckDB's database or the connection to PostgreSQL"
            )

    @property
    def warehouse(self) -> Warehouse:
        """Where to load, of a run that has chosen."""
        return Warehouse(*(_first(_listed(getattr(self, name))) for name in CHOICES[1:]))

    def extractions(self, *, again: bool = False) -> list[dict[str, Any]]:
        """Return what `per_connection` does; `again` is for a second look."""
        return self.per_connection(
            destination=self.destination,
            beyond_retention=self.beyond_retention,
            look_back_days=self.second_look_days if again else 0,
        )


def read_settings(
    variable: object, parameters: Mapping[str, Any], home: str | None = None, *, loads: bool = False
) -> Settings:
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
    free = read_members(Settings, {name: wanted[name] for name in FREE if name in wanted})
    chosen = {name: _first(_pick(name, wanted.get(name), listed[name])) for name in CHOICES}
    if loads and "database" in usual:
        _check_local(str(chosen["destination"]))
    outranked = {name: getattr(free, name) for name in FREE if name in wanted}
    return replace(settings, connections=_restrict(settings.accounts(), wanted), **chosen, **outranked)


def _read_listed(
    variable: object, home: str | None
) -> tuple[Settings, dict[str, tuple[str, ...]], dict[str, str]]:
    """Read the Variable: the settings, what a run may choose among, and what is usual without a word."""
    settings = read_members(Settings, variable)
    base = Path(home or os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser() / "binance_liquidations"
    usual = {"destination": f"file://{base / 'lake'}"}
    if settings.warehouse == Warehouse():
        usual["database"] = str(base / "warehouse.duckdb")
    listed = {name: _listed(getattr(settings, name) or usual.get(name)) for name in CHOICES}
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
        for one in value if isinstance(value, list | tuple) else [value] * (value is not None):
            _pick(name, one, listed[name])
    if connection is None:
        return
    by_id = {one.binance_conn_id: one for one in settings.accounts()}
    _pick("binance_conn_id", connection["binance_conn_id"], by_id)
    account = by_id[connection["binance_conn_id"]]
    _pick("endpoint", connection["endpoint"], account.endpoints or ())
    known = {"probe_report": account.probe_report, "accept_premises": list(account.accept_premises or ())}
    for name, value in known.items():
        if (connection.get(name) or None) != (value or None):
            message = f"{name} is {show(connection.get(name))}, which the settings do not have"
            raise InvalidRequest(message)


def _restrict(accounts: Iterable[Connection], wanted: Mapping[str, Any]) -> tuple[Connection, ...]:
    """Keep the connections and endpoints that the run asks for."""
    by_id = {one.binance_conn_id: one for one in accounts}
    kept = [by_id[name] for name in _pick("connections", wanted.get("connections"), by_id)]
    there = _in_order(name for one in kept for name in one.endpoints or ())
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


def read_members(kind: type[T], given: object) -> T:
    """Read a JSON object into a struct; null counts as absent.

    :raises InvalidRequest: the message names the member, what it is and what it takes.
    """
    given = {} if given is None else given
    if isinstance(given, Mapping):
        given = {str(name): value for name, value in given.items() if value is not None}
    try:
        found = msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_explain(kind, given, str(error))) from None
    _check_no_credentials(found)
    return found


def _check_no_credentials(settings: object) -> None:
    """Refuse URLs with a secret: what a run is set to is in logs and XComs that others may read."""
    urls = {name: _listed(getattr(settings, name, ())) for name in ("destination", "database")}
    urls["probe_report"] = tuple(
        one.probe_report
        for one in getattr(settings, "connections", ())
        if isinstance(one, Connection) and one.probe_report
    )
    for name, values in urls.items():
        for value in filter(has_credentials, values):
            message = (
                f"{name} is {show(value)}: a secret in it would be in logs and XComs. Put it into an Airflow "
                "connection, or into the environment of the workers"
            )
            raise InvalidRequest(message)


def _explain(kind: type[msgspec.Struct], given: Any, error: str) -> str:
    what, _, path = error.rstrip("`").partition(" - at `$.")
    there = ", ".join((Connection if path else kind).__struct_fields__)
    if not isinstance(given, Mapping):
        return f"the settings are {show(given)}; they take an object with {there}"
    if " field `" in what:
        member = what.split("`")[1]
        if "missing" in what:
            return f"{f'{path}.' * bool(path)}{member} is missing; it takes {TAKES[member]}"
        return f"there is no member {f'{path}.' * bool(path)}{member}; there are {there}"
    try:
        for step in re.findall(r"[a-z_]+|\d+", path):
            given = given[int(step) if step.isdigit() else step]
        return f"{path} is {show(given)}; it takes {TAKES[re.findall('[a-z_]+', path)[-1]]}"
    except (LookupError, TypeError):
        return f"a member is not what it takes; there are {there}"


def show(value: object) -> str:
    """Show a value in an error, without the secrets that it may hold."""
    if isinstance(value, Mapping):
        return f"an object with {', '.join(map(str, value)) or 'no member'}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(show, value))}]"
    shown = hide_parameters(value) if isinstance(value, str) else value
    return "a text with credentials" if isinstance(shown, str) and has_password(shown) else repr(shown)


def _listed(choice: Any) -> tuple[str, ...]:
    return (choice,) if isinstance(choice, str) else choice or ()


def _first(values: Iterable[str]) -> str | None:
    return next(iter(values), None)


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Check endpoints, and return each once, in the table's order."""
    known = {get_endpoint(name).name for name in names}
    return tuple(name for name in ENDPOINTS if name in known)


MEMBERS: Final = Settings.__struct_fields__

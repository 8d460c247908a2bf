"""What the Variables of all sample DAGs may have: whose liquidations to extract, and how to write them.

A member that is unknown is refused: a misspelt `endpoint` would otherwise extract something else than was
meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.premises import check_codes
from airflow_provider_binance_liq.core.urls import has_credentials, has_password, hide_parameters
from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.exceptions import InvalidRequest

Text = Annotated[str, Meta(pattern=r"\S")]
Texts = Annotated[tuple[Text, ...], Meta(min_length=1)]
Url = Annotated[str, Meta(pattern=r"://|^/")]
T = TypeVar("T", bound=msgspec.Struct)
#: characters of a text that an error repeats
_SHOWN: Final = 200
#: `user:password@`, as people paste it without a scheme
_USER_INFO: Final = re.compile(r"(?://)?[^\s/@]*:[^\s@]*@")

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
        in_order(self.endpoints or ())

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
        default = in_order(self.endpoints or default_endpoints())
        named = (Connection(binance_conn_id=one) if isinstance(one, str) else one for one in self.connections)
        return tuple(replace(one, endpoints=in_order(one.endpoints or default)) for one in named)

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


def read_alone(name: str, value: str, kind: Any) -> None:
    """Check a member that is one text.

    :raises InvalidRequest: the message names the member, what it is and what it takes.
    """
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        message = f"{name} is {show(value)}; it takes {TAKES[name]}"
        raise InvalidRequest(message) from None


def _check_no_credentials(settings: object) -> None:
    """Refuse URLs with a secret: what a run is set to is in logs and XComs that others may read."""
    for name, value in _texts("", msgspec.to_builtins(settings)):
        if any("\ud800" <= one <= "\udfff" for one in value):
            message = f"{name} is {value[:_SHOWN]!a}, which has half of a character: write it again"
            raise InvalidRequest(message)
        if has_credentials(value):
            message = (
                f"{name} is {show(value)}: a secret in it would be in logs and XComs. Put it into an Airflow "
                "connection, or into the environment of the workers"
            )
            raise InvalidRequest(message)


def _texts(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield every text of the settings, with the name of the member that it belongs to."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for member, one in value.items():
            yield from _texts(member, one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(name, one)


def _explain(kind: type[msgspec.Struct], given: Any, error: str) -> str:
    what, _, path = error.rstrip("`").partition(" - at `$.")
    members = (Connection if path else kind).__struct_fields__
    there = ", ".join(members)
    if not isinstance(given, Mapping):
        return f"the settings are {show(given)}; they take an object with {there}"
    if " field `" in what:
        member = what.split("`")[1]
        if "missing" in what:
            return f"{f'{path}.' * bool(path)}{member} is missing; it takes {TAKES[member]}"
        where = f"{path}: " if path else ""
        return where + unknown("member", _masked(member), members)
    try:
        for step in re.findall(r"[a-z_]+|\d+", path):
            given = given[int(step) if step.isdigit() else step]
        return f"{path} is {show(given)}; it takes {TAKES[re.findall('[a-z_]+', path)[-1]]}"
    except (LookupError, TypeError):
        return f"a member is not what it takes; there are {there}"


def show(value: object) -> str:
    """Show a value in an error, without the secrets that it may hold."""
    if isinstance(value, Mapping):
        return f"an object with {', '.join(_masked(str(name)) for name in value) or 'no member'}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(show, value))}]"
    return repr(_masked(value) if isinstance(value, str) else value)


def _masked(text: str) -> str:
    """Shorten a text, and mask what is secret in it, or all of it where that cannot be told apart."""
    shown = hide_parameters(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
    return "***" if has_password(shown) or _USER_INFO.match(shown) else shown


def as_tuple(choice: Any) -> tuple[str, ...]:
    """Return what a member lists, also where it names one alone or none."""
    return (choice,) if isinstance(choice, str) else choice or ()


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Check endpoints, and return each once, in the table's order."""
    known = {get_endpoint(name).name for name in names}
    return tuple(name for name in ENDPOINTS if name in known)

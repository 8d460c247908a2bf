"""What the sample DAGs for clouds are told by their Variable, checked member by member.

A member that nobody knows is refused: a misspelt one would otherwise be taken for one that is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.dag_support.settings import CLASSIC, DEFAULT_CONNECTION
from airflow_provider_binance_liq.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse

MEMBERS: Final = ("connections", "endpoints", "destination", "compression", "via", "conn_id")
#: of BigQuery, whose connection does not say where the tables are
BIGQUERY_MEMBERS: Final = ("project", "dataset")
_CONNECTIONS: Final = {
    "bigquery": "google_cloud_default",
    "clickhouse": "clickhouse_default",
    "redshift": "redshift_default",
    "snowflake": "snowflake_default",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run of a sample DAG has to know."""

    #: parameters of the extracting operator, one element per connection and endpoint
    extractions: list[dict[str, Any]]
    #: what the other tasks pull, by its name
    values: dict[str, str]


def read_settings(warehouse: Warehouse, variable: object) -> Settings:
    """Check what the Variable says, and fill in what it leaves out.

    :raises InvalidRequest: the message names the member.
    """
    members = (*MEMBERS, *(BIGQUERY_MEMBERS if warehouse.name == "bigquery" else ()))
    given = _mapping(variable, members)
    destination = _text(given, "destination")
    scheme = destination.partition("://")[0]
    if scheme not in warehouse.schemes:
        message = f"destination is {destination!r}; {warehouse.name} reads {', '.join(warehouse.schemes)}"
        raise InvalidRequest(message)
    via = _text(given, "via", "")
    warehouse.check_via(via)
    values = {"destination": destination, "via": via}
    values |= {"conn_id": _text(given, "conn_id", _CONNECTIONS[warehouse.name])}
    if warehouse.name == "bigquery":
        values |= {name: _text(given, name) for name in BIGQUERY_MEMBERS}
    compression = given.get("compression")
    if compression not in (None, "gzip"):
        message = f"compression is {compression!r}; it takes gzip or null"
        raise InvalidRequest(message)
    return Settings(
        extractions=[
            {
                "binance_conn_id": connection,
                "endpoint": endpoint,
                "destination": destination,
                "compression": compression,
            }
            for connection in _texts(given, "connections", (DEFAULT_CONNECTION,))
            for endpoint in _endpoints(given)
        ],
        values=values,
    )


def _mapping(variable: object, members: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(variable, Mapping):
        message = f"it has to be a JSON object with {', '.join(members)}, not {variable!r}"
        raise InvalidRequest(message)
    unknown = [str(name) for name in variable if name not in members]
    if unknown:
        message = f"there is no member {', '.join(unknown)}; there are {', '.join(members)}"
        raise InvalidRequest(message)
    return variable


def _text(given: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or (not value.strip() and default is None):
        message = f"{name} is {value!r}; it takes a text, and has to be there"
        raise InvalidRequest(message)
    return value


def _texts(given: Mapping[str, Any], name: str, default: Sequence[str]) -> list[str]:
    values = given.get(name, list(default))
    if not isinstance(values, list) or not values or not all(isinstance(one, str) and one for one in values):
        message = f"{name} is {values!r}; it takes a list of texts that is not empty"
        raise InvalidRequest(message)
    return list(dict.fromkeys(values))


def _endpoints(given: Mapping[str, Any]) -> list[str]:
    return [get_endpoint(name).name for name in _texts(given, "endpoints", CLASSIC)]

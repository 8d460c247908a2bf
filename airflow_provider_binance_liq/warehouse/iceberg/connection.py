"""The properties of an Iceberg catalog that an Airflow connection has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from airflow_provider_binance_liq.exceptions import InvalidConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

#: in the name of a property whose value is a secret
SECRET: Final = re.compile(
    r"secret|token|credential|password|passphrase|access-key|account-key|session", re.IGNORECASE
)
_SQL_SCHEMES: Final = ("postgresql", "sqlite")


def read_connection(iceberg_conn_id: str) -> dict[str, str]:
    """Return the catalog's properties that an Airflow connection has, in the fields of its Iceberg provider.

    Host is the catalog's URI; login and password are the credential of a REST catalog, or the user of a
    database; the extra's members are properties by PyIceberg's own names.

    :raises InvalidConnection: there is no such connection, or a field is not what it has to be.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.log import mask_secret

    from airflow_provider_binance_liq.compat import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(iceberg_conn_id)
    except AirflowNotFoundException:
        message = (
            f"connection {iceberg_conn_id!r} does not exist; create it in the UI or with 'airflow "
            "connections add', or correct iceberg_conn_id"
        )
        raise InvalidConnection(message) from None
    where = f"connection {iceberg_conn_id!r}"
    properties = _extra_properties(where, connection.extra_dejson)
    if connection.host:
        properties["uri"] = connection.host
    properties |= _credentials(where, properties, connection.login or "", connection.password or "")
    for name, value in properties.items():
        if SECRET.search(name):
            mask_secret(value)
    if connection.password:
        mask_secret(quote(connection.password, safe=""))
    return properties


def _extra_properties(where: str, extra: Mapping[str, Any]) -> dict[str, str]:
    """Take the extra's members as they are, None and empty ones left out, as forms save them."""
    found = {}
    for name, value in extra.items():
        if isinstance(value, dict | list):
            message = (
                f"{where}: {name} in the extra holds more than one value; PyIceberg's properties are texts"
            )
            raise InvalidConnection(message)
        if value not in (None, ""):
            found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _credentials(where: str, properties: Mapping[str, str], login: str, password: str) -> dict[str, str]:
    uri = properties.get("uri", "")
    try:
        hidden = urlsplit(uri).password
    except ValueError as error:
        message = f"{where}: the URI of the catalog cannot be read: {error}"
        raise InvalidConnection(message) from None
    if hidden:
        message = f"{where}: the URI holds a password, and is shown as it is; put it into the field password"
        raise InvalidConnection(message)
    if uri and "://" not in uri:
        message = (
            f"{where}: host is {uri!r}; give the catalog's whole URI, such as https://catalog.example/ws/v1 "
            "or postgresql+psycopg2://db.example/catalog"
        )
        raise InvalidConnection(message)
    if not login and not password:
        return {}
    if uri.startswith(("http://", "https://")):
        return {"credential": f"{login}:{password}" if login else password}
    if uri.partition("://")[0].partition("+")[0] in _SQL_SCHEMES:
        from sqlalchemy.engine import make_url

        user = make_url(uri).set(username=login or None, password=password or None)
        return {"uri": user.render_as_string(hide_password=False)}
    message = (
        f"{where}: login and password belong to a catalog at http(s):// or in a database, not at {uri!r}"
    )
    raise InvalidConnection(message)

"""`BinanceHook`: an Airflow connection becomes a client that signs with its key."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from airflow_provider_binance_liq.compat import AirflowNotFoundException, show_connection_form
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.exceptions import InvalidConnection, LiquidationsError
from airflow_provider_binance_liq.get_provider_info import get_provider_info

# What takes time to import (requests, cryptography) is imported where it is used: DAG files import this
# module, and Airflow imports DAG files again and again.
if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.exchange.client import BinanceClient
    from airflow_provider_binance_liq.exchange.connection import Account, Fields

#: seconds; the longest that a test in the UI should take
_TEST_TIMEOUT_S: Final = 5.0
#: ms before now that the test of a permission asks for
_TEST_SPAN_MS: Final = 60_000


class BinanceHook(BaseHook):
    """Reads a connection of type `binance`.

    :param binance_conn_id: its `login` is the API key, its `password` the HMAC secret or a PEM private key.
    """

    conn_name_attr = "binance_conn_id"
    default_conn_name = "binance_default"
    conn_type = "binance"
    hook_name = "Binance"

    def __init__(self, binance_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.binance_conn_id = binance_conn_id

    def account(self) -> Account:
        """Return the account of the connection, with every field checked.

        :raises InvalidConnection: naming the field, or a connection that does not exist.
        """
        from airflow_provider_binance_liq.exchange.connection import read_account

        return read_account(self._fields())

    def account_label(self) -> str:
        """Return the account's label in object keys and tables; the connection id, if none is given."""
        from airflow_provider_binance_liq.exchange.connection import read_label

        return read_label(self._fields())

    def get_conn(self) -> BinanceClient:
        """Make a client for this connection.

        :raises InvalidConnection: naming the field.
        """
        from airflow_provider_binance_liq.exchange.client import BinanceClient

        return BinanceClient(self.account().settings)

    def test_connection(self) -> tuple[bool, str]:
        """Test the clocks, the key, and which families it may read.

        It succeeds when at least one family can be read: no account has all of them.
        """
        from airflow_provider_binance_liq.exchange.client import BinanceClient

        try:
            settings = self.account().settings
        except LiquidationsError as error:
            return False, str(error)
        timeout_s = min(settings.timeout_s, _TEST_TIMEOUT_S)
        settings = replace(settings, timeout_s=timeout_s, max_sleep_s=_TEST_TIMEOUT_S, attempts=1)
        with closing(BinanceClient(settings)) as client:
            results = [_test_family(client, endpoint) for endpoint in _one_endpoint_a_family(client)]
        return any(readable for readable, _ in results), "; ".join(message for _, message in results)

    def _fields(self) -> Fields:
        from airflow_provider_binance_liq.exchange.connection import Fields

        try:
            connection = self.get_connection(self.binance_conn_id)
        except AirflowNotFoundException:
            message = (
                f"connection {self.binance_conn_id!r} does not exist; create it (type Binance) in the UI "
                "or with 'airflow connections add', or correct binance_conn_id"
            )
            raise InvalidConnection(message) from None
        fields = Fields(
            self.binance_conn_id,
            connection.login,
            connection.password,
            connection.extra,
            connection.conn_type,
        )
        for secret in fields.secrets():
            mask_secret(secret)
        return fields


show_connection_form(BinanceHook, get_provider_info()["connection-types"][0])


def _one_endpoint_a_family(client: BinanceClient) -> list[Endpoint]:
    """Choose the cheapest endpoint of each family that the connection reaches."""
    cheapest: dict[str, Endpoint] = {}
    for endpoint in sorted(ENDPOINTS.values(), key=lambda endpoint: endpoint.weight):
        cheapest.setdefault(endpoint.family.name, endpoint)
    return [cheapest[name] for name in FAMILIES if name in client.settings.origins]


def _test_family(client: BinanceClient, endpoint: Endpoint) -> tuple[bool, str]:
    from airflow_provider_binance_liq.core.paging import PageQuery

    family = endpoint.family.name
    try:
        now_ms = client.server_time_ms(family)
        number = 1 if not endpoint.is_by_time else None
        client.fetch(endpoint, PageQuery(now_ms - _TEST_SPAN_MS, now_ms, number=number))
    except LiquidationsError as error:
        return False, f"{family} cannot be read: {error}"
    offset_ms = client.clock_offset_ms(family)
    return True, f"{family} can be read (its clock is {offset_ms:+d} ms from this machine's)"

"""`BinanceHook`: an Airflow connection becomes a client that signs with its key."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret

from airflow_provider_binance_liq.compat import AirflowNotFoundException, show_connection_form
from airflow_provider_binance_liq.exceptions import InvalidConnection, LiquidationsError
from airflow_provider_binance_liq.get_provider_info import get_provider_info

# What takes time to import (requests, cryptography) is imported where it is used: DAG files import this
# module, and Airflow imports DAG files again and again.
if TYPE_CHECKING:
    from airflow_provider_binance_liq.exchange.client import BinanceClient
    from airflow_provider_binance_liq.exchange.connection import Account, Fields

#: the name that Airflow's API gives to a connection while it tests it: `airflow.utils.strings`
_RANDOM_NAME: Final = re.compile(r"[A-Za-z0-9]{8}")
#: what families have to answer in, however long it took to read the connection
_LEAST_S: Final = 1.0


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
        """Test the key, the clocks, and which families may be read, in less than five seconds.

        It succeeds when at least one family can be read: no account has all of them. The message has no
        secret.
        """
        begun = time.monotonic()
        from airflow_provider_binance_liq.exchange.trial import DEADLINE_S, try_families
        from airflow_provider_binance_liq.exchange.trial_report import report

        try:
            settings = self.account().settings
        except LiquidationsError as error:
            return False, self._unnamed(str(error))
        # A secrets backend, and the first import in a process, take a part of it.
        left_s = max(_LEAST_S, DEADLINE_S - (time.monotonic() - begun))
        works, message = report(try_families(settings, left_s), settings.signer.kind)
        return works, self._unnamed(f"connection {self.binance_conn_id!r}: {message}")

    def _unnamed(self, message: str) -> str:
        """Remove the connection's id from a message where it is none that a person has given.

        Airflow's API tests a connection under a random name, in an environment variable.
        """
        if _RANDOM_NAME.fullmatch(self.binance_conn_id) and _variable(self.binance_conn_id) in os.environ:
            return message.removeprefix(f"connection {self.binance_conn_id!r}: ")
        return message

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


def _variable(conn_id: str) -> str:
    """Return the environment variable that a connection may be in."""
    return f"AIRFLOW_CONN_{conn_id.upper()}"

"""The label of a connection's account, where a connection may be wrong and a secrets backend may fail."""

from __future__ import annotations

import logging

from airflow_provider_binance_liq.exceptions import InvalidConnection
from airflow_provider_binance_liq.hooks.binance import BinanceHook

log = logging.getLogger(__name__)


def find_label(conn_id: str) -> str | InvalidConnection | None:
    """Return the account's label, or what is wrong with the connection; None where it cannot be read now."""
    try:
        return BinanceHook(conn_id).account_label()
    except InvalidConnection as error:
        return error
    except Exception as error:  # noqa: BLE001 - a secrets backend may raise any error, and answer later
        log.warning("The connection %r cannot be read now: %s", conn_id, type(error).__name__)
    return None

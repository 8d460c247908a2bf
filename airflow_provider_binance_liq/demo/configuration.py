"""What the demo creates in its Airflow, as a user would under Admin: the connection and the Variable."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.endpoints import WITH_ORDERS
from airflow_provider_binance_liq.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from airflow_provider_binance_liq.demo.directory import Directory
    from airflow_provider_binance_liq.demo.rest import AirflowApi
    from airflow_provider_binance_liq.simulator import Simulator

DAG_ID: Final = "binance_liquidations"
#: label of the account; Airflow's masker warns about a value of fewer than 5 characters
ACCOUNT: Final = "demo-desk"
#: premises that are not documented of the real exchange, and hold for the simulated one
ACCEPTED: Final = ("isolated_rows", "recorded_by_endpoint")
_CONNECTION: Final = "binance_default"
_VARIABLE: Final = "binance_liquidations"
#: nearly all of it: no other client uses the simulated exchange's IP address, but tasks begin by its clock
_WEIGHT_SHARE_PERCENT: Final = 90


def configure_airflow(api: AirflowApi, simulator: Simulator, directory: Directory) -> None:
    """Create the connection and the Variable."""
    api.create_connection(connection(simulator))
    api.create_variable(
        _VARIABLE,
        json.dumps(dag_settings(directory), indent=2),
        "What the DAG binance_liquidations extracts, of whom, and where to",
    )


def connection(simulator: Simulator) -> dict[str, Any]:
    """Return the connection to the simulated exchange, as Airflow's REST interface takes it."""
    credentials = simulator.credentials(ACCOUNT)
    # Every field of the form: of a stored connection, Airflow shows only what it has.
    fields = get_provider_info()["connection-types"][0]["conn-fields"]
    extra = dict.fromkeys(fields) | {
        "account": ACCOUNT,
        "weight_share_percent": _WEIGHT_SHARE_PERCENT,
        "base_url": simulator.url,
    }
    return {
        "connection_id": _CONNECTION,
        "conn_type": "binance",
        "description": "The demo's simulated exchange. (Port 0: without a port, Airflow 3.3 cannot test it.)",
        "login": credentials.api_key,
        "password": credentials.secret,
        "port": 0,
        "extra": json.dumps(extra),
    }


def dag_settings(directory: Directory) -> dict[str, Any]:
    """Return the value of the Variable that the sample DAG reads."""
    return {
        "endpoints": list(WITH_ORDERS),
        "connections": [{"binance_conn_id": _CONNECTION, "accept_premises": list(ACCEPTED)}],
        # Not `as_uri()`: an ObjectStoragePath takes %20 for three letters.
        "destination": f"file://{directory.lake}",
        "database": str(directory.warehouse),
    }

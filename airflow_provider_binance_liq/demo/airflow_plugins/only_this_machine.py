"""A plugin for the demo's Airflow alone: it answers to the names of this machine and to no other.

A page in a browser can make the name of its own host mean 127.0.0.1 and so read what listens there as if it
were its own (DNS rebinding). Its requests still carry that name as their Host. Airflow has no setting that
looks at it, but lets a plugin add a middleware.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from starlette.middleware.trustedhost import TrustedHostMiddleware

_MIDDLEWARES = [
    {
        "name": "hosts of this machine",
        "middleware": TrustedHostMiddleware,
        "kwargs": {"allowed_hosts": ["127.0.0.1", "localhost"], "www_redirect": False},
    }
]


class OnlyThisMachine(AirflowPlugin):
    """Refuse requests that are addressed to another host, whatever their path."""

    name = "binance_liq_demo_only_this_machine"
    fastapi_root_middlewares = _MIDDLEWARES

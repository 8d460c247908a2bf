"""An operator for each endpoint, from the table of endpoints: a class that sets only its `endpoint`."""

from __future__ import annotations

from typing import TypeVar

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS

T = TypeVar("T")


def one_per_endpoint(base: type[T], *, module: str) -> dict[str, type[T]]:
    """Make the subclasses of `base`, by their names; `module` is where their users find them."""
    return {
        endpoint.operator_name: type(
            endpoint.operator_name,
            (base,),
            {
                "__doc__": f"{endpoint.title}: GET {endpoint.path}.",
                "__module__": module,
                "default_endpoint": endpoint.name,
            },
        )
        for endpoint in ENDPOINTS.values()
    }

"""What answers at which path: the endpoints by their table, and what is public, in one place.

A path that is not here does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.simulator import listings
from airflow_provider_binance_liq.simulator.limits import API_POOL
from airflow_provider_binance_liq.simulator.responses import Response, answer, error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.simulator.exchange import Exchange, Request
    from airflow_provider_binance_liq.simulator.symbols import Kind


@dataclass(frozen=True, slots=True)
class Route:
    """One path."""

    #: endpoint's name, or what `Fault.endpoint` calls it
    name: str
    family: str
    pool: str
    weight: int
    act: Callable[[Exchange, Request, int], Response]
    endpoint: Endpoint | None = None

    def cost(self, parameters: Mapping[str, str]) -> int:
        """Return what a request costs."""
        if self.endpoint is None:
            return self.weight
        symbols = self.endpoint.symbols
        return self.endpoint.request_weight(symbol=symbols is not None and symbols.parameter in parameters)


def _clock(_exchange: Exchange, _request: Request, now_ms: int) -> Response:
    return answer({"serverTime": now_ms})


def _ping(_exchange: Exchange, _request: Request, _now_ms: int) -> Response:
    return answer({})


def _margin_pairs(_exchange: Exchange, _request: Request, _now_ms: int) -> Response:
    return answer(listings.margin_pairs())


def _restrictions(exchange: Exchange, request: Request, now_ms: int) -> Response:
    return exchange.restrictions(request, now_ms)


def _exchange_info(kind: Kind, pool: str) -> Callable[[Exchange, Request, int], Response]:
    def act(exchange: Exchange, _request: Request, now_ms: int) -> Response:
        if exchange.settings.exchange_info == "fails":
            return error(503, -1000, "Service Unavailable.")
        limit = exchange.limits.limit(pool)
        return answer(listings.exchange_info(kind, now_ms, limit, exchange.settings))

    return act


def _public_routes() -> dict[str, Route]:
    futures, papi = "futures", "papi"
    return {
        "/fapi/v1/time": Route("clock", "fapi", futures, 1, _clock),
        "/dapi/v1/time": Route("clock", "dapi", futures, 1, _clock),
        "/api/v3/time": Route("clock", API_POOL, API_POOL, 1, _clock),
        "/fapi/v1/ping": Route("ping", "fapi", futures, 1, _ping),
        "/dapi/v1/ping": Route("ping", "dapi", futures, 1, _ping),
        "/api/v3/ping": Route("ping", API_POOL, API_POOL, 1, _ping),
        "/papi/v1/ping": Route("ping", "papi", papi, 1, _ping),
        "/fapi/v1/exchangeInfo": Route("exchange_info", "fapi", futures, 1, _exchange_info("um", futures)),
        "/dapi/v1/exchangeInfo": Route("exchange_info", "dapi", futures, 1, _exchange_info("cm", futures)),
        "/api/v3/exchangeInfo": Route(
            "exchange_info", API_POOL, API_POOL, 20, _exchange_info("spot", API_POOL)
        ),
        "/sapi/v1/margin/allPairs": Route("exchange_info", "sapi", "sapi:allPairs", 1, _margin_pairs),
        "/sapi/v1/margin/isolated/allPairs": Route(
            "exchange_info", "sapi", "sapi:isolatedPairs", 1, _margin_pairs
        ),
        "/sapi/v1/account/apiRestrictions": Route(
            "restrictions", "sapi", "sapi:restrictions", 1, _restrictions
        ),
    }


def _unreachable(_exchange: Exchange, _request: Request, _now_ms: int) -> Response:
    return error(500, -1000, "No such endpoint.")


#: path → what answers there
ROUTES: Final[Mapping[str, Route]] = {
    endpoint.path: Route(
        endpoint.name, endpoint.family.name, endpoint.weight_pool, endpoint.weight, _unreachable, endpoint
    )
    for endpoint in ENDPOINTS.values()
} | _public_routes()

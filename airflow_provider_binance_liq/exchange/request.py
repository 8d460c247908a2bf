"""Requests: their parameters, in the exchange's own names, and what they cost.

The law kept here: a signed request has one of the few paths below; no other can be made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.exchange.rate_limiter import RequestCost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_binance_liq.core.answers import Response
    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.paging import PageQuery

#: says what a key may do; requested by `binance-liq probe` alone
RESTRICTIONS_PATH: Final = "/sapi/v1/account/apiRestrictions"
SIGNED_PATHS: Final = frozenset({RESTRICTIONS_PATH, *(endpoint.path for endpoint in ENDPOINTS.values())})
#: the clocks, ping and exchangeInfo of fapi, dapi and papi; sapi's clock, and what a key may do
_PUBLIC_WEIGHT: Final = 1
_COUNT: Final = re.compile(r"[0-9]{1,9}")


@dataclass(slots=True)
class Spent:
    """Requests for rows that were sent, repeated ones included, and their documented weight."""

    requests: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One request, however often it is sent.

    :raises InvalidRequest: it is to be signed, and its path is none of `SIGNED_PATHS`.
    """

    cost: RequestCost
    path: str
    #: for messages and logs
    name: str
    parameters: tuple[tuple[str, str | int], ...] = ()
    signed: bool = False

    def __post_init__(self) -> None:
        if self.signed and self.path not in SIGNED_PATHS:
            message = f"no request to {self.path} is ever signed"
            raise InvalidRequest(message)

    @property
    def family(self) -> str:
        """Name of the family that answers it."""
        return self.cost.family

    def used_weight(self, response: Response) -> int | None:
        """Read the used weight in the headers; the answers of sapi's clock count another limit."""
        used = response.headers.get(FAMILIES[self.family].used_weight_header, "")
        return int(used) if _COUNT.fullmatch(used) else None


@dataclass(slots=True)
class Tries:
    """How often one request was tried, and with what result."""

    max_attempts: int
    attempts: int = 0
    #: answers that asked to wait
    waits: int = 0
    #: times that the clock was read again
    resyncs: int = 0


def of_page(endpoint: Endpoint, ask: PageQuery, page_size: int | None = None) -> Request:
    """Make the request for one page, of the most rows if no `page_size` is given."""
    weight = endpoint.request_weight(symbol=ask.symbol is not None)
    return Request(
        cost=RequestCost(endpoint.family.name, endpoint.weight_pool, weight, endpoint.min_interval_ms),
        path=endpoint.path,
        name=f"GET {endpoint.path} ({ask})",
        parameters=tuple(_parameters(endpoint, ask, page_size or endpoint.pager.page_size)),
        signed=True,
    )


def of_public(family: str, path: str) -> Request:
    """Make an unsigned request, for public data."""
    return Request(RequestCost(family, FAMILIES[family].weight_pool, _PUBLIC_WEIGHT), path, f"GET {path}")


def of_permissions() -> Request:
    """Make the request for what the key may do, which the probe alone sends."""
    cost = RequestCost("sapi", "sapi:restrictions", _PUBLIC_WEIGHT)
    return Request(cost, RESTRICTIONS_PATH, f"GET {RESTRICTIONS_PATH}", signed=True)


def _parameters(endpoint: Endpoint, ask: PageQuery, page_size: int) -> Iterable[tuple[str, str | int]]:
    """Translate an ask to the endpoint's own parameter names."""
    yield "startTime", ask.first_ms
    yield "endTime", ask.last_ms
    if ask.symbol is not None and endpoint.symbols:
        yield endpoint.symbols.parameter, ask.symbol
    if ask.auto_close_type is not None:
        yield "autoCloseType", ask.auto_close_type
    if ask.after_id is not None and endpoint.pager.id_parameter:
        yield endpoint.pager.id_parameter, ask.after_id
    if ask.number is not None:
        yield "current", ask.number
    yield endpoint.pager.size_parameter, page_size

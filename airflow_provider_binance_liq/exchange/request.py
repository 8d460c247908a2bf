"""Requests: what is asked, in the exchange's own parameter names, and what it draws on.

There is nothing else that could be asked: the paths of the table of endpoints, the clocks, the lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import FAMILIES, Endpoint
from airflow_provider_binance_liq.exchange.rate_limiter import Draw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_binance_liq.core.answers import Response
    from airflow_provider_binance_liq.core.paging import Ask

#: the clocks, ping and exchangeInfo of fapi, dapi and papi, and sapi's clock
_PUBLIC_WEIGHT: Final = 1
_COUNT: Final = re.compile(r"[0-9]{1,9}")


@dataclass(slots=True)
class Spent:
    """Requests for rows that were sent, repeated ones included, and their documented weight."""

    requests: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One request, however often it is sent."""

    draw: Draw
    path: str
    #: how texts call it
    said: str
    parameters: tuple[tuple[str, str | int], ...] = ()
    signed: bool = False

    @property
    def family(self) -> str:
        """Name of the family that answers it."""
        return self.draw.family

    def used_weight(self, response: Response) -> int | None:
        """Read what the server counts; its answers to the clock of sapi count another limit."""
        used = response.headers.get(FAMILIES[self.family].used_weight_header, "")
        return int(used) if _COUNT.fullmatch(used) else None


@dataclass(slots=True)
class Tries:
    """What became of one request so far."""

    most: int
    attempts: int = 0
    holds: int = 0
    resyncs: int = 0


def of_page(endpoint: Endpoint, ask: Ask) -> Request:
    """Make the request for one page."""
    weight = endpoint.request_weight(symbol=ask.symbol is not None)
    return Request(
        draw=Draw(endpoint.family.name, endpoint.weight_pool, weight, endpoint.min_interval_ms),
        path=endpoint.path,
        said=f"GET {endpoint.path} ({ask})",
        parameters=tuple(_parameters(endpoint, ask)),
        signed=True,
    )


def of_public(family: str, path: str) -> Request:
    """Make the request for what everybody may know."""
    return Request(Draw(family, FAMILIES[family].weight_pool, _PUBLIC_WEIGHT), path, f"GET {path}")


def _parameters(endpoint: Endpoint, ask: Ask) -> Iterable[tuple[str, str | int]]:
    """Spell an ask in the endpoint's own parameter names."""
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
    yield endpoint.pager.size_parameter, endpoint.pager.page_size

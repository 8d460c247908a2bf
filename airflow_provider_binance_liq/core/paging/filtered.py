"""Filters: by symbol and by `autoCloseType`, without taking it for granted that they come before the limit.

A filtered window is read without the filter, until an answer has shown that the filter comes first (see
`filters_first`). From then on the filter is used, where that weighs less. Which rows of an unfiltered answer
are wanted is known by their symbol; for a type, each short page is requested again with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.paging.by_time import TimePager
from airflow_provider_binance_liq.core.paging.filters_first import has_sample, observe
from airflow_provider_binance_liq.core.paging.instants import INVALID_SYMBOL
from airflow_provider_binance_liq.core.paging.page_query import PageQuery
from airflow_provider_binance_liq.exceptions import RequestRejected

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.paging.page_query import Answer, Observations, Plan, SymbolsQuery
    from airflow_provider_binance_liq.core.windows import Window


def plan_filtered(
    endpoint: Endpoint,
    window: Window,
    symbols: Sequence[str],
    auto_close_type: AutoCloseType | None,
    observations: Observations,
) -> Plan:
    """Plan the requests that prove `window` under filters, by whatever weighs the least and rests on nothing.

    :raises LiquidationsError: as `plan` does.
    """
    reading = _Filtered(endpoint, window, symbols, auto_close_type, observations)
    if reading.is_cheap_apart and reading.kinds <= observations.filters_first:
        return (yield from reading.apart())
    return (yield from reading.together())


class _Filtered:
    def __init__(
        self,
        endpoint: Endpoint,
        window: Window,
        symbols: Sequence[str],
        auto_close_type: AutoCloseType | None,
        observations: Observations,
    ) -> None:
        self.endpoint = endpoint
        self.query = PageQuery(window.first_ms, window.last_ms)
        self.symbols: Sequence[str | None] = symbols or (None,)
        self.auto_close_type = auto_close_type
        self.observations = observations
        one = replace(self.query, symbol=self.symbols[0], auto_close_type=auto_close_type)
        self.kinds = one.filters
        #: weight of one request for each symbol
        self.least_apart = len(self.symbols) * endpoint.request_weight(symbol="symbol" in self.kinds)

    @property
    def is_cheap_apart(self) -> bool:
        """Whether a request for each symbol weighs no more than one for all."""
        return self.least_apart <= self.endpoint.weight

    def apart(self) -> Plan:
        """Read by the filters alone: the symbols one after another."""
        try:
            for symbol in self.symbols:
                query = replace(self.query, symbol=symbol, auto_close_type=self.auto_close_type)
                proof = yield from TimePager(self.endpoint, query, self.observations).run()
        except RequestRejected as refusal:
            if refusal.code != INVALID_SYMBOL:
                raise
            # One that is no longer listed may have rows all the same.
            proof = yield from self._whole().run()
        return proof

    def together(self) -> Plan:
        """Read without filters, until they are seen to come first and would have weighed less."""
        walk = self._whole()
        steps, spent, tried = walk.run(), 0, False
        try:
            query = next(steps)
            while True:
                if not tried and spent >= self.least_apart and has_sample(walk):
                    tried = True
                    if (yield from self._filters_come_first(walk)):
                        steps.close()
                        return (yield from self.apart())
                spent += self.endpoint.weight
                try:
                    answer = yield query
                except RequestRejected as refusal:
                    query = steps.throw(refusal)
                else:
                    query = steps.send(answer)
        except StopIteration as stop:
            return str(stop.value)

    def _whole(self) -> TimePager:
        return TimePager(self.endpoint, self.query, self.observations, typed=self.auto_close_type)

    def _filters_come_first(self, walk: TimePager) -> Generator[PageQuery | SymbolsQuery, Answer, bool]:
        yield from observe(walk, self.kinds)
        return self.kinds <= self.observations.filters_first

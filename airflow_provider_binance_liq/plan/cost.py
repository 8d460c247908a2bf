"""The cost estimate of a range of time: what each endpoint costs, and what the pools that they share do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from airflow_provider_binance_liq.core.estimates import estimate, least_minutes, pool_costs
from airflow_provider_binance_liq.core.horizon import Retention

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.estimates import EndpointCost, PoolCost, WindowSeries
    from airflow_provider_binance_liq.extraction.reader import Filters


@dataclass(frozen=True, slots=True)
class EndpointEstimate:
    """What one endpoint costs, and what of it the exchange may not keep any more."""

    cost: EndpointCost
    filters: Filters
    retention: Retention
    #: a window that begins before this instant cannot be proven
    oldest_ms: int
    #: windows of all accounts that begin before what the exchange keeps
    beyond_retention: int

    @property
    def endpoint(self) -> Endpoint:
        """The row of the table."""
        return self.cost.endpoint

    @property
    def symbols(self) -> Literal["all", "apart", "filtered"]:
        """How symbols are asked for: all at once, one by one (`apart`), or all at once and filtered here."""
        if not self.filters.symbols:
            return "all"
        return "filtered" if self.filters.per_request(self.endpoint) == (None,) else "apart"


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What was asked for, and what it costs at the least."""

    series: WindowSeries
    #: length of a window, as given
    every: str
    now_ms: int
    accounts: int
    share: float
    rows_per_window: int
    endpoints: tuple[EndpointEstimate, ...]
    pools: tuple[PoolCost, ...]

    @classmethod
    def of(
        cls,
        series: WindowSeries,
        endpoints: Iterable[tuple[Endpoint, Filters, int]],
        *,
        every: str,
        now_ms: int,
        accounts: int,
        share: float,
        rows_per_window: int = 0,
    ) -> Self:
        """Estimate each endpoint with its filters and its number of accounts.

        :raises InvalidRequest: a number out of its range, or a share that not one request fits into.
        """
        estimates = []
        for endpoint, filters, with_it in endpoints:
            cost = estimate(
                endpoint,
                series,
                asked=filters.per_request(endpoint),
                accounts=with_it,
                share=share,
                expected_rows=rows_per_window,
            )
            kept = Retention.of(endpoint)
            oldest_ms = kept.oldest_ms(now_ms)
            beyond = series.starting_before(oldest_ms) * with_it
            estimates.append(EndpointEstimate(cost, filters, kept, oldest_ms, beyond))
        pools = pool_costs(one.cost for one in estimates)
        return cls(series, every, now_ms, accounts, share, rows_per_window, tuple(estimates), pools)

    @property
    def requests(self) -> int:
        """Requests to all endpoints."""
        return sum(pool.requests for pool in self.pools)

    @property
    def weight(self) -> int:
        """Weight of all of them."""
        return sum(pool.weight for pool in self.pools)

    @property
    def minutes(self) -> int:
        """Minutes until the slowest pool is done."""
        return least_minutes(self.pools)

    @property
    def not_over(self) -> int:
        """Windows of the series that end in the future."""
        return self.series.ending_after(self.now_ms)

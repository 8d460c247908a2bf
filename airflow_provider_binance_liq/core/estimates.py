"""Estimates: the least that extracting a series of windows costs, before any request is sent.

The law kept here is that of a *lower bound*: an extraction in which nothing has to be asked twice sends
exactly so many requests, and none sends fewer. Weight is counted per IP address, so accounts add up, and so
do the endpoints of one pool; pools run beside each other, so the slowest of them takes as long as all.

Series are counted and never laid out: a range of years in windows of a minute costs no memory. Instants are
epoch milliseconds, and are always passed in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.weights import DEFAULT_WEIGHT_SHARE, PoolLimit
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import InvalidInterval, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_binance_liq.core.endpoint import Endpoint

LEAST_SHARE: Final = 0.01
MOST_SHARE: Final = 1
#: accounts, or rows of a window; more than that is a slip of the finger
_MOST: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class WindowSeries:
    """`whole`, cut from its start into windows of `every_ms`; the last one may be shorter."""

    whole: Window
    every_ms: int

    def __post_init__(self) -> None:
        if self.every_ms < 1:
            message = f"a window has to be at least 1 ms long, not {self.every_ms} ms"
            raise InvalidInterval(message)

    @property
    def count(self) -> int:
        """How many windows there are."""
        return -(-self._length // self.every_ms)

    def lengths(self) -> dict[int, int]:
        """Return the windows' lengths in ms, and how many windows there are of each."""
        full, rest = divmod(self._length, self.every_ms)
        return {length: many for length, many in ((self.every_ms, full), (rest, 1)) if length and many}

    def starting_before(self, instant_ms: int) -> int:
        """Count the windows that start before an instant."""
        return min(max(-(-(instant_ms - self.whole.start_ms) // self.every_ms), 0), self.count)

    def ending_after(self, instant_ms: int) -> int:
        """Count the windows that end after an instant."""
        if instant_ms >= self.whole.end_ms:
            return 0
        return self.count - max((instant_ms - self.whole.start_ms) // self.every_ms, 0)

    @property
    def _length(self) -> int:
        return self.whole.end_ms - self.whole.start_ms


@dataclass(frozen=True, slots=True)
class EndpointCost:
    """The least that one endpoint costs, all accounts together."""

    endpoint: Endpoint
    #: one object each
    windows: int
    #: the pieces of them that are not longer than one request may span
    spans: int
    requests: int
    #: weight of each request
    request_weight: int
    #: weight that may be used in one minute
    allowed: int

    @property
    def weight(self) -> int:
        """Weight of all requests."""
        return self.requests * self.request_weight

    @property
    def minutes(self) -> int:
        """Minutes whose weight is needed, if nothing else draws on the pool."""
        return _least_minutes(self.allowed, {self.request_weight: self.requests})


@dataclass(frozen=True, slots=True)
class PoolCost:
    """The least that the endpoints of one pool cost together."""

    name: str
    #: weight per minute that the exchange allows the IP address
    limit: int
    #: our share of it
    allowed: int
    requests: int
    weight: int
    minutes: int


def estimate(
    endpoint: Endpoint,
    series: WindowSeries,
    *,
    asked: Sequence[str | None] = (None,),
    accounts: int = 1,
    share: float = DEFAULT_WEIGHT_SHARE,
    expected_rows: int = 0,
) -> EndpointCost:
    """Estimate what `series` costs on `endpoint`.

    :param asked: which symbol each request for a span names, as `Filters.per_request` chooses.
    :param accounts: how many accounts share the IP address.
    :param share: the share of the IP address's weight that may be used up.
    :param expected_rows: rows in each window, and of each symbol that is requested separately.

    :raises InvalidRequest: a number out of its range, or a share that not one request fits into.
    """
    _check(accounts, share, expected_rows)
    request_weight = endpoint.request_weight(symbol=asked[0] is not None)
    limit = endpoint.family.weight_limit
    allowed = PoolLimit(limit, share).allowed
    if request_weight > allowed:
        message = (
            f"a request of {endpoint.name} costs a weight of {request_weight}, but a share of {share:g} of "
            f"{limit:,} allows {allowed} a minute; it takes a share of "
            f"{-(-request_weight * 1000 // limit) / 1000:g} or more"
        )
        raise InvalidRequest(message)
    pages = -(-expected_rows // endpoint.pager.page_size)
    if not endpoint.is_by_time and expected_rows and not expected_rows % endpoint.pager.page_size:
        pages += 1  # a full last page is followed by one that has to be empty
    spans = requests = 0
    for length, many in series.lengths().items():
        pieces = len(Window(0, length).split(endpoint.max_span_ms))
        spans += pieces * many
        # Rows may lie in few of the pieces, but an empty piece takes a request as well.
        requests += max(pieces, pages) * many
    return EndpointCost(
        endpoint=endpoint,
        windows=series.count * accounts,
        spans=spans * accounts,
        requests=requests * accounts * len(asked),
        request_weight=request_weight,
        allowed=allowed,
    )


def pool_costs(costs: Iterable[EndpointCost]) -> tuple[PoolCost, ...]:
    """Add up the costs of each pool, in the order in which the pools come."""
    pools: dict[str, list[EndpointCost]] = {}
    for one in costs:
        pools.setdefault(one.endpoint.weight_pool, []).append(one)
    return tuple(_add_up(name, members) for name, members in pools.items())


def least_minutes(pools: Iterable[PoolCost]) -> int:
    """Minutes that all pools take beside each other: those of the slowest."""
    return max((pool.minutes for pool in pools), default=0)


def _check(accounts: int, share: float, expected_rows: int) -> None:
    if not 1 <= accounts <= _MOST:
        message = f"there are {accounts} accounts; it takes a number from 1 to {_MOST}"
        raise InvalidRequest(message)
    if not LEAST_SHARE <= share <= MOST_SHARE:
        message = f"the share is {share:g}; it takes a number from {LEAST_SHARE} to {MOST_SHARE}"
        raise InvalidRequest(message)
    if not 0 <= expected_rows <= _MOST:
        message = f"there are {expected_rows} rows per window; it takes a number from 0 to {_MOST}"
        raise InvalidRequest(message)


def _add_up(name: str, members: Sequence[EndpointCost]) -> PoolCost:
    first = members[0]
    by_weight: Counter[int] = Counter()
    for one in members:
        by_weight[one.request_weight] += one.requests
    return PoolCost(
        name=name,
        limit=first.endpoint.family.weight_limit,
        allowed=first.allowed,
        requests=sum(one.requests for one in members),
        weight=sum(one.weight for one in members),
        minutes=_least_minutes(first.allowed, by_weight),
    )


def _least_minutes(allowed: int, requests: Mapping[int, int]) -> int:
    """How many minutes' weight so many requests of each weight need, at the least.

    A request is not spread over two minutes: of those that weigh `weight` or more, a minute takes at most
    `allowed // weight`.
    """
    minutes = -(-sum(weight * many for weight, many in requests.items()) // allowed)
    for weight in requests:
        as_heavy = sum(many for other, many in requests.items() if other >= weight)
        minutes = max(minutes, -(-as_heavy // (allowed // weight)))
    return minutes

"""What a fleet's backfill came to, in figures: plain values in, one `Figures` out, for people and machines.

The bound that is checked. A client sends a request of weight `w` only while the use that it knows of, and
`w`, are within the share. Once the real use has passed `share * limit - w`, each of the clients that are at
work can be wrong about that once: its answer tells it. So no more is ever used in a minute than
`share * limit + clients * w`, and what others on the address spend meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS
from airflow_provider_binance_liq.core.estimates import WindowSeries, estimate, least_minutes, pool_costs
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from drive import Outcome
    from size import Size

    from airflow_provider_binance_liq.demo.truth import Difference
    from airflow_provider_binance_liq.simulator.exchange import LoggedRequest

_MINUTE_MS: Final = 60_000
_TOO_MANY: Final = 429
_BANNED: Final = 418
_SECOND_TRY: Final = 2


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool's use, over all minutes."""

    name: str
    #: weight per minute that the exchange allows the IP address
    limit: int
    #: our share of it
    allowed: int
    #: requests of the fleet, and their weight
    requests: int
    weight: int
    #: most weight used in a minute, by everybody on the address, as seen by a request of the fleet
    highest: int
    #: what it can never be above
    bound: int
    #: most requests that one window's extraction sent in a minute once its share was used up
    sent_late: int

    @property
    def highest_share(self) -> float:
        """The share of the limit that was used in the fullest minute."""
        return self.highest / self.limit


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured."""

    days: int
    accounts: int
    endpoints: int
    workers: int
    slots: int
    share: float
    other_traffic: int
    #: requests of the fleet to the exchange
    requests: int
    pools: tuple[Pool, ...]
    #: answers 429, by whomever they were caused
    status_429: int
    #: answers 418: the one that began the ban, and those to requests during it
    status_418: int
    requests_during_ban: int
    #: requests of the trading desk on the same address, and those of them that were not answered with 200
    desk_requests: int
    desk_refused: int
    rows: int
    rows_missing: int
    rows_extra: int
    rows_altered: int
    windows: int
    windows_proven: int
    #: windows that begin before what the exchange is known to keep; extracted, and not claimed complete
    windows_in_doubt: int
    seconds: float
    #: of them, the ban
    ban_seconds: float
    #: the least that the budget permits: at the share, and at what others leave of it
    least_minutes: int
    least_minutes_left: int
    #: extractions that were deferred during the ban while none held a worker slot
    deferred_in_ban: int
    #: longest that one held a worker slot meanwhile
    held_in_ban_seconds: float
    killed: str
    #: extractions that the killed worker was at work on, and those of them that ended well on another
    tasks_lost: int
    tasks_taken_over: int
    #: tasks that ended well at their first try, and later
    tasks_at_once: int
    tasks_retried: int
    tasks_failed: int

    @property
    def ratio(self) -> float:
        """Time taken without the ban, over the least that was left to the fleet."""
        return (self.seconds - self.ban_seconds) / (60 * self.least_minutes_left)

    @property
    def is_well(self) -> bool:
        """Whether nothing is lost, nothing failed, and nobody was refused for the fleet's sake."""
        wrong = self.rows_missing + self.rows_extra + self.rows_altered + self.tasks_failed
        return (
            wrong + self.status_429 + self.desk_refused == 0
            and self.windows == self.days * self.endpoints * self.accounts
            and all(pool.highest <= pool.bound for pool in self.pools)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "ratio": round(self.ratio, 2)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned."""
        kept = {name: value for name, value in values.items() if name != "ratio"}
        return cls(**kept | {"pools": tuple(Pool(**pool) for pool in kept["pools"])})


def measure(
    size: Size,
    outcome: Outcome,
    *,
    log: Sequence[LoggedRequest],
    desk: Mapping[int, int],
    differences: Sequence[Difference],
    rows: int,
    windows: Sequence[tuple[str, str, bool]],
) -> Figures:
    """Put everything together.

    :param rows: rows in the exchange's history.
    :param windows: account, endpoint and whether it is proven, of each window in the warehouse.
    """
    ours = [asked for asked in log if asked.endpoint != "ping"]
    kinds = [difference.kind for difference in differences]
    lost = {task.name for task in outcome.lost}
    good = [task for task in outcome.tasks if task.state == "success"]
    retried = {task.name for task in good if task.try_number >= _SECOND_TRY}
    proven = sum(complete for *_, complete in windows)
    return Figures(
        days=size.days,
        accounts=len(size.accounts),
        endpoints=len(WITH_ORDERS),
        workers=size.workers,
        slots=size.slots,
        share=size.share,
        other_traffic=size.other_traffic,
        requests=len(ours),
        pools=tuple(pools(ours, size.share, size.slots, size.other_traffic)),
        status_429=sum(asked.status == _TOO_MANY for asked in log),
        status_418=sum(asked.status == _BANNED for asked in log),
        requests_during_ban=sum(asked.during_ban for asked in log),
        desk_requests=sum(desk.values()),
        desk_refused=sum(count for status, count in desk.items() if status != 200),
        rows=rows,
        rows_missing=kinds.count("missing"),
        rows_extra=kinds.count("extra"),
        rows_altered=kinds.count("altered"),
        windows=len(windows),
        windows_proven=proven,
        windows_in_doubt=len(windows) - proven,
        seconds=round(outcome.seconds, 1),
        ban_seconds=round((outcome.ban.ended_ms - outcome.ban.begun_ms) / 1000, 1),
        least_minutes=least(size, outcome.cascades, size.share, 0),
        least_minutes_left=least(size, outcome.cascades, size.share, size.other_traffic),
        deferred_in_ban=outcome.ban.deferred,
        held_in_ban_seconds=round(outcome.ban.held_s, 1),
        killed=outcome.killed,
        tasks_lost=len(lost),
        tasks_taken_over=len(lost & retried),
        tasks_at_once=len(good) - len(retried),
        tasks_retried=len(retried),
        tasks_failed=sum(task.state in {"failed", "upstream_failed"} for task in outcome.tasks),
    )


def pools(log: Iterable[LoggedRequest], share: float, clients: int, other_traffic: int) -> list[Pool]:
    """Add up each pool's use; the bound is that of the module's docstring."""
    by_pool: dict[str, list[LoggedRequest]] = defaultdict(list)
    for asked in log:
        by_pool[asked.pool].append(asked)
    return [_pool(name, by_pool[name], share, clients, other_traffic) for name in sorted(by_pool)]


def _pool(name: str, log: Sequence[LoggedRequest], share: float, clients: int, other_traffic: int) -> Pool:
    limit = log[0].weight_limit
    allowed = int(limit * share)
    heaviest = max(asked.weight for asked in log)
    return Pool(
        name=name,
        limit=limit,
        allowed=allowed,
        requests=len(log),
        weight=sum(asked.weight for asked in log),
        highest=max(asked.used_weight for asked in log),
        bound=allowed + clients * heaviest + other_traffic,
        sent_late=_sent_late(log, allowed),
    )


def _sent_late(log: Iterable[LoggedRequest], allowed: int) -> int:
    """Return the most signed requests of one window in one minute that went past what is allowed."""
    late: dict[tuple[int, str, str, int], int] = defaultdict(int)
    for asked in log:
        # One that fits in what is left is none of them, however full the minute: weights differ in a pool.
        if asked.used_weight > allowed and asked.account and not asked.during_ban:
            day = int(asked.params.get("startTime", 0)) // DAY_MS
            late[asked.at_ms // _MINUTE_MS, asked.account, asked.endpoint, day] += 1
    return max(late.values(), default=0)


def least(size: Size, cascades: int, share: float, other_traffic: int) -> int:
    """Return the least minutes whose weight all windows need; others spend `other_traffic` of each pool."""
    series = {0: size.days - cascades, size.cascade_rows: cascades}
    estimates = [
        estimate(
            endpoint,
            WindowSeries(Window(0, days * DAY_MS), DAY_MS),
            accounts=len(size.accounts),
            share=share - other_traffic / endpoint.family.weight_limit,
            expected_rows=rows,
        )
        for endpoint in map(ENDPOINTS.__getitem__, WITH_ORDERS)
        for rows, days in series.items()
        if days
    ]
    return least_minutes(pool_costs(estimates))


def lines(figures: Figures) -> list[str]:
    """Return the report that a person reads: a table of Markdown."""
    return ["| measured | |", "|---|---|", *(f"| {name} | {value} |" for name, value in _rows(figures))]


def _rows(f: Figures) -> Iterable[tuple[str, str]]:
    yield "windows: days x endpoints x accounts", f"{f.days} x {f.endpoints} x {f.accounts} = {f.windows:,}"
    yield "workers, tasks at once", f"{f.workers}, {f.slots}"
    yield "share of the weight, weight of others a minute", f"{f.share:g}, {f.other_traffic}"
    for pool in f.pools:
        used = f"{pool.highest_share:.0%} = {pool.highest:,} of {pool.limit:,}; bound {pool.bound:,}"
        yield f"`{pool.name}`: most used in a minute, by everybody", used
        yield f"`{pool.name}`: requests, weight", f"{pool.requests:,}, {pool.weight:,}"
    yield "answers 429", f"{f.status_429}"
    yield "answers 418, requests during the ban", f"{f.status_418}, {f.requests_during_ban}"
    yield "requests of a desk on the same address, refused", f"{f.desk_requests:,}, {f.desk_refused}"
    yield "rows of the exchange", f"{f.rows:,}"
    lost = f"{f.rows_missing} missing, {f.rows_extra} extra, {f.rows_altered} altered"
    yield "rows of the warehouse that differ", lost
    yield "windows proven, begun before what is kept", f"{f.windows_proven:,}, {f.windows_in_doubt}"
    yield "time taken, of it the ban", f"{f.seconds / 60:.1f} min, {f.ban_seconds / 60:.1f} min"
    yield "least that the share permits, and what others leave of it", _least(f)
    yield "time without the ban, over that least", f"{f.ratio:.2f}"
    yield "extractions deferred while none held a slot during the ban", f"{f.deferred_in_ban}"
    yield "longest that one held a slot during the ban", f"{f.held_in_ban_seconds:.0f} s"
    yield "killed; its extractions, taken over", f"{f.killed}; {f.tasks_lost}, {f.tasks_taken_over}"
    tries = f"{f.tasks_at_once:,}, {f.tasks_retried}, {f.tasks_failed}"
    yield "tasks that succeeded at the first try, succeeded later, failed", tries


def _least(f: Figures) -> str:
    return f"{f.least_minutes} min, {f.least_minutes_left} min"

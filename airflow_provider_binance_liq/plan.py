"""Tell what extracting a range of time costs at the least: windows, requests, weight and minutes.

It needs no key and no network: it counts by the documented costs. Exit status: 0; 2 where an option is wrong.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.endpoints import DAY_MS, ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.estimates import (
    LEAST_SHARE,
    MOST_SHARE,
    Estimate,
    PoolEstimate,
    Retention,
    WindowSeries,
    estimate,
    least_minutes,
    pool_estimates,
    retention,
)
from airflow_provider_binance_liq.core.weights import MINUTE_MS
from airflow_provider_binance_liq.core.windows import Window, epoch_ms, iso
from airflow_provider_binance_liq.exceptions import InvalidInterval, InvalidRequest, LiquidationsError
from airflow_provider_binance_liq.extraction.reader import Filters
from airflow_provider_binance_liq.lake.verify.findings import count

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from airflow_provider_binance_liq.core.endpoints import Endpoint

#: grows when a member of the JSON document changes its meaning
SCHEMA_VERSION: Final = 1
_WRONG: Final = 2
_EVERY: Final = re.compile(r"([0-9]{1,9})([mhdw])")
_UNITS_MS: Final = {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": DAY_MS, "w": 7 * DAY_MS}
_MINUTES_OF_AN_HOUR: Final = 60


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--endpoint", action="append", metavar="NAME",
        help=f"{', '.join(ENDPOINTS)}; may be given several times (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--accounts",
        type=int,
        default=1,
        metavar="N",
        help="accounts, which share one IP address (default: 1)",
    )
    parser.add_argument(
        "--symbol", action="append", metavar="SYMBOL", help="may be given several times (default: all)"
    )
    parser.add_argument(
        "--start",
        required=True,
        metavar="INSTANT",
        help="ISO 8601 day or instant, in UTC where it names no zone",
    )
    parser.add_argument("--end", required=True, metavar="INSTANT", help="likewise, exclusive")
    parser.add_argument(
        "--every", default="1d", metavar="LENGTH", help="length of a window: 30m, 6h, 1d or 1w (default: 1d)"
    )
    parser.add_argument(
        "--share", type=float, default=0.5, metavar="SHARE",
        help="share of the IP address's weight that may be used up, weight_share in the connection: "
        f"{LEAST_SHARE} to {MOST_SHARE} (default: 0.5)",
    )  # fmt: skip
    parser.add_argument(
        "--rows-per-window", type=int, default=0, metavar="N",
        help="rows to expect in each window, and of each symbol that is asked for apart (default: 0)",
    )  # fmt: skip
    parser.add_argument("--now", metavar="INSTANT", help="judge retention at this instant (default: now)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")


def run(arguments: argparse.Namespace) -> int:
    """Estimate, print and return the exit status."""
    try:
        plan = Plan.of(arguments)
    except LiquidationsError as error:
        if arguments.json:
            _print_json(failed(str(error)))
        sys.stderr.write(f"binance-liq plan: {error}\n")
        return _WRONG
    if arguments.json:
        _print_json(plan.to_dict())
    else:
        sys.stdout.write("".join(f"{line}\n" for line in plan.lines()))
    return 0


@dataclass(frozen=True, slots=True)
class Part:
    """One endpoint of a plan."""

    cost: Estimate
    filters: Filters
    kept: Retention
    #: windows of all accounts that begin before what is kept
    beyond: int

    @property
    def endpoint(self) -> Endpoint:
        """The row of the table."""
        return self.cost.endpoint

    @property
    def asks_apart(self) -> bool:
        """Whether each request names one symbol."""
        return self.filters.per_request(self.endpoint) != (None,)

    @property
    def symbols(self) -> str:
        """How symbols are asked for: `all`, `apart`, or all and `filtered` here."""
        if not self.filters.symbols:
            return "all"
        return "apart" if self.asks_apart else "filtered"

    def notes(self) -> Iterator[str]:
        """Say what the numbers do not."""
        if self.filters.symbols:
            yield f"{self.endpoint.name}: {self._say_symbols()}"
        if self.cost.spans != self.cost.windows:
            yield (
                f"{self.endpoint.name}: {count(self.cost.windows, 'window')} in {self.cost.spans:,} spans: "
                "one request does not span a whole window"
            )

    def _say_symbols(self) -> str:
        endpoint = self.endpoint
        symbols = count(len(self.filters.symbols), "symbol")
        here = f"{symbols} filtered here, out of one request for all at {endpoint.weight}"
        apart = f"{symbols} asked for apart, at {endpoint.request_weight(symbol=True)} each"
        if endpoint.symbols is None:
            return f"{here}: it has no symbol parameter"
        if not self.asks_apart:
            return f"{here}: whether a symbol filter comes before the limit is not documented"
        return f"{apart}: whether one request for all holds isolated accounts is not documented"

    def to_dict(self) -> dict[str, Any]:
        """Return the endpoint's part as plain JSON values."""
        return {
            "name": self.endpoint.name,
            "pool": self.endpoint.weight_pool,
            "symbols": self.symbols,
            "windows": self.cost.windows,
            "spans": self.cost.spans,
            "requests": self.cost.requests,
            "request_weight": self.cost.request_weight,
            "weight": self.cost.weight,
            "minutes": self.cost.minutes,
            "retention": {
                "days": self.kept.days,
                "documented": self.kept.documented,
                "before": iso(self.kept.oldest_ms),
                "windows": self.beyond,
            },
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for, and what it costs."""

    series: WindowSeries
    every: str
    now_ms: int
    accounts: int
    share: float
    rows_per_window: int
    parts: tuple[Part, ...]
    pools: tuple[PoolEstimate, ...]

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Plan:
        """Check what a user asks for, and estimate it.

        :raises LiquidationsError: an option is wrong; the message says which.
        """
        series = WindowSeries(_range(arguments.start, arguments.end), _length_ms(arguments.every))
        now_ms = _instant_ms("now", arguments.now) if arguments.now else int(time.time() * 1000)
        parts = []
        for name in dict.fromkeys(arguments.endpoint or ENDPOINTS):
            endpoint = get_endpoint(name)
            filters = Filters.of(endpoint, arguments.symbol, None)
            cost = estimate(
                endpoint,
                series,
                asked=filters.per_request(endpoint),
                accounts=arguments.accounts,
                share=arguments.share,
                expected_rows=arguments.rows_per_window,
            )
            kept = retention(endpoint, series, now_ms)
            parts.append(Part(cost, filters, kept, kept.windows * arguments.accounts))
        return cls(
            series=series,
            every=arguments.every,
            now_ms=now_ms,
            accounts=arguments.accounts,
            share=arguments.share,
            rows_per_window=arguments.rows_per_window,
            parts=tuple(parts),
            pools=pool_estimates(part.cost for part in parts),
        )

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

    def notes(self) -> Iterator[str]:
        """Say what the numbers do not."""
        for part in self.parts:
            yield from part.notes()
        if self.not_over:
            yield (
                f"{self.not_over:,} of {count(self.series.count, 'window')} end after {iso(self.now_ms)}: "
                "each has to be over before it can be extracted"
            )
        portfolio = [part.endpoint.name for part in self.parts if part.endpoint.family.name == "papi"]
        classic = [part.endpoint.name for part in self.parts if part.endpoint.family.name != "papi"]
        if portfolio and classic:
            yield (
                f"an account has either {', '.join(classic)} or {', '.join(portfolio)}: with --endpoint, "
                "plan each kind of account by itself"
            )

    def lines(self) -> Iterator[str]:
        """Write the plan for a person."""
        whole = self.series.whole
        yield (
            f"{count(self.series.count, 'window')} of {self.every} from {iso(whole.start_ms)} to "
            f"{iso(whole.end_ms)}, {count(self.accounts, 'account')}, a share of {self.share:g}"
        )
        yield ""
        yield from _table(
            ("endpoint", "windows", "requests", "weight", "minutes alone"),
            [
                (
                    part.endpoint.name,
                    part.cost.windows,
                    part.cost.requests,
                    part.cost.weight,
                    part.cost.minutes,
                )
                for part in self.parts
            ],
        )
        yield ""
        yield from _table(
            ("pool", "weight", "allowed a minute", "minutes"),
            [(pool.name, pool.weight, pool.allowed, pool.minutes) for pool in self.pools],
        )
        yield ""
        yield from _table(
            ("endpoint", "beyond retention", "begins before", "kept"),
            [
                (part.endpoint.name, part.beyond, iso(part.kept.oldest_ms), _say_kept(part.kept))
                for part in self.parts
            ],
        )
        yield ""
        yield from (f"note {note}" for note in self.notes())
        yield (
            f"At least {count(self.requests, 'request')} of a weight of {self.weight:,}, in "
            f"{_say_minutes(self.minutes)}: each pool has its own weight"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; `docs/plan.md` says what each member is."""
        return {
            "schema_version": SCHEMA_VERSION,
            "status": 0,
            "error": None,
            "start": iso(self.series.whole.start_ms),
            "end": iso(self.series.whole.end_ms),
            "now": iso(self.now_ms),
            "every": self.every,
            "accounts": self.accounts,
            "share": self.share,
            "rows_per_window": self.rows_per_window,
            "symbols_given": list(self.parts[0].filters.symbols),
            "windows": sum(part.cost.windows for part in self.parts),
            "requests": self.requests,
            "weight": self.weight,
            "minutes": self.minutes,
            "not_over": self.not_over,
            "endpoints": [part.to_dict() for part in self.parts],
            "pools": [
                {
                    "name": pool.name,
                    "limit": pool.limit,
                    "allowed": pool.allowed,
                    "requests": pool.requests,
                    "weight": pool.weight,
                    "minutes": pool.minutes,
                }
                for pool in self.pools
            ],
            "notes": list(self.notes()),
        }


def failed(error: str) -> dict[str, Any]:
    """Return the JSON document where an option is wrong."""
    return {"schema_version": SCHEMA_VERSION, "status": _WRONG, "error": error}


# What is given.


def _range(start: str, end: str) -> Window:
    first_ms, past_ms = _instant_ms("start", start), _instant_ms("end", end)
    if first_ms >= past_ms:
        message = f"start {iso(first_ms)} is not before end {iso(past_ms)}"
        raise InvalidInterval(message)
    return Window(first_ms, past_ms)


def _instant_ms(name: str, text: str) -> int:
    try:
        instant = datetime.fromisoformat(text)
        instant_ms = epoch_ms(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except (ValueError, OverflowError, InvalidInterval):
        instant_ms = -1
    if instant_ms < 0:
        message = (
            f"{name} is {text!r}; it has to be an ISO 8601 day or instant since 1970, such as 2026-10-10 or "
            "2026-10-10T00:00:00Z"
        )
        raise InvalidInterval(message)
    return instant_ms


def _length_ms(text: str) -> int:
    match = _EVERY.fullmatch(text)
    if match is None or not int(match[1]):
        message = f"every is {text!r}; it takes the length of a window: 30m, 6h, 1d or 1w, for instance"
        raise InvalidRequest(message)
    return int(match[1]) * _UNITS_MS[match[2]]


# What is printed.


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _table(head: Sequence[str], rows: Sequence[Sequence[str | int]]) -> Iterator[str]:
    """Lay out columns: the first one to the left, the others to the right."""
    cells = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *others = (
            cell.rjust(width) if position else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join([first, *others])


def _cell(value: str | int) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _say_kept(kept: Retention) -> str:
    return f"{kept.days} days, {'documented' if kept.documented else 'assumed'}"


def _say_minutes(minutes: int) -> str:
    if minutes <= _MINUTES_OF_AN_HOUR:
        return count(minutes, "minute")
    hours, rest = divmod(minutes, _MINUTES_OF_AN_HOUR)
    return f"{count(minutes, 'minute')} ({hours:,} h {rest} min)"

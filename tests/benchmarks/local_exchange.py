"""The local exchange of the benchmarks: the simulator, in a process of its own, with a day of so many rows.

The day is the second last one in UTC, so that every client may use the machine's clock. Rows come in threes
of one millisecond, as the orders of one liquidation do. The exchange looks a page up instead of scanning the
day, so that it takes the same time for a small day and for a large one.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from contextlib import contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator import Amount, Settings, Simulator, make_row
from airflow_provider_binance_liq.simulator.records import read_record
from airflow_provider_binance_liq.simulator.symbols import LASTING, is_known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.simulator.records import Record
    from airflow_provider_binance_liq.simulator.settings import InstantField, Keep

ACCOUNT: Final = "desk"
ENDPOINT: Final = "usdm_futures"
#: more than any page, so that what is cut is the exchange's own decision
_NEIGHBOURS: Final = 300
_MARKETS: Final = [market for market in LASTING["um"] if market.symbol.isascii()]


def a_row(number: int, rows: int, start_ms: int) -> bytes:
    """Spell row `number` of a day, 480 bytes on average; the same number gives the same row."""
    draw = random.Random(number)
    market = draw.choice(_MARKETS)
    price, qty = market.price * draw.uniform(0.97, 1.03), draw.randint(1, 90_000) / 1000
    at = start_ms + number // 3 * 3 * (DAY_MS - 60_000) // rows
    row = make_row(
        ENDPOINT,
        orderId=market.first_order_id + 17 * number,
        symbol=market.symbol,
        clientOrderId=f"autoclose-{at}{draw.randrange(10**6):06}",
        price=Amount(f"{price:.5f}"),
        avgPrice=Amount(f"{price * 1.001:.7f}"),
        origQty=Amount(f"{qty:.3f}"),
        executedQty=Amount(f"{qty:.3f}"),
        cumQuote=Amount(f"{price * 1.001 * qty:.6f}"),
        side=draw.choice(("SELL", "BUY")),
        time=at,
        updateTime=at + draw.randrange(60),
    )
    return json.dumps(row, separators=(",", ":")).encode()


class Sorted:
    """Rows in the order of their creation, of which a request sees those that it may be answered."""

    def __init__(self, rows: int, start_ms: int, keep: Keep) -> None:
        endpoint = get_endpoint(ENDPOINT)
        self._keep = keep
        self._records = [read_record(a_row(number, rows, start_ms), endpoint) for number in range(rows)]
        self._times = [record.time_ms for record in self._records]

    def rows(
        self, _endpoint: Endpoint, _account: str, start_ms: int, end_ms: int, _by: InstantField
    ) -> list[Record]:
        """Return the rows of that window that are nearest to the end which is kept."""
        first, end = bisect_left(self._times, start_ms), bisect_right(self._times, end_ms - 1)
        near = slice(first, min(end, first + _NEIGHBOURS))
        if self._keep == "newest":
            near = slice(max(first, end - _NEIGHBOURS), end)
        return sorted(self._records[near], key=attrgetter("place"))

    def knows(self, endpoint: Endpoint, symbol: str) -> bool:
        """Whether a filter may name `symbol`."""
        return is_known(endpoint, symbol)


@dataclass(frozen=True)
class Exchange:
    """A running exchange, as its clients see it."""

    url: str
    api_key: str
    secret: str
    rows: int
    start_ms: int


def yesterdays_start_ms() -> int:
    """Return when the second last day in UTC began: over, settled and kept."""
    now_ms = int(time.time() * 1000)  # any day: the rows are made for the one that is found
    return (now_ms // DAY_MS - 2) * DAY_MS


@contextmanager
def running(rows: int, *, keep: Keep = "oldest", **settings: Any) -> Iterator[Exchange]:
    """Run an exchange of `rows` rows until the block ends."""
    given = {"rows": rows, "keep": keep, "start_ms": yesterdays_start_ms(), "settings": settings}
    process = subprocess.Popen(
        [sys.executable, __file__, json.dumps(given)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        if process.stdout is None or not (line := process.stdout.readline()):
            message = f"the local exchange ended with {process.wait(10)}"
            raise RuntimeError(message)
        yield Exchange(**json.loads(line))
    finally:
        process.communicate(timeout=30)  # which closes its input, and so ends it


def serve(given: dict[str, Any]) -> None:
    """Serve until the standard input ends."""
    limits = given["settings"].pop("weight_limits", [["futures", 1_000_000]])
    settings = Settings(
        seed=7,
        accounts=(ACCOUNT,),
        keep=given["keep"],
        weight_limits=tuple((pool, weight) for pool, weight in limits),
        **given["settings"],
    )
    history = Sorted(given["rows"], given["start_ms"], given["keep"])
    with Simulator(settings, history=history) as simulator:
        key = simulator.credentials(ACCOUNT)
        found = Exchange(simulator.url, key.api_key, key.secret, given["rows"], given["start_ms"])
        sys.stdout.write(json.dumps(found.__dict__) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))

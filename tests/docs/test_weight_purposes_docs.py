"""The page on weight tells what each request beyond the least possible proves; measured here, on a model.

`WRITE_DOCS=1` writes the table into the page.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from support.generated_pages import check_page
from support.model_exchange import ModelExchange, drive, make_order

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.paging import SymbolsQuery, plan
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window

PAGE = Path(__file__).resolve().parents[2] / "docs" / "weight.md"
FUTURES, LEDGER = get_endpoint("usdm_futures"), get_endpoint("margin_capital_flow")
DAY = Window(0, DAY_MS)
PURPOSES = ("rows", "beside", "instant", "millisecond", "filter")
#: milliseconds that a cascade's rows spread over
CASCADE_MS = 600_000


def cascade(count, symbols, *, tied=0, tied_type=None):
    """Make rows that come in groups of one instant, half of them updated later; some share one instant."""
    rng, rows, names = random.Random(7), [], [f"C{number:03}USDT" for number in range(symbols)]
    instant = DAY_MS // 3
    while len(rows) < count:
        instant += rng.randint(1, 4 * CASCADE_MS // count)
        is_tie = tied > 0 and len(rows) >= count // 3
        size = min(tied if is_tie else 1 + int(rng.expovariate(0.6)), count - len(rows))
        for number in range(size):
            updated = instant + rng.choice((0, rng.randint(1, 59))) * (not is_tie)
            kind = tied_type if is_tie and tied_type else ("LIQUIDATION", "ADL")[number % 2]
            symbol = names[number] if is_tie and symbols >= size else rng.choice(names)
            rows.append(make_order(symbol, len(rows), instant, updated, kind))
        tied = 0 if is_tie else tied
    return rows


class Weighed(ModelExchange):
    """Notes what each request weighs, and what it was for."""

    def weigh(self, endpoint, symbols=()):
        self.endpoint, self.symbols = endpoint, symbols
        self.spent, self.returned = Counter(), set()
        return self

    def answer(self, ask):
        answer = super().answer(ask)
        if not isinstance(ask, SymbolsQuery):
            weight = self.endpoint.request_weight(symbol=ask.symbol is not None)
            self.spent[self.purpose(ask, answer)] += weight
            self.returned |= {row.key for row in answer.page.rows}
        return answer

    def purpose(self, ask, answer):
        wanted = ask.wanted
        if ask.first_ms == ask.last_ms or (wanted and wanted.first_ms == wanted.last_ms):
            return "millisecond"
        if any(row.key not in self.returned for row in answer.page.rows):
            return "rows"
        if wanted is None:
            return "instant"
        return "filter" if ask.symbol not in (None, *self.symbols) or ask.auto_close_type else "beside"


def measure(rows, keep, endpoint=FUTURES, symbols=()):
    """Read a day; return the least weight, and what was spent, by purpose."""
    spent, found = Counter(), {}
    for walked in [(symbol,) for symbol in symbols] or [()]:
        size = endpoint.pager.page_size
        exchange = Weighed(
            [order for order in rows if order.row.symbol in walked or not walked], keep=keep, limit=size
        ).weigh(endpoint, walked)
        found |= drive(plan(endpoint, DAY, symbols=walked), exchange)[0]
        spent += exchange.spent
    counts = Counter(order.row.symbol for order in rows) if symbols else Counter({"": len(rows)})
    pages = sum(max(1, -(-counts[symbol] // size)) for symbol in symbols or ("",))
    assert len(found) == len(rows)
    return pages * endpoint.request_weight(symbol=bool(symbols)), spent


def line(title, keep, least, spent):
    again = spent["rows"] - least
    proven = [again, *(spent[purpose] for purpose in PURPOSES[1:])]
    whole = sum(spent.values())
    cells = [
        f"{least:,}",
        f"{whole:,}",
        f"{whole / least:.2f}",
        *(f"{part:,}" if part else "" for part in proven),
    ]
    return f"| {title} | {keep} | {' | '.join(cells)} |"


def capital_flow(symbols, each):
    return [
        make_order(f"C{number:03}USDT", number * each + row, DAY_MS // 3 + row * 1000)
        for number in range(symbols)
        for row in range(each)
    ]


CASES = {
    "2,500 rows": lambda: (cascade(2500, 10),),
    "10,000 rows": lambda: (cascade(10_000, 10),),
    "2,500 rows, 130 in one millisecond": lambda: (cascade(2500, 10, tied=130),),
    "2,500 rows of 300 symbols, 130 of one type in one millisecond": lambda: (
        cascade(2500, 300, tied=130, tied_type="LIQUIDATION"),
    ),
    **{
        f"`margin_capital_flow`, symbols walked one by one: {count}": lambda count=count: (
            capital_flow(count, 30), LEDGER, tuple(f"C{number:03}USDT" for number in range(count)),
        )
        for count in (1, 3, 300)
    },
}  # fmt: skip


def table():
    lines = [
        "| window | rows kept | least | spent | ratio | edges | beside | instant | millisecond | filter |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for title, make in CASES.items():
        rows, *known = make()
        for keep in ("oldest", "newest"):
            least, spent = measure(rows, keep, *known)
            lines.append(line(title, keep, least, spent))
    return "\n".join(lines)


@pytest.mark.slow
def test_the_page_says_what_each_request_beyond_the_least_proves():
    check_page(PAGE, {"purposes": table})


@pytest.mark.parametrize("keep", ["oldest", "newest"])
def test_a_symbol_that_is_walked_alone_costs_no_more_than_its_rows(keep):
    for count in (1, 3):
        least, spent = measure(
            capital_flow(count, 30), keep, LEDGER, [f"C{number:03}USDT" for number in range(count)]
        )
        assert sum(spent.values()) == least


@pytest.mark.parametrize("keep", ["oldest", "newest"])
def test_a_full_millisecond_amid_a_cascade_costs_few_requests_more(keep):
    calm, tied = (measure(cascade(2500, 10, tied=tied), keep)[1] for tied in (0, 130))
    assert sum(tied.values()) - sum(calm.values()) <= 10 * FUTURES.weight

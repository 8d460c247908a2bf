"""The page on weight tells figures that are measured here: what was spent over the least possible.

`WRITE_DOCS=1` writes them into the page.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections import Counter
from pathlib import Path

import pytest
from support.generated_pages import check_page
from support.running import START, Run, probed

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.simulator.symbols import listed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "weight.md"
FUTURES = get_endpoint("usdm_futures")
MONTH = [Window(START + day * DAY_MS, START + (day + 1) * DAY_MS) for day in range(-28, 2)]
SYMBOLS = (None, 1, 2, 3, 10)


def counted(run: Run, window: Window) -> Counter[str]:
    return Counter(json.loads(body)["symbol"] for body in run.truth("usdm_futures", window))


def least(counts: Counter[str], symbols: list[str] | None) -> int:
    """The weight of the cheapest requests that could return these rows, if it were known beforehand which."""
    pages = max(1, -(-sum(counts.values()) // FUTURES.pager.page_size))
    together = FUTURES.weight * pages
    if symbols is None:
        return together
    apart = sum(max(1, -(-counts[symbol] // FUTURES.pager.page_size)) for symbol in symbols)
    return min(together, FUTURES.request_weight(symbol=True) * apart)


def measure(run: Run, windows: list[Window], count: int | None, probe=None) -> tuple[int, int]:
    spent = possible = 0
    lake = f"file://{run.directory}/{uuid.uuid4().hex}"
    for window in windows:
        counts = counted(run, window)
        symbols = None if count is None else sorted(name for name, _ in counts.most_common(count))
        if symbols is not None:
            others = [market.symbol for market in listed("um", window.end_ms) if market.symbol not in symbols]
            symbols = sorted([*symbols, *others][:count])
        manifest = run.run("usdm_futures", window, symbols=symbols, destination=lake, probe=probe)
        spent += manifest.proof.weight
        possible += least(counts, symbols)
    return spent, possible


@pytest.fixture
def table(start) -> str:
    """Measure every combination."""
    lines = ["| window | symbols | spent | least possible | ratio |", "|---|---|---|---|---|"]
    for title, knobs in (
        ("a calm month, day by day", {"cascade_every": 0}),
        ("a cascade of 2,500 rows in a day", {"tie_rows": 0}),
        ("a cascade of 10,000 rows in a day", {"tie_rows": 0, "cascade_rows": 10_000}),
        ("2,500 rows, 130 rows of them in one millisecond", {}),
    ):
        for count, probe in itertools.product(SYMBOLS, (None, probed(symbol_filter="before_limit"))):
            if (count is not None and "10,000" in title) or (count is None and probe):
                continue
            run = start(**knobs)
            windows = MONTH if "month" in title else [run.cascade()]
            spent, possible = measure(run, windows, count, probe)
            named = "all" if count is None else f"{count}{', after a probe' if probe else ''}"
            lines.append(f"| {title} | {named} | {spent:,} | {possible:,} | {spent / possible:.2f} |")
    return "\n".join(lines)


@pytest.mark.slow
def test_the_page_reports_what_is_spent_over_the_least_possible(table):
    check_page(PAGE, {"measured": lambda: table})


def test_a_calm_window_never_costs_more_than_the_least(start):
    run = start(cascade_every=0)
    assert len(set(measure(run, MONTH[:3], None))) == 1
    for count in SYMBOLS[1:]:
        assert len(set(measure(run, MONTH[:3], count, probed(symbol_filter="before_limit")))) == 1


def test_a_calm_window_of_few_symbols_costs_what_it_costs_for_all_until_a_probe_has_seen_the_filter(start):
    run = start(cascade_every=0)
    for count in SYMBOLS[1:]:
        assert measure(run, MONTH[:3], count)[0] == 3 * FUTURES.weight

"""The timeline: which stretches of time are extracted, and where windows leave gaps or overlap.

Between the first start and the last end, each millisecond is in no window, in one, or in several. `gaps`,
`union` and `overlaps` say which, each as the fewest windows, in order: gaps and union together cover that
time exactly once. Windows that merely touch neither overlap nor leave a gap.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def gaps(windows: Iterable[Window]) -> list[Window]:
    """Find the stretches between the first start and the last end that no window covers."""
    return _stretches(windows, lambda depth: depth == 0)


def union(windows: Iterable[Window]) -> list[Window]:
    """Find the stretches that at least one window covers."""
    return _stretches(windows, lambda depth: depth > 0)


def overlaps(windows: Iterable[Window]) -> list[Window]:
    """Find the stretches that more than one window covers."""
    return _stretches(windows, lambda depth: depth > 1)


def _stretches(windows: Iterable[Window], wanted: Callable[[int], bool]) -> list[Window]:
    """Sweep over the edges of all windows, and join adjacent stretches of a wanted depth."""
    steps: Counter[int] = Counter()
    for window in windows:
        steps[window.start_ms] += 1
        steps[window.end_ms] -= 1
    found: list[Window] = []
    depth = 0
    for start_ms, end_ms in pairwise(sorted(steps)):
        depth += steps[start_ms]
        if wanted(depth):
            touches = bool(found) and found[-1].end_ms == start_ms
            found.append(Window(found.pop().start_ms if touches else start_ms, end_ms))
    return found

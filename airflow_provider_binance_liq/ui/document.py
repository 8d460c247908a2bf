"""What the coverage page shows, as one JSON document: each history with a letter per UTC day.

It is made from what the index keeps of the manifests, and says as of when that is. It has no connection's
credentials and no row. The page and the file for auditors show the same document.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl, urlencode

from airflow_provider_binance_liq.core.calendar import Calendar, Expected, calendar, day_number
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.premise_table import PREMISES
from airflow_provider_binance_liq.core.recoverable import counts_as_proven
from airflow_provider_binance_liq.core.units import DAY_MS, LAST_MS
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.lake.index import Loads, history_of
from airflow_provider_binance_liq.lake.layout import filter_mark
from airflow_provider_binance_liq.lake.verify.claims import Series
from airflow_provider_binance_liq.lake.verify.findings import redact
from airflow_provider_binance_liq.lake.verify.holdings import Unusable
from airflow_provider_binance_liq.ui.entries import mark, usual, worth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_binance_liq.core.manifest import AutoCloseTypeFilter
    from airflow_provider_binance_liq.lake.index import Entry
    from airflow_provider_binance_liq.lake.verify.coverage import Expectation, Reach

#: grows when a member of the document changes its meaning
VERSION: Final = 1
_CONNECTION: Final = re.compile(r"(://)[^/@\s]*@")
#: unusable manifests that are named; all are counted
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """What the document says beside the histories."""

    #: without the connection in it
    destination: str
    as_of_ms: int
    warn_days: float
    #: the DAG that extracts into the lake; None where none is known
    dag_id: str | None = None
    #: account's label → connection
    connections: Mapping[str, str] = field(default_factory=dict)
    #: what loads say of themselves
    loads: Loads = field(default_factory=Loads)


def document(entries: Iterable[Entry], expected: Expectation, shown: Shown) -> dict[str, Any]:
    """Return the document."""
    by_series, unusable = _sort(entries, expected)
    firsts = {series: min((one.start_ms for one in mine), default=None) for series, mine in by_series.items()}
    is_proven = _is_proven(expected)
    found = []
    for series, mine in by_series.items():
        known = _History(series, expected.reach(series, firsts))
        if known.is_expected:
            marked = list(mark(mine, usual(mine), shown.loads))
            days = calendar(marked, is_proven, known.expected(expected), known.failed_days(unusable))
            found.append((known, days))
    found.sort(key=lambda one: (_recoverable_until_ms(one[1]) or LAST_MS, one[0].series))
    return {
        "version": VERSION,
        "now": _seconds(expected.now_ms),
        "as_of": _seconds(min(shown.as_of_ms, expected.now_ms)),
        "destination": shown.destination,
        "dag_id": shown.dag_id,
        "settle_days": float(f"{expected.settle_ms / DAY_MS:.3g}"),
        "warn_days": shown.warn_days,
        # Of what was extracted before, no load has said whether it is loaded.
        "loads_known": bool(shown.loads.since),
        "loads_since": shown.loads.since or None,
        "unusable": [redact(f"{one.path}: {one.why}") for one in unusable[:_NAMED]],
        "unusable_count": len(unusable),
        "histories": [known.to_dict(days, expected, shown, by_series[known.series]) for known, days in found],
    }


def history_id(series: Series) -> str:
    """Return the name of a history in addresses: `desk/usdm_futures`, with its filters as a query."""
    filters = [("symbols", ",".join(series.symbols)), ("auto_close_type", series.auto_close_type)]
    query = urlencode([(name, value) for name, value in filters if value], safe=",")
    return f"{series.account}/{series.endpoint}{'?' * bool(query)}{query}"


def read_history_id(text: str) -> Series:
    """Read the name of a history; one that there is not names no window."""
    place, _, query = text.partition("?")
    account, _, endpoint = place.rpartition("/")
    filters = dict(parse_qsl(query))
    symbols = tuple(sorted({one for one in filters.get("symbols", "").split(",") if one}))
    return Series(endpoint, account, symbols, filters.get("auto_close_type", ""))


def without_connections(text: str) -> str:
    """Remove the ids of connections from the URLs in a text."""
    return _CONNECTION.sub(r"\1", text)


def failed_day(entry: Entry, series: Series) -> int | None:
    """Return the day of an unusable manifest of a history, since 1970; None where it is of another one."""
    place = entry.place
    if place is None or (place.endpoint, place.account) != (series.endpoint, series.account):
        return None
    filters = ManifestFilters(series.symbols, cast("AutoCloseTypeFilter", series.auto_close_type or None))
    if place.mark != filter_mark(filters):
        return None
    try:
        return day_number(date.fromisoformat(place.date))
    except ValueError:
        return None


def _sort(entries: Iterable[Entry], expected: Expectation) -> tuple[dict[Series, list[Entry]], list[Entry]]:
    """Sort the manifests into those of each history and those that cannot be used."""
    found: dict[tuple[Any, ...], list[Entry]] = defaultdict(list)
    unusable: list[Entry] = []
    for one in entries:
        if not one.why:
            found[one.endpoint, one.account, one.symbols, one.auto_close_type].append(one)
        elif expected.concerns(Unusable(one.path, one.why)):
            unusable.append(one)
    by_series = {
        series: mine
        for key, mine in found.items()
        if expected.wants((series := Series(*key)).endpoint, series.account)
    }
    for endpoint, account in expected.absent_pairs(by_series):
        by_series[Series(endpoint, account)] = []
    return by_series, sorted(unusable, key=lambda one: one.path)


def _is_proven(expected: Expectation) -> Callable[[Entry], bool]:
    """Return what tells whether a window counts as proven."""
    return lambda one: one.complete or counts_as_proven(one, expected.accepted)


def _seconds(instant_ms: int) -> str:
    return iso(instant_ms // 1000 * 1000)


def _recoverable_until_ms(days: Calendar) -> int | None:
    return None if days.oldest_gap is None else days.oldest_gap.recoverable_until_ms


@dataclass(frozen=True, slots=True)
class _History:
    """One history, and what is expected of it."""

    series: Series
    reach: Reach

    @property
    def is_expected(self) -> bool:
        """Whether it has a time of its own, and is not all part of the unfiltered history."""
        return self.reach.until_ms is None or self.reach.start_ms < self.reach.until_ms

    def expected(self, expected: Expectation) -> Expected:
        return Expected(
            self.reach.start_ms,
            expected.now_ms,
            expected.settle_ms,
            self.reach.retention,
            self.reach.until_ms,
        )

    def failed_days(self, unusable: Iterable[Entry]) -> set[int]:
        days = (failed_day(one, self.series) for one in unusable)
        return {day for day in days if day is not None}

    def to_dict(
        self, days: Calendar, expected: Expectation, shown: Shown, entries: Iterable[Entry]
    ) -> dict[str, Any]:
        series, retention, gap = self.series, self.reach.retention, days.oldest_gap
        endpoint = ENDPOINTS.get(series.endpoint)
        filters = [*series.symbols, *([series.auto_close_type] if series.auto_close_type else [])]
        return {
            "id": history_id(series),
            "account": series.account,
            "endpoint": series.endpoint,
            "title": endpoint.title if endpoint else series.endpoint,
            "filter": f"only {', '.join(filters)}" if filters else "",
            "conn_id": shown.connections.get(series.account),
            "docs_url": endpoint.documentation if endpoint else "",
            "retention": {"days": retention.days, "source": retention.source},
            "kept_from": _seconds(max(0, retention.oldest_ms(expected.now_ms))),
            "first_day": days.first_day.isoformat(),
            "states": days.states,
            "rows": days.rows,
            "flags": days.flags,
            **worth(entries, endpoint),
            "assumed": [
                {"code": code, "sentence": PREMISES[code].sentence if code in PREMISES else code}
                for code in usual(entries)
            ],
            # Loads into clouds leave no receipt, so without one it is not known if anything is loaded.
            "loads_since": next(
                (shown.loads.firsts.get(history_of(one.object_path)) for one in entries), None
            ),
            "oldest_gap": None
            if gap is None
            else {"start": iso(gap.window.start_ms), "recoverable_until": iso(gap.recoverable_until_ms)},
        }

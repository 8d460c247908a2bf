"""The truth: which rows there are, from a seed or by hand.

The seeded history is a function of (seed, endpoint, account, UTC day), made when a day is first asked for,
so that every range of dates works and none is slow. Three kinds of day: empty ones, quiet ones with a few
rows, and a cascade every `Settings.cascade_every` days, the same days in every account and endpoint, with
thousands of rows within minutes and many in one millisecond. No more than 99 rows of one symbol and close
type ever share a millisecond, by creation or by update, so each window can be proven complete.
The days of the documented rows hold those and nothing else, and before 2019 nothing was liquidated.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.simulator import symbols
from airflow_provider_binance_liq.simulator.days import LONGEST_UPDATE_MS, Day
from airflow_provider_binance_liq.simulator.documented import DOCUMENTED, DOCUMENTED_DAYS
from airflow_provider_binance_liq.simulator.records import (
    Record,
    read_record,
)
from airflow_provider_binance_liq.simulator.symbols import date_of, day_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.simulator.records import GivenRow
    from airflow_provider_binance_liq.simulator.settings import InstantField, Settings

_FIRST_DAY: Final = day_of(1_546_300_800_000)
_MOST_REMEMBERED: Final = 50_000


class History(Protocol):
    """Where rows come from."""

    def rows(
        self, endpoint: Endpoint, account: str, start_ms: int, end_ms: int, by: InstantField
    ) -> list[Record]:
        """Return the rows whose instant `by` lies in `[start_ms, end_ms)`, in the order of the truth."""
        ...

    def knows(self, endpoint: Endpoint, symbol: str) -> bool:
        """Whether a filter may name `symbol`."""
        ...


def _within(records: Iterable[Record], start_ms: int, end_ms: int, by: InstantField) -> list[Record]:
    if by == "time":
        found = [record for record in records if start_ms <= record.time_ms < end_ms]
    else:
        found = [record for record in records if start_ms <= record.update_ms < end_ms]
    return sorted(found, key=lambda record: record.place)


class ExplicitHistory:
    """Rows given by hand: `{"usdm_futures": [row, …], "margin@desk": [row, …]}`.

    A row is a mapping (see `make_row`), sent as compact JSON, or bytes, sent as they are. Rows under the
    bare name of an endpoint belong to every account, those under `endpoint@account` to that one.
    """

    def __init__(self, rows: Mapping[str, Sequence[GivenRow]]) -> None:
        for name in rows:
            endpoint, _, _ = name.partition("@")
            if endpoint not in ENDPOINTS:
                message = f"{name!r}: {unknown('endpoint', endpoint, ENDPOINTS)}"
                raise ValueError(message)
        self._rows = {
            name: [read_record(row, ENDPOINTS[name.partition("@")[0]]) for row in given]
            for name, given in rows.items()
        }

    def rows(
        self, endpoint: Endpoint, account: str, start_ms: int, end_ms: int, by: InstantField
    ) -> list[Record]:
        """Return the given rows of that window."""
        shared = self._rows.get(endpoint.name, [])
        own = self._rows.get(f"{endpoint.name}@{account}", [])
        return _within([*shared, *own], start_ms, end_ms, by)

    def knows(self, endpoint: Endpoint, symbol: str) -> bool:
        """Whether the symbol is traded, or a row has it."""
        return symbols.is_known(endpoint, symbol) or any(
            record.symbol == symbol
            for name, records in self._rows.items()
            if name.partition("@")[0] == endpoint.name
            for record in records
        )


class SeededHistory:
    """Rows that follow from the seed; see the module."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._days: OrderedDict[tuple[str, str, int], tuple[Record, ...]] = OrderedDict()
        self._remembered = 0
        every = settings.cascade_every
        self._phase = random.Random(f"{settings.seed}/cascade").randrange(every) if every else 0

    def rows(
        self, endpoint: Endpoint, account: str, start_ms: int, end_ms: int, by: InstantField
    ) -> list[Record]:
        """Return the rows of that window, making the days that it touches."""
        first = day_of(max(0, start_ms - LONGEST_UPDATE_MS))
        found: list[Record] = []
        for day in range(first, day_of(end_ms - 1) + 1):
            found += self._day(endpoint, account, day)
        return _within(found, start_ms, end_ms, by)

    def knows(self, endpoint: Endpoint, symbol: str) -> bool:
        """Whether the symbol is, or once was, traded."""
        return symbols.is_known(endpoint, symbol)

    def is_cascade(self, day: int) -> bool:
        """Whether there is a cascade on a day; a day of documented rows has none on that endpoint."""
        every = self._settings.cascade_every
        return bool(every) and day % every == self._phase

    def cascade_days(self, start_ms: int, end_ms: int) -> list[date]:
        """Return the UTC days of cascades that `[start_ms, end_ms)` touches."""
        days = range(day_of(start_ms), day_of(end_ms - 1) + 1)
        return [date_of(day) for day in days if self.is_cascade(day)]

    def _day(self, endpoint: Endpoint, account: str, day: int) -> tuple[Record, ...]:
        key = (endpoint.name, account, day)
        if key not in self._days:
            self._days[key] = self._make_day(endpoint, account, day)
            self._remembered += len(self._days[key])
            while self._remembered > _MOST_REMEMBERED and len(self._days) > 1:
                _, forgotten = self._days.popitem(last=False)
                self._remembered -= len(forgotten)
        else:
            self._days.move_to_end(key)
        return self._days[key]

    def _make_day(self, endpoint: Endpoint, account: str, day: int) -> tuple[Record, ...]:
        documented = DOCUMENTED_DAYS[endpoint.name]
        if day in documented:
            return tuple(record for record in DOCUMENTED[endpoint.name] if day_of(record.time_ms) == day)
        rng = random.Random(f"{self._settings.seed}/{endpoint.name}/{account}/{day}")
        if day < _FIRST_DAY:
            return ()
        draft = Day(endpoint, day, rng, self._settings, stays_within=day + 1 in documented)
        if self.is_cascade(day):
            draft.add_cascade()
        else:
            draft.add_quiet()
        return draft.records()

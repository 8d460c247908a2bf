"""Runs: rows that are certainly new, written once, in order, and never looked up.

A window is mostly read along its time, so a row is new nearly always, and can be told to be: its id is beyond
all earlier ones of its symbol. For such rows an index is not needed. The rows that came last stay in memory,
because pages overlap; the ones before them are on disk in **runs**, each of them sorted. Where that does not
tell whether a row is new, or runs lie across one another too much, everything goes into an index
(`row_index`): what is kept is the same, only the cost differs.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from contextlib import suppress
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from airflow_provider_binance_liq.core.rows import Key, Row

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from pathlib import Path

    from airflow_provider_binance_liq.core.pages import Instant
    from airflow_provider_binance_liq.core.windows import Window

_FILE: Final = "runs"
#: rows of a run; as many to twice as many are in memory
RUN_ROWS: Final = 500
#: rows of runs that lie across one another, at most, which are in memory while they are merged
_MOST_ACROSS: Final = 4_000
#: symbols, at most, whose ids are known by their lowest and highest alone
_MOST_SYMBOLS: Final = 10_000
#: times, at most, that a run is read to look for a row
_MOST_LOOKS: Final = 200
#: a larger number cannot be written to a run
_LARGEST_ID: Final = 2**63 - 1
#: the order of an object, as `sort_key` spells it: tuples of texts and of whole numbers from 0 on sort alike
_order: Final = attrgetter("created_ms", "key")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Row]).decode


class _Run(NamedTuple):
    """Where a run lies in the file, and what it holds."""

    first: tuple[int, Key]
    last: tuple[int, Key]
    place: int
    size: int
    rows: int
    created: tuple[int, int]
    updated: tuple[int, int]


def _fits_a_run(value: str | int) -> bool:
    """Whether a value of a key can be written to a run, and sorts there as `sort_key` has it."""
    return isinstance(value, str) or 0 <= value <= _LARGEST_ID


class Runs:
    """The rows of one extraction as long as each of them is certainly new or among the last.

    :raises OSError: every method, where the local disk does not do its part.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / _FILE
        self._file = self._path.open("w+b", buffering=0)
        self._end = self._count = 0
        self._runs: list[_Run] = []
        #: the rows that came last, which are not in a run yet
        self._recent: dict[Key, Row] = {}
        #: lowest and highest id in runs, by what stands before it in the key, which mostly is the symbol
        self._ids: dict[Key, tuple[int, int]] = {}
        #: rows of the run that was looked into last, and how often one was
        self._opened: dict[Key, Row] = {}
        self._looks = 0

    def __len__(self) -> int:
        return self._count

    def keep(self, rows: Sequence[Row]) -> tuple[int, int]:
        """Keep the rows up to the first one of which it cannot be told whether it is new.

        :returns: how many of them that are, and how many of those were new.
        """
        recent, ids, before, handled = self._recent, self._ids, len(self._recent), 0
        for row in rows if len(ids) <= _MOST_SYMBOLS else ():
            key = row.key
            if key in recent:
                if not self._update(row):
                    break
            else:
                last = key[-1]
                if not isinstance(last, int) or not 0 <= last <= _LARGEST_ID:
                    break
                known = ids.get(key[:-1])
                if known is None and not all(map(_fits_a_run, key)):
                    break
                if known is None or not known[0] <= last <= known[1]:
                    recent[key] = row
                elif not self._holds(row):
                    break
            handled += 1
        unseen = len(recent) - before
        self._count += unseen
        while len(self._recent) >= 2 * RUN_ROWS:
            self._settle(RUN_ROWS)
        return handled, unseen

    def _update(self, row: Row) -> bool:
        """Take a row that was sent again, where it was updated; False if that is to be looked at closely.

        The later update is kept, the first spelling of it. A liquidation is kept, whatever else was once
        answered under its key.
        """
        known = self._recent[row.key]
        if row.fingerprint != known.fingerprint or row.symbol != known.symbol:
            return False
        if known.updated_ms < row.updated_ms or known.is_liquidation < row.is_liquidation:
            self._recent[row.key] = row
        return True

    def _holds(self, row: Row) -> bool:
        """Whether a run has this row, in the same state or a later one; False also if none is found to.

        A window's first rows are asked for once more at its end.
        """
        known = self._opened.get(row.key)
        if known is None:
            for run in self._runs:
                if run.created[0] <= row.created_ms <= run.created[1] and self._looks < _MOST_LOOKS:
                    self._looks += 1
                    self._opened = {one.key: one for one in self._read(run)}
                    if known := self._opened.get(row.key):
                        break
        return (
            known is not None
            and row.updated_ms <= known.updated_ms
            and row.is_liquidation <= known.is_liquidation
            and (row.fingerprint, row.symbol) == (known.fingerprint, known.symbol)
        )

    def _settle(self, count: int) -> None:
        """Write the oldest rows that are in memory as a run."""
        rows = list(islice(self._recent.values(), count))
        ids = self._ids
        for row in rows:
            before, last = row.key[:-1], int(row.key[-1])
            low, high = ids.get(before, (last, last))
            if not low < last < high:
                ids[before] = (min(low, last), max(high, last))
        self._write(sorted(rows, key=_order))
        # A new one: the places of what is taken out at the beginning would be looked at each time.
        self._recent = dict(islice(self._recent.items(), count, None))

    def _write(self, rows: list[Row]) -> None:
        text = _encode(rows)
        if os.pwrite(self._file.fileno(), text, self._end) < len(text):
            message = "no space is left for the rows"
            raise OSError(message)
        created, updated = [row.created_ms for row in rows], [row.updated_ms for row in rows]
        self._runs.append(
            _Run(
                _order(rows[0]),
                _order(rows[-1]),
                self._end,
                len(text),
                len(rows),
                (created[0], created[-1]),
                (min(updated), max(updated)),
            )
        )
        self._end += len(text)

    def _read(self, run: _Run) -> list[Row]:
        return _decode(os.pread(self._file.fileno(), run.size, run.place))

    def all_rows(self) -> Iterator[list[Row]]:
        """Hand all rows out, some at a time."""
        for run in self._runs:
            yield self._read(run)
        if self._recent:
            yield list(self._recent.values())

    def are_apart(self) -> bool:
        """Whether few enough runs lie across one another to be merged in memory."""
        edges = [(run.first, 1, run.rows) for run in self._runs]
        edges += [(run.last, 2, -run.rows) for run in self._runs]
        across = most = 0
        for _, _, change in sorted(edges):
            across += change
            most = max(most, across)
        return most <= _MOST_ACROSS

    def bodies(self, symbols: Container[str]) -> Iterator[bytes]:
        """Hand the liquidations out, of these symbols or of all, ordered by time and key."""
        for rows in self._in_order():
            for row in rows:
                if row.is_liquidation and (not symbols or not row.symbol or row.symbol in symbols):
                    yield row.body

    def _in_order(self) -> Iterator[list[Row]]:
        waiting = sorted(self._recent.values(), key=_order)
        for run in sorted(self._runs):
            # What waits and is before this run is before all the later ones too.
            end = bisect_left(waiting, run.first, key=_order)
            yield waiting[:end]
            rows = self._read(run)
            waiting = sorted([*waiting[end:], *rows], key=_order) if end < len(waiting) else rows
        yield waiting

    def symbols(self) -> frozenset[str]:
        """Return the symbols of all rows."""
        return frozenset(row.symbol for rows in self.all_rows() for row in rows)

    def keep_only(self, window: Window, instant: Instant) -> None:
        """Drop the rows whose `instant` lies outside of `window`; their ids stay known."""
        at, first_ms, last_ms = attrgetter(f"{instant}_ms"), window.first_ms, window.last_ms

        def inside(rows: Iterable[Row]) -> list[Row]:
            return [row for row in rows if first_ms <= at(row) <= last_ms]

        runs, self._runs, self._opened = self._runs, [], {}
        for run in runs:
            low, high = run.created if instant == "created" else run.updated
            if first_ms <= low and high <= last_ms:
                self._runs.append(run)
            elif left := inside(self._read(run)):
                self._write(left)
        self._recent = {row.key: row for row in inside(self._recent.values())}
        self._count = sum(run.rows for run in self._runs) + len(self._recent)

    def close(self) -> None:
        """Close the file and give its space back: where an index was needed, that holds the same rows."""
        with suppress(OSError):
            self._file.close()
            self._path.unlink()

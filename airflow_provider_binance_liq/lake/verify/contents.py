"""The rows of an object, checked against its manifest.

A checksum says that the bytes are those that were written, not that they are right. So every row is read
again. An object may have a million rows: they are read one by one, and only their keys are kept, on disk.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from airflow_provider_binance_liq.core.endpoints import CLIENT_ORDER_ID_PREFIXES
from airflow_provider_binance_liq.core.rows import Row, describe, read_row, sort_key
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.exceptions import UnexpectedRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.rows import Key
    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.lake.spool import Spool
    from airflow_provider_binance_liq.lake.verify.claims import Claim

#: a kind of problem, and a message
Defect = tuple[str, str]
_BATCH: Final = 1000
#: keys of so many rows stay in memory: to make a database for them takes longer than all the rest
SMALL_ROWS: Final = _BATCH
_SHOWN: Final = 60
_PHRASES: Final = {
    "unreadable-row": "cannot be read",
    "outside-window": "outside of the window",
    "out-of-order": "not behind the one before",
    "filtered-out": "not passing the filters",
}


class _Named(msgspec.Struct):
    client_order_id: Any = msgspec.field(default=None, name="clientOrderId")


_named_decoder: Final = msgspec.json.Decoder(_Named)


def check_end(file: Path) -> list[Defect]:
    """Check that the last line has an end: without it, the line is not counted."""
    with file.open("rb") as opened:
        if opened.seek(0, 2) == 0:
            return []
        opened.seek(-1, 2)
        ended = opened.read() == b"\n"
    return [] if ended else [("undecodable", "the last line has no end, so it may have been cut off")]


def check_rows(
    file: Path, claim: Claim, endpoint: Endpoint, spool: Spool | None, tick: Callable[[int], None]
) -> list[Defect]:
    """Read every row; `tick` is called with the number of rows so far.

    :param spool: keeps the keys; None for a small object, whose keys stay in memory.

    :raises StorageError: the local disk cannot be written.
    """
    tally, keys = _Tally(), _Keys(spool)
    before: tuple[int, bytes] | None = None
    for number, body in _lines(file):
        if number % _BATCH == 0:
            tick(number)
        try:
            row = read_row(body, endpoint)
        except UnexpectedRow as error:
            tally.add("unreadable-row", number, str(error))
            continue
        for kind, what in faults(row, claim):
            tally.add(kind, number, what)
        place = _order(row)
        if before is not None and place < before:
            tally.add("out-of-order", number, _name(row))
        before = place
        keys.add(row)
    return [*tally.defects(), *keys.defects(file, endpoint)]


def faults(row: Row, claim: Claim) -> Iterator[Defect]:
    """Check one row against the window and the filters of its extraction."""
    window, series = claim.window, claim.series
    if row.created_ms not in window and row.updated_ms not in window:
        yield (
            "outside-window",
            f"{_name(row)} of {iso(row.created_ms)}, updated {iso(row.updated_ms)}",
        )
    if not row.is_liquidation:
        yield "filtered-out", f"{_name(row)} is no liquidation"
    if series.symbols and row.symbol and row.symbol not in series.symbols:
        yield "filtered-out", f"{_name(row)}, only {', '.join(series.symbols)} were asked for"
    if series.auto_close_type:
        client_order_id = _named_decoder.decode(row.body).client_order_id
        # A row that is marked as neither is as the exchange filtered it.
        prefixes = CLIENT_ORDER_ID_PREFIXES.items()
        others = tuple(prefix for name, prefix in prefixes if name != series.auto_close_type)
        if str(client_order_id).startswith(others):
            yield (
                "filtered-out",
                f"{_name(row)} is {client_order_id!r:.{_SHOWN}}, only {series.auto_close_type} was asked for",
            )


def compare_rows(
    file: Path, endpoint: Endpoint, stretches: Sequence[Window], updates: Spool, versions: Spool
) -> list[Defect]:
    """Compare the rows in `stretches` with those of other objects that were compared before.

    An order that was updated in between may differ. A row contradicts another one if they have the same key
    and update, and other bytes.

    :raises StorageError: the local disk cannot be written.
    """
    tally = Counter[str]()
    first = ""
    if not endpoint.kind.has_id:
        return []  # such rows change, and nothing in them says when
    for _, body in _lines(file):
        row = read_row(body, endpoint)
        if not (_within(row.created_ms, stretches) or _within(row.updated_ms, stretches)):
            continue
        update = (*row.key, row.updated_ms)
        new_update = updates.keep([replace(row, key=update, body=b"", fingerprint="")])
        version = (*update, sha256(body).hexdigest())
        if versions.keep([replace(row, key=version, body=b"", fingerprint="")]) and not new_update:
            tally["contradiction"] += 1
            first = first or f"{_name(row)}, updated {iso(row.updated_ms)}"
    return [
        (kind, f"{count(many, 'row')} with other bytes than in an overlapping window; the first: {first}")
        for kind, many in tally.items()
    ]


class _Tally:
    """Counts defects by kind, and remembers the first of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, kind: str, line: int, what: str) -> None:
        self._counts[kind] += 1
        self._first.setdefault(kind, f"line {line}, {what}")

    def defects(self) -> list[Defect]:
        return [
            (kind, f"{count(self._counts[kind], 'row')} {_PHRASES[kind]}; the first: {first}")
            for kind, first in self._first.items()
        ]


class _Keys:
    """Keeps keys in batches, which is several times as fast as one by one, and finds repeated ones."""

    def __init__(self, spool: Spool | None) -> None:
        self._spool = spool
        self._batch: list[Row] = []
        self._repeated = 0
        self._suspects: frozenset[Key] = frozenset()

    def add(self, row: Row) -> None:
        self._batch.append(replace(row, body=b"", fingerprint=""))
        if len(self._batch) == _BATCH and self._spool is not None:
            self._keep()

    def defects(self, file: Path, endpoint: Endpoint) -> list[Defect]:
        self._keep()
        if not self._repeated:
            return []
        repeated, first = count(self._repeated, "row"), _first_repeat(file, endpoint, self._suspects)
        return [("repeated-key", f"{repeated} with a key that was there before; the first: {first}")]

    def _keep(self) -> None:
        if self._spool is None:
            different = len({row.key for row in self._batch})
        else:
            different = self._spool.keep(self._batch)
        repeated = len(self._batch) - different
        if repeated and not self._repeated:
            self._suspects = frozenset(row.key for row in self._batch)
        self._repeated += repeated
        self._batch.clear()


def _first_repeat(file: Path, endpoint: Endpoint, suspects: frozenset[Key]) -> str:
    """Read the rows again, to find the lines of the first repeated key; it is among the suspects."""
    seen: dict[Key, int] = {}
    for number, body in _lines(file):
        try:
            row = read_row(body, endpoint)
        except UnexpectedRow:
            continue
        if row.key in seen:
            return f"line {number}, {_name(row)}, as line {seen[row.key]}"
        if row.key in suspects:
            seen[row.key] = number
    return "unknown"


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            yield number, line.removesuffix(b"\n")


def _order(row: Row) -> tuple[int, bytes]:
    """Return the sort key of a row in its object."""
    return row.created_ms, sort_key(row.key)


def _within(instant_ms: int, stretches: Sequence[Window]) -> bool:
    position = bisect_right(stretches, instant_ms, key=lambda stretch: stretch.start_ms)
    return position > 0 and instant_ms in stretches[position - 1]


def _name(row: Row) -> str:
    return f"row {describe(row.key)}"

"""Which instant startTime and endTime are compared with, and whether each of them is inclusive.

One row is asked for with intervals of a few milliseconds around its instants: few enough that no limit cuts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.probe_report import Bound, EqualBounds
    from airflow_provider_binance_liq.probe.answers import Instant, SeenRow, SeenRows
    from airflow_provider_binance_liq.probe.asking import ProbeReader
    from airflow_provider_binance_liq.probe.findings import Holds

#: requests at the most: two for the instant, one for the row itself, three for the bounds
REQUESTS = 6


@dataclass(slots=True)
class Bounds:
    """What one row has shown."""

    row: SeenRow
    filtered_by: Instant | None = None
    #: why the instant is undecided
    unclear: str = ""
    #: the row was answered for an interval that surely holds it
    seen_again: bool = False
    start: Bound | None = None
    end: Bound | None = None
    equal: EqualBounds | None = None


def choose(seen: SeenRows) -> SeenRow | None:
    """Choose a row whose instants lie apart, if there is one, with few others around it."""

    def crowd(row: SeenRow) -> int:
        first_ms, last_ms = row.instants
        return seen.count_instants(first_ms - 2, last_ms + 2)

    def rank(row: SeenRow) -> tuple[bool, bool, int]:
        first_ms, last_ms = row.instants
        # Instants that are one millisecond apart lie in each other's interval.
        return last_ms - first_ms == 1, last_ms == first_ms, crowd(row)

    return min(seen.rows.values(), key=rank, default=None)


def find_bounds(reader: ProbeReader, row: SeenRow) -> Bounds:
    """Ask for one row, at its instants and beside them.

    :raises Unanswered: there is no answer, or no weight left for it.
    """
    found = Bounds(row)
    first_ms, last_ms = row.instants
    if last_ms - first_ms > 1:
        _find_instant(reader, found)
    elif last_ms == first_ms:
        found.unclear = "no row has two instants that differ by more than a millisecond"
        found.seen_again = reader.read(first_ms - 1, first_ms + 1).has(row)
    else:
        found.unclear = "the two instants of each row are a millisecond apart"
    if found.seen_again:
        _find_ends(reader, found, row.instant(found.filtered_by or "created"))
    return found


def _find_instant(reader: ProbeReader, found: Bounds) -> None:
    row = found.row
    by_created = reader.read(row.created_ms - 1, row.created_ms + 1).has(row)
    by_updated = reader.read(row.updated_ms - 1, row.updated_ms + 1).has(row)
    if by_created and by_updated:
        found.unclear = "the row is answered around both of its instants"
    elif by_created or by_updated:
        found.filtered_by = "created" if by_created else "updated"
        found.seen_again = True
    else:
        found.unclear = "the row is not answered around either of its instants"


def _find_ends(reader: ProbeReader, found: Bounds, at_ms: int) -> None:
    found.end = _bound(reader.read(at_ms - 1, at_ms).shows(found.row))
    found.start = _bound(reader.read(at_ms, at_ms + 1).shows(found.row))
    equal = reader.read(at_ms, at_ms)
    if equal.refusal is not None:
        found.equal = "refused"
    elif (shown := equal.shows(found.row)) is not None:
        found.equal = "works" if shown else "empty"


def _bound(shown: Holds) -> Bound | None:
    if shown is None:
        return None
    return "inclusive" if shown else "exclusive"

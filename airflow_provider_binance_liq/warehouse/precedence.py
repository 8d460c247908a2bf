"""Which of two versions counts: the law that every merge keeps, of rows and of windows.

Knowledge only grows. Of two versions of a row the one with the later event time counts, and at the same
instant the one of the later extraction. Of two extractions of a window a proven one counts before one that
is not, then the later one. Older knowledge replaces nothing, and nothing is ever deleted; so loads may come
in any order, and again. One case does depend on the order: overlapping windows that have one row with other
content at the same event time, where an extraction of one of them no longer has the row, has the bytes of an
earlier one, or is of the same instant as one of the other.

The law is stated here once, in standard SQL over the aliases `source` (what is loaded) and `target` (what is
stored). Engines on this machine judge windows before they open a transaction that writes, so for windows the
same law is here in Python too; `tests/warehouse/test_precedence.py` checks that the two agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.premises import of_version_1
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_binance_liq.warehouse.schema import Table

#: the source row is of a later extraction of its window than the stored one: it may replace at one instant
IS_NEWER: Final = "target.extracted_at IS NULL OR source.extracted_at > target.extracted_at"
#: the same row again, from a later extraction: its content stays, and so does `loaded_at`
CONFIRMS: Final = "source.is_newer AND source.extracted_at > target.extracted_at AND source.raw = target.raw"
#: columns that follow where a row is only confirmed
CONFIRMED: Final = ("object_sha256", "extracted_at")
#: what sorts several windows of a load that have one key, the one that counts first
WINDOW_ORDER: Final = "complete DESC, extracted_at DESC, object_sha256 DESC"


def replaces(table: Table) -> str:
    """Say when a source row replaces the content of the target row that has its key."""
    source, target = f"source.{table.event_time}", f"target.{table.event_time}"
    return (
        f"source.raw <> target.raw AND ({source} > {target} OR (source.is_newer "
        f"AND {source} = {target} AND source.extracted_at > target.extracted_at))"
    )


def newest_first(table: Table) -> tuple[str, ...]:
    """Name the columns that sort versions of one row, each descending: the first of them counts.

    The same row may be in two objects of one instant, as where a filtered window lies beside the whole one:
    the last column decides which of them confirms it, so that the same loads always give the same table.
    """
    return (table.event_time, "is_newer", "extracted_at", "raw", "object_sha256")


def same_content(table: Table) -> str:
    """Say when source and target have the same content, so that `loaded_at` stays."""
    column = "object_sha256" if table is WINDOWS else "raw"
    return f"source.{column} = target.{column}"


def same_key(table: Table, source: str = "source", target: str = "target") -> str:
    """Match source and target by the natural key."""
    return " AND ".join(f"{source}.{name} = {target}.{name}" for name in table.key)


@dataclass(frozen=True, slots=True)
class WindowVersion:
    """What decides between two extractions of one window."""

    endpoint: str
    #: whether the extraction was restricted to symbols
    by_symbol: bool
    rows: int
    sha256: str
    complete: bool
    extracted_at: datetime
    #: whether it states what its proof rests on; version 0.1.0 did not
    has_premises: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether it counts as complete: a claim of version 0.1.0 is judged by the rules of today."""
        if self.has_premises or not self.complete:
            return self.complete
        return of_version_1(self.endpoint, symbols=self.by_symbol, rows=self.rows, complete=True).complete

    @property
    def rank(self) -> tuple[bool, datetime, str]:
        """Sorts versions of one window, the one that counts last; the checksum only makes it repeatable."""
        return self.complete, self.extracted_at, self.sha256

    def replaces(self, target: WindowVersion | None) -> bool:
        """Tell whether this is what the windows table should have, instead of what is stored."""
        if target is None or self._adds_premises(target):
            return True
        return (self.complete, self.extracted_at) > (target.is_complete, target.extracted_at)

    def is_newer_than(self, target: WindowVersion | None) -> bool:
        """Tell whether its rows may replace stored rows of the same event time."""
        return target is None or self.extracted_at > target.extracted_at

    def _adds_premises(self, target: WindowVersion) -> bool:
        """Tell whether this is the very extraction that version 0.1.0 has stored without its premises."""
        same = (self.sha256, self.extracted_at) == (target.sha256, target.extracted_at)
        return same and not target.has_premises


def window_replaces() -> str:
    """Say what `WindowVersion.replaces` does, of a source and a target that may be missing, both rows."""
    outdated = outdated_claim("target.")
    return (
        "target.object_sha256 IS NULL\n"
        "    OR (target.premises IS NULL AND source.object_sha256 = target.object_sha256\n"
        "        AND source.extracted_at = target.extracted_at)\n"
        f"    OR (source.complete AND (NOT target.complete OR {outdated}))\n"
        f"    OR (source.complete = (target.complete AND NOT {outdated})\n"
        "        AND source.extracted_at > target.extracted_at)"
    )


def outdated_claim(prefix: str = "") -> str:
    """Say when a stored window has no premises and is one that the rules of today do not call complete."""
    cases = [
        _case(prefix, by_symbol=by_symbol, empty=empty)
        for by_symbol, empty in product((False, True), repeat=2)
    ]
    return f"({prefix}premises IS NULL AND ({' OR '.join(case for case in cases if case)}))"


def _case(prefix: str, *, by_symbol: bool, empty: bool) -> str:
    endpoints = [
        name
        for name in ENDPOINTS
        if not of_version_1(name, symbols=by_symbol, rows=int(not empty), complete=True).complete
    ]
    if not endpoints:
        return ""
    names = ", ".join(f"'{name}'" for name in endpoints)
    symbols, rows = "<>" if by_symbol else "=", "=" if empty else ">"
    return (
        f"({prefix}endpoint IN ({names}) AND {prefix}symbols {symbols} '' AND {prefix}object_rows {rows} 0)"
    )

"""Compaction: the small files that loads add, rewritten month by month; no row changes.

A load looks its keys up in every file of its account and endpoint, so it takes longer with each file. What is
deleted and what is written again is found by one filter in one snapshot, and a commit is valid only on that
snapshot: whatever a file holds, and whoever else writes, no row is lost or there twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.warehouse.iceberg.filters import joined, predicates
from airflow_provider_binance_liq.warehouse.iceberg.session import VERSION_PROPERTY, for_one_load

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table as IcebergTable

    from airflow_provider_binance_liq.warehouse.schema import Table

#: rows; a file of the size that loads write at most has several times as many
_SMALL: Final = 10_000
_DECEMBER: Final = 12


class Month(NamedTuple):
    """The files of one partition whose rows begin in one month of UTC."""

    partition: tuple[str, ...]
    year: int
    month: int

    def where(self, table: Table) -> BooleanExpression:
        """Say which rows are of this partition and month."""
        of, time = predicates(), table.event_time
        first = datetime(self.year, self.month, 1, tzinfo=UTC)
        parts = [
            of.EqualTo(name, value) for name, value in zip(table.partitioned_by, self.partition, strict=True)
        ]
        parts.append(of.GreaterThanOrEqual(time, first.isoformat()))
        if (self.year, self.month) != (9999, _DECEMBER):
            after = divmod(self.year * _DECEMBER + self.month, _DECEMBER)
            parts.append(of.LessThan(time, datetime(after[0], after[1] + 1, 1, tzinfo=UTC).isoformat()))
        return joined(of.And, parts)


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did to one table."""

    months: int
    files_before: int
    files_after: int


def compact_table(open_table: Callable[[], IcebergTable], table: Table) -> Compacted:
    """Rewrite every month that has several small files; each is a commit of its own.

    It takes memory for the rows of one month of one account and endpoint.

    :raises pyiceberg.exceptions.CommitFailedException: others committed meanwhile; what was committed stays.
    """
    found = open_table()
    before = _files(found)
    months = _fragmented(before, table)
    for month in months:
        _rewrite(open_table(), table, month)
    return Compacted(len(months), len(before), len(_files(open_table())) if months else len(before))


def _files(found: IcebergTable) -> list[dict[str, Any]]:
    return found.inspect.files().to_pylist() if found.current_snapshot() else []


def _fragmented(files: list[dict[str, Any]], table: Table) -> list[Month]:
    small = Counter(_month(one, table) for one in files if one["record_count"] < _SMALL)
    return sorted(month for month, count in small.items() if count > 1)


def _month(file: dict[str, Any], table: Table) -> Month:
    first = file["readable_metrics"][table.event_time]["lower_bound"]
    partition = tuple(file["partition"][name] for name in table.partitioned_by)
    return Month(partition, first.year, first.month)


def _rewrite(found: IcebergTable, table: Table, month: Month) -> None:
    found.metadata = for_one_load(found.metadata)
    where = month.where(table)
    rows = found.scan(row_filter=where).to_arrow()
    rows = rows.sort_by([(name, "ascending") for name in table.sorted_by])
    found.overwrite(rows, where, {VERSION_PROPERTY: __version__})

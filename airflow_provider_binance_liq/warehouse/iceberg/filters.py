"""Predicates by which a load reads and deletes no more of a table than what it touches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyiceberg.expressions import BooleanExpression

    from airflow_provider_binance_liq.warehouse.schema import Table


def group(row: Mapping[str, Any], table: Table) -> BooleanExpression:
    """Say where rows of one partition are: between the least and the greatest of what they are found by."""
    of = predicates()
    parts: list[BooleanExpression] = [of.EqualTo(name, row[name]) for name in table.partitioned_by]
    parts.append(between(table.selective, row["low"], row["high"]))
    if "first" in row and table.event_time != table.selective:
        parts.append(between(table.event_time, row["first"], row["last"]))
    if "listed" in row:
        parts.append(of.In(table.selective, set(row["listed"])))
    return joined(of.And, parts)


def between(column: str, low: Any, high: Any) -> BooleanExpression:
    """Say that a column lies between two values, both included."""
    of = predicates()
    return joined(of.And, [of.GreaterThanOrEqual(column, low), of.LessThanOrEqual(column, high)])


def joined(join: Callable[..., BooleanExpression], parts: Sequence[BooleanExpression]) -> BooleanExpression:
    """Join predicates, of which there is at least one."""
    return parts[0] if len(parts) == 1 else join(*parts)


def predicates() -> Any:
    """Return PyIceberg's predicates: they take a name and a value, which their annotations do not say."""
    from pyiceberg import expressions

    return expressions

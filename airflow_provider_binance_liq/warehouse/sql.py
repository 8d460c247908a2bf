"""SQL from the tables' columns, for the engines on this machine.

The statements are the same standard SQL in each of them, so they are written here once; what differs is the
names of types, and rows are typed before they come here. A library that parses SQL would add a dependency to
every worker for no statement less; in the tests it may well parse what is generated here. Which version of a
row counts is `precedence`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.warehouse.precedence import (
    CONFIRMED,
    CONFIRMS,
    newest_first,
    replaces,
    same_content,
    same_key,
)
from airflow_provider_binance_liq.warehouse.tables import WINDOWS, unchanging

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_binance_liq.core.manifest import ManifestObject
    from airflow_provider_binance_liq.warehouse.schema import Column, Table, Types


def create_table(table: Table, types: Types) -> str:
    """`CREATE TABLE`, with the natural key as its primary key."""
    lines = [
        f"    {column.name} {types[column.kind]}{' NOT NULL' if column.required else ''}" for column in table
    ]
    key = f"    PRIMARY KEY ({', '.join(table.key)})"
    return f"CREATE TABLE IF NOT EXISTS {table.name} (\n{lines_of([*lines, key])}\n)"


def staged(table: Table) -> str:
    """Name the staging table: rows typed, one per key, or the windows of the manifests at hand."""
    return f"staged_{table.name}"


def newest_of_each(table: Table) -> str:
    """Keep one row per key, where several of the objects have it: the one that counts."""
    key = ", ".join(table.key)
    newest = ", ".join(f"{name} DESC" for name in newest_first(table))
    return (
        f"SELECT * FROM {staged(table)}\nQUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {newest}) = 1"
    )


def count_repeated(table: Table) -> str:
    """Count the staged rows that share their key with another one."""
    return f"SELECT count(*) - count(DISTINCT ({', '.join(table.key)})) FROM {staged(table)}"


def contradiction(table: Table, other: str) -> str:
    """Select text and object of a staged row, and of one in `other` with its key that is not the same row."""
    differ = [f"source.{name} IS DISTINCT FROM target.{name}" for name in unchanging(table)]
    return (
        "SELECT source.raw, source.object_sha256, target.raw, target.object_sha256\n"
        f"FROM {staged(table)} AS source\n"
        f"JOIN {other} AS target ON {same_key(table)}\nWHERE {' OR '.join(differ) or 'false'} LIMIT 1"
    )


def contradicting(table: Table, rows: Iterable[tuple[str, str, str, str]]) -> str:
    """Say which two rows cannot both be kept; empty where there are none."""
    return "".join(
        f"two rows have one {', '.join(table.key)}, and differ in what never changes, so one would be lost: "
        f"{one[:300]} of the object with sha256 {sha256}, and {other[:300]} of {other_sha256}"
        for one, sha256, other, other_sha256 in rows
    )


def classed(table: Table) -> str:
    """Name the table of what a load changes: the places of staged rows, and what becomes of each."""
    return f"classed_{table.name}"


def class_rows(table: Table, place: str, near: str = "", *, stored: str = "") -> str:
    """Select the place of each staged row, and its class: `new`, `newer`, `again`; NULL: nothing changes.

    It is the one query that compares what is staged with what is stored; counts and writes follow from it.

    :param place: what the engine calls the address of a row: `rowid`, `ctid`.
    :param near: bounds where stored rows are looked for.
    :param stored: the same as `place`, where stored rows have an address too; then it is noted, with what
        only confirms a row, and no write has to look a key up again.
    """
    noted = [f"target.{stored} AS stored", *(f"source.{name}" for name in CONFIRMED)] if stored else []
    return (
        f"SELECT {', '.join((f'source.{place} AS place', *noted))}, CASE\n"
        f"    WHEN target.{table.key[0]} IS NULL THEN 'new'\n"
        f"    WHEN {replaces(table)} THEN 'newer'\n"
        f"    WHEN {CONFIRMS} THEN 'again' END AS class\n"
        f"FROM {staged(table)} AS source LEFT JOIN {table.name} AS target\n    ON {same_key(table)}{near}"
    )


def count_classes(table: Table) -> str:
    """Count the staged rows, and of them those that are new, newer, and there again."""
    counted = ", ".join(f"count(*) FILTER (WHERE class = '{one}')" for one in ("new", "newer", "again"))
    return f"SELECT count(*), {counted} FROM {classed(table)}"


def insert_rows(table: Table, place: str = "", class_: str = "new") -> str:
    """`INSERT` of the staged rows of a class; without a place, of all of them."""
    names = ", ".join(table.names)
    only = f"\nWHERE {_classed_as(table, class_, place)}" if place else ""
    return f"INSERT INTO {table.name} ({names})\nSELECT {names} FROM {staged(table)} AS source{only}"


def replace_rows(table: Table, place: str, near: str = "", *, stored: str = "") -> str:
    """`UPDATE` of the rows whose content a staged row replaces; `near` bounds where they are."""
    rest = [name for name in table.names if name not in table.key]
    if not stored:
        return _update(table, rest, _classed_as(table, "newer", place), near)
    source = f"{staged(table)} AS source JOIN {classed(table)} AS classed ON source.{place} = classed.place"
    at = f"target.{stored} = classed.stored AND classed.class = 'newer'"
    return _update_from(table, rest, source, f"{at}{near}")


def delete_newer(table: Table, stored: str) -> str:
    """`DELETE` of the rows whose content a staged row replaces, before that is inserted in their place."""
    return (
        f"DELETE FROM {table.name}\n"
        f"WHERE {stored} IN (SELECT stored FROM {classed(table)} WHERE class = 'newer')"
    )


def confirm_rows(table: Table, place: str, near: str = "", *, stored: str = "") -> str:
    """`UPDATE` of the rows that a staged row, extracted later, only repeats."""
    if not stored:
        return _update(table, CONFIRMED, _classed_as(table, "again", place), near)
    at = f"target.{stored} = source.stored AND source.class = 'again'"
    return _update_from(table, CONFIRMED, f"{classed(table)} AS source", f"{at}{near}")


def _classed_as(table: Table, class_: str, place: str) -> str:
    return f"source.{place} IN (SELECT place FROM {classed(table)} WHERE class = '{class_}')"


def _update(table: Table, names: Iterable[str], condition: str, near: str) -> str:
    where = f"{same_key(table)}{near}\n    AND {condition}"
    return _update_from(table, names, f"{staged(table)} AS source", where)


def _update_from(table: Table, names: Iterable[str], source: str, where: str) -> str:
    return (
        f"UPDATE {table.name} AS target SET\n{lines_of(f'    {name} = source.{name}' for name in names)}\n"
        f"FROM {source}\nWHERE {where}"
    )


def count_elsewhere(table: Table, place: str) -> str:
    """Count the rows that were classed as new, and are stored nevertheless, where none was looked for."""
    return (
        f"SELECT count(*) FROM {staged(table)} AS source JOIN {table.name} AS target\n"
        f"    ON {same_key(table)}\nWHERE {_classed_as(table, 'new', place)}"
    )


def merge_windows() -> str:
    """`MERGE` of the staged windows; only those are staged that replace what is stored."""
    rest = tuple(name for name in WINDOWS.names if name not in WINDOWS.key)
    confirmed = tuple(name for name in rest if name != "loaded_at")
    same = same_content(WINDOWS)
    return _merge(WINDOWS, ((same, confirmed), (f"NOT ({same})", rest)))


def _merge(table: Table, updates: tuple[tuple[str, tuple[str, ...]], ...]) -> str:
    whens = [
        f"WHEN MATCHED AND {condition} THEN UPDATE SET\n"
        + lines_of(f"    {name} = source.{name}" for name in names)
        for condition, names in updates
    ]
    return "\n".join(
        [
            f"MERGE INTO {table.name} AS target USING {staged(table)} AS source",
            f"ON {same_key(table)}",
            *whens,
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(table.names)})",
            f"VALUES ({', '.join(f'source.{name}' for name in table.names)})",
        ]
    )


def lines_of(parts: Iterable[str]) -> str:
    """Put parts on lines of their own, with commas between them."""
    return ",\n".join(parts)


def expected_columns(table: Table, types: Types) -> dict[str, str]:
    """Return the types of a table's columns, as the warehouses spell them when asked."""
    return {column.name: types[column.kind].replace(", ", ",") for column in table}


def absent(table: Table, found: Mapping[str, str]) -> tuple[Column, ...]:
    """Name the columns that a table of 0.1.0 lacks."""
    return tuple(column for column in table.added if column.name not in found)


def add_columns(table: Table, types: Types, found: Mapping[str, str]) -> list[str]:
    """`ALTER TABLE` for what a table of 0.1.0 lacks."""
    return [
        f"ALTER TABLE {table.name} ADD COLUMN {column.name} {types[column.kind]}"
        for column in absent(table, found)
    ]


def difference(table: Table, types: Types, found: Mapping[str, str], *, others: bool = True) -> str:
    """Say how the columns `found` differ from those that this version takes; empty where they do not.

    :param others: whether columns that this version does not have are left alone.
    """
    expected = expected_columns(table, types)
    gained = {column.name for column in absent(table, found)}
    differing = [
        f"{name} is {found.get(name, 'absent')} where {expected.get(name, 'no column')} belongs"
        for name in dict.fromkeys((*expected, *(() if others else found)))
        if name not in gained and found.get(name) != expected.get(name)
    ]
    return (
        f"the table {table.name} is not as this version makes it: {'; '.join(differing)}" if differing else ""
    )


def repeated_field(uri: str, name: str, raw: str) -> str:
    """Say that a row has a field twice, of which readers of JSON take the first or the last, as they like."""
    return f"a row of {uri} has {name} more than once, so its value is ambiguous: {raw[:300]}"


def miscounted(read: Iterable[tuple[ManifestObject, int]]) -> str:
    """Say which objects hold another number of rows than their manifests say."""
    differing = [
        f"{stored.uri} has {rows} rows where its manifest says {stored.rows}"
        for stored, rows in read
        if rows != stored.rows
    ]
    return f"{'; '.join(differing)}; nothing was merged"

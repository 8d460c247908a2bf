"""The statements of a load, the same in every warehouse; a warehouse says in its own words what differs.

A load has three tables of its own, named after it, and five steps. `stage` makes them: the objects' lines as
they are, one text column; the manifests; and the fields of the rows, as text. `check` is one query that tells
whether everything fits, and if not, what does not. `merge` types the texts, and brings in the rows first and
then the windows. `clean` drops the load's own tables.

Three laws hold whatever the warehouse. A digit is never read by a JSON reader as a number: the number tokens
of the fields that become columns are quoted before it sees them. What is cast was checked, digit by digit:
casts round in silence, some even wrap around. And knowledge is ordered as everywhere (`sql.REPLACES`): the
rows to merge are those alone that are new or newer, so the MERGE itself has no condition, which Redshift's
could not have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.sql import CONFIRMS, NEWEST, REPLACES, lines_of, rules, same_key
from airflow_provider_binance_liq.warehouse.tables import (
    DECIMAL_PRECISION,
    DECIMAL_SCALE,
    LIQUIDATIONS,
    WINDOWS,
    Column,
    Table,
    row_fields,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_binance_liq.core.manifest import Compression
    from airflow_provider_binance_liq.warehouse.tables import Kind

#: what a number token of a field that becomes a column is preceded by; no string can hold it unescaped
_NAMED: Final = f'"({"|".join(row_fields())})"[[:space:]]*:[[:space:]]*'
_NUMBER: Final = "-?[0-9][0-9.eE+-]*"
_WHOLE: Final = DECIMAL_PRECISION - DECIMAL_SCALE
#: what a text has to be, so that its cast is exact; instants are the 13 digits up to the year 2286
_FITTING: Final[Mapping[Kind, str]] = {
    "decimal": f"^-?[0-9]{{1,{_WHOLE}}}([.][0-9]{{1,{DECIMAL_SCALE}}}0*)?$",
    "int64": "^-?[0-9]{1,18}$",
    "instant": "^[0-9]{1,13}$",
    "instant_or_none": "^[0-9]{1,13}$",
}
_MEANT: Final[Mapping[Kind, str]] = {
    "decimal": f"decimal of {_WHOLE} digits before the point and {DECIMAL_SCALE} after it",
    "int64": "64-bit integer",
    "boolean": "boolean",
    "instant": "instant in milliseconds",
    "instant_or_none": "instant in milliseconds",
}
_GREATEST_INT64: Final = 2**63 - 1
#: what may stand between quotes in every dialect as it is
_QUOTABLE: Final = re.compile(r"[\w.@+=:/ ()-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """An object, as a warehouse reads it."""

    #: relative to the destination, which is where stages and named collections point to
    key: str
    #: whole, without an Airflow connection in it
    url: str
    compression: Compression = None


@dataclass(frozen=True, slots=True)
class Load:
    """What a load is made of."""

    #: hexadecimal digits, part of the names of the load's own tables
    name: str
    #: one JSON object a line, a manifest each; its values are texts
    manifests: Source
    #: objects that hold rows
    objects: Sequence[Source]
    #: of manifests
    count: int
    #: how the warehouse gets at the lake: a stage, a role, a named collection
    via: str = ""


class Warehouse:
    """The generator; subclasses say what a warehouse calls things."""

    name: ClassVar[str]
    #: what `via` has to be; empty where there is none
    via: ClassVar[str] = ""
    #: of the URLs that it can read
    schemes: ClassVar[tuple[str, ...]]
    types: ClassVar[Mapping[Kind, str]]
    #: what kind of table the load's own are
    staging_table: ClassVar[str] = "TABLE"
    begin: ClassVar[tuple[str, ...]] = ("BEGIN",)
    commit: ClassVar[tuple[str, ...]] = ("COMMIT",)
    #: what follows the primary key
    key_suffix: ClassVar[str] = ""
    #: what follows a query
    query_suffix: ClassVar[str] = ""

    # What a warehouse says in its own way.

    def parsed(self, line: str) -> str:
        """Return what `member` takes apart, of a line whose numbers are quoted."""
        return line

    def quoted(self, line: str) -> str:
        """Quote the number tokens of the fields that become columns."""
        return f"regexp_replace({line}, '({_NAMED})({_NUMBER})', '\\\\1\"\\\\3\"')"

    def member(self, name: str) -> str:
        """Return the text of a member of `parsed`; NULL where it is not there or null."""
        raise NotImplementedError

    def matches(self, text: str, pattern: str) -> str:
        """Tell whether a text matches."""
        raise NotImplementedError

    def instant(self, millis: str) -> str:
        """Make an instant of whole milliseconds since 1970."""
        raise NotImplementedError

    def copy(self, load: Load) -> list[str]:
        """Fill the table of lines: each line as it is, with its object's key.

        A plain COPY does not tell which object a line comes from, so one is copied after another.
        """
        return [
            statement
            for source in (load.manifests, *load.objects)
            for statement in (
                self.copy_one(load, source),
                f"UPDATE {self.lines(load)} SET object = {quote(source.key)} WHERE object IS NULL",
            )
        ]

    def copy_one(self, load: Load, source: Source) -> str:
        """Copy the lines of one object."""
        raise NotImplementedError

    def check_via(self, via: str) -> None:
        """Refuse a `via` that cannot be one.

        :raises InvalidRequest: the message says what it has to be.
        """
        raise NotImplementedError

    def spelled(self, statement: str) -> str:
        """Quote what a warehouse takes for a word of its own."""
        return statement

    def deliver(self, statements: list[str]) -> Any:
        """Return statements as the warehouse's own operator takes them."""
        return statements

    # What is the same everywhere.

    def statements(self, load: Load) -> dict[str, Any]:
        """Return the steps of a load."""
        self.check_via(load.via)
        steps = {
            "stage": self.create_tables() + self.stage(load),
            "merge": self.merge(load),
            "clean": self.clean(load),
        }
        return {"check": self.spelled(self.check(load))} | {
            step: self.deliver([self.spelled(statement) for statement in statements])
            for step, statements in steps.items()
        }

    def create_tables(self) -> list[str]:
        """Create the two tables of the warehouse, where they are not there."""
        return [
            statement
            for table in (LIQUIDATIONS, WINDOWS)
            for statement in (self.create_table(table), *self.add_columns(table, table.name))
        ]

    def add_columns(self, table: Table, name: str) -> list[str]:
        """Add to a table of the release before what it lacks; one that has it is left as it is."""
        return [
            f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {column.name} {self.declared(column)}"
            for column in table.added
        ]

    def create_table(self, table: Table) -> str:
        """`CREATE TABLE`; the key is a statement of intent, which the merge keeps."""
        key = f"    PRIMARY KEY ({', '.join(table.key)}){self.key_suffix}"
        return f"CREATE TABLE IF NOT EXISTS {table.name} (\n{lines_of([*self.columns(table), key])}\n)"

    def columns(self, table: Table) -> list[str]:
        """Declare the columns."""
        return [f"    {column.name} {self.declared(column)}" for column in table]

    def declared(self, column: Column) -> str:
        """Return a column's type, as it is declared."""
        return f"{self.types[column.kind]}{' NOT NULL' if column.required else ''}"

    def lines(self, load: Load) -> str:
        """Name the table of lines."""
        return f"told_lines_{load.name}"

    def manifests(self, load: Load) -> str:
        """Name the table of manifests."""
        return f"told_windows_{load.name}"

    def fields(self, load: Load) -> str:
        """Name the table of rows, field by field as text."""
        return f"told_fields_{load.name}"

    def stage(self, load: Load) -> list[str]:
        """Make the load's own tables; what an earlier attempt left of them goes."""
        return [
            *self.clean(load),
            self.create_lines(load),
            *self.copy(load),
            self.create_as(self.manifests(load), self._select_manifests(load)),
            self.create_as(self.fields(load), self._select_fields(load)),
        ]

    def create_lines(self, load: Load) -> str:
        """Create the table of lines."""
        text = self.types["text"]
        return f"CREATE {self.staging_table} {self.lines(load)} (object {text}, line {text})"

    def create_as(self, name: str, query: str) -> str:
        """Create one of the load's own tables from a query."""
        return f"CREATE {self.staging_table} {name} AS\n{query}"

    def clean(self, load: Load) -> list[str]:
        """Drop the load's own tables."""
        names = (self.lines(load), self.manifests(load), self.fields(load))
        return [f"DROP TABLE IF EXISTS {name}" for name in names]

    def _select_manifests(self, load: Load) -> str:
        values = [f"    {self._told(column)} AS {column.name}" for column in WINDOWS]
        return (
            f"SELECT\n    {self.member('object')} AS object,\n{lines_of(values)}\n"
            f"FROM (SELECT {self.parsed('line')} AS parsed FROM {self.lines(load)}\n"
            f"    WHERE object = {quote(load.manifests.key)}) AS manifests"
        )

    def _told(self, column: Column) -> str:
        """Type a value that the preparing task has written."""
        if column.kind == "text":
            return f"coalesce({self.member(column.name)}, '')"
        return self._typed(column.kind, self.member(column.name))

    def _select_fields(self, load: Load) -> str:
        values = [f"    nullif({self.member(name)}, '') AS {sent(name)}" for name in row_fields()]
        return (
            f"SELECT\n    object,\n    line,\n{lines_of(values)}\n"
            f"FROM (SELECT object, line, {self.parsed(self.quoted('line'))} AS parsed\n"
            f"    FROM {self.lines(load)} WHERE object <> {quote(load.manifests.key)}) AS quoted_lines"
        )

    def check(self, load: Load) -> str:
        """Ask for one row: whether everything fits (1 or 0), and what does not."""
        return (
            "SELECT CASE WHEN count(*) = 0 THEN 1 ELSE 0 END AS fits,\n"
            "    coalesce(min(misfit), 'everything fits') AS misfit\nFROM (\n"
            f"{self._miscounted(load)}\nUNION ALL\n{self._unstaged(load)}\nUNION ALL\n{self._misfits(load)}\n"
            f") AS misfits{self.query_suffix}"
        )

    def _miscounted(self, load: Load) -> str:
        text = self.types["text"]
        return (
            f"SELECT object_uri || ' has ' || CAST(staged AS {text}) || ' rows where its manifest says '\n"
            f"    || CAST(object_rows AS {text}) AS misfit\nFROM (\n"
            "    SELECT windows.object_uri, windows.object_rows,\n"
            "        coalesce(max(counted.rows_staged), 0) AS staged\n"
            f"    FROM {self.manifests(load)} AS windows LEFT JOIN (\n"
            f"        SELECT object, count(*) AS rows_staged FROM {self.fields(load)} GROUP BY object\n"
            "    ) AS counted ON counted.object = windows.object\n"
            "    GROUP BY windows.object_uri, windows.object_rows\n"
            ") AS each_object\nWHERE staged <> object_rows"
        )

    def _unstaged(self, load: Load) -> str:
        said = f"CAST(staged AS {self.types['text']}) || ' manifests where {load.count} were written'"
        return (
            f"SELECT 'there are ' || {said} AS misfit\n"
            f"FROM (SELECT count(*) AS staged FROM {self.manifests(load)}) AS manifests\n"
            f"WHERE staged <> {load.count}"
        )

    def _misfits(self, load: Load) -> str:
        whens = [when for column in LIQUIDATIONS for when in self._whens(column)]
        return (
            "SELECT misfit || '; a row of ' || object_uri || ': ' || substr(line, 1, 300) AS misfit\nFROM (\n"
            "    SELECT windows.object_uri, fields.line, CASE\n"
            + "\n".join(f"        {when}" for when in [*self.refusals("fields.line"), *whens])
            + f"\n        END AS misfit\n    FROM {self.fields(load)} AS fields\n"
            f"    JOIN {self.manifests(load)} AS windows ON windows.object = fields.object\n"
            ") AS each_row\nWHERE misfit IS NOT NULL"
        )

    def refusals(self, line: str) -> list[str]:  # noqa: ARG002 - of those that have any
        """Return more conditions on a line, each `WHEN … THEN <what is wrong>`."""
        return []

    def _whens(self, column: Column) -> list[str]:
        """Say when a column cannot be had of a row, and what to say about it."""
        if column.origin != "row":
            return []
        text, named = _first(column, "fields."), " or ".join(column.fields)
        whens = [f"WHEN {text} IS NULL THEN 'a row has no {named}'"] if column.required else []
        unfit = self._unfit(column.kind, text)
        if unfit:
            said = f"'{named} is ' || {text} || ', which is no {_MEANT[column.kind]}'"
            whens.append(f"WHEN {unfit} THEN {said}")
        return whens

    def _unfit(self, kind: Kind, text: str) -> str:
        if kind == "text":
            return ""
        if kind == "boolean":
            return f"lower({text}) NOT IN ('true', '1', 'false', '0')"
        unfit = f"NOT {self.matches(text, _FITTING[kind])}"
        if kind != "int64":
            return unfit
        # Of 19 digits, as texts compare.
        great = f"{self.matches(text, '^[0-9]{19}$')} AND {text} <= '{_GREATEST_INT64}'"
        return f"{unfit} AND NOT ({great})"

    def merge(self, load: Load) -> list[str]:
        """Bring in the rows, then the windows: who sees a window sees its rows."""
        return [
            *self.begin,
            *self.merge_into(LIQUIDATIONS, self._newer_rows(load)),
            *self.merge_into(WINDOWS, self._newer_windows(load)),
            *self.commit,
        ]

    def merge_into(self, table: Table, query: str) -> list[str]:
        """Merge what a query gives, all of which is new or newer."""
        return [merge_statement(table, f"(\n{query}\n)")]

    def _newer_rows(self, load: Load) -> str:
        key = ", ".join(LIQUIDATIONS.key)
        newest = ", ".join(f"{name} DESC" for name in NEWEST)
        return (
            f"{_selected(LIQUIDATIONS, 'told.raw = known.raw')}\nFROM (\n"
            f"SELECT typed.*, row_number() OVER (PARTITION BY {key} ORDER BY {newest}) AS place\n"
            f"FROM (\n{self._typed_rows(load)}\n) AS typed\n"
            f") AS told LEFT JOIN {LIQUIDATIONS.name} AS known\n    ON {same_key(LIQUIDATIONS)}\n"
            f"WHERE told.place = 1 AND (known.raw IS NULL\n    OR ({CONFIRMS})\n    OR ({REPLACES}))"
            f"{self.query_suffix}"
        )

    def _typed_rows(self, load: Load) -> str:
        values = [f"    {self._value(column)} AS {column.name}" for column in LIQUIDATIONS]
        return (
            f"SELECT\n{lines_of([*values, '    is_newer'])}\n"
            f"FROM {self.fields(load)} AS fields JOIN (\n"
            "    SELECT windows.object, windows.account, windows.endpoint, windows.object_sha256,\n"
            "        windows.extracted_at, windows.loaded_at,\n"
            "        known.extracted_at IS NULL OR windows.extracted_at > known.extracted_at AS is_newer\n"
            f"    FROM {self.manifests(load)} AS windows LEFT JOIN {WINDOWS.name} AS known\n"
            f"        ON {same_key(WINDOWS, 'windows')}\n"
            "    WHERE known.object_sha256 IS NULL OR known.object_sha256 <> windows.object_sha256\n"
            ") AS objects ON objects.object = fields.object"
        )

    def _value(self, column: Column) -> str:
        if column.origin in ("manifest", "load"):
            return f"objects.{column.name}"
        if column.name == "raw":
            return "fields.line"
        if column.origin == "rule":
            return rules(f"fields.{sent('clientOrderId')}")[column.name]
        return self._typed(column.kind, _first(column, "fields."))

    def _typed(self, kind: Kind, text: str) -> str:
        if kind == "text":
            return text
        if kind == "boolean":
            # No word is a number, so another one fails; Redshift has no cast from text to boolean.
            low, fails = f"lower({text})", f"{self.cast(text, 'int64')} = 1"
            return f"CASE WHEN {low} = 'true' THEN TRUE WHEN {low} = 'false' THEN FALSE ELSE {fails} END"
        if kind == "instant":
            return self.instant(self.cast(text, "int64"))
        if kind == "instant_or_none":
            return self.instant(f"nullif({self.cast(text, 'int64')}, 0)")
        return self.cast(text, kind)

    def cast(self, text: str, kind: Kind) -> str:
        """Cast a text that was checked; what does not fit after all fails."""
        return f"CAST({text} AS {self.types[kind]})"

    def _newer_windows(self, load: Load) -> str:
        key = ", ".join(WINDOWS.key)
        return (
            f"{_selected(WINDOWS, 'told.object_sha256 = known.object_sha256')}\nFROM (\n"
            f"SELECT windows.*, row_number() OVER (PARTITION BY {key}\n"
            "    ORDER BY complete DESC, extracted_at DESC, object_sha256 DESC) AS place\n"
            f"FROM {self.manifests(load)} AS windows\n"
            f") AS told LEFT JOIN {WINDOWS.name} AS known\n    ON {same_key(WINDOWS)}\n"
            "WHERE told.place = 1 AND (known.object_sha256 IS NULL\n"
            "    OR (known.premises IS NULL AND told.object_sha256 = known.object_sha256\n"
            "        AND told.extracted_at = known.extracted_at)\n"
            "    OR (told.complete AND NOT known.complete)\n"
            "    OR (told.complete = known.complete AND told.extracted_at > known.extracted_at))"
            f"{self.query_suffix}"
        )


def merge_statement(table: Table, source: str) -> str:
    """`MERGE` without conditions, nor an alias of the table that is merged into: Redshift takes neither."""
    rest = lines_of(f"    {name} = told.{name}" for name in table.names if name not in table.key)
    return (
        f"MERGE INTO {table.name} USING {source} AS told\nON {same_key(table, known=table.name)}\n"
        f"WHEN MATCHED THEN UPDATE SET\n{rest}\n"
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(table.names)})\n"
        f"VALUES ({', '.join(f'told.{name}' for name in table.names)})"
    )


def quote(text: str) -> str:
    """Write a text between quotes, one that needs no escape in any dialect.

    :raises InvalidRequest: it would need one.
    """
    if not _QUOTABLE.fullmatch(text):
        message = f"{text!r} cannot stand in a statement; use letters, digits and . _ - + @ = : / ( ) only"
        raise InvalidRequest(message)
    return f"'{text}'"


def sent(name: str) -> str:
    """Name the column that has a field's text: `sent_order_id`."""
    return "sent_" + re.sub("(?<=[a-z])([A-Z])", r"_\1", name).lower()


def _first(column: Column, prefix: str) -> str:
    """Take the first field that is there; empty ones are NULL by now."""
    names = [prefix + sent(name) for name in column.fields]
    return names[0] if len(names) == 1 else f"coalesce({', '.join(names)})"


def _selected(table: Table, same: str) -> str:
    """Select the table's columns, in order; what is told again keeps the time at which it was loaded."""
    kept = f"\n    CASE WHEN {same} THEN known.loaded_at ELSE told.loaded_at END AS loaded_at"
    names = [kept if name == "loaded_at" else f" told.{name}" for name in table.names]
    return f"SELECT{','.join(names)}"

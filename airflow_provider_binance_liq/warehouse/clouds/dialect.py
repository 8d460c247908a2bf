"""What differs between the clouds' warehouses: types, functions, and how they read objects and commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow_provider_binance_liq.warehouse.clouds.loads import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load, Source
    from airflow_provider_binance_liq.warehouse.schema import Column, Kind, Table

_NUMBER: Final = "-?[0-9][0-9.eE+-]*"


class CloudDialect:
    """What a warehouse calls things; its subclasses say how it differs."""

    name: ClassVar[str]
    #: what `via` has to be; empty where there is none
    via: ClassVar[str] = ""
    #: of the URLs that it can read
    schemes: ClassVar[tuple[str, ...]]
    types: ClassVar[Mapping[Kind, str]]
    #: what kind of table the load's own are
    staging_table: ClassVar[str] = "TABLE"
    commit: ClassVar[tuple[str, ...]] = ("COMMIT",)
    #: what follows the primary key
    key_suffix: ClassVar[str] = ""
    #: what follows a query
    query_suffix: ClassVar[str] = ""

    def begin(self, _load: Load) -> list[str]:
        """Begin a transaction."""
        return ["BEGIN"]

    def parsed(self, line: str) -> str:
        """Return what `member` takes apart, of a line whose numbers are quoted."""
        return line

    def quoted(self, table: Table, line: str) -> str:
        """Quote the number tokens of the fields that become columns."""
        # No string can have what comes before such a token: its quotes would be escaped.
        named = f'"({"|".join(table.fields)})"[[:space:]]*:[[:space:]]*'
        return f"regexp_replace({line}, '({named})({_NUMBER})', '\\\\1\"\\\\3\"')"

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

        A plain COPY does not say which object a line comes from, so one is copied after another.
        """
        return [
            statement
            for source in (load.manifests, *load.objects)
            for statement in (
                self.copy_one(load, source),
                f"UPDATE {load.lines} SET object = {quote(source.key)} WHERE object IS NULL",
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
        """Quote a reserved word of the warehouse."""
        return statement

    def deliver(self, statements: list[str]) -> Any:
        """Return statements as the warehouse's own operator takes them."""
        return statements

    def columns(self, table: Table) -> list[str]:
        """Declare the columns."""
        return [f"    {column.name} {self.declared(column)}" for column in table]

    def declared(self, column: Column) -> str:
        """Return a column's type, as it is declared."""
        return f"{self.types[column.kind]}{' NOT NULL' if column.required else ''}"

    def refusals(self, _table: Table, _line: str) -> list[str]:
        """Return more conditions on a line, each `WHEN … THEN <what is wrong>`."""
        return []

    def typed(self, kind: Kind, text: str) -> str:
        """Type a text that was checked."""
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

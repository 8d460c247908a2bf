"""What a query is: a name, what it answers, and one SELECT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES, WINDOWS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.schema import Table

#: what every view's name begins with
PREFIX: Final = "binance_liquidation_"
#: the clock of the queries that have one; put an instant in its place to ask as of then
NOW: Final = "current_timestamp"


@dataclass(frozen=True, slots=True)
class Query:
    """One question."""

    name: str
    #: what it answers
    answers: str
    #: one SELECT
    sql: str

    @property
    def view(self) -> str:
        """The name of its view."""
        return f"{PREFIX}{self.name}"

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that it reads."""
        words = {word.strip("(),") for word in self.sql.split()}
        return tuple(table for table in (*ROW_TABLES.values(), WINDOWS) if table.name in words)

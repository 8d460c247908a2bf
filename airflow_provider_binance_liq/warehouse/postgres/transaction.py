"""What every statement of a transaction goes through."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.exceptions import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Transaction:
    """A cursor, and how long it may wait for others."""

    cursor: Any
    #: what an error calls the database
    where: str
    #: by `time.monotonic`
    deadline: float

    def _refusal(self, text: str) -> WarehouseError:
        return WarehouseError(f"{self.where}: {text}. Nothing was merged")

    def _stage_columns(self, table: str, columns: Sequence[tuple[str, str, list[Any]]]) -> None:
        """Create a temporary table from lists: two statements, however many rows there are."""
        for name, kind, values in columns:
            if kind == "text":
                check_text(name, values)
        declared = ", ".join(f"{name} {kind}" for name, kind, _ in columns)
        given = ", ".join(f"%s::{kind}[]" for _, kind, _ in columns)
        self._execute(f"CREATE TEMP TABLE {table} ({declared}) ON COMMIT DROP")
        self._execute(
            f"INSERT INTO {table} SELECT * FROM unnest({given})", [values for *_, values in columns]
        )

    def _wait(self, statement: str, parameters: Sequence[Any] | None = None) -> None:
        """Take a lock, and wait for it no longer than is left of the time."""
        # 0 would mean: for ever.
        left = max(1, round(1000 * (self.deadline - time.monotonic())))
        self._execute("SELECT set_config('lock_timeout', %s, true)", [f"{min(left, 2**31 - 1)}ms"])
        self._execute(statement, parameters)

    def _rows(self, query: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        self._execute(query, parameters)
        rows: list[tuple[Any, ...]] = self.cursor.fetchall()
        return rows

    def _execute(self, statement: str, parameters: Sequence[Any] | None = None) -> None:
        self.cursor.execute(statement, parameters)


def check_text(name: str, values: Iterable[str]) -> None:
    """Check that a manifest's texts are such that PostgreSQL can hold them."""
    for value in values:
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            message = f"a manifest has {value!r} as {name}, which no text in PostgreSQL can hold"
            raise WarehouseError(f"{message}. Nothing was merged")

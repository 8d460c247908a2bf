"""A page of rows, with the columns that several checks look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.rows import Key, Row

Instant = Literal["created", "updated"]


@dataclass(frozen=True)
class Page:
    """One response: its rows in the order they came, and `total` where the endpoint says one.

    Its columns are made once, because several checks look at all rows of a page.
    """

    rows: tuple[Row, ...]
    total: int | None = None

    @cached_property
    def by_key(self) -> dict[Key, Row]:
        """Its rows, by their keys."""
        return {row.key: row for row in self.rows}

    @cached_property
    def keys(self) -> frozenset[Key]:
        """The keys of its rows."""
        return frozenset(self.by_key)

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The symbols of its rows."""
        return frozenset([row.symbol for row in self.rows])

    @cached_property
    def instants(self) -> dict[Instant, list[int]]:
        """When its rows were created and updated, in their order."""
        return {
            "created": [row.created_ms for row in self.rows],
            "updated": [row.updated_ms for row in self.rows],
        }

    @cached_property
    def _extent(self) -> tuple[int, int]:
        columns = self.instants.values()
        return min(map(min, columns)), max(map(max, columns))

    def lies_in(self, first_ms: int, last_ms: int) -> bool:
        """Whether every row was created and updated from `first_ms` to `last_ms`."""
        if not self.rows:
            return True
        first, last = self._extent
        return first_ms <= first and last <= last_ms

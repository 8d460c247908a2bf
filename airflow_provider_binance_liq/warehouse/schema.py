"""Tables and columns as values, from which every statement and the reference page are generated.

A table says everything that an engine has to know of it: what its rows are read from, what keeps them apart,
what places them in time and how they are looked up. So a new table is one more value in `tables.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: instant: epoch milliseconds in the row; instant_or_none: the same, and 0 means that there is none
Kind = Literal["text", "decimal", "int64", "boolean", "instant", "instant_or_none"]
#: what a warehouse calls its types
Types: TypeAlias = "Mapping[Kind, str]"
#: row: a field of the exchange's row; rule: computed from fields; manifest, load: the same for an object
Origin = Literal["row", "rule", "manifest", "load"]

#: exact: 20 digits before the point, 18 after it, as many as a token on any chain has
DECIMAL_PRECISION: Final = 38
DECIMAL_SCALE: Final = 18


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `fields` are tried in order, the first that is not empty is taken."""

    name: str
    kind: Kind
    doc: str
    fields: tuple[str, ...] = ()
    unit: str = ""
    required: bool = False
    origin: Origin = "row"
    #: not in the tables of 0.1.0: existing tables gain it, and have NULL in their older rows
    added: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its name, its columns in order, and those that keep rows apart, order and find them."""

    name: str
    doc: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    #: the instant that places a row in time; of two versions of a row, the later one is newer
    event_time: str
    #: column of the key that few rows share; rows are looked up by it
    selective: str
    #: columns of the key by which files of the table are kept apart, where an engine can
    partitioned_by: tuple[str, ...] = ("account", "endpoint")
    #: what its rows are called in the name of a view
    rows: str = "rows"

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def added(self) -> tuple[Column, ...]:
        """The columns that tables of 0.1.0 gain, at their end."""
        return tuple(column for column in self.columns if column.added)

    @property
    def sorted_by(self) -> tuple[str, ...]:
        """The order of rows in files: by partition, then by time, then by the rest of the key."""
        return tuple(dict.fromkeys((*self.partitioned_by, self.event_time, *self.key)))

    @property
    def fields(self) -> tuple[str, ...]:
        """The exchange's fields that become columns, each once, in the order of the columns."""
        return tuple(dict.fromkeys(field for column in self.columns for field in column.fields))

    def of(self, *origins: Origin) -> tuple[Column, ...]:
        """Return the columns that come from there, in order."""
        return tuple(column for column in self.columns if column.origin in origins)

"""What differs between two extractions of one window: rows added, missing and changed, by key.

Both are read once, side by side in the order of their keys, so that memory stays flat whatever they hold.
Every difference is counted; of each kind only the first keys are named, because they travel in messages and
in Airflow's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from airflow_provider_binance_liq.core.rows import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow_provider_binance_liq.core.rows import Key

#: what to do about rows that only the earlier extraction has
MissingRows = Literal["fail", "keep"]

#: most keys of one kind that are named
MOST_NAMED: Final = 100


class KeyedRow(NamedTuple):
    """One row of an extraction, and its key as it sorts (`rows.sort_key`)."""

    key: bytes
    body: bytes


@dataclass(slots=True)
class Keys:
    """Rows of one kind of difference: how many, and the keys of the first."""

    count: int = 0
    named: list[Key] = field(default_factory=list)

    def add(self, row: KeyedRow, read_key: Callable[[bytes], Key]) -> None:
        """Count a row, and name it while there are few."""
        self.count += 1
        if self.count <= MOST_NAMED:
            self.named.append(read_key(row.body))

    def __str__(self) -> str:
        names = ", ".join(map(describe, self.named))
        rest = self.count - len(self.named)
        return f"{self.count} ({names}{f' and {rest} more' if rest else ''})" if self.count else "0"

    def to_dict(self, columns: Sequence[str]) -> dict[str, Any]:
        """Return plain JSON values; of keys texts, because JSON numbers lose digits beyond 2^53.

        :param columns: names of the key's fields, in their order.
        """
        keys = [dict(zip(columns, map(str, key), strict=True)) for key in self.named]
        return {"count": self.count, "keys": keys}


@dataclass(slots=True)
class Differences:
    """How a later extraction differs from an earlier one; false where it does not."""

    #: rows that only the later one has
    added: Keys = field(default_factory=Keys)
    #: rows that only the earlier one has
    missing: Keys = field(default_factory=Keys)
    #: rows that both have, in other bytes
    changed: Keys = field(default_factory=Keys)

    def __bool__(self) -> bool:
        return bool(self.added.count or self.missing.count or self.changed.count)

    def __str__(self) -> str:
        return f"missing: {self.missing}; added: {self.added}; changed: {self.changed}"

    def to_dict(self, columns: Sequence[str]) -> dict[str, Any]:
        """Return plain JSON values; `columns` names the fields of keys."""
        return {name: getattr(self, name).to_dict(columns) for name in ("added", "missing", "changed")}


def compare(
    earlier: Iterable[KeyedRow], later: Iterable[KeyedRow], read_key: Callable[[bytes], Key]
) -> Differences:
    """Compare two extractions, each in the order of its keys, each key once.

    :param read_key: reads the key of a row's body, to name it.
    """
    found = Differences()
    ahead, behind = iter(later), iter(earlier)
    new, old = next(ahead, None), next(behind, None)
    while new or old:
        if old and (new is None or old.key < new.key):
            found.missing.add(old, read_key)
            old = next(behind, None)
        elif new and (old is None or new.key < old.key):
            found.added.add(new, read_key)
            new = next(ahead, None)
        else:
            if new and old and new.body != old.body:
                found.changed.add(new, read_key)
            new, old = next(ahead, None), next(behind, None)
    return found

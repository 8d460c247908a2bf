"""What differs between two looks at one window: rows added, missing and changed, by key.

Both looks are walked once, side by side in the order of their keys, so that memory stays flat whatever they
hold. Every difference is counted; of each kind only the first keys are named, because they travel in
messages and in Airflow's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: what to do about rows that only the earlier look tells
MissingRows = Literal["fail", "keep"]

#: most keys of one kind that are named
MOST_NAMED: Final = 100


class Told(NamedTuple):
    """One row as a look tells it; its order id is text, because JSON numbers lose digits beyond 2^53."""

    symbol: str
    order_id: str
    body: bytes

    @property
    def key(self) -> tuple[str, str]:
        """What both looks are ordered by."""
        return self.symbol, self.order_id


@dataclass(slots=True)
class Keys:
    """Rows of one kind of difference: how many, and the keys of the first."""

    count: int = 0
    named: list[tuple[str, str]] = field(default_factory=list)

    def add(self, told: Told) -> None:
        """Count a row, and name it while there are few."""
        self.count += 1
        if self.count <= MOST_NAMED:
            self.named.append(told.key)

    def __str__(self) -> str:
        names = ", ".join(f"{symbol} {order_id}" for symbol, order_id in self.named)
        rest = self.count - len(self.named)
        return f"{self.count} ({names}{f' and {rest} more' if rest else ''})" if self.count else "0"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        keys = [{"symbol": symbol, "order_id": order_id} for symbol, order_id in self.named]
        return {"count": self.count, "keys": keys}


@dataclass(slots=True)
class Differences:
    """How a later look differs from an earlier one; false where it does not."""

    #: rows that only the later look tells
    added: Keys = field(default_factory=Keys)
    #: rows that only the earlier look tells
    missing: Keys = field(default_factory=Keys)
    #: rows that both tell, in other bytes
    changed: Keys = field(default_factory=Keys)

    def __bool__(self) -> bool:
        return bool(self.added.count or self.missing.count or self.changed.count)

    def __str__(self) -> str:
        return f"missing: {self.missing}; added: {self.added}; changed: {self.changed}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: getattr(self, name).to_dict() for name in ("added", "missing", "changed")}


def compare(earlier: Iterable[Told], later: Iterable[Told]) -> Differences:
    """Compare two looks, each in the order of its keys, each key once."""
    found = Differences()
    ahead, behind = iter(later), iter(earlier)
    new, old = next(ahead, None), next(behind, None)
    while new or old:
        if old and (new is None or old.key < new.key):
            found.missing.add(old)
            old = next(behind, None)
        elif new and (old is None or new.key < old.key):
            found.added.add(new)
            new = next(ahead, None)
        else:
            new, old = _both(found, new, old, ahead, behind)
    return found


def _both(
    found: Differences, new: Told | None, old: Told | None, ahead: Iterator[Told], behind: Iterator[Told]
) -> tuple[Told | None, Told | None]:
    """Compare two rows of one key, and go on to the next ones."""
    if new and old and new.body != old.body:
        found.changed.add(new)
    return next(ahead, None), next(behind, None)

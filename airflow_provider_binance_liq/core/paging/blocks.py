"""Blocks: what the rows of one full page show about the exchange's order and cut, without asking it."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_binance_liq.core.paging.page_query import MARGIN_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow_provider_binance_liq.core.pages import Instant, Page
    from airflow_provider_binance_liq.core.paging.page_query import PageQuery, Side
    from airflow_provider_binance_liq.core.rows import Row

INSTANTS: Final[dict[Instant, Callable[[Row], int]]] = {
    "created": attrgetter("created_ms"),
    "updated": attrgetter("updated_ms"),
}
#: the set of the instants for which something holds, by whether it holds for `created` and for `updated`
_HOLDING: Final[dict[tuple[bool, bool], frozenset[Instant]]] = {
    (False, False): frozenset(),
    (True, False): frozenset({"created"}),
    (False, True): frozenset({"updated"}),
    (True, True): frozenset({"created", "updated"}),
}


class Block:
    """The extent of a full page, under both instants."""

    def __init__(self, page: Page) -> None:
        self.oldest = {name: min(instants) for name, instants in page.instants.items()}
        self.newest = {name: max(instants) for name, instants in page.instants.items()}
        self._created = self.oldest["created"], self.newest["created"]
        self._updated = self.oldest["updated"], self.newest["updated"]

    def around(self, row: Row) -> frozenset[Instant]:
        """Under which instants `row` lies strictly inside."""
        (oldest, newest), (first, last) = self._created, self._updated
        return _HOLDING[oldest < row.created_ms < newest, first < row.updated_ms < last]

    def surrounds_any(self, rows: Sequence[Row], counting: Iterable[Instant]) -> bool:
        """Whether one of `rows` lies strictly inside, under one of these instants."""
        for name in counting:
            instants, oldest, newest = list(map(INSTANTS[name], rows)), self.oldest[name], self.newest[name]
            if not instants or min(instants) >= newest or max(instants) <= oldest:
                continue  # as nearly always
            if any(oldest < instant_ms < newest for instant_ms in instants):
                return True
        return False

    def before_edge(self, side: Side, row: Row) -> frozenset[Instant]:
        """Under which instants `row` lies on this side of the edge, and not at it."""
        (oldest, newest), (first, last) = self._created, self._updated
        if side == "forward":
            return _HOLDING[row.created_ms < newest, row.updated_ms < last]
        return _HOLDING[row.created_ms > oldest, row.updated_ms > first]

    def is_passed(self, side: Side, row: Row, counting: Iterable[Instant]) -> bool:
        """Whether a row found on `side` lies past the far edge, so that the other side was not cut."""
        if side == "forward":
            return all(INSTANTS[name](row) > self.oldest[name] for name in counting)
        return all(INSTANTS[name](row) < self.newest[name] for name in counting)


def unseen(page: Page, known: Page) -> list[Row]:
    """Rows of a page that are not on the known one."""
    if page.keys.isdisjoint(known.keys):
        return list(page.rows)
    new = page.keys - known.keys
    return [row for row in page.rows if row.key in new]


def lacks_known(page: Page, known: Iterable[Row], query: PageQuery) -> bool:
    """Whether an answer to `query` lacks a known row that lies inside of it under both instants."""
    first_ms, last_ms = query.first_ms, query.last_ms
    inside = [
        row.key
        for row in known
        if first_ms <= row.created_ms <= last_ms and first_ms <= row.updated_ms <= last_ms
    ]
    return not page.keys.issuperset(inside)


def sides(first: Side | None) -> tuple[Side, Side]:
    """Both sides, in the order to try them."""
    return ("backward", "forward") if first == "backward" else ("forward", "backward")


def likely_side(query: PageQuery, page: Page) -> Side:
    """Guess on which side of a block rows were left out: on that where the block leaves more time."""
    before_ms = min(row.created_ms for row in page.rows) - query.first_ms
    after_ms = query.last_ms - max(row.created_ms for row in page.rows)
    return "backward" if before_ms > after_ms else "forward"


def sorted_by(page: Page) -> Instant | Literal["either"] | None:
    """Tell which instant orders the rows, up or down; None if neither does."""
    fits = [name for name, instants in page.instants.items() if _is_sorted(instants)]
    if len(fits) == len(page.instants):
        return "either"
    return fits[0] if fits else None


def _is_sorted(values: list[int]) -> bool:
    up = sorted(values)
    return values in (up, up[::-1])


def edge_inside(side: Side, page: Page, exact: Instant | None, slack_rows: int) -> int:
    """Choose from where to ask beyond a block on `side`, so that some of its rows are answered again.

    By the instant that the exchange filters by; where that is not known, such that it holds for both.

    :param slack_rows: rows inside of the edge to ask for again; one at least that is not at the edge itself.
    """
    names: tuple[Instant, ...] = (exact,) if exact else ("created", "updated")
    if side == "forward":
        return min(_nth(sorted(page.instants[name], reverse=True), slack_rows) for name in names)
    return max(_nth(sorted(page.instants[name]), slack_rows) for name in names)


def _nth(values: Sequence[int], place: int) -> int:
    """Take the value at `place`, or the first after it that is not the first one."""
    later = [value for value in values[place:] if value != values[0]]
    return later[0] if later else values[-1]


def crowded_instant(rows: Sequence[Row], counting: Iterable[Instant]) -> int | None:
    """Find the millisecond that more than half of the rows share, where there is one."""
    for name in sorted(counting):
        instants = sorted(map(INSTANTS[name], rows))
        middle = instants[len(instants) // 2]
        if 2 * instants.count(middle) > len(instants):
            return middle
    return None


def cuts_through(
    query: PageQuery, rows: Sequence[Row], counting: Iterable[Instant], *, full: bool
) -> set[int]:
    """Choose where to cut an interval of many rows, so that fewer fall into each piece; never nowhere."""
    crowded_ms = crowded_instant(rows, counting)
    if crowded_ms is not None:
        # A millisecond that may fill a page: whatever is cut elsewhere would be full because of it.
        around = _inside(query, {crowded_ms, crowded_ms + 1})
        if around:
            return around
    instants = sorted(row.created_ms for row in rows)
    end = max(row.updated_ms for row in rows) + 1
    middle = instants[len(instants) // 2]
    # With few rows left out, two halves are short enough; but not where many rows share an instant.
    halves = not full and instants[0] < middle < instants[-1]
    cuts = {middle} if halves else {instants[0], middle, end}
    return _inside(query, cuts) or {(query.first_ms + query.last_ms + 1) // 2}


def _inside(query: PageQuery, cuts: set[int]) -> set[int]:
    return {cut for cut in cuts if query.first_ms < cut <= query.last_ms}


def halves_to_confirm(query: PageQuery, page: Page) -> dict[Side, list[PageQuery]]:
    """Two parts of a block each, per side on which rows may have been left out; together they hold it.

    Not its edge, nor so near to it that an answer would hold rows of the edge too.
    """
    created = sorted(row.created_ms for row in page.rows)
    middle = created[len(created) // 2]
    lowest = min(row.updated_ms for row in page.rows)
    highest = max(row.created_ms for row in page.rows)
    bounds: dict[Side, list[tuple[int, int]]] = {
        "forward": [(query.first_ms, middle - 1), (middle, highest - 1 - MARGIN_MS)],
        "backward": [(middle + 1, query.last_ms), (lowest + 1 + MARGIN_MS, middle)],
    }
    return {
        side: [
            replace(query, first_ms=max(first, query.first_ms), last_ms=min(last, query.last_ms))
            for first, last in parts
            if max(first, query.first_ms) <= min(last, query.last_ms)
        ]
        for side, parts in bounds.items()
    }

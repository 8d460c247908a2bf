"""Paging by time: blocks of rows, each proven by the next.

A request returns at most 100 rows, and nothing says which: the oldest or the newest. Nor is it documented
whether `startTime` and `endTime` apply to `time` or to `updateTime`, nor by which of the two the rows are
cut. What holds is this:

* A page shorter than the limit proves its interval; one that falls short by a few rows only is taken for a
  full one, in case that the exchange counted to the limit before it filtered.
* A full page is a block at one end of its interval. Ask again from its edge, edge included. If that answer
  holds a row beyond the block, the exchange had left out that side, and the block is whole on the other. If
  it holds nothing new, that side is proven, and the other one is asked. So each page proves the one before
  it, and only rows on an edge are sent twice.
* An edge is a superset under either filter field, since `time <= updateTime`: forward from the largest
  `time`, backward from the smallest `updateTime`.

Where an answer contradicts this picture, the walk becomes **careful**: it trusts nothing but short pages,
and cuts the interval until it has them. Contradictions are: a new row inside a block that should have been
whole; rows cut by another instant than they are filtered by; an order of rows that fits neither instant,
unless a test of the block speaks for it. An instant that is full by itself is split by `autoCloseType`, then
by symbol; what is full after that fails by name.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.core.paging.asks import (
    Ask,
    AskSymbols,
    check_rows,
    pieces,
    shorter,
    starts,
)
from airflow_provider_binance_liq.exceptions import RequestRejected, SaturatedInstant, SpanRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.core.paging.asks import Answer, Experience, Instant, Plan, Side, Step
    from airflow_provider_binance_liq.core.rows import Key, Page, Row

#: rows asked again beyond the edge of a window's first block: a row left out among them refutes blocks
_FIRST_SLACK_ROWS: Final = 25
#: the same for later blocks, where the order of rows does not tell by which instant they are cut
_SLACK_ROWS: Final = 2
#: rows by which a page may fall short of the limit and still be taken for a full one
_NEARLY: Final = 10
#: new rows that may have appeared while a window was read, and so prove nothing of what was read before
_MAY_BE_LATE: Final = 10
#: "Invalid symbol."
INVALID_SYMBOL: Final = -1121
#: the argument of a walk along blocks
PROOF: Final = "each page proves the one before it"


class _Refuted(Exception):
    """The answers contradict the picture of blocks."""


class TimeWalk:
    """Walks one window under one filter."""

    def __init__(self, endpoint: Endpoint, ask: Ask, experience: Experience) -> None:
        self.endpoint = endpoint
        self.ask = ask
        self.experience = experience
        self.longest_ms: int | None = None
        self.careful = False
        self.split = False
        self.tested = False
        self.symbols_seen: set[str] = set()
        #: keys of the rows that an instant's split by `autoCloseType` has found
        self.typed: set[Key] = set()

    def run(self) -> Plan:
        """Plan the whole walk: by blocks, and where answers contradict those, by short pages alone."""
        try:
            yield from self._prove(self.ask)
        except _Refuted:
            self.careful = True
            yield from self._prove(self.ask)
        proof = "short pages alone" if self.careful else PROOF
        return f"{proof}; full instants split by autoCloseType and symbol" if self.split else proof

    def fits_one_page(self) -> Generator[Ask | AskSymbols, Answer, bool]:
        """Ask for all of it at once; whether the answer proves it."""
        page = yield from self._send(self.ask)
        return not self._is_nearly_full(page)

    # Asking.

    def _send(self, ask: Ask) -> Generator[Ask | AskSymbols, Answer, Page]:
        page = (yield ask).page
        check_rows(page.rows, ask)
        self._learn(page.rows, ask)
        return page

    def _learn(self, rows: Sequence[Row], ask: Ask) -> None:
        if len(rows) > self.endpoint.default_page_size:
            self.experience.limit_honoured = True
        self.symbols_seen.update(row.symbol for row in rows)
        if self.split and ask.auto_close_type:
            self.typed.update(row.key for row in rows)
        if any(not ask.first_ms <= row.created_ms <= ask.last_ms for row in rows):
            self.experience.filtered_by = "updated"
        elif any(not ask.first_ms <= row.updated_ms <= ask.last_ms for row in rows):
            self.experience.filtered_by = "created"

    def _is_nearly_full(self, page: Page) -> bool:
        """Whether rows may have been left out, also where the exchange counts to the limit, then filters."""
        return len(page.rows) >= self.endpoint.page_size - _NEARLY or self._is_full(page)

    def _is_full(self, page: Page) -> bool:
        """Whether rows have to be taken as left out; `limit` may be overlooked until it is seen honoured."""
        count = len(page.rows)
        overlooked = count == self.endpoint.default_page_size and not self.experience.limit_honoured
        return count >= self.endpoint.page_size or overlooked

    # Any interval.

    def _prove(self, ask: Ask) -> Step:
        """Prove the interval of `ask`, in halves where the exchange refuses its span."""
        span = ask.last_ms - ask.first_ms
        if self.longest_ms is not None and span > self.longest_ms:
            yield from self._prove_pieces(ask, starts(ask, self.longest_ms))
            return
        try:
            page = yield from self._send(ask)
        except SpanRefused as refusal:
            self.longest_ms = shorter(ask, refusal)
            yield from self._prove_pieces(ask, starts(ask, self.longest_ms))
            return
        if self._is_full(page) and not self.careful:
            yield from self._walk(ask, page)
        elif self._is_nearly_full(page):
            yield from self._cut(ask, page)

    def _prove_pieces(self, ask: Ask, cuts: Iterable[int]) -> Step:
        """Prove the adjacent pieces of `ask` that begin at its start and at each of `cuts`."""
        for piece in pieces(ask, cuts):
            yield from self._prove(self._askable(piece.first_ms, piece.last_ms))

    def _askable(self, first: int, last: int) -> Ask:
        """Widen a single millisecond by its neighbour: `startTime == endTime` has been refused.

        Source: pull request 38 of binance/binance-spot-api-docs (-1102).
        """
        if first == last:
            first, last = (first, last + 1) if last < self.ask.last_ms else (first - 1, last)
        return replace(self.ask, first_ms=max(first, self.ask.first_ms), last_ms=last)

    # Swift: each page proves the one before it.

    def _walk(self, ask: Ask, page: Page) -> Step:
        """Follow the blocks from `page`, the full answer to `ask`."""
        self.experience.side = self.experience.side or _likely_side(ask, page)
        yield from self._test_block(ask, page)
        while self._is_full(page):
            for side in _sides(self.experience.side):
                beyond = yield from self._beyond(side, ask, page)
                if beyond is None:
                    yield from self._cut(ask, page)
                    return
                following = yield from self._send(beyond)
                fresh = _unseen(following.rows, page.rows)
                if beyond_it := (yield from self._cut_at(side, fresh, page)):
                    if not (yield from self._is_trusted(side, beyond_it, ask, page)):
                        yield from self._cut(ask, page)
                        return
                    self.experience.side, self.tested = side, True
                    ask, page = beyond, following
                    break
                if fresh or self._is_full(following):
                    yield from self._cut(ask, page)
                    return
            else:
                return  # nothing new on either side: the block is all there is
        if self._is_nearly_full(page):
            yield from self._cut(ask, page)

    def _is_trusted(
        self, cut: Side, beyond_it: int, ask: Ask, page: Page
    ) -> Generator[Ask | AskSymbols, Answer, bool]:
        """Whether the first block is whole on the side that was not `cut`.

        Many new rows prove it. A few may have appeared since the block was read: then that side is asked.
        """
        if self.tested or beyond_it > _MAY_BE_LATE:
            return True
        beyond = yield from self._beyond(_sides(cut)[1], ask, page)
        if beyond is None:
            return False
        other = yield from self._send(beyond)
        return not _unseen(other.rows, page.rows) and not self._is_full(other)

    def _test_block(self, ask: Ask, page: Page) -> Step:
        """Prove the first block by short pages if its order fits neither instant.

        Rows cut by something else, such as their order id, would be scattered and not a block.
        """
        if self.tested or _sorted_by(page.rows):
            return
        middle = _median(row.created_ms for row in page.rows)
        lowest = min(row.updated_ms for row in page.rows)
        highest = max(row.created_ms for row in page.rows)
        whole: dict[Side, list[tuple[int, int]]] = {
            "forward": [(ask.first_ms, middle - 1), (middle, highest - 1)],
            "backward": [(middle + 1, ask.last_ms), (lowest + 1, middle)],
        }
        for side in _sides(self.experience.side):
            inside = [(max(first, ask.first_ms), min(last, ask.last_ms)) for first, last in whole[side]]
            if (yield from self._hold_nothing_new(inside, page)):
                return
        raise _Refuted

    def _hold_nothing_new(
        self, bounds: Sequence[tuple[int, int]], page: Page
    ) -> Generator[Ask | AskSymbols, Answer, bool]:
        for first, last in bounds:
            if first <= last:
                part = yield from self._send(self._askable(first, last))
                if _unseen(part.rows, page.rows) or self._is_full(part):
                    return False
        return True

    def _beyond(self, side: Side, ask: Ask, page: Page) -> Generator[Ask | AskSymbols, Answer, Ask | None]:
        """Choose what to ask for all that the block may lack on `side`; None if that would not be less."""
        cut_by = _sorted_by(page.rows)
        hiding: Instant = "updated" if side == "forward" else "created"
        if cut_by == hiding:
            # Cut by this instant but filtered by the other one, rows could hide behind any edge.
            yield from self._tell_filter(page)
            if self.experience.filtered_by != cut_by:
                raise _Refuted
        # The exact instant only where the rows are seen to be cut by it; otherwise the superset.
        exact = self.experience.filtered_by if self.experience.filtered_by == cut_by else None
        slack = _slack(side, page.rows, self._slack_rows(cut_by))
        if side == "forward":
            edge = max(map(_INSTANTS[exact or "created"], page.rows)) - slack
            beyond = replace(ask, first_ms=max(edge, ask.first_ms))
        else:
            edge = min(map(_INSTANTS[exact or "updated"], page.rows)) + slack
            beyond = replace(ask, last_ms=min(edge, ask.last_ms))
        return None if beyond == ask or beyond.first_ms >= beyond.last_ms else beyond

    def _slack_rows(self, cut_by: Instant | Literal["either"] | None) -> int:
        """How many rows to ask again beyond an edge, to see whether the block is whole there."""
        if not self.tested:
            return _FIRST_SLACK_ROWS
        return _SLACK_ROWS if cut_by in (None, "either") else 0

    def _cut_at(
        self, side: Side, fresh: Sequence[Row], page: Page
    ) -> Generator[Ask | AskSymbols, Answer, int]:
        """Count the new rows that show that the exchange had left out `side` of the block, and only it.

        A new row inside the block refutes blocks; which instant counts may have to be asked first.
        """
        if not fresh:
            return 0
        block = _Block(page.rows)
        if self.experience.filtered_by is None and any(len(block.around(row)) == 1 for row in fresh):
            yield from self._tell_filter(page)
        counting: set[Instant] = (
            {self.experience.filtered_by} if self.experience.filtered_by else {"created", "updated"}
        )
        if any(block.around(row) & counting for row in fresh):
            raise _Refuted
        return sum(block.is_passed(side, row, counting) for row in fresh)

    def _tell_filter(self, page: Page) -> Step:
        """Ask between the two instants of one known row: it answers only if filtered by `updateTime`."""
        row = max(page.rows, key=lambda row: row.updated_ms - row.created_ms)
        if self.experience.filtered_by or row.created_ms == row.updated_ms:
            return
        # No more than two milliseconds: any exchange takes so short a span.
        between = self._askable(max(row.created_ms + 1, row.updated_ms - 1), row.updated_ms)
        if between.first_ms <= row.created_ms:
            return  # at the very end of the window there is nothing between
        found = yield from self._send(between)
        if self.experience.filtered_by is None and not self._is_full(found):
            self.experience.filtered_by = "updated" if row in found.rows else "created"

    # Careful: short pages alone.

    def _cut(self, ask: Ask, page: Page) -> Step:
        """Cut `ask`, which `page` filled or nearly so, around and through the rows of the page."""
        if ask.last_ms - ask.first_ms <= 1:
            if self._is_full(page):
                yield from self._split(ask, page)
            return
        instants = sorted(row.created_ms for row in page.rows)
        end = max(row.updated_ms for row in page.rows) + 1
        middle = instants[len(instants) // 2]
        # With few rows left out, two halves are short enough; but not where many rows share an instant.
        halves = not self._is_full(page) and instants[0] < middle < instants[-1]
        cuts = {middle} if halves else {instants[0], middle, end}
        inside = {cut for cut in cuts if ask.first_ms < cut <= ask.last_ms}
        yield from self._prove_pieces(ask, inside or starts(ask, (ask.last_ms - ask.first_ms) // 2))

    def _split(self, ask: Ask, page: Page) -> Step:
        """Split an instant (one or two milliseconds) that is full by itself."""
        self.split = True
        if ask.first_ms < ask.last_ms and (yield from self._split_milliseconds(ask)):
            return
        if ask.auto_close_type is None and (yield from self._split_types(ask, page)):
            return
        if ask.symbol is None:
            yield from self._split_symbols(ask)
            return
        message = (
            f"{ask} holds {len(page.rows)} rows, as many as one request returns, and cannot be split: there "
            "may be more, and no request can tell. Nothing was written; a retry would find the same"
        )
        raise SaturatedInstant(message)

    def _split_milliseconds(self, ask: Ask) -> Generator[Ask | AskSymbols, Answer, bool]:
        """Ask the two milliseconds apart; False where the exchange refuses `startTime == endTime`."""
        for instant in (ask.first_ms, ask.last_ms):
            single = replace(ask, first_ms=instant, last_ms=instant)
            try:
                page = yield from self._send(single)
            except RequestRejected:
                return False
            if self._is_full(page):
                yield from self._split(single, page)
        return True

    def _split_types(self, ask: Ask, page: Page) -> Generator[Ask | AskSymbols, Answer, bool]:
        """Ask each type apart; False where a row is of neither, so that the types do not cover it."""
        for auto_close_type in AUTO_CLOSE_TYPES:
            typed = replace(ask, auto_close_type=auto_close_type)
            part = yield from self._send(typed)
            if self._is_full(part):
                yield from self._split(typed, part)
        return self.typed.issuperset(row.key for row in page.rows)

    def _split_symbols(self, ask: Ask) -> Step:
        listed = (yield AskSymbols()).symbols
        if listed is None:
            message = (
                f"{ask} holds as many rows as one request returns, or more, and the exchange's list of "
                "symbols, by which they could be told apart, is not to be had. Nothing was written; name the "
                "symbols with `symbols`, or try again later"
            )
            raise SaturatedInstant(message)
        for symbol in sorted(listed | self.symbols_seen):
            single = replace(ask, symbol=symbol)
            try:
                page = yield from self._send(single)
            except RequestRejected as refusal:
                if refusal.code != INVALID_SYMBOL or symbol in self.symbols_seen:
                    raise
                continue  # listed, but unknown to this endpoint: it has no rows of it
            if self._is_full(page):
                yield from self._split(single, page)


# Rows and blocks.

_INSTANTS: Final[dict[Instant, Callable[[Row], int]]] = {
    "created": lambda row: row.created_ms,
    "updated": lambda row: row.updated_ms,
}


def _unseen(rows: Iterable[Row], known: Iterable[Row]) -> list[Row]:
    keys = {row.key for row in known}
    return [row for row in rows if row.key not in keys]


def _median(values: Iterable[int]) -> int:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _sides(first: Side | None) -> tuple[Side, Side]:
    return ("backward", "forward") if first == "backward" else ("forward", "backward")


def _likely_side(ask: Ask, page: Page) -> Side:
    """Guess on which side of a block rows were left out: on that where the block leaves more time."""
    before_ms = min(row.created_ms for row in page.rows) - ask.first_ms
    after_ms = ask.last_ms - max(row.created_ms for row in page.rows)
    return "backward" if before_ms > after_ms else "forward"


def _sorted_by(rows: Sequence[Row]) -> Instant | Literal["either"] | None:
    """Tell which instant orders the rows, up or down; None if neither does."""
    fits = [name for name, instant in _INSTANTS.items() if _is_sorted([instant(row) for row in rows])]
    if len(fits) == len(_INSTANTS):
        return "either"
    return fits[0] if fits else None


def _is_sorted(values: Sequence[int]) -> bool:
    return all(a <= b for a, b in pairwise(values)) or all(a >= b for a, b in pairwise(values))


def _slack(side: Side, rows: Sequence[Row], most_rows: int) -> int:
    """Milliseconds to reach back over an edge, over at most so many rows of the block."""
    edges = sorted((row.created_ms for row in rows), reverse=True)
    if side == "backward":
        edges = sorted(row.updated_ms for row in rows)
    return abs(edges[0] - edges[min(most_rows, len(edges) - 1)])


class _Block:
    """The extent of a full page, under both instants."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.oldest = {name: min(map(instant, rows)) for name, instant in _INSTANTS.items()}
        self.newest = {name: max(map(instant, rows)) for name, instant in _INSTANTS.items()}

    def around(self, row: Row) -> set[Instant]:
        """Under which instants `row` lies strictly inside."""
        return {n for n, instant in _INSTANTS.items() if self.oldest[n] < instant(row) < self.newest[n]}

    def is_passed(self, side: Side, row: Row, counting: Iterable[Instant]) -> bool:
        """Whether a row found on `side` lies past the far edge, so that the other side was not cut."""
        if side == "forward":
            return all(_INSTANTS[name](row) > self.oldest[name] for name in counting)
        return all(_INSTANTS[name](row) < self.newest[name] for name in counting)

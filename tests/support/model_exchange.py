"""A model of the exchange that is as strange as its documentation allows, without any I/O.

It knows nothing of how pages are asked for: it holds rows, applies the documented filters, cuts at the limit
on a side and by an instant that nobody documents, and hands the rows out in whatever order.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from airflow_provider_binance_liq.core.paging import Answer, SymbolsQuery
from airflow_provider_binance_liq.core.rows import Page, Row
from airflow_provider_binance_liq.exceptions import RequestRejected, SpanRefused


@dataclass
class Order:
    """One row of the truth, with the type that only the request's filter knows."""

    row: Row
    auto_close_type: str = "LIQUIDATION"


def make_order(symbol, order_id, created, updated=None, auto_close_type="LIQUIDATION"):
    updated = created if updated is None else updated
    body = f'{{"symbol":"{symbol}","orderId":{order_id},"time":{created},"updateTime":{updated}}}'
    return Order(Row((symbol, order_id), created, updated, body.encode(), symbol), auto_close_type)


@dataclass
class ModelExchange:
    orders: list[Order]
    keep: str = "oldest"
    order: str = "ascending"
    filter_by: str = "created"
    cut_by: str | None = None
    limit: int = 100
    #: startTime == endTime: "works", "refused", or answered without rows ("empty")
    equal_bounds: str = "works"
    start_inclusive: bool = True
    end_inclusive: bool = True
    #: whether symbol and type are looked at only after rows were counted to the limit
    filters_late: bool = False
    #: what numbered pages state: the rows that match ("whole"), those up to 100 ("capped"), or the "page"'s
    total: str = "whole"
    longest_ms: int | None = None
    says_longest: bool = True
    lists_symbols: bool = True
    seed: int = 0
    asked: list = field(default_factory=list)

    def __post_init__(self):
        self.random = random.Random(self.seed)

    def answer(self, ask):
        """Answer an ask, or raise the refusal that the exchange would send."""
        if isinstance(ask, SymbolsQuery):
            names = frozenset(order.row.symbol for order in self.orders)
            return Answer(symbols=names if self.lists_symbols else None)
        self.asked.append(ask)
        self.refuse(ask)
        if ask.first_ms == ask.last_ms and self.equal_bounds == "empty":
            return Answer()
        in_time = [order for order in self.orders if self.is_in_time(order.row, ask)]
        if ask.number:
            return self.numbered([order.row for order in in_time if self.passes(order, ask)], ask.number)
        if self.filters_late:
            passing = {id(order.row) for order in in_time if self.passes(order, ask)}
            kept = self.cut([order.row for order in in_time])
            return Answer(Page(tuple(self.arranged([row for row in kept if id(row) in passing]))))
        matching = [order.row for order in in_time if self.passes(order, ask)]
        return Answer(Page(tuple(self.arranged(self.cut(matching)))))

    def refuse(self, ask):
        if ask.first_ms > ask.last_ms:
            raise RequestRejected("Start time is greater than end time.", -1023)
        if ask.first_ms == ask.last_ms and self.equal_bounds == "refused":
            raise RequestRejected("Mandatory parameter 'endTime' was not sent", -1102)
        if self.longest_ms is not None and ask.last_ms - ask.first_ms > self.longest_ms:
            raise SpanRefused("too long", -4165, self.longest_ms if self.says_longest else None)

    def is_in_time(self, row, ask):
        instant = getattr(row, f"{self.filter_by}_ms")
        first_ms = ask.first_ms + (not self.start_inclusive)
        return first_ms <= instant <= ask.last_ms - (not self.end_inclusive)

    @staticmethod
    def passes(order, ask):
        return ask.symbol in (None, order.row.symbol) and ask.auto_close_type in (None, order.auto_close_type)

    def cut(self, rows):
        """Keep one end of the rows; which of the rows of one instant survive is anybody's guess."""
        cut_by = self.cut_by or self.filter_by
        rows = sorted(rows, key=lambda row: (self.cut_key(row, cut_by), self.random.random()))
        return rows[: self.limit] if self.keep == "oldest" else rows[-self.limit :]

    @staticmethod
    def cut_key(row, cut_by):
        return row.key[-1] if cut_by == "order_id" else getattr(row, f"{cut_by}_ms")

    def arranged(self, rows):
        """Rows in the order of the answer."""
        if self.order == "shuffled":
            return self.random.sample(rows, len(rows))
        if self.order == "order_id":
            return sorted(rows, key=lambda row: row.key[-1])
        if self.order == "other_instant":
            other = "updated_ms" if self.filter_by == "created" else "created_ms"
            return sorted(rows, key=lambda row: getattr(row, other))
        if self.order == "descending":
            return rows[::-1]
        return rows

    def numbered(self, rows, number):
        rows = sorted(rows, key=lambda row: (row.updated_ms, row.key), reverse=True)
        page = rows[(number - 1) * self.limit : number * self.limit]
        total = {"whole": len(rows), "capped": min(len(rows), 100), "page": len(page)}[self.total]
        return Answer(Page(tuple(page), total))


def is_wanted(row, ask, auto_close_type):
    if isinstance(ask, SymbolsQuery) or auto_close_type not in (None, ask.auto_close_type):
        return False
    return ask.wanted is None or row.created_ms in ask.wanted or row.updated_ms in ask.wanted


def drive(plan, exchange, *, auto_close_type=None, most=100_000):
    """Drive a plan against the model; returns the rows found by key, and the argument of the proof.

    :param auto_close_type: what the plan was made for; rows count where the request named it.
    """
    found: dict = {}
    throw, answer = None, None
    for _ in range(most):
        try:
            ask = plan.throw(throw) if throw else plan.send(answer)
        except StopIteration as stop:
            return found, stop.value
        throw = None
        try:
            answer = exchange.answer(ask)
        except RequestRejected as refusal:
            throw = refusal
            continue
        unseen = {
            row.key: row
            for row in answer.page.rows
            if row.key not in found and is_wanted(row, ask, auto_close_type)
        }
        found.update(unseen)
        answer = Answer(answer.page, len(unseen), answer.symbols)
    raise AssertionError(f"the plan asked more than {most} times")

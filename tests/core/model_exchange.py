"""A model of the exchange that is as strange as its documentation allows, without any I/O.

It knows nothing of how pages are asked for: it holds rows, applies the documented filters, cuts at the limit
on a side and by an instant that nobody documents, and hands the rows out in whatever order.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from airflow_provider_binance_liq.core.paging import Answer, AskSymbols
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
    return Order(Row(symbol, order_id, created, updated, body.encode()), auto_close_type)


@dataclass
class ModelExchange:
    orders: list[Order]
    keep: str = "oldest"
    order: str = "ascending"
    filter_by: str = "created"
    cut_by: str | None = None
    limit: int = 100
    equal_bounds: bool = True
    longest_ms: int | None = None
    says_longest: bool = True
    lists_symbols: bool = True
    seed: int = 0
    asked: list = field(default_factory=list)

    def __post_init__(self):
        self.random = random.Random(self.seed)

    def answer(self, ask):
        """Answer an ask, or raise the refusal that the exchange would send."""
        if isinstance(ask, AskSymbols):
            names = frozenset(order.row.symbol for order in self.orders)
            return Answer(symbols=names if self.lists_symbols else None)
        self.asked.append(ask)
        self.refuse(ask)
        matching = [order.row for order in self.orders if self.matches(order, ask)]
        if ask.number:
            return self.numbered(matching, ask.number)
        return Answer(Page(tuple(self.arranged(self.cut(matching)))))

    def refuse(self, ask):
        if ask.first_ms > ask.last_ms:
            raise RequestRejected("Start time is greater than end time.", -1023)
        if ask.first_ms == ask.last_ms and not self.equal_bounds:
            raise RequestRejected("Mandatory parameter 'endTime' was not sent", -1102)
        if self.longest_ms is not None and ask.last_ms - ask.first_ms > self.longest_ms:
            raise SpanRefused("too long", -4165, self.longest_ms if self.says_longest else None)

    def matches(self, order, ask):
        instant = getattr(order.row, f"{self.filter_by}_ms")
        return (
            ask.first_ms <= instant <= ask.last_ms
            and ask.symbol in (None, order.row.symbol)
            and ask.auto_close_type in (None, order.auto_close_type)
        )

    def cut(self, rows):
        """Keep one end of the rows; which of the rows of one instant survive is anybody's guess."""
        cut_by = self.cut_by or self.filter_by
        rows = sorted(rows, key=lambda row: (self.cut_key(row, cut_by), self.random.random()))
        return rows[: self.limit] if self.keep == "oldest" else rows[-self.limit :]

    @staticmethod
    def cut_key(row, cut_by):
        return row.order_id if cut_by == "order_id" else getattr(row, f"{cut_by}_ms")

    def arranged(self, rows):
        """Rows in the order of the answer."""
        if self.order == "shuffled":
            return self.random.sample(rows, len(rows))
        if self.order == "order_id":
            return sorted(rows, key=lambda row: row.order_id)
        if self.order == "other_instant":
            other = "updated_ms" if self.filter_by == "created" else "created_ms"
            return sorted(rows, key=lambda row: getattr(row, other))
        if self.order == "descending":
            return rows[::-1]
        return rows

    def numbered(self, rows, number):
        rows = sorted(rows, key=lambda row: (row.updated_ms, row.key), reverse=True)
        return Answer(Page(tuple(rows[(number - 1) * self.limit : number * self.limit]), len(rows)))


def drive(plan, exchange, *, most=100_000):
    """Drive a plan against the model; returns the rows found by key, and the argument of the proof."""
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
        unseen = {row.key: row for row in answer.page.rows if row.key not in found}
        found.update(unseen)
        answer = Answer(answer.page, len(unseen), answer.symbols)
    raise AssertionError(f"the plan asked more than {most} times")

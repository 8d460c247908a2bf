"""Counting the rows of numbered pages: what keeps them from being counted is named as it is."""

from __future__ import annotations

import json

import pytest
from histories import HOUR_MS, NOW_MS

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.rows import Page, read_row
from airflow_provider_binance_liq.exceptions import RequestRejected
from airflow_provider_binance_liq.exchange.client import Spent
from airflow_provider_binance_liq.probe.answers import Answer
from airflow_provider_binance_liq.probe.asking import ProbeReader, Unanswered
from airflow_provider_binance_liq.probe.survey import Survey
from airflow_provider_binance_liq.probe.totals import count_rows
from airflow_provider_binance_liq.simulator import make_row

MARGIN = get_endpoint("margin")


class Client:
    """Answers pages of two rows; refuses from the page `refused` on, or repeats the first one for ever."""

    def __init__(self, rows, refused=None, *, repeats=False):
        self.spent, self.last_headers = Spent(), {}
        self._rows, self._refused, self._repeats = rows, refused, repeats

    def fetch(self, _endpoint, ask, *, page_size=None):
        if self._refused and ask.number >= self._refused:
            raise RequestRejected("GET /sapi (page)", -1102)
        size = page_size or 2
        begin = 0 if self._repeats else (ask.number - 1) * size
        return Page(tuple(self._rows[begin : begin + size]), len(self._rows))


def rows(count):
    made = [make_row("margin", orderId=n, time=NOW_MS - HOUR_MS + n) for n in range(1, count + 1)]
    return [read_row(json.dumps(row).encode(), MARGIN) for row in made]


def counted(client):
    reader = ProbeReader(client, MARGIN, most_weight=1000)
    if not client._refused:
        reader.read(NOW_MS - 2 * HOUR_MS, NOW_MS)
    else:
        known = ProbeReader(Client(rows(5)), MARGIN, most_weight=1000)
        known.read(NOW_MS - 2 * HOUR_MS, NOW_MS)
        reader.seen = known.seen
    return count_rows(reader, Survey(NOW_MS, Answer(), NOW_MS, NOW_MS, 2 * HOUR_MS))


def test_every_page_is_counted_and_total_asked_for_with_one_row():
    answer, total_of_one = counted(Client(rows(5)))
    assert (len(answer.rows), answer.total, answer.page_rows, total_of_one) == (5, 5, 2, 5)


@pytest.mark.parametrize(
    ("client", "reason"),
    [
        (Client(rows(5), refused=1), "cannot be counted: the exchange refuses it"),
        (Client(rows(5), refused=2), "cannot be counted: a later page was refused"),
        (Client(rows(5), repeats=True), "cannot be counted: rows moved between its pages"),
        (Client(rows(30)), "cannot be counted: it has more than 11 pages"),
        (Client(rows(1)), "no interval has two rows"),
    ],
    ids=["refused", "later", "moved", "many", "one"],
)
def test_what_keeps_rows_from_being_counted_is_the_reason(client, reason):
    with pytest.raises(Unanswered, match=reason):
        counted(client)

"""How far an extraction is: a line now and then, and a state that says when it waits."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_binance_liq.core.paging import PageQuery
from airflow_provider_binance_liq.extraction.progress import Progress

START = 1_791_590_400_000
ASK = PageQuery(START + 52_325_000, START + 86_400_000)


class Clock:
    """A monotonic clock that is moved by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def world(caplog):
    caplog.set_level(logging.INFO)
    clock, told = Clock(), []
    progress = Progress(
        "usdm_futures of desk, 2026-10-10 to 2026-10-11", told.append, clock, usage=lambda: (1150, 1200)
    )
    return progress, clock, told


def test_a_short_extraction_says_nothing(world, caplog):
    progress, clock, told = world
    for page in range(1, 200):
        progress.page(page, page * 100, ASK)
        clock.now += 0.1
    assert told == []
    assert caplog.records == []


def test_a_long_one_says_every_twenty_seconds_how_far_it_is(world, caplog):
    progress, clock, told = world
    for page in range(1, 121):
        clock.now += 1
        progress.page(page, page * 100, ASK)
    assert len(told) == len(caplog.records) == 6
    assert caplog.records[-1].getMessage() == (
        "usdm_futures of desk, 2026-10-10 to 2026-10-11 · 120 pages · 12,000 rows so far · "
        "reading 2026-10-10 14:32:05 to 2026-10-11 00:00:00 · weight 1,150 of 1,200 a minute"
    )
    assert told[-1] == {
        "subject": "usdm_futures of desk, 2026-10-10 to 2026-10-11",
        "pages": 120,
        "rows": 12_000,
        "reading": ["2026-10-10T14:32:05Z", "2026-10-11T00:00:00Z"],
        "weight_used": 1150,
        "weight_allowed": 1200,
    }


def test_that_it_waits_is_reported_with_the_reason_and_that_it_goes_on_at_the_next_page(world, caplog):
    progress, _, told = world
    progress.waiting(START, "your share of the weight is used up")
    progress.page(3, 300, ASK)
    progress.page(4, 400, ASK)
    assert told[0]["waiting_until"] == "2026-10-10T00:00:00Z"
    assert told[0]["why"] == "your share of the weight is used up"
    assert [state.get("pages") for state in told] == [None, 3]
    assert caplog.records == []


def test_that_it_goes_on_after_a_wait_without_a_worker_is_reported_at_its_first_page(world):
    _, clock, told = world
    resumed = Progress("usdm_futures of desk, 2026-10-10 to 2026-10-11", told.append, clock, waited=True)
    resumed.page(7, 700, ASK)
    resumed.page(8, 800, ASK)
    assert [state["pages"] for state in told] == [7]

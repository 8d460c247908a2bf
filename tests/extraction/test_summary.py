"""What the task's log says of an extraction: when it starts, what it found, and why it is not complete."""

from __future__ import annotations

import logging

import pytest
from support.running import START

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window

DAY = Window(START, START + DAY_MS)
QUIET = "usdm_futures of desk, 2026-10-01 to 2026-10-02"
NO_ISOLATED = "Without a symbol, rows of isolated margin accounts are returned too, or there are none"
REMEDY = (
    'If the account has no isolated margin, set accept_premises=["isolated_rows"]; if it has, list its pairs '
    "in symbols"
)
LOGGERS = (
    "airflow_provider_binance_liq.extraction.job",
    "airflow_provider_binance_liq.extraction.summary",
    "airflow_provider_binance_liq.extraction.reader",
)


@pytest.fixture
def logged(caplog):
    """Return what was logged of the extraction: level and message."""
    caplog.set_level(logging.INFO)
    return lambda: [(r.levelname, r.getMessage()) for r in caplog.records if r.name in LOGGERS]


def test_an_extraction_says_when_it_starts_and_what_it_found(start, logged):
    manifest = start({}).run("usdm_futures", DAY)
    assert logged() == [
        ("INFO", f"Extracting {QUIET}"),
        ("INFO", f"Proven: 0 rows of {QUIET}; 1 request, weight 50"),
        ("INFO", f"Proof: {manifest.proof.method}"),
        ("INFO", f"Object: {manifest.object.uri}"),
    ]


def test_a_window_that_is_not_of_whole_days_is_named_with_its_times(start, logged):
    start({}).run("usdm_futures", Window(START, START + 3_600_000))
    assert logged()[0][1].endswith(" of desk, 2026-10-01T00:00:00Z to 2026-10-01T01:00:00Z")


def test_numbers_have_separators(start, logged):
    run = start()
    manifest = run.run("usdm_futures", run.cascade())
    (level, message) = logged()[1]
    assert level == "INFO"
    assert message.startswith(f"Proven: {manifest.object.rows:,} rows of usdm_futures of desk, ")
    assert message.endswith(f"; {manifest.proof.requests} requests, weight 1,850")


def test_a_window_that_is_not_complete_is_a_warning_with_the_reason_and_what_to_do(start, logged):
    manifest = start({}).run("margin", DAY)
    found = "0 rows of margin of desk, 2026-10-01 to 2026-10-02; 1 request, weight 1"
    assert logged()[1:] == [
        ("WARNING", f"NOT complete (isolated_rows): {found}"),
        ("WARNING", f'Reason: it is not certain that "{NO_ISOLATED}"'),
        ("WARNING", f"What to do: {REMEDY}. See docs/completeness.md"),
        ("INFO", f"Object: {manifest.object.uri}"),
    ]


def test_a_premise_that_is_accepted_is_no_warning(start, logged):
    start({}).run("margin", DAY, accepted=("isolated_rows",))
    assert {level for level, _ in logged()} == {"INFO"}


def test_a_window_that_is_not_extracted_again_says_so(start, logged):
    run = start({})
    first = run.run("usdm_futures", DAY)
    run.run("usdm_futures", DAY, keep_proven=True)
    assert logged()[4:] == [("INFO", f"{QUIET}: extracted and complete already. Object: {first.object.uri}")]


MISSPELLED = (
    "symbol 'NOSUCHUSDT' has no row and is not in exchangeInfo: check its spelling, or it was delisted"
)


def test_a_misspelled_symbol_is_a_warning_and_a_caveat(start, logged):
    run = start({})
    manifest = run.run("usdm_futures", DAY, symbols=["NOSUCHUSDT", "BTCUSDT"])
    assert ("WARNING", f"Caveat: {MISSPELLED}") in logged()
    assert MISSPELLED in manifest.proof.caveats
    assert manifest.proof.complete
    assert manifest.proof.weight == 50


def test_symbols_that_have_rows_or_are_listed_are_no_warning(start, logged):
    run = start()
    manifest = run.run("usdm_futures", run.cascade(), symbols=["BTCUSDT", "ETHUSDT"])
    assert manifest.object.rows
    assert not [request for request in run.exchange.requests if request.path.endswith("/exchangeInfo")][1:]
    assert {level for level, _ in logged()} == {"INFO"}
    assert not manifest.proof.caveats


def test_where_the_symbols_are_not_available_the_extraction_is_not_held_up(start, logged):
    run = start({}, exchange_info="fails")
    manifest = run.run("usdm_futures", DAY, symbols=["NOSUCHUSDT"])
    assert manifest.proof.complete
    assert any("could not be checked" in message for _, message in logged())

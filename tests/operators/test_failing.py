"""How a task fails: three short lines first, then one error and one traceback."""

from __future__ import annotations

import inspect
import logging
import traceback
from types import SimpleNamespace

import pytest

from airflow_provider_binance_liq import exceptions
from airflow_provider_binance_liq.compat import AirflowFailException, AirflowSkipException
from airflow_provider_binance_liq.exceptions import (
    ExchangeUnavailable,
    InvalidConnection,
    KeyRejected,
    LiquidationsError,
    StorageError,
    located,
)
from airflow_provider_binance_liq.operators.failing import failing_at_once, skipped

ERRORS = [
    kind
    for _, kind in inspect.getmembers(exceptions, inspect.isclass)
    if kind.__module__ == exceptions.__name__ and issubclass(kind, LiquidationsError)
]
#: as a refused key's error is
REFUSED = (
    "GET /fapi/v1/forceOrders (2026-10-09T23:59:59.999Z to 2026-10-11T00:00:00Z): HTTP 401, code -2015 "
    "(Invalid API-key, IP, or permissions for action); check the key, and clear the task then"
)


def trace_of(error):
    return "".join(traceback.format_exception(error))


class TaskInstance:
    """What a failure is pushed to."""

    map_index = 2

    def __init__(self):
        self.pushed = {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


def fail(kind, message, caplog, context=None):
    """Fail, and return the lines that were logged and the error."""
    window = "Window: usdm_futures of desk, 2026-10-10 to 2026-10-11"
    with (
        caplog.at_level(logging.INFO),
        pytest.raises((AirflowFailException, LiquidationsError)) as caught,
        failing_at_once(lambda: window, context),
        located("usdm_futures [a, b)"),
    ):
        raise kind(message)
    return [record.getMessage() for record in caplog.records], caught.value


def test_a_refused_key_says_cause_remedy_and_window_in_three_short_lines(caplog):
    lines, error = fail(KeyRejected, REFUSED, caplog)
    assert lines == [
        "Cause: KeyRejected: HTTP 401, code -2015 (Invalid API-key, IP, or permissions for…",
        "What to do: check key, secret, read permission and IP list at Binance; see SECURITY.md",
        "Window: usdm_futures of desk, 2026-10-10 to 2026-10-11",
    ]
    assert str(error) == f"KeyRejected: usdm_futures [a, b): {REFUSED}"


@pytest.mark.parametrize("kind", ERRORS)
def test_the_lines_of_every_error_fit_into_the_log_and_are_errors(kind, caplog):
    lines, _ = fail(kind, "what happened " * 50, caplog)
    assert len(lines) == 3
    assert max(map(len, lines)) < 100
    assert {record.levelname for record in caplog.records} == {"ERROR"}


BRANCHES = (LiquidationsError, *LiquidationsError.__subclasses__())


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if kind not in BRANCHES])
def test_every_error_that_is_raised_has_advice_of_its_own(kind):
    assert kind.advice != LiquidationsError.advice
    assert not kind.advice.endswith(".")


@pytest.mark.parametrize("kind", [KeyRejected, ExchangeUnavailable])
def test_permanent_or_not_an_error_has_one_traceback_without_the_way_to_it(kind, caplog):
    def deep(level):
        if level:
            deep(level - 1)
        raise kind("what happened") from OSError("what the library said")

    with pytest.raises((AirflowFailException, LiquidationsError)) as caught, failing_at_once():
        deep(20)
    trace = trace_of(caught.value)
    assert trace.count("Traceback (most recent call last)") == 1
    assert "in deep" not in trace
    assert "Raised by OSError: what the library said" in caplog.text


def test_a_retryable_error_says_that_a_retry_may_help_and_stays_what_it_is(caplog):
    lines, error = fail(StorageError, "the bucket does not answer", caplog)
    assert lines[1].endswith("(a retry may succeed)")
    assert type(error) is StorageError


def test_a_permanent_error_becomes_airflows():
    with pytest.raises(AirflowFailException) as caught, failing_at_once():
        raise InvalidConnection("connection 'nosuch' does not exist")
    assert str(caught.value) == "InvalidConnection: connection 'nosuch' does not exist"


def test_the_reason_is_kept_for_the_watcher_with_the_name_of_the_mapped_task(caplog):
    ti = TaskInstance()
    task = SimpleNamespace(map_label="desk · usdm_futures · 10 Oct · failed")
    fail(KeyRejected, REFUSED, caplog, {"ti": ti, "task": task})
    reason = ti.pushed["failure"]
    assert (reason["map_index"], reason["label"], reason["error"]) == (2, task.map_label, "KeyRejected")
    assert reason["cause"].startswith("HTTP 401, code -2015")


def test_a_skip_says_its_reason_as_warnings_in_the_open_log_in_lines_that_are_short_enough(caplog):
    reason = "there is nothing to do" + ", and a long story" * 10
    with caplog.at_level(logging.INFO), pytest.raises(AirflowSkipException) as caught:
        raise skipped(reason, advice="wait", subject="Window: of desk")
    assert str(caught.value) == reason
    assert {one.levelname for one in caplog.records} == {"WARNING"}
    first, *others = [one.getMessage() for one in caplog.records]
    assert first.startswith("Skipped: there is nothing to do")
    assert len(first) <= 90
    assert others == ["What to do: wait", "Window: of desk"]


def test_a_package_that_is_not_installed_is_not_retried():
    with (
        pytest.raises(AirflowFailException, match=r"^MissingPackage: duckdb is not installed"),
        failing_at_once(),
    ):
        raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")


@pytest.mark.parametrize("error", [StorageError("later"), ImportError("another", name="json"), OSError("x")])
def test_every_other_error_passes_unchanged(error):
    with pytest.raises(type(error)) as caught, failing_at_once():
        raise error
    assert caught.value is error

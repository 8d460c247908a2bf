"""What a retry cannot help ends in one error, whose message is the reason."""

from __future__ import annotations

import traceback

import pytest

from airflow_provider_binance_liq.compat import AirflowFailException
from airflow_provider_binance_liq.exceptions import InvalidConnection, StorageError, WarehouseError
from airflow_provider_binance_liq.operators.failing import failing_at_once


def trace_of(error):
    return "".join(traceback.format_exception(error))


def test_a_permanent_error_becomes_airflows_and_its_traceback_has_one_part():
    with pytest.raises(AirflowFailException) as caught, failing_at_once():
        raise InvalidConnection("connection 'nosuch' does not exist")
    assert str(caught.value) == "InvalidConnection: connection 'nosuch' does not exist"
    assert trace_of(caught.value).count("Traceback (most recent call last)") == 1


def test_the_error_of_a_library_stays_visible_as_the_cause():
    with pytest.raises(AirflowFailException) as caught, failing_at_once():
        raise WarehouseError("the rows do not fit") from OSError("what the driver said")
    trace = trace_of(caught.value)
    assert "what the driver said" in trace
    assert trace.count("the rows do not fit") == 1


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

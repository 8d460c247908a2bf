"""The tree of errors: what a retry does is told by the branch, and all of them travel between processes."""

from __future__ import annotations

import inspect
import pickle

import pytest

from airflow_provider_binance_liq import exceptions
from airflow_provider_binance_liq.exceptions import (
    ExchangeUnavailable,
    KeyRejected,
    LiquidationsError,
    RequestRejected,
    SpanRefused,
    Throttled,
)

ERRORS = [
    kind
    for _, kind in inspect.getmembers(exceptions, inspect.isclass)
    if kind.__module__ == exceptions.__name__ and issubclass(kind, LiquidationsError)
]
ATTRIBUTES = {
    ExchangeUnavailable: {"cause": "HTTP 503"},
    Throttled: {"retry_at_ms": 12},
    KeyRejected: {"code": -2015},
    RequestRejected: {"code": -1121},
    SpanRefused: {"longest_ms": 7},
}


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_survives_pickling_with_its_attributes(kind):
    known = {n: v for base, values in ATTRIBUTES.items() if issubclass(kind, base) for n, v in values.items()}
    error = kind("what happened", **known)
    error.where = "usdm_futures [a, b)"
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error) == "usdm_futures [a, b): what happened"
    assert {name: getattr(copy, name) for name in known} == known
    assert copy.args == error.args


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_says_by_its_branch_what_a_retry_does(kind):
    branches = (exceptions.RetryableError, exceptions.PermanentError)
    assert kind is LiquidationsError or sum(issubclass(kind, branch) for branch in branches) == 1


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_stands_in_the_tree_that_the_module_draws(kind):
    assert kind.__name__ in exceptions.__doc__
    assert kind.__doc__

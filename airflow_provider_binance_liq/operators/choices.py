"""Parameters that can be known to be wrong when a DAG file is read: no template, no connection is needed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, get_args

from airflow_provider_binance_liq.core.differences import MissingRows
from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.horizon import OnBeyondRetention
from airflow_provider_binance_liq.core.premises import check_codes
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.operators.intervals import check_settle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator

_CHOICES: Final[Mapping[str, tuple[str | None, ...]]] = {
    "beyond_retention": get_args(OnBeyondRetention),
    "missing_rows": get_args(MissingRows),
    "compression": (None, "gzip"),
}


def check_choices(operator: LiquidationsToObjectStorageOperator) -> None:
    """Check the parameters of an extraction.

    :raises InvalidRequest: one of them is not what it takes; the message names it.
    """
    get_endpoint(operator.endpoint)
    if operator.accept_premises is not None:
        check_codes(operator.accept_premises)
    for name, choices in _CHOICES.items():
        if getattr(operator, name) not in choices:
            message = f"{name} is {getattr(operator, name)!r}; it takes {' or '.join(map(repr, choices))}"
            raise InvalidRequest(message)
    check_settle(operator.settle)
    if not isinstance(operator.max_wait, timedelta) or operator.max_wait <= operator.settle:
        message = f"max_wait is {operator.max_wait!r}; it takes a timedelta that is longer than settle"
        raise InvalidRequest(message)
    if operator.look_back_days < 0:
        message = f"look_back_days is {operator.look_back_days!r}; it takes a number of days from 0"
        raise InvalidRequest(message)
    if operator.retention_days is not None and operator.retention_days < 1:
        message = f"retention_days is {operator.retention_days!r}; it takes a number of days from 1"
        raise InvalidRequest(message)

"""The check that tells in time: what is missing or not proven, while the exchange still has it.

An extraction that never ran fails nothing, so no failure tells of it. This task looks at what the manifests
of a lake say, never at runs, and fails while there is time left to fetch what is missing.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseOperator

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.compat import AirflowFailException
from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.premises import check_codes
from airflow_provider_binance_liq.core.recoverable import NOT_MENDED_BY_FETCHING
from airflow_provider_binance_liq.core.windows import epoch_ms
from airflow_provider_binance_liq.exceptions import (
    DataLossImminent,
    InvalidRequest,
    LiquidationsError,
    PermanentError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_binance_liq.verify.coverage import Expectation, Report

#: the XCom that has the summary even where the task fails
XCOM: Final = "coverage"


class LiquidationsCoverageCheckOperator(BaseOperator):
    """Read the manifests of a lake, and fail while what is missing can still be fetched.

    The XCom is a summary per account and endpoint; the XCom `coverage` has it also where the task fails.

    :param destination: where the extracting tasks write.
    :param warn_days: fail where something is forgotten within so many days.
    :param accounts: only these labels. With `endpoints`, each pair has to be there.
    :param endpoints: only these endpoints.
    :param start: where each history begins: an ISO 8601 instant with a zone. None: with its first window.
    :param settle: what ended less than this long ago is not expected yet.
    :param retention_days: how many days the exchange keeps; by default what it documents, else 90.
    :param accepted_premises: codes of premises because of which a window may be incomplete here. By default
        those that fetching it again in the same way would leave as they are.

    :raises AirflowFailException: something is forgotten soon (`DataLossImminent`), or a parameter is wrong.
    :raises RetryableError: the lake could not be read; a retry may succeed, unchanged.
    """

    template_fields: Sequence[str] = (
        "destination",
        "warn_days",
        "accounts",
        "endpoints",
        "start",
        "retention_days",
    )
    ui_color = "#f7dcdc"

    def __init__(
        self,
        *,
        destination: str,
        warn_days: float = 14,
        accounts: Sequence[str] | None = None,
        endpoints: Sequence[str] | None = None,
        start: str | datetime | None = None,
        settle: timedelta = timedelta(days=2),
        retention_days: int | None = None,
        accepted_premises: Sequence[str] = NOT_MENDED_BY_FETCHING,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.destination = destination
        self.warn_days = warn_days
        self.accounts = accounts
        self.endpoints = endpoints
        self.start = start
        self.settle = settle
        self.retention_days = retention_days
        self.accepted_premises = check_codes(accepted_premises)

    def execute(self, context: Context) -> dict[str, Any]:
        """Look, tell, and fail where it is time to."""
        try:
            report = self._look()
            for line in report.lines():
                self.log.info("%s", line)
            self._measure(report)
            return self._judge(report, context)
        except PermanentError as error:
            message = f"{type(error).__name__}: {error}"
            raise AirflowFailException(message) from error

    def _look(self) -> Report:
        from airflow_provider_binance_liq.landing import open_destination
        from airflow_provider_binance_liq.verify.coverage import Report, read_holdings

        expected = self._expectation(_now_ms())
        holdings = read_holdings(open_destination(self.destination))
        return Report.of(holdings, expected, float(self.warn_days))

    def _expectation(self, now_ms: int) -> Expectation:
        from airflow_provider_binance_liq.verify.coverage import Expectation

        days = self.retention_days
        if days is not None and int(days) < 1:
            message = f"retention_days is {days!r}; it takes a number of days from 1"
            raise InvalidRequest(message)
        return Expectation(
            now_ms=now_ms,
            settle_ms=int(self.settle.total_seconds() * 1000),
            start_ms=_start_ms(self.start),
            retention_days=None if days is None else int(days),
            accepted=self.accepted_premises,
            accounts=_names("accounts", self.accounts),
            endpoints=[get_endpoint(name).name for name in _names("endpoints", self.endpoints)],
        )

    def _measure(self, report: Report) -> None:
        """Tell the days left; of several filters of an endpoint and account, the fewest, which come last."""
        for one in reversed(report.histories):
            days = one.coverage.retention.days if one.days_left is None else one.days_left
            metrics.until_loss(endpoint=one.series.endpoint, account=one.series.account, days=days)

    def _judge(self, report: Report, context: Context) -> dict[str, Any]:
        summary = report.to_dict()
        if "ti" in context:
            # What a failed task returns is lost; a notifier's template can read this.
            context["ti"].xcom_push(key=XCOM, value=summary)
        if report.endangered:
            verdict, _, first = report.lines()
            message = f"{verdict}. {first}. Extract it before then: clear its run, or backfill its days"
            raise DataLossImminent(message)
        return summary


def _now_ms() -> int:
    return int(time.time() * 1000)


def _start_ms(start: str | datetime | None) -> int | None:
    if start in (None, "", "None"):
        return None
    try:
        return epoch_ms(start if isinstance(start, datetime) else datetime.fromisoformat(str(start)))
    except (ValueError, LiquidationsError) as error:
        message = f"start is {start!r}; it takes an ISO 8601 instant with a time zone"
        raise InvalidRequest(message) from error


def _names(name: str, given: Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, str) or not all(isinstance(one, str) for one in given):
        message = f"{name} is {given!r}; it takes a list of names"
        raise InvalidRequest(message)
    return tuple(given)

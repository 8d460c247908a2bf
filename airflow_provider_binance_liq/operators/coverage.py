"""The coverage check: it fails while missing or unproven rows can still be extracted.

An extraction that never ran has no failure that a person could see. This task reads the manifests of a lake,
not the runs, and fails while there is time left to fetch what is missing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseOperator

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.given import (
    read_accounts,
    read_endpoints,
    read_names,
    read_retention_days,
    read_start_ms,
    read_warn_days,
)
from airflow_provider_binance_liq.core.premises import check_codes
from airflow_provider_binance_liq.core.recoverable import NOT_MENDED_BY_FETCHING
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import (
    DataLossImminent,
    InconsistentManifest,
    InvalidRequest,
    PermanentError,
)
from airflow_provider_binance_liq.operators.failing import failing_at_once
from airflow_provider_binance_liq.operators.intervals import check_settle
from airflow_provider_binance_liq.operators.intervals import now_ms as _now_ms
from airflow_provider_binance_liq.operators.links import (
    COVERAGE_LINKS,
    base_url,
    coverage_page,
    history_query,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from airflow.sdk import BaseOperatorLink, Context

    from airflow_provider_binance_liq.lake.verify.coverage import CoverageReport, Expectation

#: the XCom that has the summary even where the task fails
XCOM: Final = "coverage"


class LiquidationsCoverageCheckOperator(BaseOperator):
    """Read the manifests of a lake, and fail while missing rows can still be extracted.

    It also fails where it could check nothing: a lake without a manifest, an account or endpoint in the
    parameters that has no history, a manifest that cannot be used.

    The XCom is a summary per account and endpoint; the XCom `coverage` has it also where the task fails.

    :param destination: where the extracting tasks write.
    :param warn_days: fail where missing rows will be lost within so many days.
    :param accounts: only these labels; each has to be in the lake, and with `endpoints`, each pair. None: all
        that are there.
    :param endpoints: only these endpoints; each has to be in the lake. None: all that are there.
    :param start: where each history begins: an ISO 8601 instant with a zone, not in the future. None: with
        its first window.
    :param settle: a window that ended less than this long ago is not expected yet.
    :param retention_days: how many days the exchange keeps rows; None: what it documents, else 90.
    :param accept_premises: codes of premises because of which a window may be incomplete here. By default
        those that do not change when it is extracted again in the same way.

    :raises InvalidRequest: a parameter is wrong and no template, when the DAG file is read.
    :raises AirflowFailException: rows will soon be lost (`DataLossImminent`), nothing was found or a
        parameter is wrong (`InvalidRequest`), or a manifest cannot be used (`InconsistentManifest`).
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
    operator_extra_links: Collection[BaseOperatorLink] = COVERAGE_LINKS

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
        accept_premises: Sequence[str] = NOT_MENDED_BY_FETCHING,
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
        self.accept_premises = accept_premises
        self._check_parameters()

    def _check_parameters(self) -> None:
        """Refuse values that are wrong when the DAG file is parsed, unless they are templates."""
        check_codes(read_names("accept_premises", self.accept_premises))
        check_settle(self.settle)
        for name, check in _CHECKS.items():
            if not _is_template(getattr(self, name)):
                check(getattr(self, name))

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the manifests, log and measure what is missing, and fail where it will soon be lost."""
        with failing_at_once(lambda: f"Lake: {self.destination}", context):
            report = self._read()
            for line in report.lines():
                self.log.info("%s", line)
            self._measure(report)
            return self._check(report, context)

    def _read(self) -> CoverageReport:
        from airflow_provider_binance_liq.lake import open_destination
        from airflow_provider_binance_liq.lake.index import read_lake, save
        from airflow_provider_binance_liq.lake.verify.coverage import CoverageReport

        expected, warn_days = self._expectation(_now_ms()), read_warn_days(self.warn_days)
        destination = open_destination(self.destination)
        holdings, snapshot = read_lake(destination, expected.now_ms)
        if holdings.claims:  # else it may be a wrong destination
            save(destination, snapshot)
        return CoverageReport.of(holdings, expected, warn_days)

    def _expectation(self, now_ms: int) -> Expectation:
        from airflow_provider_binance_liq.lake.verify.coverage import Expectation

        start_ms = read_start_ms(self.start)
        if start_ms is not None and start_ms > now_ms:
            message = f"start is {iso(start_ms)}, and now it is {iso(now_ms)}: nothing would be expected"
            raise InvalidRequest(message)
        return Expectation(
            now_ms=now_ms,
            settle_ms=int(self.settle.total_seconds() * 1000),
            start_ms=start_ms,
            retention_days=read_retention_days(self.retention_days),
            accepted=tuple(self.accept_premises),
            accounts=read_accounts(self.accounts),
            endpoints=read_endpoints(self.endpoints),
        )

    def _measure(self, report: CoverageReport) -> None:
        """Send the days left; of several filters of an endpoint and account, the fewest, which come last."""
        for one in reversed(report.histories):
            days = one.coverage.retention.days if one.days_left is None else one.days_left
            metrics.until_loss(endpoint=one.series.endpoint, account=one.series.account, days=days)

    def _check(self, report: CoverageReport, context: Context) -> dict[str, Any]:
        summary = report.to_dict()
        if "ti" in context:
            # The return value of a failed task is lost; a notifier's template can read this.
            context["ti"].xcom_push(key=XCOM, value=summary)
        errors = tuple(self._errors(report))
        if errors:
            # The first one is the most severe; its message has them all, so that all can be fixed at once.
            raise type(errors[0])(". ".join(map(str, errors)))
        return summary

    def _errors(self, report: CoverageReport) -> Iterator[PermanentError]:
        # A history without any window may be a wrong name: see below.
        if any(one.windows for one in report.endangered):
            verdict, *_ = report.lines()
            message = (
                f"{report.first_loss()}. {verdict}. Extract it before then: clear its run, or backfill its "
                f"days. Coverage page: {_page_of(report)}"
            )
            yield DataLossImminent(message)
        if report.absent:
            message = (
                f"Nothing was found at {self.destination} of {', '.join(report.absent)}: check "
                "`destination`, `accounts` and `endpoints`. Where they are right, nothing of it was "
                "extracted yet: extract it"
            )
            yield InvalidRequest(message)
        if report.unusable:
            message = (
                f"{len(report.unusable)} of {report.manifests} manifests at {self.destination} cannot be "
                f"used and so cover nothing, the first: {report.unusable[0]}. Extract the window again or "
                "take the manifest away; one of a newer schema version needs a newer version of this package"
            )
            yield InconsistentManifest(message)


def _page_of(report: CoverageReport) -> str:
    """Return the address of the coverage page, at the day that is lost first."""
    first = report.endangered[0]
    start_ms = first.coverage.listed[0].window.start_ms
    series = first.series
    history = coverage_page(
        series.account,
        series.endpoint,
        iso(start_ms)[:10],
        history_query(series.symbols, series.auto_close_type),
    )
    return base_url() + history


def _is_template(value: object) -> bool:
    """Whether a value is known only when the task runs: a template, or the result of another task."""
    if isinstance(value, list | tuple | set):
        return any(map(_is_template, value))
    return hasattr(value, "resolve") or (isinstance(value, str) and ("{{" in value or "{%" in value))


#: templated parameter → the check that refuses a wrong value
_CHECKS: Final[Mapping[str, Callable[[object], object]]] = {
    "warn_days": read_warn_days,
    "accounts": read_accounts,
    "endpoints": read_endpoints,
    "start": read_start_ms,
    "retention_days": read_retention_days,
}

"""Operators: one data interval of one endpoint becomes one object with its manifest.

The window comes from the data interval, never from `ds` or the logical date: a scheduled run, a manual one
and a backfill over the same interval write the same key and the same bytes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.given import is_given
from airflow_provider_binance_liq.core.horizon import OnBeyondRetention, Retention
from airflow_provider_binance_liq.core.premises import check_codes
from airflow_provider_binance_liq.core.waits import Waits
from airflow_provider_binance_liq.core.windows import Window, days_earlier
from airflow_provider_binance_liq.exceptions import (
    FROM_START,
    BeyondRetention,
    IpBanned,
    ResumeState,
    RetryableError,
    located,
)
from airflow_provider_binance_liq.hooks.binance import BinanceHook
from airflow_provider_binance_liq.operators import labels
from airflow_provider_binance_liq.operators.announcing import announced
from airflow_provider_binance_liq.operators.choices import check_choices
from airflow_provider_binance_liq.operators.failing import cause_of, failing_at_once, skipped
from airflow_provider_binance_liq.operators.intervals import (
    check_is_over,
    data_interval,
    schedule_zone,
    window_between,
)
from airflow_provider_binance_liq.operators.intervals import now_ms as _now_ms
from airflow_provider_binance_liq.operators.per_endpoint import one_per_endpoint
from airflow_provider_binance_liq.operators.shown import ShownOperator
from airflow_provider_binance_liq.operators.waiting import DEFAULT_MAX_WAIT, resume_state

# What takes time to import (requests, cryptography, fsspec) is imported in the worker, where it is used: DAG
# files import this module, and Airflow imports DAG files again and again.
if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

    from airflow_provider_binance_liq.core.differences import MissingRows
    from airflow_provider_binance_liq.core.manifest import Compression, Manifest

#: the exit code of a process that SIGTERM ends
_TERMINATED: Final = 128 + 15


class LiquidationsToObjectStorageOperator(ShownOperator):
    """Extract one endpoint's liquidations over the data interval, and write them as NDJSON.

    The XCom is the manifest, as plain JSON values; never rows.

    :param destination: where objects are written: `file:///lake`, `s3://aws_default@bucket/lake` and so on.
    :param endpoint: a name of the table of endpoints; the operators of one endpoint have it already.
    :param binance_conn_id: the connection with the account's key.
    :param symbols: only these symbols, in capitals; None: all. One without a row that is not in
        `exchangeInfo` gets a warning and a caveat in the manifest. On `margin` and `margin_capital_flow`
        these are isolated accounts, whose names cannot be checked. `flexible_loan` has no symbols.
    :param auto_close_type: `LIQUIDATION` or `ADL` only, where the endpoint has that filter; None: both.
    :param start: where the window starts, not the data interval: ISO 8601, in UTC where it names no zone.
    :param end: where it ends, likewise; exclusive. Both are given, or none.
    :param look_back_days: extract the window this many calendar days before the data interval, in the
        timetable's time zone: a second look.
    :param settle: wait until the interval's end is this long past, because rows may appear late.
    :param beyond_retention: for a window older than the exchange is known to keep: `fail`, `skip`, or
        `extract` what is left, which is then never `complete`.
    :param retention_days: how many days the exchange keeps rows; None: what it documents, else 90.
    :param missing_rows: for rows of an earlier extraction that the exchange does not return any more: `fail`,
        or `keep` them together with the new rows. They are never dropped silently.
    :param keep_proven: skip a window whose manifest proves it already, after checking its object: a backfill
        that is extended or restarted then costs only the weight of what is missing.
    :param probe_report: URL of a report that `binance-liq probe --report` wrote for this account: premises
        that it observed count as observed, which saves requests and makes more windows complete.
    :param accept_premises: codes of premises that you know to hold, such as `isolated_rows` for an account
        without isolated margin: they are listed as assumed, and keep no window from being complete.
    :param compression: `gzip` or None.
    :param max_wait: how long one try of the task may wait in total, for bans, limits of the exchange and
        late rows; a wait that would end later fails the task instead, without a retry.
    :param deferrable: release the worker slot during longer waits, such as bans.

    :raises AirflowFailException: a retry would fail too; the message names endpoint and window.
    :raises RetryableError: a retry may succeed, unchanged.
    """

    template_fields: Sequence[str] = (
        "destination",
        "binance_conn_id",
        "symbols",
        "auto_close_type",
        "start",
        "end",
        "probe_report",
    )
    ui_color = "#fdf1d3"

    #: set by the operators of one endpoint each
    default_endpoint: ClassVar[str | None] = None

    def __init__(
        self,
        *,
        destination: str,
        endpoint: str | None = None,
        binance_conn_id: str = BinanceHook.default_conn_name,
        symbols: list[str] | None = None,
        auto_close_type: str | None = None,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        look_back_days: int = 0,
        settle: timedelta = timedelta(minutes=1),
        beyond_retention: OnBeyondRetention = "fail",
        retention_days: int | None = None,
        missing_rows: MissingRows = "fail",
        keep_proven: bool = False,
        probe_report: str | None = None,
        accept_premises: list[str] | None = None,
        compression: Compression = None,
        deferrable: bool = True,
        max_wait: timedelta = DEFAULT_MAX_WAIT,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint = endpoint or self.default_endpoint or ""
        self.destination = destination
        self.binance_conn_id = binance_conn_id
        self.symbols = symbols
        self.auto_close_type = auto_close_type
        self.start = start
        self.end = end
        self.look_back_days = look_back_days
        self.settle = settle
        self.beyond_retention = beyond_retention
        self.retention_days = retention_days
        self.missing_rows = missing_rows
        self.keep_proven = keep_proven
        self.probe_report = probe_report
        self.accept_premises = accept_premises
        self.compression = compression
        self.deferrable = deferrable
        self.max_wait = max_wait
        self._is_running = False
        self._started_ms = 0
        self._origin: str | None = None
        check_choices(self)

    def execute(self, context: Context) -> dict[str, Any]:
        """Extract the window and return its manifest."""
        return self._execute(context)

    def resume(
        self,
        context: Context,
        event: Any = None,
        **kept: Any,
    ) -> dict[str, Any]:
        """Continue after a deferral.

        :param kept: the values of a `ResumeState`.
        """
        self.log.info("Resumed, after waiting until %s", event)
        return self._execute(context, resume_state(kept))

    def _execute(self, context: Context, state: ResumeState = FROM_START) -> dict[str, Any]:
        self._waits = Waits(int(self.max_wait.total_seconds() * 1000), state.waited_ms)
        self._is_running = True
        self._started_ms = _now_ms()
        try:
            with (
                self._shown(context),
                failing_at_once(self._subject, context),
                located(self.endpoint),
            ):
                return self._extract_in_time(context, state)
        finally:
            self._is_running = False

    def on_kill(self) -> None:
        """Stop at once, by the way of an error: whatever is open here takes its temporary files with it.

        Airflow calls this in the handler of SIGTERM, so the extraction is interrupted where it stands; after
        a timeout it calls it too, when nothing runs any more. Airflow retries what ends by `SystemExit`.
        """
        if self._is_running:
            self._is_running = False
            self.log.warning("Stopping, because Airflow ended the task. An earlier extraction is unchanged")
            raise SystemExit(_TERMINATED)

    def _extract_in_time(self, context: Context, state: ResumeState) -> dict[str, Any]:
        """Extract; where an error says when to continue, wait until then and continue."""
        self._extracted = window = self._window(context)
        with located(f"{self.endpoint} {window}"):
            self._waits.lost_ms = self._lost_ms(window)
            while True:
                try:
                    self._settle(window)
                    self.manifest = self._extract(window, state)
                    self._outcome = labels.outcome(self.manifest)
                    return announced(self, self.manifest, context)
                except BeyondRetention as error:
                    if self.beyond_retention != "skip":
                        raise
                    self._outcome = "skipped"
                    shown = {"advice": error.advice_if_skipped, "subject": self._subject()}
                    raise skipped(cause_of(error), context, **shown) from None
                except RetryableError as error:
                    self._wait_out(error)
                    state = error.resume

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage[Any, Any]:
        """Tell Airflow's OpenLineage provider what was read and written; also after a failure."""
        from airflow_provider_binance_liq.lineage.reports import report_extraction

        return report_extraction(self.endpoint, self._origin, self.manifest, since_ms=self._started_ms)

    # The window.

    def _window(self, context: Context) -> Window:
        """Take the window from `start` and `end`, or else from the data interval."""
        start, end = (one if is_given(one) else None for one in (self.start, self.end))
        if start is not None or end is not None:
            return window_between(start, end)
        start, end = data_interval(context)
        return days_earlier(start, end, self.look_back_days, schedule_zone(self.get_dag(), start))

    def _settle(self, window: Window) -> None:
        """Wait until late rows are there, by this machine's clock; then the exchange's decides."""
        check_is_over(window, _now_ms())
        self._wait(window.end_ms + int(self.settle.total_seconds() * 1000))

    def _lost_ms(self, window: Window) -> int:
        """When the exchange may begin to forget the window; 0 if the user accepts that."""
        if self.beyond_retention != "fail":
            return 0
        return window.start_ms + Retention.of(get_endpoint(self.endpoint), self.retention_days).ms

    # The extraction.

    def _extract(self, window: Window, state: ResumeState) -> Manifest:
        from airflow_provider_binance_liq.extraction.job import Job
        from airflow_provider_binance_liq.extraction.probed import read_probe_report
        from airflow_provider_binance_liq.extraction.reader import Filters
        from airflow_provider_binance_liq.hooks.bans import SharedBan

        endpoint = get_endpoint(self.endpoint)
        account = BinanceHook(self.binance_conn_id).account()
        self._account = account.label
        self._origin = account.settings.origins.get(endpoint.family.name)
        ban = SharedBan(account.settings.origins) if account.settings.coordinate else None
        job = Job(
            endpoint=endpoint,
            window=window,
            filters=Filters.of(endpoint, self.symbols, self.auto_close_type),
            account=account,
            destination=self.destination,
            compression=self.compression,
            retention_days=self.retention_days,
            beyond_retention=self.beyond_retention,
            settle_ms=int(self.settle.total_seconds() * 1000),
            accepted=check_codes(self.accept_premises or ()),
            probe=read_probe_report(self.probe_report, account),
            missing_rows=self.missing_rows,
            keep_proven=self.keep_proven,
            resume=state,
            resumable=self.deferrable,
            known_ban=ban.until_ms if ban else None,
            waits=self._waits,
            second_look=self.look_back_days > 0,
            tell=self._tell,
        )
        try:
            return job.run()
        except IpBanned as error:
            if ban:
                ban.set(error.retry_at_ms)
            raise


#: class name → the operator of one endpoint
OPERATORS: Final = one_per_endpoint(LiquidationsToObjectStorageOperator, module=__name__)


def __getattr__(name: str) -> type[LiquidationsToObjectStorageOperator]:
    """Find the operators of single endpoints, such as `UsdmFuturesLiquidationsOperator`."""
    if name in OPERATORS:
        return OPERATORS[name]
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*globals(), *OPERATORS})

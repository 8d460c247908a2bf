"""Operators: one data interval of one endpoint becomes one object with its manifest.

The window comes from the data interval, never from `ds` or the logical date: a scheduled run, a manual one
and a backfill over the same interval write the same key and the same bytes.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NoReturn, get_args

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import Asset, BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.differences import MissingRows
from airflow_provider_binance_liq.core.endpoints import ASSUMED_RETENTION_DAYS, DAY_MS, Endpoint, get_endpoint
from airflow_provider_binance_liq.core.windows import Window, epoch_ms, iso, to_datetime
from airflow_provider_binance_liq.exceptions import (
    BeyondRetention,
    InvalidInterval,
    InvalidRequest,
    IpBanned,
    LiquidationsError,
    PermanentError,
    Throttled,
)
from airflow_provider_binance_liq.hooks.binance import BinanceHook

# What takes time to import (requests, cryptography, fsspec) is imported in the worker, where it is used: DAG
# files import this module, and Airflow imports DAG files again and again.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_binance_liq.core.manifest import Compression, Manifest

OnBeyondRetention = Literal["fail", "skip", "extract"]

_CHOICES: Final[Mapping[str, tuple[str | None, ...]]] = {
    "beyond_retention": get_args(OnBeyondRetention),
    "missing_rows": get_args(MissingRows),
    "compression": (None, "gzip"),
}

#: a wait up to this many seconds is slept through in the worker, a longer one is deferred
_SHORT_WAIT_S: Final = 60.0


class LiquidationsToObjectStorageOperator(BaseOperator):
    """Extract one endpoint's liquidations over the data interval, and write them as NDJSON.

    The XCom is the manifest, as plain JSON values; never rows.

    :param endpoint: a name of the table of endpoints, such as `usdm_futures`.
    :param destination: an ObjectStoragePath URL: `file:///lake`, `s3://aws_default@bucket/prefix`.
    :param binance_conn_id: the connection with the account's key.
    :param symbols: only these symbols; isolated symbols for `margin`. None: all.
    :param auto_close_type: `LIQUIDATION` or `ADL` only, where the endpoint has that filter. None: both.
    :param start: with `end`, instead of the data interval: an ISO 8601 instant (UTC where it names no zone).
    :param end: see `start`; exclusive.
    :param look_back_days: take the window that lies this many days before the data interval: a second look.
    :param settle: wait until the interval's end is this long past, so that late rows are there.
    :param beyond_retention: what to do with a window older than the exchange is known to keep: `fail`,
        `skip`, or `extract` what is still there without claiming that it is complete.
    :param retention_days: how many days the exchange keeps; by default what it documents, else 90.
    :param missing_rows: what to do where the window was extracted before, with rows that are not answered any
        more: `fail`, or `keep` them beside what is new. They are never dropped in silence.
    :param keep_proven: leave a window that a manifest proves already as it is, once its object was checked,
        instead of paying for it again. Off: clearing a task means "again".
    :param compression: `gzip` or None.
    :param deferrable: give the worker slot back during longer waits, bans above all.

    :raises AirflowFailException: no retry can mend it; the message names endpoint and window.
    :raises RetryableError: a retry may succeed, unchanged.
    """

    template_fields: Sequence[str] = (
        "destination",
        "binance_conn_id",
        "symbols",
        "auto_close_type",
        "start",
        "end",
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
        compression: Compression = None,
        deferrable: bool = True,
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
        self.compression = compression
        self.deferrable = deferrable
        self._check_choices()

    def _check_choices(self) -> None:
        """Refuse what is no template and can be known to be wrong when the DAG file is read."""
        get_endpoint(self.endpoint)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                message = f"{name} is {getattr(self, name)!r}; it takes {' or '.join(map(repr, choices))}"
                raise InvalidRequest(message)
        if not isinstance(self.settle, timedelta) or self.settle < timedelta(0):
            message = f"settle is {self.settle!r}; it takes a timedelta that is not negative"
            raise InvalidRequest(message)
        if self.look_back_days < 0:
            message = f"look_back_days is {self.look_back_days!r}; it takes a number of days from 0"
            raise InvalidRequest(message)
        if self.retention_days is not None and self.retention_days < 1:
            message = f"retention_days is {self.retention_days!r}; it takes a number of days from 1"
            raise InvalidRequest(message)

    def execute(self, context: Context) -> dict[str, Any]:
        """Extract the window and return its manifest."""
        return self._execute(context)

    def resume(
        self, context: Context, event: Any = None, holds: int = 0, journal: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Go on after a deferral, from what `journal` has kept of the answers so far.

        :param holds: how many answers in a row asked to wait.
        """
        self.log.info("Resumed, after waiting until %s", event)
        return self._execute(context, holds, journal)

    def _execute(
        self, context: Context, holds: int = 0, journal: dict[str, str] | None = None
    ) -> dict[str, Any]:
        where = self.endpoint
        try:
            window = self._window(context)
            where = f"{self.endpoint} {window}"
            self._settle(window)
            manifest = self._extract(window, holds, journal)
            metrics.extracted(
                endpoint=manifest.endpoint,
                account=manifest.account,
                rows=manifest.object.rows,
                weight=manifest.proof.weight,
                complete=manifest.proof.complete,
            )
            return self._announced(manifest.to_dict(), context)
        except Throttled as error:
            error.where = error.where or where
            if not self.deferrable:
                raise
            seconds = (error.retry_at_ms - _now_ms()) / 1000
            pool = get_endpoint(self.endpoint).weight_pool
            metrics.waited(pool, seconds, banned=isinstance(error, IpBanned))
            self._defer_until(error.retry_at_ms, error.holds, error.journal)
        except PermanentError as error:
            error.where = error.where or where
            message = f"{type(error).__name__}: {error}"
            raise AirflowFailException(message) from error
        except LiquidationsError as error:
            error.where = error.where or where
            raise

    def _announced(self, manifest: dict[str, Any], context: Context) -> dict[str, Any]:
        """Put the manifest into the event of each asset that the task has as an outlet."""
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = manifest
        return manifest

    # The window.

    def _window(self, context: Context) -> Window:
        """Take the window from `start` and `end`, or else from the data interval."""
        start, end = _given(self.start), _given(self.end)
        if start is None and end is None:
            return _data_interval(context).earlier(self.look_back_days * DAY_MS)
        if start is None or end is None:
            raise InvalidInterval("of start and end, only one is given; give both, or neither")
        first_ms, past_ms = epoch_ms(_instant("start", start)), epoch_ms(_instant("end", end))
        if first_ms >= past_ms:
            message = f"start {iso(first_ms)} is not before end {iso(past_ms)}"
            raise InvalidInterval(message)
        return Window(first_ms, past_ms)

    def _settle(self, window: Window) -> None:
        """Wait until rows that appear late are there."""
        now_ms = _now_ms()
        if now_ms < window.end_ms:
            message = (
                f"the interval is not over: it ends at {iso(window.end_ms)}, and now it is {iso(now_ms)}; "
                "rows may still come. Run it after its end: a scheduled run does"
            )
            raise InvalidInterval(message)
        self._wait(window.end_ms + int(self.settle.total_seconds() * 1000))

    def _wait(self, until_ms: int) -> None:
        """Wait until an instant: in the worker if it is short or may not be deferred, else without one."""
        seconds = (until_ms - _now_ms()) / 1000
        if self.deferrable and seconds > _SHORT_WAIT_S:
            self._defer_until(until_ms)
        if seconds > 0:
            self.log.info("Waiting %.1f s, until %s", seconds, iso(until_ms))
            time.sleep(seconds)

    def _defer_until(self, until_ms: int, holds: int = 0, journal: dict[str, str] | None = None) -> NoReturn:
        """Give the worker slot back until an instant."""
        self.log.info("Waiting until %s without a worker slot", iso(until_ms))
        trigger = DateTimeTrigger(moment=to_datetime(until_ms))
        self.defer(trigger=trigger, method_name="resume", kwargs={"holds": holds, "journal": journal})

    # The extraction.

    def _extract(self, window: Window, holds: int, journal: dict[str, str] | None) -> Manifest:
        from airflow_provider_binance_liq.extraction import Filters
        from airflow_provider_binance_liq.hooks.bans import SharedBan
        from airflow_provider_binance_liq.job import Job
        from airflow_provider_binance_liq.journal import Part

        endpoint = get_endpoint(self.endpoint)
        doubt = self._retention(endpoint, window)
        account = BinanceHook(self.binance_conn_id).account()
        ban = SharedBan(account.settings.origins) if account.settings.coordinate else None
        job = Job(
            endpoint=endpoint,
            window=window,
            filters=Filters.of(endpoint, self.symbols, self.auto_close_type),
            account=account,
            destination=self.destination,
            compression=self.compression,
            doubt=doubt,
            missing_rows=self.missing_rows,
            keep_proven=self.keep_proven,
            earlier_holds=holds,
            known_ban=ban.until_ms if ban else None,
            resumable=self.deferrable,
            journal=Part(**journal) if journal else None,
        )
        try:
            return job.run()
        except IpBanned as error:
            if ban:
                ban.tell(error.retry_at_ms)
            raise

    def _retention(self, endpoint: Endpoint, window: Window) -> str:
        """Tell why the window cannot be claimed complete; empty where it can.

        :raises BeyondRetention: by `beyond_retention`, as `fail` would have it.
        :raises AirflowSkipException: as `skip` would have it.
        """
        days = self.retention_days or endpoint.retention_days or ASSUMED_RETENTION_DAYS
        oldest_ms = _now_ms() - days * DAY_MS
        if window.start_ms >= oldest_ms:
            return ""
        source = "as documented" if days == endpoint.retention_days else "as assumed: nothing is documented"
        doubt = (
            f"the window begins before {iso(oldest_ms)}, and the exchange keeps {days} days ({source}), so "
            "an answer would not prove that nothing is missing"
        )
        if self.beyond_retention == "fail":
            message = f"{doubt}. Set beyond_retention='extract' to take what is left, or 'skip'"
            raise BeyondRetention(message)
        if self.beyond_retention == "skip":
            message = f"{self.endpoint} {window}: {doubt}"
            raise AirflowSkipException(message)
        return doubt


def _now_ms() -> int:
    return int(time.time() * 1000)


def _given(value: str | datetime | None) -> str | datetime | None:
    """Treat what a template renders nothing to as not given."""
    return None if value is None or value in ("", "None") else value


def _instant(name: str, value: str | datetime) -> datetime:
    if isinstance(value, datetime):
        return value
    from pendulum import DateTime, parse
    from pendulum.parsing.exceptions import ParserError

    try:
        parsed = parse(value)
    except (ParserError, ValueError):
        parsed = None
    if not isinstance(parsed, DateTime):
        message = f"{name} is {value!r}; it has to be an ISO 8601 instant such as 2026-10-10T00:00:00Z"
        raise InvalidInterval(message)
    return parsed


def _data_interval(context: Context) -> Window:
    """Take the data interval of the run.

    :raises InvalidInterval: it has none, or an empty one; the message says which schedule has one.
    """
    advice = (
        'give the DAG schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC") from airflow.sdk, or '
        "give this operator start and end"
    )
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None:
        message = f"the run has no data interval, as when it was triggered without a logical date; {advice}"
        raise InvalidInterval(message)
    if start == end:
        message = (
            f"the run's data interval is empty: it begins and ends at {start.isoformat()}. In Airflow 3 cron "
            f'strings such as "@daily" and timedeltas have no data interval; {advice}'
        )
        raise InvalidInterval(message)
    return Window.between(start, end)


class UsdmFuturesLiquidationsOperator(LiquidationsToObjectStorageOperator):
    """USDⓈ-M futures: GET /fapi/v1/forceOrders."""

    default_endpoint = "usdm_futures"


class CoinmFuturesLiquidationsOperator(LiquidationsToObjectStorageOperator):
    """COIN-M futures: GET /dapi/v1/forceOrders."""

    default_endpoint = "coinm_futures"


class PortfolioUmLiquidationsOperator(LiquidationsToObjectStorageOperator):
    """USDⓈ-M under portfolio margin: GET /papi/v1/um/forceOrders."""

    default_endpoint = "portfolio_um"


class PortfolioCmLiquidationsOperator(LiquidationsToObjectStorageOperator):
    """COIN-M under portfolio margin: GET /papi/v1/cm/forceOrders."""

    default_endpoint = "portfolio_cm"


class PortfolioMarginLiquidationsOperator(LiquidationsToObjectStorageOperator):
    """Margin under portfolio margin: GET /papi/v1/margin/forceOrders."""

    default_endpoint = "portfolio_margin"


class MarginLiquidationsOperator(LiquidationsToObjectStorageOperator):
    """Margin, cross and isolated: GET /sapi/v1/margin/forceLiquidationRec."""

    default_endpoint = "margin"

"""The errors, in two branches: a retry may succeed, or a person has to change something.

    LiquidationsError
    ├── RetryableError             the same task may succeed later, unchanged
    │   ├── ExchangeUnavailable    timeouts, 5xx, unreadable answers, in all attempts
    │   ├── Throttled              429, or our share of the weight is used up: continue at `retry_at_ms`
    │   │   └── IpBanned           418: every request before `retry_at_ms` lengthens the ban
    │   ├── NotSettled             by the exchange's clock, rows of the window may still appear
    │   ├── ClockSkew              -1021 although the clock was just read again
    │   ├── UnstablePaging         the numbered pages kept shifting while they were read
    │   ├── StorageError           the object or its manifest could not be written or read
    │   │   └── DestinationLocked  another process held the lock of the directory for too long
    │   └── WarehouseBusy          others wrote to the warehouse for too long
    └── PermanentError             not retried; a person has to change something
        ├── InvalidConnection      the Airflow connection does not exist, or a field of it is wrong
        ├── MissingPackage         a package that an extra installs is missing on the worker
        ├── InvalidInterval        missing, empty, reversed or not yet over
        ├── InvalidRequest         a parameter that this endpoint does not have, or not with this value
        ├── KeyRejected            the exchange refuses the key, its permission, its IP or its signature
        ├── RequestRejected        the exchange refuses the request
        │   └── SpanRefused        ... because it spans too long a time; paging asks for less
        ├── LocationRestricted     451: not from this country
        ├── FirewallBlocked        403: the exchange's firewall, not its interface
        ├── WaitTooLong            waits add up to more than `max_wait`, or the next one would
        ├── DataLossImminent       rows that are missing or not proven will soon be deleted by the exchange
        ├── BeyondRetention        the window is older than the exchange is known to keep
        ├── SaturatedInstant       more rows in one millisecond than any request can return
        ├── UnexpectedRow          a row outside its window, or without the fields that identify it
        ├── RowsMissing            the exchange does not return rows of an earlier extraction any more
        ├── InvalidProbeReport     not a probe's report, or that of another account or version
        ├── InconsistentManifest   a manifest and its object contradict each other
        └── WarehouseError         staged rows and the warehouse's table contradict each other

Every error is picklable, and none of them ever holds a key, a signature or a signed URL.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


class LiquidationsError(Exception):
    """Root of the tree; `where` names the endpoint and the window (see `located`)."""

    where: str = ""
    #: what a person can do, in less than a line of a task's log
    advice: ClassVar[str] = "see the error below"

    def __str__(self) -> str:
        message = super().__str__()
        return f"{self.where}: {message}" if self.where else message


@contextmanager
def located(where: str) -> Iterator[None]:
    """Give each error of the block that has no `where` yet this one: an endpoint and its window."""
    try:
        yield
    except LiquidationsError as error:
        error.where = error.where or where
        raise


@dataclass(frozen=True, slots=True)
class ResumeState:
    """What a later run of the same try of a task continues from, after a wait."""

    #: answers in a row that asked to wait; a wait of unstated length grows with it
    consecutive_waits: int = 0
    #: sha256 of the journal of the answers so far; None where there is none
    journal: str | None = None
    #: ms that this try has waited
    waited_ms: int = 0


FROM_START: Final = ResumeState()


class RetryableError(LiquidationsError):
    """The same task may succeed later, unchanged.

    Where it is known when, `retry_at_ms` says so (epoch milliseconds, on this machine's clock; 0: not known).
    `resume` is what a run after that wait continues from.
    """

    retry_at_ms: int = 0
    resume: ResumeState = FROM_START


class ExchangeUnavailable(RetryableError):
    """No answer, 5xx or unreadable answers, five times in a row; `cause` says what the last one was."""

    advice = "check the network and the proxy if it lasts; see docs/errors.md"

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class Throttled(RetryableError):
    """429, or your share of the weight is used up: no request may be sent before `retry_at_ms`."""

    advice = "wait; find out what else uses this IP address if it lasts"

    def __init__(self, message: str, retry_at_ms: int = 0, consecutive_waits: int = 0, why: str = "") -> None:
        super().__init__(message)
        #: such as `your share of the weight is used up (…)`; empty where answers asked to wait
        self.why = why
        self.retry_at_ms = retry_at_ms
        self.resume = ResumeState(consecutive_waits)

    @property
    def by_exchange(self) -> bool:
        """Whether answers of the exchange asked to wait, rather than our own count of the weight."""
        return self.resume.consecutive_waits > 0


class IpBanned(Throttled):
    """418: the IP address is banned, and so is everything else that trades from it."""

    advice = "find out which program on this IP address sends too many requests"


class NotSettled(RetryableError):
    """By the exchange's clock, the window ends within minutes, or rows may still appear (`settle`)."""

    advice = "wait: the exchange may still add rows to the window"

    def __init__(self, message: str, retry_at_ms: int = 0) -> None:
        super().__init__(message)
        self.retry_at_ms = retry_at_ms


class ClockSkew(RetryableError):
    """The exchange refuses the timestamp (-1021) although its clock was just read again."""

    advice = "check the machine's clock and the delay of the network"


class UnstablePaging(RetryableError):
    """Rows kept moving between numbered pages, so no reading of them was whole."""

    advice = "wait; give `settle` more time if it happens often"


class StorageError(RetryableError):
    """An object, a manifest or a local file cannot be written or read; nothing half-written is visible."""

    advice = "repair the storage, or its connection; then run it again"


class DestinationLocked(StorageError):
    """Another process held the lock of a lake's local directory for five minutes; nothing was written."""

    advice = "end the process that holds the lock, if it is no extraction"


class WarehouseBusy(RetryableError):
    """Others held the warehouse for longer than `wait_s`; nothing was merged."""

    advice = "close the connection that holds the warehouse"


class PermanentError(LiquidationsError):
    """Permanent: not retried; a person has to change something."""


class InvalidConnection(PermanentError):
    """The Airflow connection does not exist, or a field is missing or not what it has to be."""

    advice = "correct the connection in Admin > Connections, then clear the task"


class MissingPackage(PermanentError):
    """A package that an extra installs is missing on the worker; the message has the command."""

    advice = "install the package on the worker, then clear the task"


class InvalidInterval(PermanentError):
    """The interval to extract is missing, empty, reversed, or ends more than ten minutes in the future."""

    advice = "use CronDataIntervalTimetable, or give `start` and `end`; run it after the interval"


class InvalidRequest(PermanentError):
    """A parameter that this endpoint does not have, or not with this value."""

    advice = "correct the parameter that is named, then clear the task"


class KeyRejected(PermanentError):
    """The exchange refuses the API key, its permission, its IP address or its signature.

    `code` is its own error code, where it gave one.
    """

    advice = "check key, secret, read permission and IP list at Binance; see SECURITY.md"

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class RequestRejected(PermanentError):
    """The exchange refuses the request; `code` is its own error code, where it gave one."""

    advice = "look the code up in Binance's error codes, then correct the request"

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class SpanRefused(RequestRejected):
    """The request spans too long a time; `longest_ms` is what the exchange allows, if it says so."""

    def __init__(self, message: str, code: int | None = None, longest_ms: int | None = None) -> None:
        super().__init__(message, code)
        self.longest_ms = longest_ms


class LocationRestricted(PermanentError):
    """451: the exchange does not serve the country of this IP address."""

    advice = "run it from a country that Binance serves"


class FirewallBlocked(PermanentError):
    """403: the exchange's firewall refused the request before it was read."""

    advice = "stop all requests for a while; check what else runs on this IP address"


class WaitTooLong(PermanentError):
    """Bans, 429s, used-up weight or late rows held one try up for `max_wait`, or the next wait would.

    Not retried: a retry would wait again. Find the cause, then clear the task.
    """

    advice = "find out what else uses this IP address, then clear the task, or raise max_wait"


class BeyondRetention(PermanentError):
    """The window is older than the exchange is known to keep, so no answer would be proof."""

    advice = 'set beyond_retention to "skip" such windows, or to "extract" what is left'
    advice_if_skipped: ClassVar[str] = 'nothing; or set beyond_retention to "extract" what is left'


class DataLossImminent(PermanentError):
    """The coverage check found missing or unproven rows that the exchange deletes within `warn_days`."""

    advice = "backfill the days that are named, before they are deleted"


class SaturatedInstant(PermanentError):
    """One millisecond holds more rows than any request can return, so nothing can be proven."""

    advice = "ask Binance's support for the rows of that minute"


class UnexpectedRow(PermanentError):
    """A row outside the window, without what identifies it, or with another's id; the message shows it."""

    advice = "nothing was dropped; report the row that is shown"


class RowsMissing(PermanentError):
    """The exchange does not return rows of an earlier extraction any more; that one is unchanged."""

    advice = 'find out why; missing_rows="keep" keeps them together with the new rows'


class InvalidProbeReport(PermanentError):
    """`probe_report` is not a probe's report, or that of another account or version."""

    advice = "run `binance-liq probe` with this account's connection"


class InconsistentManifest(PermanentError):
    """A manifest and its object contradict each other, or what a load got is none or below another place."""

    advice = "see which object is named; extract its window again"


class WarehouseError(PermanentError):
    """Staged rows or the database contradict the warehouse's tables; nothing was merged."""

    advice = "correct the column, row or file that is named, then clear the task"

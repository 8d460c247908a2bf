"""Errors, branched by what a retry should do, since that is the first thing a caller has to know.

    LiquidationsError
    ├── RetryableError             the same task may succeed later, unchanged
    │   ├── ExchangeUnavailable    timeouts, 5xx, unreadable answers: asked again, and still so
    │   ├── Throttled              429, or our share of the weight is used up: go on at `retry_at_ms`
    │   │   └── IpBanned           418: every request before `retry_at_ms` lengthens the ban
    │   ├── NotSettled             by the exchange's clock, rows of the window may still appear
    │   ├── ClockSkew              -1021 although the clock was just read again
    │   ├── UnstablePaging         the numbered pages kept shifting while they were read
    │   ├── StorageError           the object or its manifest could not be written or read
    │   │   └── DestinationLocked  another process held the directory for as long as it was waited for
    │   └── WarehouseBusy          others wrote to the warehouse for as long as it was waited for
    └── PermanentError             no retry mends it; a person has to change something
        ├── InvalidConnection      a field of the Airflow connection
        ├── InvalidInterval        missing, empty, reversed or not yet over
        ├── InvalidRequest         a parameter that this endpoint does not have, or not so
        ├── KeyRejected            the exchange refuses the key, its permission, its IP or its signature
        ├── RequestRejected        the exchange refuses the request
        │   └── SpanRefused        ... because it spans too long a time; paging asks for less
        ├── LocationRestricted     451: not from this country
        ├── FirewallBlocked        403: the exchange's firewall, not its interface
        ├── WaitTooLong            bans and limits held it up for longer than `max_wait`, or would
        ├── DataLossImminent       what is missing or not proven is forgotten soon, and can still be fetched
        ├── BeyondRetention        the window is older than the exchange is known to keep
        ├── SaturatedInstant       more rows in one millisecond than any request can return
        ├── UnexpectedRow          a row outside its window, or without the fields that identify it
        ├── RowsMissing            rows of an earlier extraction are not answered any more
        ├── InvalidProbeReport     no report of a probe, or of another account or version
        ├── InconsistentManifest   a manifest and its object contradict each other
        └── WarehouseError         staged rows and the warehouse's table contradict each other

Every error is picklable, and none of them ever holds a key, a signature or a signed URL.
"""

from __future__ import annotations


class LiquidationsError(Exception):
    """Root of the tree; `where` names the endpoint and the window once they are known."""

    where: str = ""

    def __str__(self) -> str:
        message = super().__str__()
        return f"{self.where}: {message}" if self.where else message


class RetryableError(LiquidationsError):
    """The same task may succeed later, unchanged.

    Where it is known when, `retry_at_ms` says so (epoch milliseconds, on this machine's clock; 0: not known).
    `holds` counts the answers in a row that asked to wait; whoever goes on later tells the next client.
    `journal` names what was read until then (`uri`, `sha256`), where that could be kept.
    """

    retry_at_ms: int = 0
    holds: int = 0
    journal: dict[str, str] | None = None


class ExchangeUnavailable(RetryableError):
    """No usable answer after several attempts; `cause` says what was wrong with the last one."""

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class Throttled(RetryableError):
    """No request may be sent before `retry_at_ms`."""

    def __init__(self, message: str, retry_at_ms: int = 0, holds: int = 0) -> None:
        super().__init__(message)
        self.retry_at_ms = retry_at_ms
        self.holds = holds


class IpBanned(Throttled):
    """HTTP 418: the IP address is banned, and so is everything else that trades from it."""


class NotSettled(RetryableError):
    """By the exchange's clock, the window is not over, or rows of it may still appear until `retry_at_ms`."""

    def __init__(self, message: str, retry_at_ms: int = 0) -> None:
        super().__init__(message)
        self.retry_at_ms = retry_at_ms


class ClockSkew(RetryableError):
    """The exchange refuses the timestamp (-1021) although its clock was just read again."""


class UnstablePaging(RetryableError):
    """Rows kept moving between numbered pages, so no reading of them was whole."""


class StorageError(RetryableError):
    """The destination could not be written or read; nothing half-written is visible."""


class DestinationLocked(StorageError):
    """Another process held a local lake's directory for as long as it was waited for; nothing was written."""


class WarehouseBusy(RetryableError):
    """Others wrote to the warehouse for as long as it was waited for; nothing was merged."""


class PermanentError(LiquidationsError):
    """No retry mends it; a person has to change something."""


class InvalidConnection(PermanentError):
    """A field of the Airflow connection is missing or not what it has to be."""


class InvalidInterval(PermanentError):
    """The interval to extract is missing, empty, reversed or not yet over."""


class InvalidRequest(PermanentError):
    """A parameter that this endpoint does not have, or not with this value."""


class KeyRejected(PermanentError):
    """The exchange refuses the API key, its permission, its IP address or its signature.

    `code` is its own error code, where it gave one.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class RequestRejected(PermanentError):
    """The exchange refuses the request; `code` is its own error code, where it gave one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class SpanRefused(RequestRejected):
    """The request spans too long a time; `longest_ms` is what the exchange allows, where it said."""

    def __init__(self, message: str, code: int | None = None, longest_ms: int | None = None) -> None:
        super().__init__(message, code)
        self.longest_ms = longest_ms


class LocationRestricted(PermanentError):
    """HTTP 451: the exchange does not serve the country of this IP address."""


class FirewallBlocked(PermanentError):
    """HTTP 403: the exchange's firewall refused the request before it was read."""


class WaitTooLong(PermanentError):
    """Bans, limits or late rows held the task up for longer than `max_wait`, or the next wait would.

    Not retried: a retry would begin another series of waits. A person looks, and clears the task.
    """


class BeyondRetention(PermanentError):
    """The window is older than the exchange is known to keep, so no answer would be proof."""


class DataLossImminent(PermanentError):
    """What is missing or not proven is forgotten within the days to warn, and can still be fetched."""


class SaturatedInstant(PermanentError):
    """One millisecond holds more rows than any request can return; completeness is not provable."""


class UnexpectedRow(PermanentError):
    """A row outside the window that was asked for, or without the fields that identify it."""


class RowsMissing(PermanentError):
    """Rows of an earlier extraction of the window are not answered any more; the earlier object stands."""


class InvalidProbeReport(PermanentError):
    """What should be a probe's report is none, or of another account or schema version."""


class InconsistentManifest(PermanentError):
    """A manifest and its object contradict each other, so neither can be trusted."""


class WarehouseError(PermanentError):
    """Staged rows contradict the warehouse's table; nothing was merged."""

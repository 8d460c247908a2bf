"""The kinds of faults: one table, from which the command line lists them, and which the tests go through.

A fault either makes an answer of its own, or spoils the genuine one: its bytes, or the rows on its page.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.simulator import pages
from airflow_provider_binance_liq.simulator.responses import HTML, Response, Wire, error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.simulator.faults import Fault
    from airflow_provider_binance_liq.simulator.pages import Alteration


@dataclass(frozen=True, slots=True)
class Incident:
    """A request that meets a fault, and what the fault may do."""

    fault: Fault
    #: the client's IP address
    address: str
    #: path and query, as sent
    target: str
    #: the same server under another name
    other_origin: str
    #: make the genuine answer
    genuine: Callable[[], Response]
    #: ban the address for so many seconds; returns until when, in epoch ms
    ban: Callable[[float], int]
    #: remember that the address was asked to wait for so many seconds, or for the next minute
    hold: Callable[[float | None], int]
    #: move the exchange's clock by so many seconds
    move_clock: Callable[[float], None]

    def seconds(self, default: float) -> float:
        """Return the fault's seconds."""
        return default if self.fault.seconds is None else self.fault.seconds


Action = Callable[[Incident], Response]


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table."""

    name: str
    #: what happens, in a line
    description: str
    #: makes the answer
    act: Action | None = None
    #: spoils the page of the genuine answer
    alter: Alteration | None = None


def _refused(incident: Incident) -> Response:
    wire = Wire(unanswered=True, refuse_connections_s=incident.seconds(0))
    return replace(incident.genuine(), wire=wire)


def _reset_before_body(incident: Incident) -> Response:
    return replace(incident.genuine(), wire=Wire(reset_after=0))


def _reset_in_body(incident: Incident) -> Response:
    genuine = incident.genuine()
    return replace(genuine, wire=Wire(reset_after=len(genuine.body) // 2))


def _slow_first_byte(incident: Incident) -> Response:
    return replace(incident.genuine(), wire=Wire(first_byte_s=incident.seconds(2)))


def _slow_drip(incident: Incident) -> Response:
    return replace(incident.genuine(), wire=Wire(drip_s=incident.seconds(2)))


def _truncated(incident: Incident) -> Response:
    genuine = incident.genuine()
    return replace(genuine, body=genuine.body[: len(genuine.body) // 2])


def _compressed(incident: Incident) -> Response:
    genuine = incident.genuine()
    body = gzip.compress(genuine.body, mtime=0)
    return replace(genuine, body=body).with_headers(("Content-Encoding", "gzip"))


def _with_body(body: bytes, content_type: str | None = None) -> Action:
    def act(incident: Incident) -> Response:
        genuine = incident.genuine()
        return replace(genuine, status=200, body=body, content_type=content_type or genuine.content_type)

    return act


def _mislabelled(incident: Incident) -> Response:
    return replace(incident.genuine(), content_type="text/plain")


def _html(status: int, title: str) -> Action:
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"

    def act(incident: Incident) -> Response:
        return Response(incident.fault.status or status, page.encode(), HTML)

    return act


def _error(status: int, code: int, text: str) -> Action:
    def act(incident: Incident) -> Response:
        fault = incident.fault
        code_given = code if fault.code is None else fault.code
        response = error(fault.status or status, code_given, fault.message or text)
        return _with_retry_after(response, fault.retry_after)

    return act


def _with_retry_after(response: Response, seconds: int | None) -> Response:
    return response if seconds is None else response.with_headers(("Retry-After", str(seconds)))


def _too_many(incident: Incident) -> Response:
    fault = incident.fault
    incident.hold(fault.retry_after)
    return _with_retry_after(error(429, -1003, fault.message or _TOO_MANY), fault.retry_after)


def _banned(incident: Incident) -> Response:
    fault = incident.fault
    until_ms = incident.ban(incident.seconds(120))
    text = ban_text(incident.address, until_ms) if fault.until_in_body else BANNED
    return _with_retry_after(error(418, -1003, fault.message or text), fault.retry_after)


def ban_text(address: str, until_ms: int) -> str:
    """Spell a ban as it was seen on fapi, with the address in brackets."""
    return (
        f"Way too many requests; IP({address}) banned until {until_ms}. "
        "Please use the websocket for live updates to avoid bans."
    )


def _redirect(*, elsewhere: bool) -> Action:
    def act(incident: Incident) -> Response:
        origin = incident.other_origin if elsewhere else ""
        location = incident.fault.location or f"{origin}{incident.target}"
        return Response(incident.fault.status or 302, b"", HTML, (("Location", location),))

    return act


def _clock_jump(incident: Incident) -> Response:
    incident.move_clock(incident.seconds(3600))
    return incident.genuine()


_TOO_MANY: Final = "Too many requests; current limit is 2400 requests per minute."
#: a ban that does not say when it ends
BANNED: Final = "Way too many requests; IP banned."
_BUSY: Final = "Unknown error, please check your request or try again later."
_INTERNAL: Final = "Internal error; unable to process your request. Please try again."
_OVERLOADED: Final = (
    "Request throttled by system-level protection. Reduce-only/close-position orders are exempt."
)
_RESTRICTED: Final = "Service unavailable from a restricted location according to 'b. Eligibility' …"
_REJECTED_KEY: Final = "Invalid API-key, IP, or permissions for action, request ip: 127.0.0.1"
_STALE: Final = "Timestamp for this request is outside of the recvWindow."
#: name → what it is
FAULTS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("connection_refused", "no answer; new connections are reset for `seconds` (0)", _refused),
            Kind("reset_before_body", "connection reset after the headers", _reset_before_body),
            Kind("reset_in_body", "connection reset in the middle of the body", _reset_in_body),
            Kind("slow_first_byte", "nothing arrives for `seconds` (2)", _slow_first_byte),
            Kind("slow_drip", "the body trickles in over `seconds` (2)", _slow_drip),
            Kind("truncated_json", "200 with the first half of the body, as if it were all", _truncated),
            Kind("empty_body", "200 with an empty body", _with_body(b"")),
            Kind("not_json", "200 with a web page", _with_body(b"<html>Under maintenance</html>", HTML)),
            Kind("null_body", "200 with `null`", _with_body(b"null")),
            Kind(
                "error_object_200",
                "200 with an error object, -1000 or `code`",
                _error(200, -1000, "An unknown error occurred while processing the request."),
            ),
            Kind("gzip", "the genuine answer, compressed without being asked", _compressed),
            Kind("wrong_content_type", "the genuine answer, called text/plain", _mislabelled),
            Kind("http_400", "400 with `code` (-1102) and `message`", _error(400, -1102, "Bad parameter.")),
            Kind("http_400_1021", "400 -1021: the timestamp is refused", _error(400, -1021, _STALE)),
            Kind(
                "http_400_1022",
                "400 -1022: the signature is refused",
                _error(400, -1022, "Signature for this request is not valid."),
            ),
            Kind("http_401_2015", "401 -2015: key, IP or permission", _error(401, -2015, _REJECTED_KEY)),
            Kind("http_403_html", "403 with a web page: the firewall", _html(403, "403 Forbidden")),
            Kind("http_404", "404 with a web page", _html(404, "404 Not Found")),
            Kind(
                "http_408", "408: the backend timed out", _error(408, -1007, "Timeout waiting for backend.")
            ),
            Kind("http_418", "418: banned for `seconds` (120), with or without when it ends", _banned),
            Kind("http_429", "429: too many requests, with or without `retry_after`", _too_many),
            Kind("http_451", "451 with code 0: not available in this country", _error(451, 0, _RESTRICTED)),
            Kind("http_500", "500 -1000", _error(500, -1000, "Internal Server Error")),
            Kind("http_502_html", "502 with a web page", _html(502, "502 Bad Gateway")),
            Kind("http_503_unknown", "503: execution status unknown", _error(503, -1000, _BUSY)),
            Kind(
                "http_503_unavailable", "503: service unavailable", _error(503, -1000, "Service Unavailable.")
            ),
            Kind("http_503_internal", "503: internal error, try again", _error(503, -1001, _INTERNAL)),
            Kind(
                "http_503_throttled",
                "503 -1008: throttled to protect the system",
                _error(503, -1008, _OVERLOADED),
            ),
            Kind("http_504", "504 with a web page", _html(504, "504 Gateway Time-out")),
            Kind("redirect_same_host", "302, or `status`, to the same place", _redirect(elsewhere=False)),
            Kind(
                "redirect_other_host", "302, or `status`, to another host's name", _redirect(elsewhere=True)
            ),
            Kind("clock_jump", "the exchange's clock moves by `seconds` (3600) for good", _clock_jump),
            Kind("duplicate_rows", "the last row is sent twice", alter=pages.duplicate_row),
            Kind("row_outside_window", "a row of the day before as well", alter=pages.row_outside),
            Kind(
                "row_unidentified", "a row without symbol and order id as well", alter=pages.row_unidentified
            ),
            Kind("row_withheld", "the last row is missing", alter=pages.row_withheld),
            Kind("limit_ignored", "every matching row, whatever the limit", alter=pages.limit_ignored),
            Kind("total_changes", "numbered pages: `total` is one more", alter=pages.total_changes),
            Kind("rows_shift", "numbered pages: a new row pushes the others back", alter=pages.rows_shift),
            Kind(
                "rows_repeat",
                "numbered pages: the last row of the page before is sent again",
                alter=pages.rows_repeat,
            ),
        )
    }
)

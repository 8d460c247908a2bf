"""What an answer of the exchange means: use it, retry, wait, or fail with a specific error.

A pure decision from status, headers and body. Codes are read per family, because the same number means
different things: -4088 is a time range on dapi and a missing permission on fapi; -5041 is a queue on papi
and an order reject on fapi. Source of the codes: the "Error Code" page of each family.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from airflow_provider_binance_liq.core.units import DAY_MS, HOUR_MS, MINUTE_MS
from airflow_provider_binance_liq.core.waits import LONGEST_BAN_MS, SHORTEST_BAN_MS, wait_until
from airflow_provider_binance_liq.core.windows import epoch_ms
from airflow_provider_binance_liq.exceptions import (
    BeyondRetention,
    FirewallBlocked,
    KeyRejected,
    LiquidationsError,
    LocationRestricted,
    RequestRejected,
    SpanRefused,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OK: Final = 200
_SUCCESSES: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_FORBIDDEN: Final = 403
_UNAUTHORIZED: Final = 401
_TIMEOUT: Final = 408
_BANNED: Final = 418
_TOO_MANY: Final = 429
_RESTRICTED: Final = 451
_SERVER_ERRORS: Final = range(500, 600)

_TOO_MANY_CODES: Final = {-1003, -1015}
#: "Request frequency too high" and the like, of endpoints with limits of their own; as ccxt's table has them
_FAMILY_TOO_MANY_CODES: Final = {"sapi": {-6009, -12014}}
_CLOCK_CODE: Final = -1021
_SIGNATURE_CODE: Final = -1022
_TRANSIENT_CODES: Final = {-1000, -1001, -1006, -1007, -1008, -1016}
_FAMILY_TRANSIENT_CODES: Final = {"sapi": {-1004}, "papi": {-5041}}
_KEY_CODES: Final = {-1002, -1011, -1022, -1099, -2014, -2015, -2017}
_SPAN_CODES: Final = {
    "fapi": {-1127, -4165},
    "papi": {-1127, -4165},
    "dapi": {-1127, -4088},
    "sapi": {-1127, -4047, -6021},
}
#: "Search window is restricted to recent 2 days only."; seen on another fapi endpoint
_RETENTION_CODE: Final = -4166

#: an error code that a gateway spelled as text
_CODE_AS_TEXT: Final = re.compile(r"-[0-9]{1,9}")
_SECONDS: Final = re.compile(r"[0-9]+")
_BANNED_UNTIL: Final = re.compile(r"banned until (\d{13})(?!\d)")
_LONGEST: Final = re.compile(r"(?<!\d)(\d{1,6})\s*(hour|day)", re.IGNORECASE)
_UNIT_MS: Final = {"hour": HOUR_MS, "day": DAY_MS}
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Response:
    """One answer as it came; `headers` are looked up by the names as Binance writes them."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the request again, with a new timestamp and signature; first read the clock if `resync`."""

    detail: str
    resync: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Send nothing before `until_ms`; `banned`: from the whole IP address."""

    until_ms: int
    detail: str
    banned: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """Do not retry: the same request would fail again."""

    kind: type[LiquidationsError]
    detail: str
    advice: str = ""
    code: int | None = None
    longest_ms: int | None = None

    def error(self, message: str) -> LiquidationsError:
        """Make the error to raise, with what its kind keeps of the answer."""
        if issubclass(self.kind, SpanRefused):
            return self.kind(message, self.code, self.longest_ms)
        if issubclass(self.kind, RequestRejected | KeyRejected):
            return self.kind(message, self.code)
        return self.kind(message)


class _Refusal(msgspec.Struct):
    code: Any
    msg: Any = ""


_refusal_decoder: Final = msgspec.json.Decoder(_Refusal)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The parts of an answer that are classified."""

    status: int
    code: int | None
    #: as it came, to be read by a program
    text: str
    #: without secrets, cut to a length that a person reads
    shown: str

    def __str__(self) -> str:
        code = "" if self.code is None else f", code {self.code}"
        # What follows is joined by a semicolon or a comma.
        return f"HTTP {self.status}{code}: {self.shown.removesuffix('.')}"


def classify(
    family: str,
    response: Response,
    *,
    now_ms: int,
    earlier_waits: int = 0,
    redact: Callable[[str], str] = str,
) -> Retry | Wait | Fail | None:
    """Classify one answer; None means that its body can be used.

    :param earlier_waits: how many answers in a row asked to wait; a wait of unstated length grows with it.
    :param redact: removes secrets from a text, before it is cut.
    """
    status, headers = response.status, response.headers
    answer = _read(status, response.body, redact)
    if status == _OK and answer.code is None:
        return None
    if status == _BANNED:
        default_ms = now_ms + min(SHORTEST_BAN_MS << min(earlier_waits, 12), LONGEST_BAN_MS)
        return Wait(_wait_until(headers, answer, now_ms, default_ms, banned=True), str(answer), banned=True)
    if status == _TOO_MANY or answer.code in _TOO_MANY_CODES | _FAMILY_TOO_MANY_CODES.get(family, set()):
        banned, default_ms = "banned until" in answer.text, _next_minute(now_ms, earlier_waits)
        return Wait(_wait_until(headers, answer, now_ms, default_ms, banned=banned), str(answer), banned)
    return _by_code(family, answer) or _by_status(answer)


def _read(status: int, body: bytes, redact: Callable[[str], str]) -> _Answer:
    try:
        refusal = _refusal_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        refusal = _Refusal(None)
    code = _code(refusal.code)
    if code is None:
        text = _describe(body) if status != _OK else ""
        return _Answer(status, None, text, text)
    message = refusal.msg if isinstance(refusal.msg, str) else ""
    return _Answer(status, code, message, redact(message)[:_SHOWN])


def _code(value: object) -> int | None:
    """Read an error code; a text such as `000000`, which some answers of success have, is none."""
    if isinstance(value, str) and _CODE_AS_TEXT.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _describe(body: bytes) -> str:
    """Describe a body without an error code; it is not shown, since it may echo the request."""
    if not body:
        return "an empty body"
    kind = "an HTML page" if body.lstrip()[:1] == b"<" else "a body"
    return f"{kind} of {len(body)} bytes without an error code"


def _by_code(family: str, answer: _Answer) -> Retry | Fail | None:
    code = answer.code
    if code == _CLOCK_CODE:
        return Retry(str(answer), resync=True)
    if code in _TRANSIENT_CODES | _FAMILY_TRANSIENT_CODES.get(family, set()):
        return Retry(str(answer))
    if code in _SPAN_CODES.get(family, set()):
        return Fail(SpanRefused, str(answer), "a shorter window is needed", code, _longest_ms(answer.text))
    if code in _KEY_CODES:
        advice = _SIGNATURE_ADVICE if code == _SIGNATURE_CODE else _KEY_ADVICE
        return Fail(KeyRejected, str(answer), advice, code)
    if code == _RETENTION_CODE:
        return Fail(BeyondRetention, str(answer), "the exchange no longer answers for this window", code)
    return None


_SIGNATURE_ADVICE: Final = (
    "the signature is wrong: the connection's password (HMAC secret or private key) has to belong to this "
    "API key"
)
_KEY_ADVICE: Final = (
    "check the key, that it may read this account (futures, portfolio margin and margin are separate "
    "permissions), and that its allow-list has this machine's IP address"
)


def _by_status(answer: _Answer) -> Retry | Fail:
    status = answer.status
    if status in _SERVER_ERRORS or status in _SUCCESSES or status == _TIMEOUT:
        return Retry(str(answer))
    if status == _RESTRICTED:
        return Fail(
            LocationRestricted,
            str(answer),
            "the exchange does not serve this IP address's country",
            answer.code,
        )
    if status == _FORBIDDEN:
        advice = (
            "the exchange's firewall refused it; stop sending requests for a while, and check what else runs "
            "on this IP address"
        )
        return Fail(FirewallBlocked, str(answer), advice, answer.code)
    if status == _UNAUTHORIZED:
        return Fail(KeyRejected, str(answer), _KEY_ADVICE, answer.code)
    if status in _REDIRECTS:
        advice = "redirects are not followed, so that the key goes nowhere else; check the host in `base_url`"
        return Fail(RequestRejected, str(answer), advice, answer.code)
    return Fail(RequestRejected, str(answer), "the same request would be refused again", answer.code)


def _wait_until(
    headers: Mapping[str, str], answer: _Answer, now_ms: int, default_ms: int, *, banned: bool
) -> int:
    """Take the latest credible instant in the answer, or the default where it has none."""
    instants = (_retry_after_ms(headers, now_ms), _banned_until_ms(answer))
    return wait_until(instants, now_ms, default_ms, banned=banned)


def _retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    value = (headers.get("Retry-After") or "").strip()
    if _SECONDS.fullmatch(value):
        # Nine digits are 31 years: a longer number means the same.
        return now_ms + int(value.lstrip("0")[:9] or "0") * 1000
    try:
        return epoch_ms(parsedate_to_datetime(value))
    except (ValueError, OverflowError, LiquidationsError):
        return None


def _banned_until_ms(answer: _Answer) -> int | None:
    found = _BANNED_UNTIL.search(answer.text)
    return int(found[1]) if found else None


def _next_minute(now_ms: int, earlier_waits: int) -> int:
    """Return the next minute of the exchange's count, and a later one each time that was not enough."""
    return (now_ms // MINUTE_MS + (1 << min(earlier_waits, 6))) * MINUTE_MS


def _longest_ms(text: str) -> int | None:
    found = _LONGEST.findall(text)
    return int(found[-1][0]) * _UNIT_MS[found[-1][1].lower()] or None if found else None

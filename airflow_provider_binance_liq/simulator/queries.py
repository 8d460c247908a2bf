"""What a request asks for, read as strictly as the exchange has ever been seen to read.

The raw bytes are kept, since the signature is over them. Nothing is forgiven: no unknown, empty or repeated
parameter, no character that belongs percent-encoded, no number with a sign or a point.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from airflow_provider_binance_liq.core.endpoints import AUTO_CLOSE_TYPES
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.simulator.settings import Settings

LARGEST_RECV_WINDOW_MS: Final = 60_000
DEFAULT_RECV_WINDOW_MS: Final = 5_000
#: a timestamp may be so far ahead of the exchange's clock
AHEAD_MS: Final = 1_000
_HOUR_MS: Final = 60 * 60 * 1000
_DAY_HOURS: Final = 24
#: characters that a query may have without percent-encoding
_RAW: Final = re.compile(rb"[A-Za-z0-9\-._~!$'()*,;:@/?%&=+]*")
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,20}")
_SYMBOL: Final = re.compile(r"[\w.-]{1,32}")
_SIGNATURE: Final = b"signature="
#: family → days before endTime that are answered without startTime; only fapi and papi document theirs
_DEFAULT_DAYS: Final[Mapping[str, int]] = {"fapi": 7, "papi": 7, "dapi": 90, "sapi": 90}
#: family → code and text for an interval that is too long, in whole days
_TOO_LONG: Final[Mapping[str, int]] = {"fapi": -4165, "papi": -4165, "dapi": -4088, "sapi": -4047}


@dataclass(frozen=True, slots=True)
class SignedQuery:
    """A query string taken apart, and what its signature is over."""

    payload: bytes
    signature: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """What an endpoint is asked for."""

    endpoint: Endpoint
    #: first and last millisecond that a row may have
    start_ms: int
    end_ms: int
    size: int
    page: int = 1
    symbol: str | None = None
    close_type: str | None = None
    #: only rows with a higher id
    after_id: int | None = None
    #: there are rows to look for; without, the answer is well-formed and empty
    answered: bool = True
    #: requests of the same account for the same endpoint before this one
    asked_before: int = 0


@dataclass(frozen=True, slots=True)
class _Interval:
    """What startTime and endTime come to."""

    start_ms: int
    end_ms: int
    answered: bool = True


def peek(raw: bytes) -> dict[str, str]:
    """Read the parameters leniently, for weights and for the log."""
    pairs = (part.partition(b"=") for part in raw.split(b"&") if part)
    return {_lenient(name): _lenient(value) for name, _, value in pairs}


def _lenient(raw: bytes) -> str:
    return unquote_to_bytes(raw).decode(errors="replace")


def read_signed(raw: bytes) -> SignedQuery:
    """Take a signed query apart.

    :raises Refusal: for what is not percent-encoded, not a pair, empty or repeated, or unsigned.
    """
    if not _RAW.fullmatch(raw):
        raise Refusal(-1022)
    payload, _, signature = raw.rpartition(b"&" + _SIGNATURE)
    if not payload:
        raise Refusal(-1102, "signature")
    pairs = [_pair(part) for part in payload.split(b"&")]
    # The signature is the end of the query; another one, or anything behind it, cannot be verified.
    if b"&" in signature or any(name == "signature" for name, _ in pairs):
        raise Refusal(-1022)
    repeated = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if repeated:
        raise Refusal(-1101, repeated[0])
    # A plus sign is a space in a query, so base64 has to be percent-encoded.
    return SignedQuery(payload, _decode("signature", signature.replace(b"+", b" ")), dict(pairs))


def _pair(part: bytes) -> tuple[str, str]:
    raw_name, equals, raw_value = part.partition(b"=")
    name = _decode("parameter", raw_name)
    if not equals or not name:
        raise Refusal(-1102, name or "parameter")
    if not raw_value:
        raise Refusal(-1105, name)
    return name, _decode(name, raw_value.replace(b"+", b" "))


def _decode(name: str, raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Refusal(-1100, name, "UTF-8") from None


def check_time(parameters: Mapping[str, str], now_ms: int) -> None:
    """Check timestamp and recvWindow.

    :raises Refusal: when the request is too old, or more than a second ahead.
    """
    if "timestamp" not in parameters:
        raise Refusal(-1102, "timestamp")
    timestamp_ms = _whole(parameters, "timestamp", 0)
    window_ms = _whole(parameters, "recvWindow", DEFAULT_RECV_WINDOW_MS)
    if window_ms > LARGEST_RECV_WINDOW_MS:
        raise Refusal(-1131, LARGEST_RECV_WINDOW_MS)
    if timestamp_ms >= now_ms + AHEAD_MS:
        text = "Timestamp for this request was 1000ms ahead of the server's time."
        raise Refusal(-1021, text=text)
    if now_ms - timestamp_ms > window_ms:
        raise Refusal(-1021)


def check_names(parameters: Mapping[str, str], allowed: Iterable[str]) -> None:
    """Refuse unknown parameters."""
    known = {*allowed, "timestamp", "recvWindow"}
    read = sum(name in known for name in parameters)
    if read < len(parameters):
        raise Refusal(-1104, read, len(parameters))


def read_question(
    endpoint: Endpoint, parameters: Mapping[str, str], settings: Settings, now_ms: int
) -> Question:
    """Read what an endpoint is asked for; the symbol is not looked up yet.

    :raises Refusal: for anything that is not documented.
    """
    pager, size_name = endpoint.pager, endpoint.pager.size_parameter
    names = ["startTime", "endTime", size_name, *([] if endpoint.is_by_time else ["current"])]
    names += [pager.id_parameter] if pager.id_parameter else []
    names += [endpoint.symbols.parameter] if endpoint.symbols else []
    if endpoint.takes_auto_close_type:
        names.append("autoCloseType")
    check_names(parameters, names)
    interval = _interval(endpoint, parameters, settings, now_ms)
    return Question(
        endpoint=endpoint,
        start_ms=interval.start_ms + (settings.start_bound == "exclusive"),
        end_ms=interval.end_ms - (settings.end_bound == "exclusive"),
        answered=interval.answered,
        size=_size(endpoint, parameters, size_name, settings),
        page=_at_least_one(parameters, "current", 1),
        symbol=_symbol(endpoint, parameters),
        close_type=_close_type(parameters),
        after_id=_after_id(parameters, pager.id_parameter),
    )


def _whole(parameters: Mapping[str, str], name: str, default: int) -> int:
    value = parameters.get(name)
    if value is None:
        return default
    if not _WHOLE_NUMBER.fullmatch(value):
        raise Refusal(-1100, name, "^[0-9]{1,20}$")
    return int(value)


def _after_id(parameters: Mapping[str, str], name: str | None) -> int | None:
    return _whole(parameters, name, 0) if name and name in parameters else None


def _at_least_one(parameters: Mapping[str, str], name: str, default: int) -> int:
    value = _whole(parameters, name, default)
    if value < 1:
        raise Refusal(-1130, name)
    return value


def _size(endpoint: Endpoint, parameters: Mapping[str, str], name: str, settings: Settings) -> int:
    size = _at_least_one(parameters, name, endpoint.pager.default_page_size)
    if size > endpoint.pager.page_size and settings.limit_over_max == "refuse":
        raise Refusal(-1130, name)
    if not endpoint.is_by_time and settings.size_cap is not None:
        size = min(size, settings.size_cap)
    return min(size, endpoint.pager.page_size)


def _symbol(endpoint: Endpoint, parameters: Mapping[str, str]) -> str | None:
    name = endpoint.symbols.parameter if endpoint.symbols else None
    symbol = parameters.get(name) if name else None
    if name and symbol is not None and not _SYMBOL.fullmatch(symbol):
        raise Refusal(-1100, name, "^[A-Z0-9-_.]{1,20}$")
    return symbol


def _close_type(parameters: Mapping[str, str]) -> str | None:
    value = parameters.get("autoCloseType")
    if value is not None and value not in AUTO_CLOSE_TYPES:
        raise Refusal(-1130, "autoCloseType")
    return value


def _interval(
    endpoint: Endpoint, parameters: Mapping[str, str], settings: Settings, now_ms: int
) -> _Interval:
    end_ms = _whole(parameters, "endTime", now_ms)
    start_ms = _whole(parameters, "startTime", end_ms - _DEFAULT_DAYS[endpoint.family.name] * DAY_MS)
    if start_ms > end_ms:
        raise Refusal(-1023)
    interval = _Interval(start_ms, end_ms)
    if start_ms == end_ms:
        interval = _empty_bounds(interval, settings)
    interval = _limited(endpoint, interval, settings)
    _check_retention(endpoint, now_ms - interval.start_ms, settings)
    return interval


def _empty_bounds(interval: _Interval, settings: Settings) -> _Interval:
    """Answer, refuse or pass over startTime == endTime."""
    if settings.equal_bounds == "refuse":
        raise Refusal(-1102, "endTime")
    return replace(interval, answered=settings.equal_bounds != "empty")


def _limited(endpoint: Endpoint, interval: _Interval, settings: Settings) -> _Interval:
    """Refuse, pass over or shorten what spans too long a time."""
    hours = settings.max_span_hours
    if hours is None or interval.end_ms - interval.start_ms <= hours * _HOUR_MS:
        return interval
    longest_ms = int(hours * _HOUR_MS)
    if settings.over_span == "empty":
        return replace(interval, answered=False)
    if settings.over_span == "clamp_start":
        return replace(interval, start_ms=interval.end_ms - longest_ms)
    if settings.over_span == "clamp_end":
        return replace(interval, end_ms=interval.start_ms + longest_ms)
    if hours % _DAY_HOURS:
        raise Refusal(-1127, f"{hours:g}")
    raise Refusal(_TOO_LONG[endpoint.family.name], f"{hours / _DAY_HOURS:g}")


def _check_retention(endpoint: Endpoint, age_ms: int, settings: Settings) -> None:
    days = settings.retention_days
    if days is None or settings.beyond_retention == "empty" or age_ms <= days * DAY_MS:
        return
    raise Refusal(-4047 if endpoint.family.name == "sapi" else -4166, f"{days:g}")

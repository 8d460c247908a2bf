"""How the exchange says no: HTTP status, code and text, as its error pages spell them.

https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
#: code → text, with a place for what it is about
TEXTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        -1021: "Timestamp for this request is outside of the recvWindow.",
        -1022: "Signature for this request is not valid.",
        -1023: "Start time is greater than end time.",
        -1100: "Illegal characters found in parameter '{}'; legal range is '{}'.",
        -1101: "Duplicate values for parameter '{}' detected.",
        -1102: "Mandatory parameter '{}' was not sent, was empty/null, or malformed.",
        -1104: "Not all sent parameters were read; read '{}' parameter(s) but was sent '{}'.",
        -1105: "Parameter '{}' was empty.",
        -1121: "Invalid symbol.",
        -1127: "More than {} hours between startTime and endTime.",
        -1128: "Combination of optional parameters invalid.",
        -1130: "Data sent for parameter '{}' is not valid.",
        -1131: "recvWindow must be less than {}",
        -2014: "API-key format invalid.",
        -2015: "Invalid API-key, IP, or permissions for action, request ip: {}",
        -4047: "Time interval must be within 0-{} days",
        -4088: "Maximum time interval is {} days.",
        -4165: "Maximum time interval is {} days.",
        -21001: "Request ID is not a Portfolio Margin Account.",
        -4166: "Search window is restricted to recent {} days only.",
    }
)
#: codes about the key; the others are 400
_UNAUTHORIZED_CODES: Final = frozenset({-2014, -2015})


class Refusal(Exception):
    """The exchange refuses a request by one of its codes."""

    def __init__(self, code: int, *about: object, text: str | None = None) -> None:
        self.code = code
        self.status = _UNAUTHORIZED if code in _UNAUTHORIZED_CODES else _BAD_REQUEST
        self.text = (TEXTS[code] if text is None else text).format(*about)
        super().__init__(f"{code} {self.text}")

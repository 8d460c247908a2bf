"""An answer before it is sent: what it says, and how the wire treats it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow_provider_binance_liq.simulator.refusals import Refusal

JSON: Final = "application/json;charset=UTF-8"
HTML: Final = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Wire:
    """What happens to the bytes on their way; times are real seconds."""

    #: bytes of the body that arrive before the connection is reset; None: all, and no reset
    reset_after: int | None = None
    #: the connection is reset before even the status line
    unanswered: bool = False
    #: wait before the status line
    first_byte_s: float = 0.0
    #: time over which the body trickles in
    drip_s: float = 0.0
    #: for so long, new connections are reset as soon as they are made
    refuse_connections_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Response:
    """One answer."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    wire: Wire = Wire()

    def with_headers(self, *headers: tuple[str, str]) -> Response:
        """Return the answer with further headers."""
        return replace(self, headers=(*self.headers, *headers))


def answer(value: object, status: int = 200) -> Response:
    """Answer with a value as the exchange spells JSON: compact, in UTF-8."""
    return Response(status, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def error(status: int, code: int, text: str) -> Response:
    """Answer with one of the exchange's errors."""
    return answer({"code": code, "msg": text}, status)


def refuse(refusal: Refusal) -> Response:
    """Answer with a refusal."""
    return error(refusal.status, refusal.code, refusal.text)

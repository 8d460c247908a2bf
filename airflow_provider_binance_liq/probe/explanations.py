"""Why there was no answer, or a refusal, in words that say what a person should do.

The law kept here: no cause is hidden, and no text of the exchange is shown that names the caller's address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import (
    ClockSkew,
    ExchangeUnavailable,
    FirewallBlocked,
    IpBanned,
    LocationRestricted,
    UnexpectedRow,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.exceptions import LiquidationsError, Throttled

INTERRUPTED: Final = "interrupted"
WEIGHT_USED_UP: Final = "others on this IP address use its weight up"
#: source: the "Error Code" page of each family
_KEY_CODES: Final[Mapping[int, str]] = {
    -1022: (
        "the signature is wrong: check the connection's password; the HMAC secret or private key must belong "
        "to this API key"
    ),
    -2014: "this is not an API key: check the connection's login",
    -2015: (
        "the exchange does not know this API key, or the key lacks the permission for this account (futures, "
        "margin and portfolio margin are separate ones), or its allow-list lacks this machine's IP address"
    ),
}


def explain_no_answer(error: LiquidationsError) -> str:
    """Say why there was no usable answer to a question."""
    if isinstance(error, ClockSkew):
        return "the exchange refuses the timestamps (-1021), although its clock was read again"
    if isinstance(error, UnexpectedRow):
        return "a row came without the fields that identify it"
    return (isinstance(error, ExchangeUnavailable) and error.cause) or str(error)


def explain_block(error: LiquidationsError) -> str:
    """Say why the exchange refuses this machine, whatever is asked."""
    if isinstance(error, LocationRestricted):
        return "the exchange does not serve the country of this IP address (HTTP 451)"
    if isinstance(error, FirewallBlocked):
        return (
            "the exchange's firewall refuses this IP address (HTTP 403): stop sending requests for a while, "
            "and check what else runs on it"
        )
    return str(error)


def explain_wait(throttled: Throttled) -> str:
    """Say until when no request may be sent, and what to do until then."""
    until = iso(throttled.retry_at_ms)
    if isinstance(throttled, IpBanned):
        return (
            f"this IP address is banned (HTTP 418) until {until}: stop every other program on it that asks "
            "the exchange, since each request lengthens the ban, and probe again after that"
        )
    # Without an answer that said so, others on this IP address have met it, or use its weight up.
    reason = (
        "the exchange wants this IP address to wait (HTTP 429)" if throttled.by_exchange else WEIGHT_USED_UP
    )
    return f"{reason} until {until}: check what else asks the exchange from it, and probe again after that"


def explain_key_refusal(code: int | None) -> str:
    """Say what to check where the key is refused."""
    return _KEY_CODES.get(code or 0, "check the key, its permissions and its allow-list")

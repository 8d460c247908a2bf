"""The faults that are to strike: each counts the requests that match it, and acts on the nth.

A request that meets a fault costs its weight like any other; a ban comes before any fault. What a field of
`Fault` leaves out, its row in the table of `fault_kinds` gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.simulator.fault_kinds import FAULTS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.simulator.fault_kinds import Kind

#: what a fault may be bound to besides an endpoint
PUBLIC_NAMES: Final = ("clock", "ping", "exchange_info", "restrictions")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and when it strikes."""

    name: str
    #: an endpoint's name, or clock, ping, exchange_info, restrictions; None: any endpoint
    endpoint: str | None = None
    #: the matching request that it strikes first, from 1
    nth: int = 1
    #: how many matching requests in a row it strikes; None: all from the nth on
    times: int | None = 1
    #: HTTP status, where the fault leaves it open
    status: int | None = None
    #: the exchange's error code
    code: int | None = None
    #: the text beside the code
    message: str | None = None
    #: value of the header Retry-After in seconds; None: no such header
    retry_after: int | None = None
    #: length of a delay, of a ban or of a clock's jump
    seconds: float | None = None
    #: whether the text of a 418 says until when
    until_in_body: bool = True
    #: where a redirect leads
    location: str | None = None

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(unknown("fault", self.name, FAULTS))
        if self.endpoint is not None and self.endpoint not in {*ENDPOINTS, *PUBLIC_NAMES}:
            message = f"a fault's endpoint is one of {', '.join((*ENDPOINTS, *PUBLIC_NAMES))}"
            raise ValueError(message)
        if self.nth < 1 or (self.times is not None and self.times < 1):
            message = "a fault's nth and times count from 1"
            raise ValueError(message)

    @property
    def kind(self) -> Kind:
        """The row of the table."""
        return FAULTS[self.name]


class FaultPlan:
    """The faults that are still to strike."""

    def __init__(self) -> None:
        self._pending: list[tuple[Fault, list[str]]] = []

    def add(self, fault: Fault) -> None:
        """Add a fault; it counts the requests from now on."""
        self._pending.append((fault, []))

    def clear(self) -> None:
        """Forget every fault."""
        self._pending.clear()

    def strike(self, name: str) -> Fault | None:
        """Count a request and return the fault that it meets, the one added first."""
        met = [fault for fault, seen in self._pending if _matches(fault, name) and _is_due(fault, seen, name)]
        return met[0] if met else None


def _matches(fault: Fault, name: str) -> bool:
    return name in ENDPOINTS if fault.endpoint is None else fault.endpoint == name


def _is_due(fault: Fault, seen: list[str], name: str) -> bool:
    seen.append(name)
    return len(seen) >= fault.nth and (fault.times is None or len(seen) < fault.nth + fault.times)

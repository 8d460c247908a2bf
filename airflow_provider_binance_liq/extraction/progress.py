"""How far an extraction is, while it runs: a line in the log now and then, and the task's own state.

Neither is needed by anybody: an extraction is the same without them. The clock is an argument.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.core.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.core.paging import PageQuery

    #: returns the used weight of the last request's pool, and how much of it may be used
    Usage = Callable[[], tuple[int, int] | None]
    #: takes plain JSON values
    Tell = Callable[[dict[str, Any]], None]

log = logging.getLogger(__name__)

#: seconds between two lines; a short extraction has none
_EVERY_S: Final = 20.0


def tell_nobody(state: dict[str, Any]) -> None:
    """Take a state, where there is no store for it."""
    del state


@dataclass(slots=True)
class Progress:
    """Says how far one extraction is: at most every 20 seconds, and when it begins and ends to wait."""

    #: such as `usdm_futures of desk, 2026-10-10 to 2026-10-11`
    subject: str
    #: gets each state, for the UI
    tell: Tell = tell_nobody
    monotonic: Callable[[], float] = time.monotonic
    usage: Usage = lambda: None
    #: whether a wait has just ended: then the next page is told at once
    waited: bool = False
    _told_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._told_s = self.monotonic()

    def page(self, pages: int, rows: int, ask: PageQuery) -> None:
        """Say what was read, where it is time to: after a page of an answer or of the journal."""
        is_time = self.monotonic() - self._told_s >= _EVERY_S
        if not (is_time or self.waited):
            return
        state: dict[str, Any] = {
            "subject": self.subject,
            "pages": pages,
            "rows": rows,
            "reading": [iso(ask.first_ms), iso(ask.last_ms)],
        }
        usage = self.usage()
        if usage is not None:
            state |= {"weight_used": usage[0], "weight_allowed": usage[1]}
        if is_time:
            log.info("%s", self._line(pages, rows, ask, usage))
            self._told_s = self.monotonic()
        self.waited = False
        self.tell(state)

    def waiting(self, until_ms: int, reason: str) -> None:
        """Say until when it waits, in the worker, and why; the log has it from who waits."""
        self.waited = True
        self.tell({"subject": self.subject, "waiting_until": iso(until_ms), "why": reason})

    def _line(self, pages: int, rows: int, ask: PageQuery, usage: tuple[int, int] | None) -> str:
        parts = [
            self.subject,
            count(pages, "page"),
            f"{count(rows, 'row')} so far",
            f"reading {_clock(ask.first_ms)} to {_clock(ask.last_ms)}",
        ]
        if usage is not None:
            parts.append(f"weight {usage[0]:,} of {usage[1]:,} a minute")
        return " · ".join(parts)


def _clock(instant_ms: int) -> str:
    """Write an instant without what a reader of a line does not need."""
    return iso(instant_ms // 1000 * 1000).removesuffix("Z").replace("T", " ")

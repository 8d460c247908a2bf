"""The waits of an operator: a short one in the worker, a longer one deferred, and none without end.

The law kept here: every wait ends. The waits of one try of a task, in the worker and deferred, add up to
`max_wait` at most (`Waits`); a wait that would end later is not begun.
"""

from __future__ import annotations

import random
import time
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.waits import jitter
from airflow_provider_binance_liq.core.windows import iso, iso_seconds, to_datetime
from airflow_provider_binance_liq.exceptions import FROM_START, IpBanned, ResumeState, Throttled
from airflow_provider_binance_liq.operators.intervals import now_ms as _now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.core.waits import Waits
    from airflow_provider_binance_liq.exceptions import RetryableError

#: a first ban takes minutes: after a day of waits, a person has to find the cause; more than nine tenths of
#: the shortest known retention are left then
DEFAULT_MAX_WAIT: Final = timedelta(days=1)
#: a wait up to this many seconds is a sleep in the worker, a longer one is deferred
_SHORT_WAIT_S: Final = 60.0
#: where the instant to come back at is past already: a loop has to pause
_LEAST_WAIT_MS: Final = 1000
_LATE_ROWS: Final = "rows of the interval may still appear (settle)"


def resume_state(kwargs: Mapping[str, Any]) -> ResumeState:
    """Read what a deferral has kept, also one of version 0.1."""
    journal = kwargs.get("journal")
    return ResumeState(
        kwargs.get("consecutive_waits", kwargs.get("holds", 0)),
        journal["sha256"] if isinstance(journal, dict) else journal,
        kwargs.get("waited_ms", 0),
    )


class WaitingOperator(BaseOperator):
    """Waits within the limits of `_waits`; a deferral keeps a `ResumeState`, as plain values."""

    endpoint: str
    deferrable: bool
    _waits: Waits

    def _wait(self, until_ms: int, reason: str = _LATE_ROWS) -> None:
        """Wait until an instant: in the worker if it is short or may not be deferred, else without one.

        :raises WaitTooLong: it ends beyond `max_wait`.
        """
        now_ms = _now_ms()
        seconds = (until_ms - now_ms) / 1000
        if self.deferrable and (seconds > _SHORT_WAIT_S or not self._waits.may_hold(until_ms - now_ms)):
            self._defer_until(until_ms, reason)
        if seconds > 0:
            self._waits.add(until_ms, now_ms, reason)
            self.log.info("Waiting %.1f s, until %s: %s", seconds, iso_seconds(until_ms), reason)
            self._tell({"waiting_until": iso(until_ms), "why": reason})
            time.sleep(seconds)

    def _wait_out(self, error: RetryableError) -> None:
        """Wait until the instant that an error names; raise the error where it names none.

        Without an instant, and where the wait is long and must not be deferred, Airflow's retries wait.

        :raises WaitTooLong: it ends beyond `max_wait`.
        """
        throttled = error if isinstance(error, Throttled) else None
        until_ms = max(error.retry_at_ms, _now_ms() + _LEAST_WAIT_MS)
        is_short = throttled is None and until_ms - _now_ms() <= _SHORT_WAIT_S * 1000
        if not error.retry_at_ms or not (self.deferrable or is_short):
            raise error
        if is_short:
            self._wait(until_ms, _reason(error))
        else:
            self._defer_until(until_ms, _reason(error), error.resume, throttled=throttled)

    def _defer_until(
        self,
        until_ms: int,
        reason: str,
        state: ResumeState = FROM_START,
        *,
        throttled: Throttled | None = None,
    ) -> NoReturn:
        """Release the worker slot until an instant.

        :param throttled: other tasks wait for the same instant, so this one comes back with jitter.
        :raises WaitTooLong: it ends beyond `max_wait`.
        """
        now_ms = _now_ms()
        if throttled:
            latest_ms = max(self._waits.latest(now_ms), until_ms)
            until_ms = min(jitter(until_ms, now_ms, self._jitter()), latest_ms)
        self._waits.add(until_ms, now_ms, reason)
        if throttled:
            pool = get_endpoint(self.endpoint).weight_pool
            metrics.waited(pool, (until_ms - now_ms) / 1000, banned=isinstance(throttled, IpBanned))
        self.log.info("Deferred until %s: %s", iso_seconds(until_ms), reason)
        self._tell({"waiting_until": iso(until_ms), "why": reason, "without_worker_slot": True})
        trigger = DateTimeTrigger(moment=to_datetime(until_ms))
        kept = asdict(replace(state, waited_ms=self._waits.waited_ms))
        self.defer(trigger=trigger, method_name="resume", kwargs=kept)

    def _tell(self, state: dict[str, Any]) -> None:
        """Take how far the task is, for whoever looks."""

    #: returns a random number from 0 to 1; nothing has to be secret about it
    _jitter = staticmethod(random.random)


def _reason(error: RetryableError) -> str:
    if isinstance(error, IpBanned):
        return "its IP address is banned"
    if isinstance(error, Throttled):
        return error.why or "your share of the weight is used up, or the exchange asked to wait (429)"
    return str(error).removeprefix(f"{error.where}: ")

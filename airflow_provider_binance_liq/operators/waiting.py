"""Waiting as an operator does it: briefly in the worker, for longer without one, and never without end.

The law kept here: every wait ends. All that one try of a task waits, in the worker and deferred, adds up
(`Waits`, carried through every deferral) to `max_wait` at most; a wait that would end later is not begun.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NoReturn

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.waits import jitter
from airflow_provider_binance_liq.core.windows import iso, to_datetime
from airflow_provider_binance_liq.exceptions import IpBanned, Throttled
from airflow_provider_binance_liq.operators.intervals import now_ms as _now_ms

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.waits import Waits
    from airflow_provider_binance_liq.exceptions import RetryableError

#: a first ban takes minutes, so one that holds for a day was met again and again, and somebody has to look;
#: nine tenths and more of the shortest known retention are then still left to act in
DEFAULT_MAX_WAIT: Final = timedelta(days=1)
#: a wait up to this many seconds is slept through in the worker, a longer one is deferred
_SHORT_WAIT_S: Final = 60.0
#: an instant to come back at that is past already would make a loop without a pause
_LEAST_WAIT_MS: Final = 1000
_LATE_ROWS: Final = "rows of the interval may still appear (settle)"


class WaitingOperator(BaseOperator):
    """Waits within what `_waits` allows, which `execute` begins and every deferral hands on."""

    endpoint: str
    deferrable: bool
    _waits: Waits

    def _wait(self, until_ms: int, reason: str = _LATE_ROWS) -> None:
        """Wait until an instant: in the worker if it is short or may not be deferred, else without one.

        :raises WaitTooLong: it ends beyond `max_wait`.
        """
        now_ms = _now_ms()
        seconds = (until_ms - now_ms) / 1000
        if self.deferrable and seconds > _SHORT_WAIT_S:
            self._defer_until(until_ms, reason=reason)
        if seconds > 0:
            self._waits.add(until_ms, now_ms, reason)
            self.log.info("Waiting %.1f s, until %s: %s", seconds, iso(until_ms), reason)
            time.sleep(seconds)

    def _wait_out(self, error: RetryableError) -> None:
        """Wait until the instant that an error names; raise the error where it names none.

        What has no instant, and what would hold a worker for long, is left to Airflow's retries.

        :raises WaitTooLong: it ends beyond `max_wait`.
        """
        told_to_wait = isinstance(error, Throttled)
        until_ms = max(error.retry_at_ms, _now_ms() + _LEAST_WAIT_MS)
        is_short = until_ms - _now_ms() <= _SHORT_WAIT_S * 1000 and not told_to_wait
        if not error.retry_at_ms or not (self.deferrable or is_short):
            raise error
        if is_short:
            self._wait(until_ms, _reason(error))
        else:
            throttled = error if isinstance(error, Throttled) else None
            self._defer_until(until_ms, error.holds, error.journal, _reason(error), throttled=throttled)

    def _defer_until(
        self,
        until_ms: int,
        holds: int = 0,
        journal: dict[str, str] | None = None,
        reason: str = _LATE_ROWS,
        *,
        throttled: Throttled | None = None,
    ) -> NoReturn:
        """Give the worker slot back until an instant.

        :param throttled: for which others wait as well, and should not all come back in the same instant.
        :raises WaitTooLong: it ends beyond `max_wait`.
        """
        now_ms = _now_ms()
        if throttled:
            latest_ms = max(self._waits.latest(now_ms), until_ms)
            until_ms = min(jitter(until_ms, now_ms, self._chance()), latest_ms)
        self._waits.add(until_ms, now_ms, reason)
        if throttled:
            pool = get_endpoint(self.endpoint).weight_pool
            metrics.waited(pool, (until_ms - now_ms) / 1000, banned=isinstance(throttled, IpBanned))
        self.log.info("Waiting until %s without a worker slot: %s", iso(until_ms), reason)
        trigger = DateTimeTrigger(moment=to_datetime(until_ms))
        kwargs = {"holds": holds, "journal": journal, "waited_ms": self._waits.waited_ms}
        self.defer(trigger=trigger, method_name="resume", kwargs=kwargs)

    def _chance(self) -> float:
        """Where this task comes back, from 0 to 1, among those that wait for the same instant."""
        return random.random()  # noqa: S311 - nothing has to be secret about it


def _reason(error: RetryableError) -> str:
    if isinstance(error, IpBanned):
        return "its IP address is banned"
    if isinstance(error, Throttled):
        return "its weight is used up, or the exchange asked to wait (429)"
    return str(error).removeprefix(f"{error.where}: ")

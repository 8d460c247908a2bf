"""Doing a transaction again while others are in conflict with it, for a bounded time."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)
T = TypeVar("T")


class Conflict(Exception):
    """Somebody else writes; the whole transaction has to be repeated."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait for others who write to the same tables."""

    wait_s: float = 300.0
    shortest_s: float = 0.05
    longest_s: float = 2.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def run(self, attempt: Callable[[], T], warehouse: str) -> T:
        """Make the attempt, and again while it ends in a conflict.

        :raises Conflict: it still does, after `wait_s`.
        """
        deadline, pause = self.clock() + self.wait_s, self.shortest_s
        while True:
            try:
                return attempt()
            except Conflict as conflict:
                left = deadline - self.clock()
                if left <= 0:
                    raise
                log.info("%s is in use; trying again: %s", warehouse, conflict)
                # Jitter keeps those who wait from coming back together.
                self.sleep(min(left, pause * self.uniform(0.5, 1.0)))
                pause = min(2 * pause, self.longest_s)

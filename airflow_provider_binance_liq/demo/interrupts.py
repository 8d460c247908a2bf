"""Signals that ask the demo to end: the first one ends it, and none disturbs the stopping."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_binance_liq.demo.failure import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Turns a signal into `Interrupted` in the main thread, at most once and not after `ignore`."""

    def __init__(self) -> None:
        self._ignored = self._held = False
        self._waiting: int | None = None

    def __enter__(self) -> Self:
        # What the starter of the demo ignores, such as `nohup`, stays ignored.
        caught = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._interrupt) for number in caught}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def ignore(self) -> None:
        """Let no further signal interrupt: from here on, things are being stopped."""
        self._ignored = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal interrupt only after this block, which makes a thing and notes how to unmake it."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._waiting is not None:
                self._interrupt(self._waiting)

    def _interrupt(self, number: int, *_: object) -> None:
        if self._held:
            self._waiting = number
        elif not self._ignored:
            self._ignored = True
            raise Interrupted(number)

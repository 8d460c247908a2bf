"""What went wrong in the demo, and where to read more about it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class DemoFailed(Exception):
    """The demo cannot go on; `log` is the file whose end shows why, where there is one."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


class Interrupted(BaseException):
    """A signal asked the demo to end; it is no error, and everything is stopped as after one.

    No `Exception`: a library that survives any of those must not survive this one.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    @property
    def name(self) -> str:
        """The signal's name, such as SIGINT."""
        return signal.Signals(self.signal_number).name

    @property
    def status(self) -> int:
        """The exit status that a shell expects of a command ended by this signal."""
        return 128 + self.signal_number

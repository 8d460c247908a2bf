"""The demo's output: lines that stay, and one that is rewritten where there is a terminal."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

#: without a terminal, progress is a line now and then
_QUIET_S: Final = 5.0
_CLEAR_LINE: Final = "\r\x1b[K"
_LABEL_WIDTH: Final = 12


def labelled(label: str, text: str) -> str:
    """Put `text` behind the name of its phase."""
    return f"{label:<{_LABEL_WIDTH}} {text}"


class Console:
    """A stream of lines; once its reader is gone, writing fails one time, which ends the demo."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._closed = False
        self._moving = ""
        self._moved_at = 0.0

    def say(self, text: str = "") -> None:
        """Write a line."""
        self._write(f"{_CLEAR_LINE if self._moving and self._terminal else ''}{text}\n")
        self._moving = ""

    def progress(self, text: str) -> None:
        """Show how far something is."""
        now = time.monotonic()
        if text == self._moving:
            return
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"{_CLEAR_LINE}{text[:width]}")
        elif now - self._moved_at >= _QUIET_S:
            self._write(f"{text}\n")
            self._moved_at = now
        else:
            return
        self._moving = text

    @contextmanager
    def phase(self, label: str, doing: str) -> Iterator[list[str]]:
        """Show what is being done, then its result (the list's last item) and how long it took."""
        begun = time.monotonic()
        outcome = [doing]
        self.progress(labelled(label, f"{doing} ..."))
        yield outcome
        self.say(labelled(label, f"{outcome[-1]}  ({time.monotonic() - begun:.1f} s)"))

    def _write(self, text: str) -> None:
        if self._closed:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._closed = True
            raise

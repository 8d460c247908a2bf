"""The answers of one run on the local disk, from which a journal is made if the run has to wait.

Nothing depends on a journal: a disk that does not take the answers costs requests after a wait, and fails
nothing.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

log = logging.getLogger(__name__)


class AnswersFile:
    """A local file, one answer a line, for as long as the disk takes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: how many answers there were, also those that could not be kept
        self.count = 0
        self._file: BinaryIO | None = None
        try:
            self._file = path.open("wb")
        except OSError as error:
            self._give_up(error)

    def add(self, answer: bytes) -> None:
        """Keep an answer."""
        self.count += 1
        if self._file is None:
            return
        try:
            self._file.write(answer + b"\n")
        except OSError as error:
            self._give_up(error)

    def is_whole(self) -> bool:
        """Write what is not written yet; return whether there are answers, and the file has all of them."""
        if self._file is None or not self.count:
            return False
        try:
            self._file.flush()
        except OSError as error:
            self._give_up(error)
        return self._file is not None

    def close(self) -> None:
        """Close it; what could not be written is of no use to anybody then."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._file = None

    def _give_up(self, error: OSError) -> None:
        log.warning("The answers cannot be kept, and would be requested again after a wait: %s", error)
        self.close()

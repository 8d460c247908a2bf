"""Where the book of an IP address's weight is kept: by one client alone, or by all processes of a machine.

The exchange's own count, in the headers of its answers, is what coordinates clients everywhere. What a
shared book adds on one machine: requests of others that are on their way are counted too, a new task knows
at once what the one before it learnt, and a ban that one process met holds back all. Nothing rests on it:
where the file cannot be had, each process goes by the headers alone.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import stat
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec

from airflow_provider_binance_liq.core.weights import Book

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

log = logging.getLogger(__name__)
T = TypeVar("T")

_NAP_S: Final = 0.01
#: longer than anybody needs to write a few lines; whoever holds it longer was stopped
_PATIENCE_S: Final = 2.0
#: no book of some pools is longer; what is, was written by something else
_LONGEST: Final = 1024 * 1024
#: room is had by so many bytes
_ROOM: Final = 4096
#: what sends requests through another address
_PROXIES: Final = ("https_proxy", "all_proxy")


class Ledger(Protocol):
    """Hands out the book, to one at a time."""

    def open(self) -> AbstractContextManager[Book]:
        """Give the book; what was changed in it is kept."""


class OwnLedger:
    """A book of one client's own."""

    def __init__(self) -> None:
        self._book = Book()

    @contextmanager
    def open(self) -> Iterator[Book]:
        """Give the book; what was changed in it is kept."""
        yield self._book


class SharedLedger:
    """A book in a file, for the processes of one machine.

    A write that fails leaves what the file said: its room is had before anything is overwritten. What could
    not be written is kept here, and joined to the file's as soon as that can be had again.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        #: what is known here alone, because the file could not be had
        self._own: Book | None = None
        self._warned = False

    @contextmanager
    def open(self) -> Iterator[Book]:
        """Give the book; what was changed in it is kept."""
        descriptor = self._try(self._lock)
        try:
            before = None if descriptor is None else self._try(lambda: os.pread(descriptor, _LONGEST, 0))
            book = self._known(before)
            try:
                yield book
            finally:
                # Also where an error leaves: what was counted until then was sent.
                if descriptor is None or before is None or not self._write(descriptor, book, before):
                    self._own = book
                else:
                    self._own = None
        finally:
            if descriptor is not None:
                os.close(descriptor)  # and with it the lock goes

    def _known(self, text: bytes | None) -> Book:
        """Join what the file says, and what is known here alone."""
        if text is None:
            return self._own or Book()
        book = _decode(text)
        if self._own is not None:
            # By this machine's clock: it is told from the exchange's by seconds, what is absurd by days.
            book.join(self._own, int(self._clock() * 1000))
        return book

    def _write(self, descriptor: int, book: Book, before: bytes) -> bool:
        after = msgspec.json.encode(book)
        return (
            after == _stripped(before) or self._try(lambda: _replace(descriptor, after, before)) is not None
        )

    def _lock(self) -> int:
        """Open the file and lock it.

        :raises OSError: it cannot be had, or not in time.
        """
        _make_private(self.path.parent)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _wait_for(self, descriptor: int) -> None:
        deadline = self._monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._monotonic() > deadline:
                    raise
                self._sleep(_NAP_S)
            else:
                return

    def _try(self, step: Callable[[], T]) -> T | None:
        """Take a step that may fail; None where it does: then each process goes by what it knows itself."""
        try:
            return step()
        except OSError as error:
            if not self._warned:
                log.warning("Weight is counted without the other processes of this machine: %s", error)
            self._warned = True
            return None


def find_ledger(origins: Mapping[str, str], *, coordinate: bool) -> Ledger:
    """Choose the ledger for what `origins` name: the file that others who ask there use too, or none."""
    if not coordinate:
        return OwnLedger()
    proxies = [os.environ.get(name) or os.environ.get(name.upper(), "") for name in _PROXIES]
    asked = "\n".join([*sorted(set(origins.values())), *proxies])
    name = f"{hashlib.sha256(asked.encode()).hexdigest()[:16]}.json"
    return SharedLedger(Path(tempfile.gettempdir()) / f"binance-liq-{os.geteuid()}" / name)


def _make_private(directory: Path) -> None:
    """Make the directory; one that somebody else could write to is refused.

    :raises OSError: it is not, or not only, ours.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        message = f"{directory} is not this user's alone"
        raise PermissionError(message)


def _replace(descriptor: int, after: bytes, before: bytes) -> bool:
    """Write the book in one step, padded, so that nothing has to be cut off afterwards.

    :raises OSError: it could not be; the file says what it said.
    """
    room = max(len(before), -(-len(after) // _ROOM) * _ROOM)
    if room > len(before):
        os.posix_fallocate(descriptor, 0, room)
    text = after.ljust(room)
    written = os.pwrite(descriptor, text, 0)
    if written < len(text):
        os.pwrite(descriptor, before[:written], 0)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return True


def _stripped(text: bytes) -> bytes:
    """Take off the padding, and what is there of room that was had and not yet written to."""
    return text.rstrip(b" \0")


def _decode(text: bytes) -> Book:
    """Read the book; what cannot be read, as after a crash, is begun anew: the headers will tell."""
    try:
        return msgspec.json.decode(_stripped(text), type=Book)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Book()

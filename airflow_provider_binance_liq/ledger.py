"""Where the book of an IP address's weight is kept: by one client alone, or by all processes of a machine.

The exchange's own count, in the headers of its answers, is what coordinates clients everywhere. What a
shared book adds on one machine: requests of others that are on their way are counted too, a new task knows
at once what the one before it learnt, and a ban that one process met holds back all. Nothing rests on it:
where the file cannot be had, each process goes by the headers alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import stat
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from airflow_provider_binance_liq.core.weights import Book

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

log = logging.getLogger(__name__)

_NAP_S: Final = 0.01
#: longer than anybody needs to write a few lines; whoever holds it longer was stopped
_PATIENCE_S: Final = 2.0
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
    """A book in a file, for the processes of one machine."""

    def __init__(
        self,
        path: Path,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self._monotonic = monotonic
        self._sleep = sleep
        #: where the file cannot be had
        self._own = OwnLedger()
        self._warned = False

    @contextmanager
    def open(self) -> Iterator[Book]:
        """Give the book; what was changed in it is kept."""
        try:
            descriptor = self._lock()
        except OSError as error:
            self._warn(error)
            with self._own.open() as book:
                yield book
            return
        try:
            before = _read(descriptor)
            book = _decode(before)
            yield book
            after = msgspec.json.encode(book)
            if after != before:
                os.pwrite(descriptor, after, 0)
                os.ftruncate(descriptor, len(after))
        finally:
            os.close(descriptor)  # and with it the lock goes

    def _lock(self) -> int:
        """Open the file and lock it.

        :raises OSError: it cannot be had, or not in time.
        """
        _make_private(self.path.parent)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        deadline = self._monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._monotonic() > deadline:
                    os.close(descriptor)
                    raise
                self._sleep(_NAP_S)
            else:
                return descriptor

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            log.warning("Weight is counted without the other processes of this machine: %s", error)
        self._warned = True


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


def _read(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _decode(text: bytes) -> Book:
    """Read the book; what cannot be read, as after a crash, is begun anew: the headers will tell."""
    try:
        return msgspec.json.decode(text, type=Book)
    except msgspec.DecodeError:
        return Book()

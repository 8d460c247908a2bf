"""Where the rate limit state is stored: in one client, or in a file that the processes of a machine share.

The exchange's own count, in the headers of its answers, coordinates clients everywhere. A shared state adds,
on one machine: requests in flight of other processes are counted too, a new task starts with what the last
one learnt, and a ban that one process met stops all of them. Nothing depends on it: where the file is not
available, each process uses the headers alone.
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
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec
from tenacity import Retrying, retry_if_exception_type, wait_fixed

from airflow_provider_binance_liq.core.weights import RateLimitState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

log = logging.getLogger(__name__)
T = TypeVar("T")

_ALONE: Final = "Weight is counted without the other processes of this machine: %s"
#: pause before the lock is tried again
_PAUSE_S: Final = 0.01
#: writing takes milliseconds; a process that holds the lock for longer was stopped
_MAX_WAIT_S: Final = 2.0
#: a longer file was written by something else
_MAX_BYTES: Final = 1024 * 1024
#: disk space is allocated in blocks of so many bytes
_BLOCK: Final = 4096
#: with a proxy, requests come from another IP address
_PROXIES: Final = ("https_proxy", "all_proxy")


class RateLimitStore(Protocol):
    """Gives access to the state, to one caller at a time."""

    def open(self) -> AbstractContextManager[RateLimitState]:
        """Return the state; changes in it are stored at the end of the block."""


class OwnRateLimitState:
    """The state of one client, in memory."""

    def __init__(self) -> None:
        self._state = RateLimitState()

    def open(self) -> AbstractContextManager[RateLimitState]:
        """Return the state."""
        return nullcontext(self._state)


class SharedRateLimitState:
    """The state in a file, for the processes of one machine.

    A write that fails leaves the file as it was: disk space is allocated before anything is overwritten.
    A state that could not be written is kept in memory, and merged with the file's as soon as it can be.
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
        #: the state that could not be written to the file
        self._own: RateLimitState | None = None
        self._warned = False

    @contextmanager
    def open(self) -> Iterator[RateLimitState]:
        """Return the state; changes in it are stored at the end of the block."""
        descriptor = self._try(self._lock)
        try:
            before = None if descriptor is None else self._try(lambda: os.pread(descriptor, _MAX_BYTES, 0))
            state = self._merged(before)
            try:
                yield state
            finally:
                # Also after an error: the requests that were counted until then were sent.
                if descriptor is None or before is None or not self._write(descriptor, state, before):
                    self._own = state
                else:
                    self._own = None
        finally:
            if descriptor is not None:
                os.close(descriptor)  # which releases the lock

    def _merged(self, text: bytes | None) -> RateLimitState:
        """Merge the file's state with the one that could not be written."""
        if text is None:
            return self._own or RateLimitState()
        state = _decode(text)
        if self._own is not None:
            # By this machine's clock: it differs from the exchange's by seconds, absurd instants by days.
            state.merge(self._own, int(self._clock() * 1000))
        return state

    def _write(self, descriptor: int, state: RateLimitState, before: bytes) -> bool:
        after = msgspec.json.encode(state)
        return (
            after == _stripped(before) or self._try(lambda: _replace(descriptor, after, before)) is not None
        )

    def _lock(self) -> int:
        """Open the file and lock it.

        :raises OSError: it cannot be opened, or another process held the lock for too long.
        """
        _make_private(self.path.parent)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for_lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _wait_for_lock(self, descriptor: int) -> None:
        # It is free nearly always, and what tries again costs as much as all the rest.
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        deadline_s = self._monotonic() + _MAX_WAIT_S
        lock = Retrying(
            retry=retry_if_exception_type(BlockingIOError),
            wait=wait_fixed(_PAUSE_S),
            stop=lambda _: self._monotonic() > deadline_s,
            sleep=self._sleep,
            reraise=True,
        )
        lock(fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _try(self, step: Callable[[], T]) -> T | None:
        """Do a step that may fail; None where it does: then each process counts by itself."""
        try:
            return step()
        except OSError as error:
            if not self._warned:
                log.warning(_ALONE, error)
            self._warned = True
            return None


def find_rate_limit_state(origins: Mapping[str, str], *, coordinate: bool) -> RateLimitStore:
    """Choose the state for requests to `origins`: the file of this machine's processes, or one in memory."""
    if not coordinate:
        return OwnRateLimitState()
    proxies = [os.environ.get(name) or os.environ.get(name.upper(), "") for name in _PROXIES]
    target = "\n".join([*sorted(set(origins.values())), *proxies])
    name = f"{hashlib.sha256(target.encode()).hexdigest()[:16]}.json"
    try:
        directory = Path(tempfile.gettempdir())
    except OSError as error:  # as in a container that is read-only
        log.warning(_ALONE, error)
        return OwnRateLimitState()
    return SharedRateLimitState(directory / f"binance-liq-{os.geteuid()}" / name)


def _make_private(directory: Path) -> None:
    """Make the directory; one that other users could write to is refused.

    :raises OSError: it belongs to another user, or others may write to it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        message = f"{directory} belongs to another user, or others may write to it"
        raise PermissionError(message)


def _replace(descriptor: int, after: bytes, before: bytes) -> bool:
    """Write the state in one step, padded, so that nothing has to be cut off afterwards.

    :raises OSError: it could not be written; the file is as it was.
    """
    size = max(len(before), -(-len(after) // _BLOCK) * _BLOCK)
    if size > len(before):
        os.posix_fallocate(descriptor, 0, size)
    text = after.ljust(size)
    written = os.pwrite(descriptor, text, 0)
    if written < len(text):
        os.pwrite(descriptor, before[:written], 0)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return True


def _stripped(text: bytes) -> bytes:
    """Take off the padding, and allocated bytes that were never written."""
    return text.rstrip(b" \0")


def _decode(text: bytes) -> RateLimitState:
    """Read the state; one that cannot be read, as after a crash, is empty: the headers will fill it."""
    try:
        return msgspec.json.decode(_stripped(text), type=RateLimitState)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return RateLimitState()

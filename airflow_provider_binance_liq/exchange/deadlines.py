"""One deadline for all network operations of an attempt; at the deadline, the connection is shut down.

One thread of the process watches all deadlines, and ends when there are none: no thread for each request. It
has a duplicate of the socket's descriptor, because TLS takes over the original socket.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: the arguments of `socket.socket`, and of its `connect`
_Address = tuple[tuple[int, int, int], Any]

_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
_NEVER: Final = float("inf")


def current_deadline() -> Deadline | None:
    """Return the deadline of the current attempt."""
    return _current.get()


class Deadline:
    """The deadline of a `with` block; the block's connection is shut down when it is over."""

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.ends_at = monotonic() + seconds
        self.is_over = False
        self._line: socket.socket | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        _watchdog.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _watchdog.remove(self)
        _current.reset(self._token)
        with self._lock:
            self._release()

    def left(self) -> float:
        """Return the seconds that are left.

        :raises TimeoutError: there are none.
        """
        seconds = self.ends_at - self._monotonic()
        if seconds <= 0:
            self.is_over = True
            raise TimeoutError
        return seconds

    def watch(self, connection: socket.socket) -> None:
        """Shut this connection down at the deadline; an earlier one is not watched any more."""
        # Through a proxy that speaks TLS itself, the socket is within what speaks TLS to the host.
        while not isinstance(connection, socket.socket):
            connection = connection.socket
        line = socket.socket(
            connection.family, connection.type, connection.proto, fileno=os.dup(connection.fileno())
        )
        with self._lock:
            self._release()
            self._line = line
            if self.is_over:
                self._shut_down()

    def expire(self) -> None:
        """Shut the connection down; its reader then finds the end of the stream."""
        with self._lock:
            self.is_over = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def _release(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


class _Watchdog:
    """Ends the deadlines that are over."""

    def __init__(self) -> None:
        self._begin()
        # A forked process has no threads, but may have a locked lock.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._watched: set[Deadline] = set()
        self._wakes_at = _NEVER
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        with self._changed:
            self._watched.add(deadline)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif deadline.ends_at < self._wakes_at:
                self._changed.notify()

    def remove(self, deadline: Deadline) -> None:
        # The thread is not woken: it finds out later, which costs less than a wake-up for each request.
        with self._changed:
            self._watched.discard(deadline)

    def _run(self) -> None:
        with self._changed:
            while self._watched:
                now = time.monotonic()
                for deadline in [one for one in self._watched if one.ends_at <= now]:
                    self._watched.discard(deadline)
                    deadline.expire()
                self._wakes_at = min((one.ends_at for one in self._watched), default=now)
                self._changed.wait(self._wakes_at - now)
            self._thread = None


_watchdog: Final = _Watchdog()


def connect(
    deadline: Deadline, host: str, port: int, timeout_s: float | None, options: Iterable[Any]
) -> socket.socket:
    """Connect to one of the host's addresses, within the deadline.

    :raises TimeoutError: not within the deadline, or `timeout_s` for each step.
    :raises OSError: none of them accepts the connection, or there are none.
    """
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for kind, address in _resolve(host.strip("[]"), port, _least(deadline, timeout_s)):
        try:
            connection = socket.socket(*kind)
        except OSError as error:  # as for an address of IPv6 where the system has none
            failure = error
            continue
        try:
            for option in options:
                connection.setsockopt(*option)
            connection.settimeout(_least(deadline, timeout_s))
            connection.connect(address)
            deadline.watch(connection)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure


def _least(deadline: Deadline, timeout_s: float | None) -> float:
    return min(deadline.left(), timeout_s or _NEVER)


def _resolve(host: str, port: int, seconds: float) -> list[_Address]:
    """Look the host's addresses up within a time; the system's own function has no timeout.

    :raises OSError: there are none, or they were not found in time.
    """
    with suppress(OSError, UnicodeError):
        return _look_up(host, port, socket.AI_NUMERICHOST)
    found: SimpleQueue[list[_Address] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            found.put(_look_up(host, port))
        except OSError as error:
            found.put(error)
        except UnicodeError:
            found.put(socket.gaierror(socket.EAI_NONAME, "no host name"))

    threading.Thread(target=look_up, name="look up an address", daemon=True).start()
    try:
        result = found.get(timeout=seconds)
    except Empty:
        raise socket.gaierror(socket.EAI_AGAIN, "not in time") from None
    if isinstance(result, OSError):
        raise result
    return result


def _look_up(host: str, port: int, flags: int = 0) -> list[_Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [((family, kind, protocol), address) for family, kind, protocol, _, address in found]

"""The demo's child processes: each in a session of its own, with a log of its own, and none left behind.

A session of its own keeps the terminal's Ctrl-C from reaching a child before the demo has decided in which
order things end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, Self

from airflow_provider_binance_liq.demo import guard, sessions
from airflow_provider_binance_liq.demo.failure import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType

#: the API server takes longer than this to end, and has nothing to save
_GRACE_S: Final = 3.0
_POLL_S: Final = 0.1
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Child:
    """A process that the demo started, and where it writes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(frozen=True, slots=True)
class Owner:
    """The user that a child runs as, where it must not be the demo's own."""

    user: int
    group: int


class Processes:
    """All children of one demo, stopped together in the reverse of the order they were started in."""

    def __init__(
        self,
        directory: Path,
        logs: Path,
        lock: int,
        held: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._directory = directory
        self._logs = logs
        self._lock = lock
        #: no signal comes between starting a child and knowing of it
        self._held = held
        self._children: list[Child] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # Nothing of it comes from outside: this interpreter, and a module of our own.
        self._guard = subprocess.Popen(
            [sys.executable, "-P", "-m", guard.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._directory,
            start_new_session=True,
            # The directory stays locked until the guard has stopped what ran in it.
            pass_fds=(self._lock,),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], owner: Owner | None = None
    ) -> Child:
        """Start `command`; what it prints is appended to `<name>.log`."""
        path = self.log(name)
        with os.fdopen(os.open(path, _APPEND, 0o600), "ab") as log, self._held():
            child = Child(name, self._spawn(command, environment, log, owner), path)
            self._children.append(child)
            self._tell_guard(f"session {child.process.pid}")
        return child

    def finish(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        limit_s: float,
        owner: Owner | None = None,
    ) -> None:
        """Run `command` to its end.

        :raises DemoFailed: when it takes longer than `limit_s` or ends with another status than 0.
        """
        child = self.start(name, command, environment, owner)
        try:
            status = child.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            message = f"{name} is not done after {limit_s:.0f} s"
            raise DemoFailed(message, child.log) from None
        self._children.remove(child)
        self._tell_guard(f"ended {child.process.pid}")
        if status != 0:
            message = f"{name} ended with status {status}"
            raise DemoFailed(message, child.log)

    def will_remove(self, directory: Path) -> None:
        """Have `directory` removed should the demo be killed before it can do so itself."""
        self._tell_guard(f"directory {directory}")

    def log(self, name: str) -> Path:
        """Return the file that the child called `name` writes to."""
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raise `DemoFailed` when a child that should run has ended."""
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                message = f"{child.name} ended by itself, with status {status}"
                raise DemoFailed(message, child.log)

    def stop(self) -> None:
        """Stop every child and what came of it.

        :raises DemoFailed: when one cannot even be killed.
        """
        left: list[int] = []
        groups = [self._children[1:], self._children[:1]]  # the database last: the others need it to end
        for group in groups:
            left += sessions.stop({child.process.pid for child in group}, grace_s=_GRACE_S)
        for child in self._children:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(_POLL_S)
        self._children.clear()
        self._dismiss_guard()
        if left:
            message = f"these processes could not be stopped: {', '.join(map(str, left))}"
            raise DemoFailed(message)

    def _spawn(
        self, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes], owner: Owner | None
    ) -> subprocess.Popen[bytes]:
        try:
            # Commands of our own, as lists: no shell reads them.
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=self._directory if owner is None else "/",
                start_new_session=True,
                user=owner.user if owner else None,
                group=owner.group if owner else None,
                extra_groups=[] if owner else None,
            )
        except (OSError, subprocess.SubprocessError) as error:
            message = f"{command[0]} could not be started: {error}"
            raise DemoFailed(message) from error

    def _tell_guard(self, line: str) -> None:
        if self._guard and self._guard.stdin:
            with suppress(BrokenPipeError):
                self._guard.stdin.write(line.encode() + b"\n")
                self._guard.stdin.flush()

    def _dismiss_guard(self) -> None:
        if not self._guard or not self._guard.stdin:
            return
        self._tell_guard(guard.FAREWELL)
        with suppress(BrokenPipeError):
            self._guard.stdin.close()
        self._guard.wait()
        self._guard = None

"""The demo's child processes: each in a session of its own, with a log of its own, and none left behind.

A session of its own keeps the terminal's Ctrl-C from reaching a child before the demo has decided in which
order things end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from airflow_provider_binance_liq.demo import guard
from airflow_provider_binance_liq.demo.failure import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Child:
    """A process that the demo started, and where it writes."""

    name: str
    process: subprocess.Popen[Any]
    log: Path
    #: whether it is to end by itself
    ends: bool = False


class Processes:
    """All children of one demo, stopped together when the block ends.

    :param lock: the open file that locks `directory`; it stays locked until all of them are stopped.
    :param held: no signal comes between starting a child and writing it down.
    """

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
        self._held = held
        self._children: list[Child] = []
        self._removed: list[str] = []

    def __enter__(self) -> Self:
        # Nothing of it comes from outside: this interpreter, and a module of our own.
        self._guard = subprocess.Popen(
            [sys.executable, "-P", "-m", guard.__name__],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._directory,
            start_new_session=True,
            pass_fds=(self._lock,),
        )
        return self

    def __exit__(self, *_: object) -> None:
        left = guard.stop([child.process.pid for child in self._children])
        for child in self._children:
            child.process.poll()
        # The end of its input sends the guard to work: it removes the directories.
        self._guard.communicate()
        if left:
            message = f"these processes could not be stopped: {', '.join(map(str, left))}"
            raise DemoFailed(message)

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        ends: bool = False,
        **options: Any,
    ) -> Child:
        """Start `command`; what it prints is appended to `<name>.log`.

        :param ends: whether it is to end by itself, and somebody will wait for that.
        :param options: further arguments of `subprocess.Popen`, such as the `user` to run as.
        :raises DemoFailed: it cannot be started.
        """
        path = self.log(name)
        with os.fdopen(os.open(path, _APPEND, 0o600), "ab") as log, self._held():
            try:
                # Commands of our own, as lists: no shell reads them.
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    start_new_session=True,
                    **{"cwd": self._directory} | options,
                )
            except (OSError, subprocess.SubprocessError) as error:
                message = f"{command[0]} could not be started: {error}"
                raise DemoFailed(message) from error
            child = Child(name, process, path, ends)
            self._children.append(child)
            self._update_guard()
        return child

    def finish(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        limit_s: float,
        **options: Any,
    ) -> None:
        """Run `command` to its end.

        :raises DemoFailed: it takes longer than `limit_s` or ends with another status than 0.
        """
        self.wait_for_end(self.start(name, command, environment, **options), limit_s=limit_s)

    def wait_for_end(self, child: Child, *, limit_s: float) -> None:
        """Wait until a child ends that is to end by itself.

        :raises DemoFailed: it takes longer than `limit_s` or ends with another status than 0.
        """
        name = child.name
        try:
            status = child.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            message = f"{name} is not done after {limit_s:.0f} s"
            raise DemoFailed(message, child.log) from None
        self._children.remove(child)
        self._update_guard()
        if status != 0:
            message = f"{name} ended with status {status}"
            raise DemoFailed(message, child.log)

    def remove_at_end(self, directory: Path) -> None:
        """Have `directory` removed once everything is stopped, also if the demo is killed."""
        self._removed.append(str(directory))
        self._update_guard()

    def log(self, name: str) -> Path:
        """Return the file that the child called `name` writes to."""
        return self._logs / f"{name}.log"

    def check(self) -> None:
        """Raise `DemoFailed` when a child that should run has ended; one that was to end, not well."""
        for child in self._children:
            status = child.process.poll()
            if status is not None and (status != 0 or not child.ends):
                message = f"{child.name} ended by itself, with status {status}"
                raise DemoFailed(message, child.log)

    def _update_guard(self) -> None:
        """Write down what the guard has to stop and to remove; only the last such line counts."""
        state = [child.process.pid for child in self._children], self._removed
        with suppress(BrokenPipeError):
            print(json.dumps(state), file=self._guard.stdin, flush=True)

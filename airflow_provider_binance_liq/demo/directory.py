"""The demo's own directory: one demo at a time in it, and the leftovers of an earlier one removed.

Only what a demo made is ever removed; a directory that holds anything else is refused. So is one that
others may write to, since a link put there could make the demo write to a file of their choice.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from airflow_provider_binance_liq.demo.failure import DemoFailed

#: says that a directory is a demo's; locked while the demo runs
MARKER: Final = "binance-liq-demo.json"
_OWN: Final = ("airflow_home", "logs", "lake", "warehouse")
_ROOT: Final = 0
_PRIVATE: Final = 0o700
_OPEN_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: appended to, as Airflow's and our own logs are; a link is not followed
_OPEN_MARKER: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Directory:
    """A place for everything that the demo writes, held until it ends."""

    path: Path
    #: whether the demo chose the place itself, and so may remove it
    temporary: bool
    _lock: IO[str]

    @classmethod
    def take(cls, wanted: Path | None) -> Self:
        """Take `wanted`, or a new directory under the system's temporary one.

        :raises DemoFailed: when another demo runs in it, or it holds what no demo made.
        """
        if wanted is None:
            path = Path(tempfile.mkdtemp(prefix="binance-liq-demo-")).resolve()
        else:
            path = _existing_or_new(wanted)
        opened = _open(path)
        try:
            lock = _lock(path, opened)
        finally:
            os.close(opened)
        directory = cls(path, wanted is None, lock)
        directory._clear()
        return directory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    @property
    def lock(self) -> int:
        """The open file that holds the directory."""
        return self._lock.fileno()

    @property
    def airflow_home(self) -> Path:
        """Airflow's own files."""
        return self.path / "airflow_home"

    @property
    def logs(self) -> Path:
        """The logs of the components, and of the tasks in a directory per DAG."""
        return self.path / "logs"

    @property
    def lake(self) -> Path:
        """The extracted objects and their manifests."""
        return self.path / "lake"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.path / "warehouse" / "liquidations.duckdb"

    def note(self, **facts: object) -> None:
        """Write who runs here, for a second demo to name."""
        self._lock.seek(0)
        self._lock.truncate()
        json.dump({"pid": os.getpid(), **facts}, self._lock)
        self._lock.flush()

    def remove(self) -> None:
        """Remove everything, the directory included."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _clear(self) -> None:
        for name in _OWN:
            shutil.rmtree(self.path / name, ignore_errors=True)
        try:
            for path in (self.airflow_home, self.logs, self.lake, self.warehouse.parent):
                path.mkdir()
        except OSError as error:
            self._lock.close()
            message = f"{error.filename} is in the way and cannot be removed: {error.strerror}"
            raise DemoFailed(message) from error
        self.note()


def _existing_or_new(wanted: Path) -> Path:
    try:
        path = wanted.expanduser().resolve()
        for parent in path.parents:
            _require_safe_parent(path, parent)
        path.mkdir(_PRIVATE, parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"--directory {wanted} cannot be used: {reason}"
        raise DemoFailed(message) from error
    return path


def _require_safe_parent(path: Path, parent: Path) -> None:
    """Refuse a directory that another user could replace."""
    if not parent.is_dir():
        return
    found = parent.stat()
    # In a directory such as /tmp, everybody may only replace what is their own.
    shared = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
    if found.st_uid not in {_ROOT, os.geteuid()} or shared:
        message = (
            f"{path} is in {parent}, where another user could replace it; "
            "choose one in a directory of your own"
        )
        raise DemoFailed(message)


def _open(path: Path) -> int:
    """Open the directory itself, and look at what was opened: a path may lead elsewhere the next time.

    :raises DemoFailed: when it is not its user's alone, or holds what no demo made.
    """
    try:
        opened = os.open(path, _OPEN_DIRECTORY)
    except OSError as error:
        message = f"{path} cannot be opened: {error.strerror}"
        raise DemoFailed(message) from error
    try:
        _require_own(path, os.fstat(opened))
        with os.scandir(opened) as entries:
            _require_demos(path, {entry.name for entry in entries})
    except BaseException:
        os.close(opened)
        raise
    return opened


def _require_own(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        message = f"{path} belongs to another user, who could lead the demo's files elsewhere; name another"
        raise DemoFailed(message)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        message = (
            f"others may write to {path}, and could lead the demo's files elsewhere; "
            f"take that from them (chmod go-w), or name another"
        )
        raise DemoFailed(message)


def _require_demos(path: Path, content: set[str]) -> None:
    if content and MARKER not in content:
        message = f"{path} is not empty and no demo made it; name a new or an empty directory"
        raise DemoFailed(message)


def _lock(path: Path, directory: int) -> IO[str]:
    lock = os.fdopen(_open_marker(path, directory), "a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        message = f"another demo runs in {path}{_who(lock)}; end it, or name another --directory"
        lock.close()
        raise DemoFailed(message) from None
    return lock


def _open_marker(path: Path, directory: int) -> int:
    try:
        marker = os.open(MARKER, _OPEN_MARKER, 0o600, dir_fd=directory)
    except OSError as error:
        message = f"{path / MARKER} cannot be written: {error.strerror}"
        raise DemoFailed(message) from error
    found = os.fstat(marker)
    # Of a file with a second name, the other one may be anybody's.
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
        os.close(marker)
        message = f"{path / MARKER} is no file that a demo made; name a new or an empty directory"
        raise DemoFailed(message)
    return marker


def _who(lock: IO[str]) -> str:
    lock.seek(0)
    try:
        facts = json.load(lock)
    except ValueError:
        return ""
    where = f", its interface is at {facts['ui']}" if "ui" in facts else ""
    return f" (process {facts.get('pid')}{where})"

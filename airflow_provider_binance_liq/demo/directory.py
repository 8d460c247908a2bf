"""The demo's own directory: one demo at a time in it, and the leftovers of an earlier one removed.

Only what a demo made is ever removed; a directory that holds anything else is refused.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

from airflow_provider_binance_liq.demo.failure import DemoFailed

if TYPE_CHECKING:
    from types import TracebackType

#: says that a directory is a demo's; locked while the demo runs
MARKER: Final = "binance-liq-demo.json"
_OWN: Final = ("airflow_home", "logs", "lake", "warehouse")


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
        lock = _lock(path)
        directory = cls(path, wanted is None, lock)
        directory._clear()
        return directory

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        path.mkdir(parents=True, exist_ok=True)
        content = {entry.name for entry in path.iterdir()}
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"--directory {wanted} cannot be used: {reason}"
        raise DemoFailed(message) from error
    if content and MARKER not in content:
        message = f"{path} is not empty and no demo made it; name a new or an empty directory"
        raise DemoFailed(message)
    return path


def _lock(path: Path) -> IO[str]:
    try:
        lock = (path / MARKER).open("a+", encoding="utf-8")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise DemoFailed(message) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        message = f"another demo runs in {path}{_who(lock)}; end it, or name another --directory"
        lock.close()
        raise DemoFailed(message) from None
    return lock


def _who(lock: IO[str]) -> str:
    lock.seek(0)
    try:
        facts = json.load(lock)
    except ValueError:
        return ""
    where = f", its interface is at {facts['ui']}" if "ui" in facts else ""
    return f" (process {facts.get('pid')}{where})"

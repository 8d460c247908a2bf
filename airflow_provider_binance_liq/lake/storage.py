"""Single operations on a store: each is atomic, and each failure is a `StorageError` that names it.

Stores have no common transactions and no common rename. This relies on two things: an upload to an object
store becomes visible as a whole, at its end; a file of a file system is renamed over another in one step.
"""

from __future__ import annotations

import hashlib
import re
import stat
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.urls import has_credentials
from airflow_provider_binance_liq.exceptions import InvalidRequest, LiquidationsError, StorageError
from airflow_provider_binance_liq.extras import how_to_reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import ObjectStoragePath

CHUNK: Final = 1024 * 1024
#: after two slashes comes a host; fsspec would take it as a directory below the current one
_TWO_SLASHES: Final = re.compile(r"(file|local)://[^/]")
#: a password in a URL would be in every log and manifest; a secret key may hold a slash
_PASSWORD: Final = re.compile(r"^[a-z0-9+.-]+://(?!/)[^@]*:[^@]*@", re.IGNORECASE)
#: stores in which an upload becomes visible as a whole, at its end
_ATOMIC_UPLOADS: Final = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "adl", "az", "wasb", "wasbs", "r2"}
)
#: bytes of a manifest, at most; one with a thousand symbols has a tenth of it
LARGEST_MANIFEST: Final = 1024 * 1024
_READING: Final = frozenset({"read", "look for", "list", "look for an interrupted publication at"})
_LOCAL: Final = frozenset({"", "file", "local"})


def open_destination(destination: str) -> ObjectStoragePath:
    """Resolve a destination's URL, and check that its connection exists.

    With a missing connection, the store would be accessed anonymously.

    :raises InvalidRequest: it is not such a URL, or its connection does not exist.
    """
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.compat import connection_of

    text = str(destination or "").strip()
    if not text:
        raise InvalidRequest(
            "destination is empty; give a URL such as file:///lake or s3://aws_default@bucket/prefix"
        )
    check_no_password(text)
    if "://" not in text and not text.startswith("/"):
        message = f"destination {text!r} is relative; give a URL such as file:///lake or s3://aws_default@b"
        raise InvalidRequest(message)
    if _TWO_SLASHES.match(text):
        message = f"destination {text!r} is relative; a local path takes three slashes, as in file:///lake"
        raise InvalidRequest(message)
    try:
        path = ObjectStoragePath(text if "://" in text else f"file://{text}")
        if conn_id := connection_of(path):
            _check_connection(conn_id, text)
        elif is_local(path):
            _attach_local(path.protocol)
        _ = path.fs  # fails where there is no such store
    except InvalidRequest:
        raise
    except Exception as error:
        hint = how_to_reach(text.partition("://")[0], error)
        message = f"destination {text!r} cannot be used: {type(error).__name__}: {error}{hint}"
        raise InvalidRequest(message) from error
    return path


def _attach_local(protocol: str) -> None:
    """Attach the local file system.

    Airflow would look for it in every provider that is installed: to import those of the clouds takes longer
    than to extract a day.
    """
    from airflow.sdk.io import attach
    from fsspec.implementations.local import LocalFileSystem

    attach(protocol or "file", fs=LocalFileSystem())


def check_no_password(url: str) -> None:
    """Check that a URL can be shown.

    :raises InvalidRequest: it holds a password or a token; the message does not repeat it.
    """
    if _PASSWORD.search(url) or has_credentials(url):
        raise InvalidRequest(
            "destination holds a password or a token; name an Airflow connection instead, as in "
            "s3://aws_default@bucket"
        )


def _check_connection(conn_id: str, destination: str) -> None:
    from airflow.sdk import BaseHook

    from airflow_provider_binance_liq.compat import AirflowNotFoundException

    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        message = (
            f"destination {destination!r} names the connection {conn_id!r}, which does not exist; without it "
            "the store would be accessed anonymously"
        )
        raise InvalidRequest(message) from None


def key_of(path: ObjectStoragePath) -> str:
    """Return a path as its store knows it."""
    return str(path.path)


def uploads_whole(target: ObjectStoragePath) -> bool:
    """Whether it is an object store: no directories, and an upload becomes visible at its end."""
    return (target.protocol or "file") in _ATOMIC_UPLOADS


def is_local(target: ObjectStoragePath) -> bool:
    """Whether it is this machine's file system."""
    return target.protocol in _LOCAL


def make_directory(directory: ObjectStoragePath) -> None:
    """Make a directory; not in an object store, which might make a bucket instead."""
    if not uploads_whole(directory):
        directory.mkdir(parents=True, exist_ok=True)


def put(local: Path, target: ObjectStoragePath) -> None:
    """Publish a local file in one step."""
    if uploads_whole(target):
        target.fs.put_file(str(local), key_of(target))
        return
    hidden = target.parent / f".{target.name}.{uuid.uuid4().hex}.tmp"
    try:
        target.fs.put_file(str(local), key_of(hidden))
        target.fs.mv(key_of(hidden), key_of(target))
    except BaseException:
        if target.fs.exists(key_of(hidden)):
            target.fs.rm_file(key_of(hidden))
        raise


def move(source: ObjectStoragePath, target: ObjectStoragePath) -> None:
    """Move `source` to `target` in one step; in an object store `source` stays as well."""
    if uploads_whole(target):
        target.fs.cp_file(key_of(source), key_of(target))
    else:
        target.fs.mv(key_of(source), key_of(target))


def check_regular(path: ObjectStoragePath, most: int | None = None) -> None:
    """Check, on this machine's file system, that reading `path` comes to an end: a named pipe has none.

    :param most: bytes that it may have.
    :raises StorageError: it is something else than a file, or has more.
    """
    if not is_local(path):
        return
    try:
        found = Path(key_of(path)).stat()
    except (OSError, ValueError):
        return  # the reading itself says more of it
    if not stat.S_ISREG(found.st_mode):
        message = f"{path} is not a regular file, so it was not read; remove it"
        raise StorageError(message)
    if most is not None and found.st_size > most:
        message = f"{path} has {found.st_size:,} bytes, and {most:,} are the most; it was not read"
        raise StorageError(message)


def read_if_there(path: ObjectStoragePath) -> bytes | None:
    """Read a small file; None where there is none.

    :raises StorageError: it is something else than a small file.
    """
    check_regular(path, LARGEST_MANIFEST)
    try:
        # In one request, where opening it would ask for its size first.
        text: bytes = path.fs.cat_file(key_of(path))
    except FileNotFoundError:
        return None
    return text


def check_stored(target: ObjectStoragePath, sha256: str) -> None:
    """Read back what was written: an upload may be cut short, or another run may write to the same place.

    :raises StorageError: it is not what was written.
    """
    if stored_sha256(target) != sha256:
        message = (
            f"{target} is not what was written to it: the upload was cut short, or another run of the same "
            "window is writing other rows. Running again repairs it"
        )
        raise StorageError(message)


def stored_sha256(target: ObjectStoragePath) -> str | None:
    """Take the checksum of a stored object; None where there is none."""
    try:
        with target.fs.open(key_of(target), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def sha256_of(path: Path) -> str:
    """Take the checksum of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def storing(verb: str, what: Any) -> Iterator[None]:
    """Turn every error of a store into a `StorageError` that names the operation."""
    try:
        yield
    except LiquidationsError:
        raise
    # Every store has errors of its own; what they have in common is that storage failed.
    except Exception as error:
        raise StorageError(_describe(verb, what, error)) from error


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """Make a directory on the worker's local disk, which is removed at the end of the block.

    :raises StorageError: there is no room, or no place for temporary files, as in a read-only container.
    """
    with storing("make a directory for temporary files on", "the worker's local disk"):
        made = tempfile.TemporaryDirectory(prefix=prefix)
    with made as name:
        yield Path(name)


def _describe(verb: str, what: Any, error: Exception) -> str:
    done = "nothing was changed" if verb in _READING else "no partial file was published"
    check = (
        "the network and the connection in the URL, as in s3://CONN_ID@bucket/prefix"
        if "://" in str(what) and not str(what).startswith(("file://", "local://"))
        else "the disk, its free space and the permissions"
    )
    return f"cannot {verb} {what}: {type(error).__name__}: {error}; {done}. Check {check}; then retry"


def is_there(path: ObjectStoragePath) -> bool:
    """Whether there is a file at `path`.

    :raises StorageError: the store does not answer.
    """
    with storing("look for", path):
        return bool(path.exists())

"""Landing: an object is whole before it is visible, and its manifest is written last.

Law of commit: an object without a manifest does not exist; a manifest's counts and sha256 match its object.
So an object is first written to a local file, then published in one step, then described. An older manifest
is taken away before its object is replaced: at no moment does one stand beside an object that it does not
describe. Law of idempotence: same rows, same key, same bytes, also when compressed.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import re
import shutil
import uuid
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.manifest import (
    Compression,
    Manifest,
    ManifestFilters,
    ManifestObject,
    from_json,
    reconcile,
)
from airflow_provider_binance_liq.core.urls import has_credentials
from airflow_provider_binance_liq.core.windows import compact, to_datetime
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.core.windows import Window

_SUFFIXES: Final[dict[Compression, str]] = {None: ".ndjson", "gzip": ".ndjson.gz"}
_MANIFEST_SUFFIX: Final = ".manifest.json"
_CHUNK: Final = 1024 * 1024
#: what stands after two slashes would be a host, and is taken as a directory below the current one
_TWO_SLASHES: Final = re.compile(r"(file|local)://[^/]")
#: stores in which an upload becomes visible whole, at its end
_ATOMIC_UPLOADS: Final = frozenset(
    {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "adl", "az", "wasb", "wasbs", "r2"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the object of one extraction belongs, and its manifest beside it."""

    directory: ObjectStoragePath
    stem: str
    compression: Compression = None

    @property
    def object(self) -> ObjectStoragePath:
        """Path of the object."""
        return self.directory / f"{self.stem}{_SUFFIXES[self.compression]}"

    @property
    def manifest(self) -> ObjectStoragePath:
        """Path of the manifest."""
        return self.directory / f"{self.stem}{_MANIFEST_SUFFIX}"


def place(
    destination: ObjectStoragePath,
    endpoint: Endpoint,
    account: str,
    window: Window,
    filters: ManifestFilters,
    compression: Compression = None,
) -> Place:
    """Name the place: `<endpoint>/account=<account>/date=<start>/<start>_<end>`, all from the window."""
    date = to_datetime(window.start_ms).date().isoformat()
    directory = destination / endpoint.name / f"account={account}" / f"date={date}"
    stem = f"{compact(window.start_ms)}_{compact(window.end_ms)}{_filter_mark(filters)}"
    return Place(directory, stem, compression)


def _filter_mark(filters: ManifestFilters) -> str:
    """Give a filtered extraction a name of its own, short whatever the filter, the same for the same one."""
    if not filters.symbols and not filters.auto_close_type:
        return ""
    canonical = "\n".join([filters.auto_close_type or "", *sorted(filters.symbols)])
    return f".filter-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Draft:
    """An object on local disk, ready to be published."""

    path: Path
    rows: int
    bytes: int
    sha256: str


def draft(bodies: Iterable[bytes], directory: Path, compression: Compression = None) -> Draft:
    """Write rows to a local file, one a line.

    :raises StorageError: the local disk does not take them.
    """
    path = directory / f"object{_SUFFIXES[compression]}"
    rows = 0
    with _storing("write the rows to the local disk, in", directory), path.open("wb") as file:
        # No file name and no time in gzip's header: the same rows have to give the same bytes.
        packed = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if compression == "gzip" else file
        for body in bodies:
            packed.write(body)
            packed.write(b"\n")
            rows += 1
        if packed is not file:
            packed.close()
    return Draft(path, rows, path.stat().st_size, _sha256(path))


@contextmanager
def claim(place: Place) -> Iterator[None]:
    """Hold `place` against other runs of the same window, where the store is this machine's file system.

    The system frees a directory's lock when its holder ends, however it ends. On an object store nothing
    does, so two runs with different answers may meet there: `commit` reads back what it wrote, and takes its
    manifest away where another run was faster.
    """
    if _uploads_whole(place.object) or place.object.protocol not in ("", "file", "local"):
        yield
        return
    with _storing("use", place.directory):
        place.directory.mkdir(parents=True, exist_ok=True)
        held = os.open(_key(place.directory), os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def publish(draft: Draft, place: Place) -> ManifestObject:
    """Make the object visible, whole, at its place; no manifest describes it yet.

    :raises StorageError: the destination does not take it. What was there before has no manifest any more,
        so nobody reads it; running again repairs it.
    """
    target = place.object
    with _storing("write", target):
        if not _is_there(draft, place):
            if not _uploads_whole(target):  # an object store has no directories, and might make a bucket
                place.directory.mkdir(parents=True, exist_ok=True)
            place.manifest.unlink(missing_ok=True)
            _remove_other_forms(place)
            _put(draft.path, target)
            _see_stored(target, draft.sha256)
    return ManifestObject(str(target), draft.rows, draft.bytes, draft.sha256, place.compression)


def commit(manifest: Manifest, place: Place, directory: Path) -> None:
    """Write the manifest, last of all.

    :raises StorageError: the destination does not take it, or another run of the same window has just
        replaced the object by another one; there is then no manifest, and the object still does not exist.
    """
    local = directory / "manifest.json"
    with _storing("write", place.manifest):
        local.write_text(manifest.to_json(), encoding="utf-8")
        _put(local, place.manifest)
        try:
            _see_stored(place.object, manifest.object.sha256)
        except StorageError:
            if place.manifest.read_bytes() == local.read_bytes():
                place.manifest.unlink(missing_ok=True)
            raise


def read_manifest(path: ObjectStoragePath) -> Manifest:
    """Read a manifest back.

    :raises StorageError: it is not there, or cannot be read.
    :raises InconsistentManifest: it is no manifest of this schema version.
    """
    with _storing("read", path):
        return from_json(path.read_bytes())


def find_manifest(place: Place) -> Manifest | None:
    """Return the manifest that stands at `place`; None where there is none that can be read as one.

    :raises StorageError: it cannot be told.
    """
    with _storing("read", place.manifest):
        try:
            return from_json(place.manifest.read_bytes())
        except (FileNotFoundError, InconsistentManifest):
            return None


def fetch_object(manifest: Manifest, directory: Path) -> Path:
    """Copy the object of `manifest` to a local file, unpacked NDJSON, after holding it against the manifest.

    :raises StorageError: it cannot be read.
    :raises InconsistentManifest: its bytes, checksum or rows are not those of the manifest.
    """
    stored, plain = directory / f"{uuid.uuid4().hex}.stored", directory / f"{uuid.uuid4().hex}.ndjson"
    source = open_destination(manifest.object.uri)
    with _storing("read", source):
        source.fs.get_file(_key(source), str(stored))
        reconcile_bytes = stored.stat().st_size
        checksum = _sha256(stored)
    # The checksum first: what does not match is not worth unpacking, and may not be possible to unpack.
    reconcile(manifest, rows=manifest.object.rows, stored_bytes=reconcile_bytes, sha256=checksum)
    with _storing("unpack", source):
        if manifest.object.compression == "gzip":
            _unpack(stored, plain, source)
            stored.unlink()
        else:
            stored.replace(plain)
    reconcile(manifest, rows=_count_lines(plain), stored_bytes=reconcile_bytes, sha256=checksum)
    return plain


def _unpack(stored: Path, plain: Path, source: ObjectStoragePath) -> None:
    try:
        with gzip.open(stored, "rb") as packed, plain.open("wb") as file:
            shutil.copyfileobj(packed, file, _CHUNK)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        message = f"{source} is not the gzip that its manifest says: {error}"
        raise InconsistentManifest(message) from error


def publish_part(local: Path, place: Place, name: str) -> str:
    """Put what is known of an unfinished extraction beside its place, hidden; return its URL.

    :raises StorageError: the destination does not take it.
    """
    target = place.directory / f".{place.stem}.{name[:16]}.journal.tmp"
    with _storing("write", target):
        if not _uploads_whole(target):
            place.directory.mkdir(parents=True, exist_ok=True)
        _put(local, target)
    return str(target)


def fetch_part(uri: str, sha256: str, directory: Path) -> Path:
    """Copy such a part to a local file, unpacked.

    :raises StorageError: it is not there, or not what was written.
    """
    stored, plain = directory / f"{uuid.uuid4().hex}.stored", directory / f"{uuid.uuid4().hex}.ndjson"
    source = open_destination(uri)
    with _storing("read", source):
        source.fs.get_file(_key(source), str(stored))
        if _sha256(stored) != sha256:
            message = f"{source} is not what was written to it"
            raise StorageError(message)
        _unpack(stored, plain, source)
        stored.unlink()
    return plain


def remove_part(uri: str) -> None:
    """Remove such a part.

    :raises StorageError: it cannot be removed.
    """
    target = open_destination(uri)
    with _storing("remove", target):
        target.unlink(missing_ok=True)


def open_destination(destination: str) -> ObjectStoragePath:
    """Resolve a destination's URL, and see that the connection it names is there.

    A missing connection would silently become anonymous access.

    :raises InvalidRequest: it is no such URL, or its connection does not exist.
    """
    from airflow.sdk import ObjectStoragePath

    text = str(destination or "").strip()
    if not text:
        raise InvalidRequest(
            "destination is empty; give a URL such as file:///lake or s3://aws_default@bucket/prefix"
        )
    if has_credentials(text):
        raise InvalidRequest(
            "destination holds a password or a token; name an Airflow connection instead, as in s3://aws_default@bucket"
        )
    if "://" not in text and not text.startswith("/"):
        message = f"destination {text!r} is relative; give a URL such as file:///lake or s3://aws_default@b"
        raise InvalidRequest(message)
    if _TWO_SLASHES.match(text):
        message = f"destination {text!r} is relative; a local path takes three slashes, as in file:///lake"
        raise InvalidRequest(message)
    try:
        path = ObjectStoragePath(text if "://" in text else f"file://{text}")
        if path.conn_id:
            _see_connection(path.conn_id, text)
        path.fs  # noqa: B018 - resolving it tells whether there is such a store
    except InvalidRequest:
        raise
    except Exception as error:
        message = f"destination {text!r} cannot be used: {type(error).__name__}: {error}"
        raise InvalidRequest(message) from error
    return path


def _see_connection(conn_id: str, destination: str) -> None:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        message = (
            f"destination {destination!r} names the connection {conn_id!r}, which does not exist; without it "
            "the store would be accessed anonymously"
        )
        raise InvalidRequest(message) from error


def _is_there(draft: Draft, place: Place) -> bool:
    """Whether the very same object lies there, described: then nothing has to be taken away first."""
    try:
        there = from_json(place.manifest.read_bytes()).object
    except (OSError, InconsistentManifest):
        return False
    same = there.sha256 == draft.sha256 and there.uri == str(place.object)
    return same and _stored_sha256(place.object) == draft.sha256


def _see_stored(target: ObjectStoragePath, sha256: str) -> None:
    """Read back what was written: an upload may be cut short, or another run may have come in between."""
    if _stored_sha256(target) != sha256:
        message = (
            f"{target} is not what was written to it: the upload was cut short, or another run of the same "
            "window is writing a different answer. Running again repairs it"
        )
        raise StorageError(message)


def _stored_sha256(target: ObjectStoragePath) -> str | None:
    """Take the checksum of a stored object; None where there is none."""
    checksum = hashlib.sha256()
    try:
        with target.fs.open(_key(target), "rb") as file:
            for chunk in iter(lambda: file.read(_CHUNK), b""):
                checksum.update(chunk)
    except FileNotFoundError:
        return None
    return checksum.hexdigest()


def _uploads_whole(target: ObjectStoragePath) -> bool:
    return (target.protocol or "file") in _ATOMIC_UPLOADS


def _put(local: Path, target: ObjectStoragePath) -> None:
    """Publish a local file in one step."""
    if _uploads_whole(target):
        target.fs.put_file(str(local), _key(target))
        return
    hidden = target.parent / f".{target.name}.{uuid.uuid4().hex}.tmp"
    try:
        target.fs.put_file(str(local), _key(hidden))
        target.fs.mv(_key(hidden), _key(target))
    except BaseException:
        if target.fs.exists(_key(hidden)):
            target.fs.rm_file(_key(hidden))
        raise


def _remove_other_forms(place: Place) -> None:
    """Take away the object of an earlier run with another compression: one window, one object."""
    for compression in _SUFFIXES:
        if compression != place.compression:
            Place(place.directory, place.stem, compression).object.unlink(missing_ok=True)


def _key(path: ObjectStoragePath) -> str:
    return str(path.path)


@contextmanager
def _storing(verb: str, what: Any) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(_describe(verb, what, error)) from error
    except Exception as error:
        # Every store has errors of its own; what they have in common is that storage failed.
        if type(error).__module__.startswith("airflow_provider_binance_liq"):
            raise
        raise StorageError(_describe(verb, what, error)) from error


def _describe(verb: str, what: Any, error: Exception) -> str:
    said = f"cannot {verb} {what}: {type(error).__name__}: {error}."
    if verb == "read":
        return f"{said} Nothing was changed; once it can be read, running again goes on"
    return (
        f"{said} Nothing half-written is visible; once the destination can be reached and written to, "
        "running again repairs it"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))

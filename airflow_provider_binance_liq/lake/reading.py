"""Reading back: what lies in a lake is text that somebody may have written, so it is bounded before believed.

A manifest says where its object is; that address is a statement, not a direction. Objects are read from
beside their manifest or below a destination that the reader was given, and never more of them than the
manifest lets expect.
"""

from __future__ import annotations

import gzip
import json
import re
import uuid
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.manifest import SCHEMA_VERSION, Manifest, from_json, reconcile
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest
from airflow_provider_binance_liq.lake.drafts import LONGEST_ROW, draft
from airflow_provider_binance_liq.lake.layout import SUFFIXES
from airflow_provider_binance_liq.lake.storage import (
    CHUNK,
    is_local,
    key_of,
    open_destination,
    read_if_there,
    see_no_password,
    sha256_of,
    storing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath
    from fsspec.callbacks import Callback

    from airflow_provider_binance_liq.lake.layout import Place

#: an Airflow connection in a URL
_CONNECTION: Final = re.compile(r"^([a-z0-9+.-]+://)[^/@]*@", re.IGNORECASE)
#: what gzip adds to bytes that it cannot shrink, at most
_GZIP_OVERHEAD: Final = 1024


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands at a place: a manifest, nothing, or something that cannot be read as a manifest."""

    #: its `object.uri` is where the object lies now, whatever was written when it was landed
    manifest: Manifest | None = None
    #: why what lies there tells nothing; empty where nothing lies there
    unreadable: str = ""


def read_manifest(path: ObjectStoragePath) -> Manifest:
    """Read a manifest back.

    :raises StorageError: it is not there, or cannot be read.
    :raises InconsistentManifest: it is no manifest of this schema version.
    """
    with storing("read", path):
        return from_json(path.read_bytes())


def standing(place: Place) -> Standing:
    """Return what stands at `place`.

    :raises StorageError: it cannot be told.
    :raises InconsistentManifest: it is a manifest of something else, or of a newer version.
    """
    with storing("read", place.manifest):
        text = read_if_there(place.manifest)
    if text is None:
        return Standing()
    try:
        manifest = from_json(text)
    except InconsistentManifest as error:
        if _is_newer(text):
            message = f"{place.manifest}: {error}. It was not overwritten; use the version that wrote it"
            raise InconsistentManifest(message) from error
        return Standing(unreadable=str(error))
    place.see_identity(manifest)
    beside = place.in_form(manifest.object.compression).object
    return Standing(replace(manifest, object=replace(manifest.object, uri=str(beside))))


def find_manifest(place: Place) -> Manifest | None:
    """Return the manifest that stands at `place`; None where there is none that can be read as one.

    :raises StorageError: it cannot be told.
    :raises InconsistentManifest: it is a manifest of something else, or of a newer version.
    """
    return standing(place).manifest


def _is_newer(text: bytes) -> bool:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return False
    version = plain.get("schema_version") if isinstance(plain, dict) else None
    return isinstance(version, int) and version > SCHEMA_VERSION


def locate(manifest: Manifest, destination: str | None = None) -> ObjectStoragePath:
    """Find the object that a manifest names, without following it anywhere.

    :param destination: URL below which it has to lie; it is read by this URL's own connection. Without it,
        the manifest's address has to be that of an object, and whoever gives the manifest is trusted.
    :raises InconsistentManifest: it is elsewhere, or no object's address.
    :raises InvalidRequest: the address or the destination is none.
    """
    uri = manifest.object.uri
    try:
        see_no_password(uri)
    except InvalidRequest as error:
        message = (
            f"the manifest of {manifest.endpoint}, {manifest.window.start}, has a password in object.uri"
        )
        raise InconsistentManifest(message) from error
    if {".", ".."} & set(uri.split("/")) or not uri.endswith(tuple(SUFFIXES.values())):
        message = f"a manifest names {uri!r}, which is no object's address; it was not read"
        raise InconsistentManifest(message)
    if destination is None:
        return open_destination(uri)
    root = open_destination(destination)
    below = f"{_bare(str(root)).rstrip('/')}/"
    if not _bare(uri).startswith(below):
        message = (
            f"a manifest names {uri!r}, which is not below {below}, the destination that is allowed; it was "
            "not read. Where the lake was moved, extract with keep_proven, which names the objects anew"
        )
        raise InconsistentManifest(message)
    return root / _bare(uri).removeprefix(below)


def _bare(uri: str) -> str:
    """Take the connection out of a URL; a path is one of a local file."""
    bare = _CONNECTION.sub(r"\1", uri if "://" in uri else f"file://{uri}")
    return f"file://{bare.removeprefix('local://')}" if bare.startswith("local://") else bare


def fetch_object(manifest: Manifest, directory: Path, at: ObjectStoragePath | None = None) -> Path:
    """Copy the object of `manifest` to a local file, unpacked NDJSON, after holding it against the manifest.

    :param at: where the object is; by default, where the manifest says that it is (see `locate`).
    :raises StorageError: it cannot be read.
    :raises InconsistentManifest: its bytes, checksum or rows are not those of the manifest.
    """
    source = locate(manifest) if at is None else at
    manifest = replace(manifest, object=replace(manifest.object, uri=str(source)))
    said = manifest.object
    stored, plain = _scratch(directory)
    _download(source, stored, said.bytes + CHUNK)
    with storing("read", source):
        stored_bytes, checksum = stored.stat().st_size, sha256_of(stored)
    # The checksum first: what does not match is not worth unpacking, and may not be possible to unpack.
    reconcile(manifest, rows=said.rows, stored_bytes=stored_bytes, sha256=checksum)
    with storing("unpack", source):
        bounds = Bounds(said.rows)
        if said.compression == "gzip":
            rows = unpack(stored, plain, bounds, said.uri)
            stored.unlink()
        else:
            rows = _count(stored, bounds, said.uri)
            stored.replace(plain)
    reconcile(manifest, rows=rows, stored_bytes=stored_bytes, sha256=checksum)
    return plain


def fetch_other_form(manifest: Manifest, place: Place, directory: Path) -> Path | None:
    """Copy the object as `fetch_object` does where it lies at `place` in the other compression.

    None where there is none, or where it is not the same rows in other bytes.

    :raises StorageError: it cannot be read.
    """
    said = manifest.object
    packed = said.compression is None
    source = place.in_form("gzip" if packed else None).object
    with storing("read", source):
        if not source.exists():
            return None
    stored, plain = _scratch(directory)
    most = said.bytes + _GZIP_OVERHEAD if packed else said.rows * (LONGEST_ROW + 1)
    try:
        _download(source, stored, most)
        with storing("unpack", source):
            if packed:
                unpack(stored, plain, Bounds(said.rows), str(source))
                checksum = sha256_of(plain)
            else:
                _count(stored, Bounds(said.rows), str(source))
                stored.replace(plain)
                checksum = _packed_sha256(plain, directory)
    except InconsistentManifest:
        return None
    return plain if checksum == said.sha256 else None


def _packed_sha256(plain: Path, directory: Path) -> str:
    space = directory / uuid.uuid4().hex
    space.mkdir()
    with plain.open("rb") as lines:
        packed = draft((line.removesuffix(b"\n") for line in lines), space, "gzip")
    packed.path.unlink()
    return packed.sha256


def _scratch(directory: Path) -> tuple[Path, Path]:
    return directory / f"{uuid.uuid4().hex}.stored", directory / f"{uuid.uuid4().hex}.ndjson"


def _download(source: ObjectStoragePath, stored: Path, most: int) -> None:
    """Copy an object, but none that is far larger than it may be; what is little larger is told more of."""
    with storing("read", source):
        if is_local(source):
            _see_size(source, source.stat().st_size, most)
            source.fs.get_file(key_of(source), str(stored))
        else:
            source.fs.get_file(key_of(source), str(stored), callback=_limit(source, most))


def _see_size(source: ObjectStoragePath, size: int, most: int) -> None:
    if size > most:
        message = (
            f"{source} does not match its manifest: the object has {size} bytes, and {most} were the most"
        )
        raise InconsistentManifest(message)


def _limit(source: ObjectStoragePath, most: int) -> Callback:
    """Stop a download as soon as it is known to be too large, without a request for that."""
    from fsspec.callbacks import Callback

    def see(size: int | None, value: int) -> None:
        _see_size(source, max(size or 0, value), most)

    return Callback(hooks={"limit": see})


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many lines may come, and how long one may be."""

    lines: int
    longest: int = LONGEST_ROW


def unpack(stored: Path, plain: Path, bounds: Bounds, name: str) -> int:
    """Unpack a gzip in constant memory, and stop at its bounds; returns how many lines there were.

    :raises InconsistentManifest: it is no gzip, or larger than it may be.
    """
    try:
        with gzip.open(stored, "rb") as packed, plain.open("wb") as file:
            lines = _Lines(bounds, name)
            for chunk in iter(lambda: packed.read(CHUNK), b""):
                lines.see(chunk)
                file.write(chunk)
            return lines.count
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        message = f"{name} is not the gzip that its manifest says: {error}"
        raise InconsistentManifest(message) from error


def _count(path: Path, bounds: Bounds, name: str) -> int:
    lines = _Lines(bounds, name)
    for chunk in _chunks(path):
        lines.see(chunk)
    return lines.count


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(CHUNK), b"")


class _Lines:
    """Counts lines as they come, and sees that they stay within bounds."""

    def __init__(self, bounds: Bounds, name: str) -> None:
        self._bounds = bounds
        self._name = name
        self._begun = 0
        self.count = 0

    def see(self, chunk: bytes) -> None:
        """Count the lines of a chunk, which is no longer than a line may be."""
        self.count += chunk.count(b"\n")
        first = chunk.find(b"\n")
        longest = self._begun + (len(chunk) if first < 0 else first)
        self._begun = longest if first < 0 else len(chunk) - chunk.rfind(b"\n") - 1
        if self.count > self._bounds.lines:
            self._refuse(f"more than the {self._bounds.lines} rows that its manifest says")
        if longest > self._bounds.longest:
            self._refuse(f"a line of more than {self._bounds.longest} bytes")

    def _refuse(self, what: str) -> None:
        message = f"{self._name} does not match its manifest: it holds {what}; the rest was not read"
        raise InconsistentManifest(message)

"""Reading manifests and objects back; what is in a lake may have been changed by anybody.

The URI in a manifest is not followed anywhere: an object is read from beside its manifest, or below a
destination that the reader was given; and no more of it than the manifest says that there is.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.manifest import SCHEMA_VERSION, Manifest, from_json, reconcile
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest
from airflow_provider_binance_liq.lake.drafts import LONGEST_ROW, draft
from airflow_provider_binance_liq.lake.layout import SUFFIXES
from airflow_provider_binance_liq.lake.storage import (
    CHUNK,
    LARGEST_MANIFEST,
    check_no_password,
    check_regular,
    is_local,
    key_of,
    open_destination,
    read_if_there,
    sha256_of,
    storing,
)
from airflow_provider_binance_liq.lake.unpacking import Bounds, local_files, unpack_object

if TYPE_CHECKING:
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
    """What is at a place: a manifest, nothing, or a file that cannot be read as a manifest."""

    #: its `object.uri` is where the object is now, also where the lake was moved
    manifest: Manifest | None = None
    #: why the file cannot be read; empty where there is none
    unreadable: str = ""


def read_manifest(path: ObjectStoragePath) -> Manifest:
    """Read a manifest back.

    :raises StorageError: it is not there, or cannot be read.
    :raises InconsistentManifest: it is not a manifest of this schema version.
    """
    with storing("read", path):
        check_regular(path, LARGEST_MANIFEST)
        return from_json(path.read_bytes())


def standing(place: Place) -> Standing:
    """Return what is at `place`.

    :raises StorageError: it cannot be read.
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
    place.check_identity(manifest)
    beside = place.in_form(manifest.object.compression).object
    return Standing(replace(manifest, object=replace(manifest.object, uri=str(beside))))


def find_manifest(place: Place) -> Manifest | None:
    """Return the manifest at `place`; None where there is none that can be read.

    :raises StorageError: it cannot be read.
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
    """Return the path of a manifest's object.

    :param destination: URL below which it has to be; it is read through this URL's connection. Without it,
        the manifest is trusted, and its URI only has to be that of an object.
    :raises InconsistentManifest: it is elsewhere, or not the URI of an object.
    :raises InvalidRequest: the URI or the destination cannot be used.
    """
    uri = manifest.object.uri
    try:
        check_no_password(uri)
    except InvalidRequest as error:
        message = (
            f"the manifest of {manifest.endpoint}, {manifest.window.start}, has a password in object.uri"
        )
        raise InconsistentManifest(message) from error
    if {".", ".."} & set(uri.split("/")) or not uri.endswith(tuple(SUFFIXES.values())):
        message = f"a manifest names {uri!r}, which is not the URI of an object; it was not read"
        raise InconsistentManifest(message)
    if destination is None:
        return open_destination(uri)
    root = open_destination(destination)
    below = f"{_bare(str(root)).rstrip('/')}/"
    if not _bare(uri).startswith(below):
        message = (
            f"a manifest names {uri!r}, which is not below {below}, the destination that is allowed; it was "
            "not read. If the lake was moved, extract with keep_proven: its manifests have the new URIs"
        )
        raise InconsistentManifest(message)
    return root / _bare(uri).removeprefix(below)


def _bare(uri: str) -> str:
    """Remove the connection from a URL; a path is that of a local file."""
    bare = _CONNECTION.sub(r"\1", uri if "://" in uri else f"file://{uri}")
    return f"file://{bare.removeprefix('local://')}" if bare.startswith("local://") else bare


def fetch_object(manifest: Manifest, directory: Path, at: ObjectStoragePath | None = None) -> Path:
    """Copy the object of `manifest` to a local file, unpacked, and check it against the manifest.

    :param at: where the object is; by default, where the manifest says (see `locate`).
    :raises StorageError: it cannot be read.
    :raises InconsistentManifest: its bytes, checksum or rows are not those of the manifest.
    """
    source = locate(manifest) if at is None else at
    manifest = replace(manifest, object=replace(manifest.object, uri=str(source)))
    expected = manifest.object
    stored, plain = local_files(directory)
    _download(source, stored, expected.bytes + CHUNK)
    with storing("read", source):
        stored_bytes, checksum = stored.stat().st_size, sha256_of(stored)
    # The checksum first: an object that does not match may not be possible to unpack.
    reconcile(manifest, rows=expected.rows, stored_bytes=stored_bytes, sha256=checksum)
    with storing("unpack", source):
        packed = expected.compression == "gzip"
        rows = unpack_object(stored, plain, Bounds(expected.rows), expected.uri, packed=packed)
    reconcile(manifest, rows=rows, stored_bytes=stored_bytes, sha256=checksum)
    return plain


def fetch_other_form(manifest: Manifest, place: Place, directory: Path) -> Path | None:
    """Copy the object as `fetch_object` does, from the file at `place` in the other compression.

    None where there is none, or where it does not have the same rows.

    :raises StorageError: it cannot be read.
    """
    expected = manifest.object
    packed = expected.compression is None
    source = place.in_form("gzip" if packed else None).object
    with storing("read", source):
        if not source.exists():
            return None
    stored, plain = local_files(directory)
    most = expected.bytes + _GZIP_OVERHEAD if packed else expected.rows * (LONGEST_ROW + 1)
    try:
        _download(source, stored, most)
        with storing("unpack", source):
            unpack_object(stored, plain, Bounds(expected.rows), str(source), packed=packed)
            checksum = sha256_of(plain) if packed else _packed_sha256(plain, directory)
    except InconsistentManifest:
        return None
    return plain if checksum == expected.sha256 else None


def _packed_sha256(plain: Path, directory: Path) -> str:
    space = directory / uuid.uuid4().hex
    space.mkdir()
    with plain.open("rb") as lines:
        packed = draft((line.removesuffix(b"\n") for line in lines), space, "gzip")
    packed.path.unlink()
    return packed.sha256


def _download(source: ObjectStoragePath, stored: Path, most: int) -> None:
    """Copy an object, unless it is far larger than expected; `reconcile` describes smaller differences."""
    with storing("read", source):
        if is_local(source):
            check_regular(source)
            _check_size(source, source.stat().st_size, most)
            source.fs.get_file(key_of(source), str(stored))
        else:
            source.fs.get_file(key_of(source), str(stored), callback=_limit(source, most))


def _check_size(source: ObjectStoragePath, size: int, most: int) -> None:
    if size > most:
        message = (
            f"{source} does not match its manifest: the object has {size} bytes, and {most} were the most"
        )
        raise InconsistentManifest(message)


def _limit(source: ObjectStoragePath, most: int) -> Callback:
    """Stop a download as soon as it is known to be too large, without another request."""
    from fsspec.callbacks import Callback

    def check(size: int | None, value: int) -> None:
        _check_size(source, max(size or 0, value), most)

    return Callback(hooks={"limit": check})

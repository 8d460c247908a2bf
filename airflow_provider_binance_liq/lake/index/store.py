"""The files of the index: a base that has every manifest, and a small one for each extraction since.

Object stores cannot append to a file, so each extraction adds one of its own below `_index/added/`. A refresh
writes the base anew and removes those that it has in it. Each file appears whole. Files that cannot be read
count as absent: then the lake is read instead.
"""

from __future__ import annotations

import gzip
import logging
import re
import uuid
import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from airflow_provider_binance_liq.core.manifest import INDEX
from airflow_provider_binance_liq.exceptions import StorageError
from airflow_provider_binance_liq.lake.index.entries import Entry
from airflow_provider_binance_liq.lake.storage import (
    LARGEST_MANIFEST,
    check_regular,
    is_local,
    key_of,
    make_directory,
    storing,
    uploads_whole,
)
from airflow_provider_binance_liq.lake.verify.claims import read_claim
from airflow_provider_binance_liq.lake.verify.listing import Stored, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.lake.layout import Place

log = logging.getLogger(__name__)

#: grows when a member of the base or of an entry changes its meaning; an index of another version is not read
VERSION: Final = 2
_BASE: Final = "manifests.json.gz"
_ADDED: Final = "added"
_ADDED_NAME: Final = re.compile(r"\d{13}-[0-9a-f]{32}\.json")
#: fast rather than small
_LEVEL: Final = 1
#: bytes of a file of the index, unpacked, at most: more than a million manifests have
_LARGEST: Final = 512 * 1024 * 1024


class _Base(msgspec.Struct, frozen=True):
    version: int
    #: the destination's URL, without the connection in it
    lake: str
    #: when the listing began that it was made from, in epoch ms
    listed_at_ms: int
    #: names of added files whose entries are in it, and which may not be removed yet
    folded: tuple[str, ...]
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of a lake's manifests, and since when."""

    entries: Mapping[str, Entry]
    listed_at_ms: int
    #: names of the added files that are in it
    added: tuple[str, ...] = ()
    #: what tells the base from a later one; empty where it was not stored
    mark: str = ""
    #: entries without those of the added files
    base: Mapping[str, Entry] = field(default_factory=dict)
    #: names of the added files that are in the base
    folded: tuple[str, ...] = ()
    #: it was made at another destination: only a listing tells what is here
    is_foreign: bool = False


def load(destination: ObjectStoragePath, previous: Snapshot | None = None) -> Snapshot | None:
    """Read the index; None where there is none that can be read.

    :param previous: what was read before; a base that is still the same is not read again.
    """
    try:
        with storing("read", destination / INDEX):
            return _load(destination, previous)
    except StorageError as error:
        log.warning("The index of %s cannot be read, so all manifests are: %s", destination, error)
        return None


def _load(destination: ObjectStoragePath, previous: Snapshot | None) -> Snapshot | None:
    path = destination / INDEX / _BASE
    path.fs.invalidate_cache()
    check_regular(path)
    try:
        stored = Stored.of(path.fs.info(key_of(path)))
    except FileNotFoundError:
        return None
    mark = stored.mark
    if previous is None or previous.mark != mark:
        check_size(stored, path)
        previous = _decode(path.fs.cat_file(key_of(path)), mark, path, _url(destination))
    if previous is None:
        return None
    names = added_names(destination)
    folded = tuple(name for name in names if name in frozenset(previous.folded))
    added = dict(_read_added(destination, [name for name in names if name not in folded]))
    entries = dict(previous.base)
    for entry in added.values():
        known = entries.get(entry.path)
        if known is None or known.extracted_at <= entry.extracted_at:
            entries[entry.path] = entry
    return replace(previous, entries=entries, added=names, mark=mark)


def _url(destination: ObjectStoragePath) -> str:
    """Return where a lake is, by whatever connection it is reached."""
    scheme = "file" if is_local(destination) else destination.protocol
    return f"{scheme}://{key_of(destination).strip('/')}"


def _decode(content: bytes, mark: str, path: ObjectStoragePath, lake: str) -> Snapshot | None:
    try:
        base = msgspec.json.decode(unpack(content), type=_Base)
    except (StorageError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("%s is damaged, so all manifests are read: %s", path, error)
        return None
    if base.version != VERSION:
        return None
    entries = {entry.path: entry for entry in base.entries}
    is_foreign = base.lake != lake
    return Snapshot(entries, base.listed_at_ms, base.folded, mark, entries, base.folded, is_foreign)


def added_names(destination: ObjectStoragePath) -> tuple[str, ...]:
    """Name the added files that there are, the oldest first."""
    found = files_in(destination / INDEX / _ADDED, _ADDED_NAME)
    return tuple(sorted(name for name, stored in found.items() if (stored.size or 0) <= LARGEST_MANIFEST))


def files_in(directory: ObjectStoragePath, name: re.Pattern[str]) -> dict[str, Stored]:
    """Return the regular files in a directory whose names match, with what the store says of them."""
    try:
        listed = directory.fs.ls(key_of(directory), detail=True)
    except FileNotFoundError:
        return {}
    found = {str(one["name"]).rstrip("/").rpartition("/")[2]: one for one in listed}
    return {
        key: Stored.of(one)
        for key, one in found.items()
        if name.fullmatch(key) and kind_of(directory.fs, one) == "file"
    }


def check_size(stored: Stored, what: object) -> None:
    """Check that a file of the index is not too large to be read.

    :raises StorageError: it is.
    """
    if (stored.size or 0) > _LARGEST:
        message = f"{what} has {stored.size:,} bytes, and {_LARGEST:,} are the most"
        raise StorageError(message)


def unpack(content: bytes) -> bytes:
    """Unpack a file of the index.

    :raises StorageError: it is damaged, or has more in it than any index.
    """
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(content, _LARGEST)
    except zlib.error as error:
        raise StorageError(str(error)) from error
    if not stream.eof:
        too_large = len(plain) >= _LARGEST
        raise StorageError(f"it has more than {_LARGEST:,} bytes" if too_large else "it is cut off")
    return plain


def _read_added(destination: ObjectStoragePath, names: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    directory = destination / INDEX / _ADDED
    paths = [f"{key_of(directory)}/{name}" for name in names]
    found = directory.fs.cat_ranges(paths, None, None, on_error="return")
    for name, text in zip(names, found, strict=True):
        try:
            yield name, msgspec.json.decode(text, type=Entry)
        except (msgspec.MsgspecError, UnicodeDecodeError, TypeError):
            # Cut off, or just removed by another refresh: the next listing knows better.
            continue


def save(destination: ObjectStoragePath, snapshot: Snapshot) -> Snapshot:
    """Write the base anew, and remove what it has taken up; where that fails, there is a warning.

    :returns: the snapshot as it is stored, or as it was given.
    """
    path = destination / INDEX / _BASE
    entries = list(snapshot.entries.values())
    base = _Base(VERSION, _url(destination), snapshot.listed_at_ms, snapshot.added, entries)
    try:
        with storing("write", path):
            make_directory(path.parent)
            write_whole(path, gzip.compress(msgspec.json.encode(base), _LEVEL, mtime=0))
            path.fs.invalidate_cache()
            mark = Stored.of(path.fs.info(key_of(path))).mark
            directory = destination / INDEX / _ADDED
            for name in snapshot.added:
                (directory / name).unlink(missing_ok=True)
    except StorageError as error:
        log.warning(
            "The index of the lake's manifests could not be written; nothing depends on it: %s", error
        )
        return snapshot
    return replace(snapshot, mark=mark, base=snapshot.entries, folded=snapshot.added, is_foreign=False)


def record(destination: ObjectStoragePath, place: Place, manifest: Manifest, now_ms: int) -> None:
    """Add what was extracted to the index; where that fails, there is a warning and no error."""
    path = destination / INDEX / _ADDED / f"{now_ms:013d}-{uuid.uuid4().hex}.json"
    relative = key_of(place.manifest).removeprefix(key_of(destination).rstrip("/")).lstrip("/")
    try:
        with storing("write", path):
            # The mark stays empty, so that the next listing reads the manifest once more.
            entry = Entry.of(relative, "", read_claim(manifest))
            make_directory(path.parent)
            write_whole(path, msgspec.json.encode(entry))
    except StorageError as error:
        log.warning(
            "The index of the lake's manifests could not be updated; nothing depends on it: %s", error
        )


def write_whole(path: ObjectStoragePath, content: bytes) -> None:
    """Write a file in one step."""
    store: Any = path.fs
    if uploads_whole(path):
        store.pipe_file(key_of(path), content)
        return
    hidden = f"{key_of(path.parent)}/.{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        store.pipe_file(hidden, content)
        store.mv(hidden, key_of(path))
    except BaseException:
        if store.exists(hidden):
            store.rm_file(hidden)
        raise

"""The names of all files below a destination.

A walk of our own: those of file systems leave out directories that they cannot read, and these would pass as
verified. A directory that cannot be listed is a finding; if it is the destination itself, an error.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.manifest import INDEX, LOADS
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.exceptions import StorageError
from airflow_provider_binance_liq.lake.layout import MANIFEST_SUFFIX, SUFFIXES
from airflow_provider_binance_liq.lake.storage import is_there, storing, uploads_whole
from airflow_provider_binance_liq.lake.verify.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow.sdk import ObjectStoragePath

OBJECT_SUFFIXES: Final = tuple(SUFFIXES.values())
_TEMPORARY_SUFFIX: Final = ".tmp"
_PENDING_SUFFIX: Final = ".pending.tmp"
_JOURNAL_SUFFIX: Final = ".journal.tmp"
#: the path of the note of a committed publication, with what its manifest's path is made of
_NOTE: Final = re.compile(r"(?P<directory>.+/)\.(?P<stem>\d{8}T[^/]+)\.pending\.tmp")
#: the layout has three levels of directories; a link that leads back would have no end
_DEEPEST: Final = 8
#: why a manifest is not there
INTERRUPTED: Final = (
    "its publication was interrupted, so readers find no such window; extracting it again completes it"
)
#: directories beside the endpoints' that are no part of the lake
APART: Final = (INDEX, LOADS)
#: what stores say of a file that is another one when it was written again: checksums, numbers, instants
_VERSIONS: Final = (
    "ETag",
    "etag",
    "md5Hash",
    "generation",
    "ino",
    "mtime",
    "LastModified",
    "last_modified",
    "updated",
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a listing says of a file."""

    size: int | None
    #: another one when the file was written again
    mark: str

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Stored:
        """Take it from an entry of a store's listing."""
        size = entry.get("size")
        known = (entry.get(name) for name in _VERSIONS)
        return cls(size, "|".join(str(one) for one in (size, *known) if one is not None))


@dataclass(frozen=True, slots=True)
class Listing:
    """The files, as paths relative to the destination, in order; and what could not be listed."""

    files: tuple[str, ...]
    findings: tuple[Finding, ...]
    #: what the store said of each file
    stored: Mapping[str, Stored] = field(default_factory=dict)

    @property
    def manifests(self) -> tuple[str, ...]:
        """The manifests among the files."""
        return tuple(name for name in self.files if is_manifest(name))

    @property
    def unwritten(self) -> Mapping[str, str]:
        """Manifests that an interrupted publication has committed and not written; each with its note."""
        notes = filter(None, map(_NOTE.fullmatch, self.files))
        found = {f"{note['directory']}{note['stem']}{MANIFEST_SUFFIX}": note.group() for note in notes}
        return {path: note for path, note in found.items() if path not in self.stored}


def is_manifest(name: str) -> bool:
    """Whether a path is that of a manifest; a hidden one is a temporary file."""
    return name.endswith(MANIFEST_SUFFIX) and not _is_hidden(name) and _is_text(name)


def is_object(name: str) -> bool:
    """Whether a path is that of an object."""
    return name.endswith(OBJECT_SUFFIXES) and not _is_hidden(name)


def is_temporary(name: str) -> bool:
    """Whether a path is that of an unfinished write."""
    return name.endswith(_TEMPORARY_SUFFIX) and _is_hidden(name)


def is_journal(name: str) -> bool:
    """Whether a path is that of the answers that a waiting extraction keeps."""
    return name.endswith(_JOURNAL_SUFFIX) and _is_hidden(name)


def is_pending(name: str) -> bool:
    """Whether a path is that of the note of a committed publication."""
    return name.endswith(_PENDING_SUFFIX) and _is_hidden(name)


def is_unwritten(destination: ObjectStoragePath, path: str, note: str) -> bool:
    """Look again whether a manifest is missing and its note is there: it may be written right now."""
    destination.fs.invalidate_cache()
    with suppress(StorageError):
        return is_there(destination / note) and not is_there(destination / path)
    return True


def list_lake(destination: ObjectStoragePath, tick: Callable[[str], None]) -> Listing:
    """List everything below a destination.

    :raises StorageError: the destination cannot be listed, or is no directory.
    """
    root = str(destination.path).rstrip("/")
    store = destination.fs
    store.invalidate_cache()
    files: dict[str, Stored] = {}
    findings: list[Finding] = []
    waiting = [("", _list_root(store, root, str(destination)))]
    while waiting:
        directory, entries = waiting.pop()
        tick(f"listing: {count(len(files), 'file')} so far, at {directory or destination}")
        for entry in entries:
            key, kind = str(entry["name"]).rstrip("/"), kind_of(store, entry)
            name = f"{directory}/{key.rpartition('/')[2]}".lstrip("/")
            if key == f"{root}/{directory}".rstrip("/"):
                if kind == "directory":
                    message = "its keys have two slashes, a directory without a name; it was not read"
                    findings.append(Finding.of("foreign", directory, message))
            elif kind == "file":
                files[name] = Stored.of(entry)
            elif name in APART:
                continue
            elif kind != "directory":
                findings.append(Finding.of("foreign", name, "neither a file nor a directory"))
            elif name.count("/") >= _DEEPEST:
                findings.append(Finding.of("unreadable", name, "is nested too deep, and was not read"))
            else:
                try:
                    with storing("list", name):
                        waiting.append((name, store.ls(key, detail=True)))
                except StorageError as error:
                    findings.append(Finding.of("unreadable", name, explain(error)))
    return Listing(tuple(sorted(files)), tuple(findings), files)


def list_files(destination: ObjectStoragePath) -> Listing:
    """List everything below a destination; of an object store in as few requests as possible.

    `list_lake` asks an object store once per directory, which also tells keys that are none of ours.

    :raises StorageError: the destination or something below it cannot be listed.
    """
    if not uploads_whole(destination):
        listing = list_lake(destination, lambda _: None)
        for finding in listing.findings:
            if finding.kind == "unreadable":
                message = f"{finding.path} cannot be listed: {finding.message}; its files are not known"
                raise StorageError(message)
        return listing
    root, store = str(destination.path).rstrip("/"), destination.fs
    store.invalidate_cache()
    _list_root(store, root, str(destination))
    with storing("list", destination):
        found = store.find(root, detail=True)
    files = dict(_below(root, found))
    return Listing(tuple(sorted(files)), (), files)


def _below(root: str, found: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, Stored]]:
    for key, entry in found.items():
        name = key.removeprefix(root).lstrip("/")
        if name and name.partition("/")[0] not in APART and entry.get("type") == "file":
            yield name, Stored.of(entry)


def kind_of(store: Any, entry: Mapping[str, Any]) -> str:
    """Tell a file from a directory; a link is what it leads to."""
    if entry.get("islink"):
        key = entry["name"]
        return "directory" if store.isdir(key) else "file" if store.isfile(key) else "link"
    return str(entry["type"])


def _list_root(store: Any, root: str, destination: str) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = store.ls(root or "/", detail=True)
    except FileNotFoundError as error:
        if _is_local(store):
            message = f"there is no directory {root or '/'}; give the destination of the extracting tasks"
            raise StorageError(message) from None
        if not _is_empty_prefix(store, root):
            message = f"{destination} cannot be read: {explain(error)}"
            raise StorageError(message) from error
        return []
    except Exception as error:  # stores raise errors of their libraries
        message = f"{destination} cannot be read: {explain(error)}"
        raise StorageError(message) from error
    if len(entries) == 1 and _is_file(entries[0], root):
        message = f"{destination} cannot be read: it is a file; give the directory that was the destination"
        raise StorageError(message)
    return entries


def _is_empty_prefix(store: Any, root: str) -> bool:
    """Whether it is an object store's prefix without objects: that is empty, and not missing."""
    bucket, slash, _ = root.lstrip("/").partition("/")
    if not slash:
        return False
    # Whatever fails here, the error that led here is the one to report.
    with suppress(Exception):
        store.ls(bucket, detail=True)
        return True
    return False


def _is_file(entry: dict[str, Any], root: str) -> bool:
    # A slash at the end marks a directory in an object store, and is an object of its own.
    return str(entry["name"]) == root and entry["type"] == "file"


def _is_local(store: Any) -> bool:
    protocol = store.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".")


def _is_text(name: str) -> bool:
    """Whether a file's name can be written as UTF-8: a local file system takes any bytes for one."""
    return name.isascii() or not any("\ud800" <= one <= "\udfff" for one in name)


def explain(error: BaseException) -> str:
    """Return the message of a store, without advice on how to write to it."""
    cause = error.__cause__ if isinstance(error, StorageError) and error.__cause__ else error
    return f"{type(cause).__name__}: {cause}"

"""What loads say of themselves: one small receipt each, so that the page can tell what is not loaded yet.

Only a warehouse knows what is in it, and the page reaches the lake alone. So a load leaves a file below
`_index/loaded/` after its transaction: which warehouse, when, and which objects by their checksums. Nothing
depends on it: a receipt that cannot be written fails no load, and all of them can be deleted.

What was extracted before the first receipt of its history is not known to be loaded or not: loads into clouds
leave none. Files are never changed: many are folded into a new one, and only then removed, so two that fold
at once lose none.
"""

from __future__ import annotations

import gzip
import logging
import re
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from airflow_provider_binance_liq.core.manifest import INDEX
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import StorageError
from airflow_provider_binance_liq.lake.index.entries import SHORT
from airflow_provider_binance_liq.lake.index.store import check_size, files_in, unpack, write_whole
from airflow_provider_binance_liq.lake.storage import key_of, make_directory, storing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.lake.verify.listing import Stored

log = logging.getLogger(__name__)

#: grows when a member changes its meaning; with a receipt of another version, nothing is known
VERSION: Final = 1
_LOADED: Final = "loaded"
_NAME: Final = re.compile(r"\d{13}-[0-9a-f]{32}\.json\.gz")
_FILTERED: Final = re.compile(r"\.filter-[0-9a-f]{12}")
#: files that a listing and as many requests are spent on; of more, one is made
_MANY: Final = 32
#: a file may be folded into another one between the listing and its reading
_ATTEMPTS: Final = 3


class Load(msgspec.Struct, frozen=True):
    """What one load, or several into one warehouse, brought there."""

    #: its name, without any secret
    warehouse: str
    #: path of each object below the destination → beginning of its SHA-256, and when it was loaded
    objects: dict[str, tuple[str, str]]


class _Receipt(msgspec.Struct, frozen=True):
    version: int
    #: when the first load ended that left a receipt
    since: str
    loads: list[Load]
    #: of each history, the same, as far as its objects do not tell; see `history_of`
    firsts: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class _File:
    """A file of receipts that was read."""

    #: what the listing said of it
    stored: Stored
    #: None where it is damaged, or of another version
    receipt: _Receipt | None


@dataclass(frozen=True, slots=True)
class Loads:
    """What all receipts of a lake say."""

    #: when the first load ended that left a receipt; empty where none did
    since: str = ""
    #: the same of each history, by what `history_of` returns
    firsts: Mapping[str, str] = field(default_factory=dict)
    #: warehouse → path of an object → beginning of its SHA-256, and when it was loaded
    by_warehouse: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    #: the files that it was read from, by name
    read: Mapping[str, _File] = field(default_factory=dict)

    def of(self, path: str, sha256: str) -> list[tuple[str, str]]:
        """Return the warehouses that have an object, each with the instant of its load."""
        found = ((name, objects.get(path, ("", ""))) for name, objects in self.by_warehouse.items())
        return sorted((name, at) for name, (known, at) in found if known and sha256.startswith(known))

    def is_loaded(self, path: str, sha256: str, extracted_at: str) -> bool | None:
        """Whether an object is in a warehouse; None where that is not known."""
        for objects in self.by_warehouse.values():
            if (known := objects.get(path)) is not None and sha256.startswith(known[0]):
                return True
        first = self.firsts.get(history_of(path))
        return False if first and sha256 and extracted_at >= first else None


def history_of(path: str) -> str:
    """Return what the paths of one history's objects have in common, and those of no other one."""
    directory, _, name = path.rpartition("/")
    filtered = _FILTERED.search(name)
    return directory.rpartition("/")[0] + (filtered.group() if filtered else "")


def leave(destination: ObjectStoragePath, warehouse: str, objects: Mapping[str, str], now_ms: int) -> None:
    """Leave a receipt of a load; where that fails, the log says so and there is no error.

    :param objects: path of each object below the destination → its SHA-256.
    """
    at = _instant(now_ms)
    load = Load(warehouse, {path: (sha256[:SHORT], at) for path, sha256 in objects.items()})
    try:
        _store(destination, _Receipt(VERSION, at, [load]), now_ms)
    except StorageError as error:
        # Not a warning: who loads may have no right to write there, and needs none.
        log.info("The coverage page cannot show what this load did; nothing depends on it: %s", error)


def read_loads(destination: ObjectStoragePath, previous: Loads | None = None) -> Loads:
    """Read all receipts; nothing is known where one of them cannot be read.

    :param previous: what was read before; files that are still the same are not read again.
    """
    try:
        with storing("read", destination / INDEX / _LOADED):
            read = _read(destination, previous or Loads())
            # Nothing is joined anew at each request where nothing is new.
            return previous if previous is not None and read == previous.read else _joined(read)
    except StorageError as error:
        log.warning("What was loaded cannot be read, so the page does not show it: %s", error)
        return Loads(read={} if previous is None else previous.read)


def fold(destination: ObjectStoragePath, now_ms: int, previous: Loads | None = None) -> None:
    """Make one file of many; where that fails, or one cannot be read, they stay as they are.

    :param previous: what was read before; files that are still the same are not read again.
    """
    try:
        with storing("read", destination / INDEX / _LOADED):
            if len(_files(destination)) < _MANY:
                return
            read = _read(destination, previous or Loads())
        if any(one.receipt is None for one in read.values()):
            return
        loads = _joined(read)
        merged = [Load(name, dict(objects)) for name, objects in loads.by_warehouse.items()]
        _store(destination, _Receipt(VERSION, loads.since, merged, dict(loads.firsts)), now_ms)
        with storing("remove", destination / INDEX / _LOADED):
            for name in read:
                (destination / INDEX / _LOADED / name).unlink(missing_ok=True)
    except StorageError as error:
        log.warning("Receipts of loads could not be joined; nothing depends on it: %s", error)


def _store(destination: ObjectStoragePath, receipt: _Receipt, now_ms: int) -> None:
    path = destination / INDEX / _LOADED / f"{now_ms:013d}-{uuid.uuid4().hex}.json.gz"
    with storing("write", path):
        make_directory(path.parent)
        write_whole(path, gzip.compress(msgspec.json.encode(receipt), mtime=0))


def _instant(now_ms: int) -> str:
    return iso(now_ms // 1000 * 1000)


def _files(destination: ObjectStoragePath) -> dict[str, Stored]:
    directory = destination / INDEX / _LOADED
    directory.fs.invalidate_cache()
    return files_in(directory, _NAME)


def _read(destination: ObjectStoragePath, previous: Loads) -> dict[str, _File]:
    """Read the files that are not known yet; list again if one was removed meanwhile.

    :raises StorageError: the store does not answer.
    """
    for _ in range(_ATTEMPTS):
        files = _files(destination)
        known = {name: one for name, one in previous.read.items() if files.get(name) == one.stored}
        unread = [name for name in files if name not in known]
        for name in unread:
            check_size(files[name], name)
        contents = _contents(destination, unread)
        if not any(isinstance(one, FileNotFoundError) for one in contents.values()):
            return known | {name: _File(files[name], _decode(name, one)) for name, one in contents.items()}
    message = "receipts were removed again and again while they were read"
    raise StorageError(message)


def _contents(destination: ObjectStoragePath, names: Sequence[str]) -> dict[str, bytes | Exception]:
    directory = destination / INDEX / _LOADED
    paths = [f"{key_of(directory)}/{name}" for name in names]
    found = directory.fs.cat_ranges(paths, None, None, on_error="return") if paths else []
    return dict(zip(names, found, strict=True))


def _decode(name: str, content: bytes | Exception) -> _Receipt | None:
    """Read a receipt; None, and once a warning, where that is not possible."""
    if isinstance(content, Exception):
        raise content  # in the place where errors of stores become one of ours
    try:
        receipt = msgspec.json.decode(unpack(content), type=_Receipt)
    except (StorageError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        what = f"{name} is damaged ({error}); delete it"
    else:
        if receipt.version == VERSION:
            return receipt
        what = f"{name} is of another version; delete it, or use the version that wrote it"
    log.warning("What was loaded cannot be read, so the page does not show it: %s", what)
    return None


def _joined(read: Mapping[str, _File]) -> Loads:
    """Join receipts; of an object's loads into one warehouse, the last one counts.

    Where one cannot be read, nothing is known: what it has would pass as not loaded.
    """
    receipts = [one.receipt for _, one in sorted(read.items()) if one.receipt is not None]
    if len(receipts) < len(read):
        return Loads(read=read)
    found: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    firsts: dict[str, str] = {}
    for history, at in (pair for one in receipts for pair in one.firsts.items()):
        firsts[history] = min(at, firsts.get(history, at))
    for load in (load for one in receipts for load in one.loads):
        mine = found[load.warehouse]
        for path, (sha256, at) in load.objects.items():
            if path not in mine or mine[path][1] <= at:
                mine[path] = sha256, at
            history = history_of(path)
            firsts[history] = min(at, firsts.get(history, at))
    return Loads(min((one.since for one in receipts), default=""), firsts, found, read)

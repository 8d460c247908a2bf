"""Journals of unfinished extractions: hidden files beside the object's place, for the run that continues.

A journal is found by its place and its checksum alone: no address from elsewhere is followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake.storage import key_of, make_directory, put, sha256_of, storing
from airflow_provider_binance_liq.lake.unpacking import Bounds, local_files, unpack_object

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_binance_liq.lake.layout import Place

#: a journal is our own, with a known checksum; this only keeps a mistake from filling the disk
_ANY: Final = Bounds(lines=2**40, longest=2**40)


def publish_part(local: Path, place: Place, sha256: str) -> None:
    """Store a journal beside the place of its extraction.

    :raises StorageError: the destination cannot be written.
    """
    target = place.journal(sha256)
    with storing("write", target):
        make_directory(place.directory)
        put(local, target)


def fetch_part(place: Place, sha256: str, directory: Path) -> Path:
    """Copy a journal to a local file, unpacked.

    :raises StorageError: it is not there, or not what was written.
    """
    stored, plain = local_files(directory)
    source = place.journal(sha256)
    with storing("read", source):
        source.fs.get_file(key_of(source), str(stored))
        if sha256_of(stored) != sha256:
            message = f"{source} is not what was written to it"
            raise StorageError(message)
        try:
            unpack_object(stored, plain, _ANY, str(source), packed=True)
        except InconsistentManifest as error:
            raise StorageError(str(error)) from error
    return plain


def remove_part(place: Place, sha256: str) -> None:
    """Remove a journal.

    :raises StorageError: it cannot be removed.
    """
    target = place.journal(sha256)
    with storing("remove", target):
        target.unlink(missing_ok=True)

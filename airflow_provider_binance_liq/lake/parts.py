"""What is known of an unfinished extraction, kept hidden beside its place for whoever goes on.

A part is found by its place and its checksum alone: no address that came from elsewhere is followed.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake.reading import Bounds, unpack
from airflow_provider_binance_liq.lake.storage import key_of, make_directory, put, sha256_of, storing

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_binance_liq.lake.layout import Place

#: a part is ours, its checksum was just seen; this only keeps a mistake from filling the disk
_ANY: Final = Bounds(lines=2**40, longest=2**40)


def publish_part(local: Path, place: Place, sha256: str) -> str:
    """Put what is known of an unfinished extraction beside its place, hidden; return its URL.

    :raises StorageError: the destination does not take it.
    """
    target = place.journal(sha256)
    with storing("write", target):
        make_directory(place.directory)
        put(local, target)
    return str(target)


def fetch_part(place: Place, sha256: str, directory: Path) -> Path:
    """Copy such a part to a local file, unpacked.

    :raises StorageError: it is not there, or not what was written.
    """
    stored, plain = directory / f"{uuid.uuid4().hex}.stored", directory / f"{uuid.uuid4().hex}.ndjson"
    source = place.journal(sha256)
    with storing("read", source):
        source.fs.get_file(key_of(source), str(stored))
        if sha256_of(stored) != sha256:
            message = f"{source} is not what was written to it"
            raise StorageError(message)
        try:
            unpack(stored, plain, _ANY, str(source))
        except InconsistentManifest as error:
            raise StorageError(str(error)) from error
        stored.unlink()
    return plain


def remove_part(place: Place, sha256: str) -> None:
    """Remove such a part.

    :raises StorageError: it cannot be removed.
    """
    target = place.journal(sha256)
    with storing("remove", target):
        target.unlink(missing_ok=True)

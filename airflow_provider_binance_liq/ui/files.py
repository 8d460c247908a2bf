"""Objects and manifests as downloads: only what the layout of a lake has, and nothing outside of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.lake.storage import CHUNK, is_local, key_of, storing
from airflow_provider_binance_liq.lake.verify.listing import is_manifest, is_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import ObjectStoragePath

#: suffix → content type; a manifest is the only JSON
_TYPES: Final = {
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".gz": "application/gzip",
}
#: `<endpoint>/account=<account>/date=<day>/<name>`
_LEVELS: Final = 4


def find_file(destination: ObjectStoragePath, path: str) -> ObjectStoragePath | None:
    """Return the file at a path below the destination; None where there is none.

    :raises InvalidRequest: a path that no object and no manifest has.
    :raises StorageError: the store does not answer.
    """
    if not is_allowed(path):
        raise InvalidRequest("path is not that of an object or a manifest below the destination")
    found = destination / path
    with storing("look for", path):
        if not found.fs.isfile(key_of(found)):
            return None
        if is_local(found) and not _is_inside(key_of(destination), key_of(found)):
            return None
    return found


def is_allowed(path: str) -> bool:
    """Whether a path is one that the layout has."""
    parts = path.split("/")
    return (
        len(parts) == _LEVELS
        and parts[0] in ENDPOINTS
        and parts[1].startswith("account=")
        and parts[2].startswith("date=")
        and not any(part.startswith(".") or "\\" in part or not part.isprintable() for part in parts)
        and (is_manifest(path) or is_object(path))
    )


def content_type(path: ObjectStoragePath) -> str:
    """Return the content type of a file, which no browser shows as a page."""
    return _TYPES[f".{path.name.rpartition('.')[2]}"]


def chunks(path: ObjectStoragePath) -> Iterator[bytes]:
    """Read a file piece by piece."""
    with path.fs.open(key_of(path), "rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def _is_inside(root: str, path: str) -> bool:
    """Whether a file is below a directory once all links are followed."""
    real = os.path.realpath(root)
    return os.path.commonpath([real, os.path.realpath(path)]) == real

"""Leftovers: temporary files of killed runs are removed by a later run.

Only files with our names are removed, and only when they are too old to be in use.
"""

from __future__ import annotations

import logging
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.waits import KEPT_MS
from airflow_provider_binance_liq.exceptions import StorageError
from airflow_provider_binance_liq.lake.storage import key_of, storing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_binance_liq.lake.layout import Place

log = logging.getLogger(__name__)

_INSTANT: Final = r"\d{8}T\d{6}(?:\.\d{3})?Z"
_OURS: Final = re.compile(
    rf"\.{{1,2}}(?P<stem>{_INSTANT}_{_INSTANT}(?:\.filter-[0-9a-f]{{12}})?)\."
    r"(?:[0-9a-f]{16}\.journal|[0-9a-f]{16}\.ndjson(?:\.gz)?\.staged"
    r"|(?:ndjson(?:\.gz)?|manifest\.json|pending\.tmp|[0-9a-f]{16}\.(?:journal|ndjson(?:\.gz)?\.staged)\.tmp)"
    r"\.[0-9a-f]{32})\.tmp"
)
_PENDING: Final = re.compile(r"\.(?P<stem>.+)\.pending\.tmp")
#: what stores call the instant of the last write
_WRITTEN: Final = ("mtime", "LastModified", "last_modified", "updated")


def sweep(place: Place, now_s: float) -> int:
    """Remove old temporary files of the same day; return how many.

    The note of a committed publication is not removed, nor is the object that it needs: `finish` uses them.
    It never fails: a file that cannot be removed does no harm.
    """
    removed = 0
    try:
        with storing("look for temporary files in", place.directory):
            for path in _old(place, now_s):
                place.directory.fs.rm_file(path)
                removed += 1
    except StorageError as error:
        log.warning("Temporary files of interrupted runs cannot be removed now: %s", error)
    if removed:
        log.info("Removed %d temporary files of interrupted runs from %s", removed, place.directory)
    return removed


def _old(place: Place, now_s: float) -> list[str]:
    hidden = dict(_hidden(place))
    needed = {match["stem"] for name in hidden if (match := _PENDING.fullmatch(_name(name)))}
    return [
        path
        for path, details in hidden.items()
        if (match := _OURS.fullmatch(_name(path))) and match["stem"] not in needed and _is_old(details, now_s)
    ]


def _hidden(place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    store = place.directory.fs
    # An object store lists the hidden names alone; a file system lists a day, which is short.
    found = store.find(key_of(place.directory), detail=True, prefix=".")
    store.invalidate_cache(key_of(place.directory))
    for path, details in found.items():
        if _name(path).startswith(".") and details.get("type") == "file" and not details.get("islink"):
            yield path, details


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _is_old(details: dict[str, Any], now_s: float) -> bool:
    written = next((details[name] for name in _WRITTEN if details.get(name) is not None), None)
    if isinstance(written, str):
        written = datetime.fromisoformat(written)
    if isinstance(written, datetime):
        written = written.timestamp()
    return isinstance(written, int | float) and now_s - written > KEPT_MS / 1000

"""Drafts: an object is written whole to the local disk before any of it is uploaded.

Law of idempotence: the same rows give the same bytes, also when compressed.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.exceptions import UnexpectedRow
from airflow_provider_binance_liq.lake.layout import SUFFIXES
from airflow_provider_binance_liq.lake.storage import sha256_of, storing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from airflow_provider_binance_liq.core.manifest import Compression

#: a row has a few hundred bytes; a reader needs memory for the longest line
LONGEST_ROW: Final = 1024 * 1024
#: rows that are written together
_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """An object on local disk, ready to be published."""

    path: Path
    rows: int
    bytes: int
    sha256: str


def draft(bodies: Iterable[bytes], directory: Path, compression: Compression = None) -> Draft:
    """Write rows to a local file, one a line.

    :raises StorageError: the local disk cannot be written.
    :raises UnexpectedRow: a row is longer than readers accept.
    """
    path = directory / f"object{SUFFIXES[compression]}"
    rows = 0
    with storing("write the rows to the local disk, in", directory), path.open("wb") as file:
        # No file name and no time in the gzip header: the same rows have to give the same bytes.
        packed = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if compression == "gzip" else file
        left = iter(bodies)
        while batch := list(islice(left, _BATCH)):
            _check_lengths(batch)
            packed.write(b"\n".join([*batch, b""]))
            rows += len(batch)
        if packed is not file:
            packed.close()
    return Draft(path, rows, path.stat().st_size, sha256_of(path))


def _check_lengths(bodies: Sequence[bytes]) -> None:
    for size in map(len, bodies):
        if size > LONGEST_ROW:
            message = f"the exchange returned a row of {size} bytes; {LONGEST_ROW} is the most that is stored"
            raise UnexpectedRow(message)

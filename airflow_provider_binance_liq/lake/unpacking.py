"""Reading a stored file within limits: a small gzip may unpack to more than a disk holds.

A manifest says how many rows there are, and a row has a longest length; nothing is read beyond that.
"""

from __future__ import annotations

import gzip
import uuid
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.exceptions import InconsistentManifest
from airflow_provider_binance_liq.lake.drafts import LONGEST_ROW
from airflow_provider_binance_liq.lake.storage import CHUNK

if TYPE_CHECKING:
    from pathlib import Path


def local_files(directory: Path) -> tuple[Path, Path]:
    """Return paths of two new local files: for the stored bytes, and for the unpacked ones."""
    return directory / f"{uuid.uuid4().hex}.stored", directory / f"{uuid.uuid4().hex}.ndjson"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many lines there may be, and how long one may be."""

    lines: int
    longest: int = LONGEST_ROW


def unpack_object(stored: Path, plain: Path, bounds: Bounds, name: str, *, packed: bool) -> int:
    """Turn a stored file into a plain one in constant memory, within its bounds; return the number of lines.

    :raises InconsistentManifest: it is not a gzip, although `packed`, or larger than it may be.
    """
    lines = _Lines(bounds, name)
    if not packed:
        with stored.open("rb") as file:
            for chunk in iter(lambda: file.read(CHUNK), b""):
                lines.add(chunk)
        stored.replace(plain)
        return lines.count
    try:
        with gzip.open(stored, "rb") as source, plain.open("wb") as target:
            for chunk in iter(lambda: source.read(CHUNK), b""):
                lines.add(chunk)
                target.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        message = f"{name} is not the gzip that its manifest describes: {error}"
        raise InconsistentManifest(message) from error
    stored.unlink()
    return lines.count


class _Lines:
    """Counts lines, and checks that they stay within bounds."""

    def __init__(self, bounds: Bounds, name: str) -> None:
        self._bounds = bounds
        self._name = name
        self._begun = 0
        self.count = 0

    def add(self, chunk: bytes) -> None:
        """Count the lines of a chunk that is no longer than a line may be."""
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

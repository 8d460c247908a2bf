"""The second look: a window that was extracted before is never replaced in silence by one with fewer rows.

The exchange forgets, and rows may appear late. So whoever extracts a window again, before the exchange's
retention ends, gets the differences from the earlier look by key; and rows that are not answered any more
are never dropped: the extraction fails by name, or keeps them.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.differences import Differences, compare
from airflow_provider_binance_liq.core.manifest import Manifest, ManifestDifferences
from airflow_provider_binance_liq.core.rows import read_row
from airflow_provider_binance_liq.exceptions import InconsistentManifest, RowsMissing, StorageError
from airflow_provider_binance_liq.landing import fetch_object, find_manifest
from airflow_provider_binance_liq.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from airflow_provider_binance_liq.core.differences import MissingRows
    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.core.rows import Row
    from airflow_provider_binance_liq.landing import Draft, Place

log = logging.getLogger(__name__)

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What came of comparing a draft with the object that stood there before."""

    differences: ManifestDifferences | None = None
    #: rows of the earlier look that were added to the spool, because the exchange has them no more
    kept: int = 0

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the proof has to say about rows that were kept."""
        if not self.kept or self.differences is None:
            return ()
        since = self.differences.since
        return (f"{self.kept} rows are kept from the extraction of {since}: they are not answered any more",)


def look_again(
    draft: Draft,
    place: Place,
    spool: Spool,
    endpoint: Endpoint,
    symbols: Container[str],
    missing_rows: MissingRows,
) -> SecondLook:
    """Compare the rows in `spool`, written to `draft`, with what stands at `place`.

    Where rows are kept, they are in the spool afterwards, and the draft has to be written again.

    :raises RowsMissing: rows of the earlier look are missing, and are not to be kept.
    :raises StorageError: the earlier object cannot be read.
    """
    earlier = find_manifest(place)
    if earlier is None or earlier.object.sha256 == draft.sha256:
        return SecondLook()
    path = _fetch(earlier, spool.path)
    if path is None:
        return SecondLook()
    try:
        return _compare(path, earlier, spool, endpoint, symbols, missing_rows)
    finally:
        path.unlink()


def find_proven(place: Place) -> Manifest | None:
    """Return the manifest at `place` if it proves its window, and its object is what it says.

    :raises StorageError: it cannot be told.
    """
    known = find_manifest(place)
    if known is None or not known.proof.complete:
        return None
    with tempfile.TemporaryDirectory(prefix="binance-liq-") as directory:
        return known if _fetch(known, Path(directory)) else None


def _fetch(manifest: Manifest, directory: Path) -> Path | None:
    """Fetch an object; None where it is gone or not what its manifest says: then it does not exist."""
    try:
        return fetch_object(manifest, directory)
    except InconsistentManifest as error:
        log.warning("What is there does not count, and is replaced: %s", error)
    except StorageError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        log.warning("What is there does not count, and is replaced: %s has no object", manifest.object.uri)
    return None


def _compare(
    path: Path,
    earlier: Manifest,
    spool: Spool,
    endpoint: Endpoint,
    symbols: Container[str],
    missing_rows: MissingRows,
) -> SecondLook:
    with Spool() as before:
        for rows in _batches(path, endpoint):
            before.keep(rows)
        found = compare(before.told(), spool.told(symbols))
    if not found:
        return SecondLook()
    log.warning("This look differs from that of %s: %s", earlier.extracted_at, found)
    if found.missing.count and missing_rows == "fail":
        raise RowsMissing(_say_missing(found, earlier))
    kept = 0
    if found.missing.count:
        kept = sum(spool.keep(rows) for rows in _batches(path, endpoint))
    return SecondLook(ManifestDifferences(since=earlier.extracted_at, **found.to_dict()), kept)


def _say_missing(found: Differences, earlier: Manifest) -> str:
    return (
        f"the exchange does not answer rows any more that it answered on {earlier.extracted_at}: "
        f"{found.missing}. Nothing was written: {earlier.object.uri} stands as it was. A retry would find "
        "the same; with missing_rows='keep' they are kept beside what is new"
    )


def _batches(path: Path, endpoint: Endpoint) -> Iterator[list[Row]]:
    """Read an object's rows, some at a time."""
    batch: list[Row] = []
    with path.open("rb") as lines:
        for line in lines:
            batch.append(read_row(line.rstrip(b"\n"), endpoint))
            if len(batch) == _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch

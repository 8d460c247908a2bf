"""The second look: a window that was extracted before is never replaced in silence by one with fewer rows.

The exchange forgets, and rows may appear late. So whoever extracts a window again, before the exchange's
retention ends, gets the differences from the earlier look by key; and rows that are not answered any more
are never dropped: the extraction fails with a specific error, or keeps them. Law of knowledge: what an
earlier look proved is not unlearnt from a later one that proves less about the same rows.
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
from airflow_provider_binance_liq.lake import (
    claim,
    fetch_object,
    fetch_other_form,
    find_manifest,
    finish,
    has_pending,
    is_there,
    standing,
)
from airflow_provider_binance_liq.lake.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from airflow_provider_binance_liq.core.differences import MissingRows
    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.core.rows import Row
    from airflow_provider_binance_liq.lake import Draft, Place

log = logging.getLogger(__name__)

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What came of comparing a draft with the object that stood there before."""

    #: the manifest that stood there, read or not; None where none did, or none that can be read as one
    earlier: Manifest | None = None
    differences: ManifestDifferences | None = None
    #: rows of the earlier look that were added to the spool, because the exchange has them no more
    kept: int = 0
    #: whether rows of the earlier look went into the spool, so that the draft has to be written again
    merged: bool = False
    #: whether the draft is the earlier object, byte for byte
    same_bytes: bool = False
    #: why it could not be compared with what stood there; empty where it was, or nothing did
    uncompared: str = ""

    @property
    def repeats_proven_rows(self) -> bool:
        """Tell whether this is the set of rows that the earlier look proved, though some have changed."""
        if self.earlier is None or self.uncompared or not self.earlier.proof.complete:
            return False
        return self.differences is None or not self.differences.added["count"]

    @property
    def is_union_of_unproven(self) -> bool:
        """Tell whether rows were kept of a look that was not complete: then the union is not, either."""
        return bool(self.kept and self.earlier and not self.earlier.proof.complete)

    @property
    def adds_or_changes(self) -> bool:
        """Tell whether this look knows rows, or states of rows, that the earlier one did not."""
        if self.earlier is None or self.uncompared:
            return True
        found = self.differences
        return found is not None and bool(found.added["count"] or found.changed["count"])

    def earlier_proof_stands(self, *, complete: bool) -> Manifest | None:
        """Return the earlier manifest where it proves the same rows, and this look is no proof of them."""
        if complete or self.earlier is None or not self.earlier.proof.complete or self.adds_or_changes:
            return None
        return self.earlier

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the proof has to say about rows that were kept, or could not be compared with."""
        said = []
        if self.kept and self.differences is not None:
            kept = f"{self.kept} rows are kept from the extraction of {self.differences.since}"
            unproven = "; that was not complete, so neither is this" if self.is_union_of_unproven else ""
            said.append(f"{kept}: they are not answered any more{unproven}")
        if self.uncompared:
            said.append(f"an earlier extraction of this window could not be compared with: {self.uncompared}")
        return tuple(said)


def look_again(
    draft: Draft,
    place: Place,
    spool: Spool,
    endpoint: Endpoint,
    symbols: Container[str],
    missing_rows: MissingRows,
) -> SecondLook:
    """Compare the rows in `spool`, written to `draft`, with what stands at `place`.

    Where rows were merged, they are in the spool afterwards, and the draft has to be written again.

    :raises RowsMissing: rows of the earlier look are missing, and are not to be kept.
    :raises InconsistentManifest: what stands there is of another extraction.
    :raises StorageError: the earlier object cannot be read.
    """
    finish(place)
    there = standing(place)
    if there.manifest is None:
        if there.unreadable:
            log.warning("%s does not count, and is replaced: %s", place.manifest, there.unreadable)
        return SecondLook(uncompared=there.unreadable)
    earlier = there.manifest
    if (earlier.object.sha256, earlier.object.compression) == (draft.sha256, place.compression):
        return SecondLook(earlier, same_bytes=True)
    path, reason = _fetch_any_form(earlier, place, spool.path)
    if path is None:
        if draft.rows < earlier.object.rows:
            raise RowsMissing(_say_fewer(draft, earlier, reason))
        log.warning("The look of %s does not count, and is replaced: %s", earlier.extracted_at, reason)
        return SecondLook(earlier, uncompared=reason)
    try:
        return _compare(path, earlier, spool, endpoint, symbols, missing_rows)
    finally:
        path.unlink()


def finish_earlier(place: Place) -> None:
    """Bring a landing to its end that was committed and then cut off, before anything else may fail.

    :raises StorageError: the destination does not take it, or is held by another process.
    """
    if has_pending(place):
        with claim(place):
            finish(place)


def find_proven(place: Place) -> Manifest | None:
    """Return the manifest at `place` if it proves its window, and its object is what it says.

    :raises StorageError: it cannot be told.
    :raises InconsistentManifest: it is of another extraction.
    """
    known = find_manifest(place)
    if known is None or not known.proof.complete:
        return None
    with tempfile.TemporaryDirectory(prefix="binance-liq-") as directory:
        path, reason = _fetch(known, place, Path(directory))
    if path is None:
        log.warning("What was extracted on %s is no proof any more: %s", known.extracted_at, reason)
        return None
    return known


def _fetch_any_form(earlier: Manifest, place: Place, directory: Path) -> tuple[Path | None, str]:
    """Fetch the earlier object, or the same rows in the other compression; else say why it cannot be."""
    path, reason = _fetch(earlier, place, directory)
    if path is not None:
        return path, ""
    path = fetch_other_form(earlier, place, directory)
    if path is not None:
        log.warning("%s. The same rows lie beside it in another compression, and were compared with", reason)
        return path, ""
    if find_manifest(place) != earlier:
        message = (
            f"another run of the same window is landing at {place.object}; running again compares with it"
        )
        raise StorageError(message)
    return None, reason


def _fetch(manifest: Manifest, place: Place, directory: Path) -> tuple[Path | None, str]:
    """Fetch an object from beside its manifest; says why where it is gone or not what its manifest says."""
    beside = place.in_form(manifest.object.compression).object
    try:
        return fetch_object(manifest, directory, at=beside), ""
    except InconsistentManifest as error:
        return None, str(error)
    except StorageError as error:
        # Stores have answered "not there" for what is there: it is looked for once more.
        if not isinstance(error.__cause__, FileNotFoundError) or is_there(beside):
            raise
        return None, f"its object is not at {beside}"


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
        found = compare(before.by_key(), spool.by_key(symbols), lambda body: read_row(body, endpoint).key)
    if not found:
        return SecondLook(earlier)
    log.warning("This look differs from that of %s: %s", earlier.extracted_at, found)
    if found.missing.count and missing_rows == "fail":
        raise RowsMissing(_say_missing(found, earlier))
    kept, merged = 0, bool(found.missing.count or found.changed.count)
    if merged:
        # Also where a row only changed: of its two states, the one that was updated later is kept.
        kept = sum(spool.keep(rows) for rows in _batches(path, endpoint))
    columns = [field.column for field in endpoint.kind.key]
    differences = ManifestDifferences(since=earlier.extracted_at, **found.to_dict(columns))
    return SecondLook(earlier, differences, kept, merged)


def _say_fewer(draft: Draft, earlier: Manifest, reason: str) -> str:
    return (
        f"the extraction of {earlier.extracted_at} had {earlier.object.rows} rows, and this one has "
        f"{draft.rows}; which are missing cannot be told, because {reason}. Nothing was written. Bring the "
        "earlier object back from a backup; if it is gone for good, remove its manifest and run again"
    )


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

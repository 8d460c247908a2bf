"""A window that was extracted before is compared with the earlier extraction before it is replaced.

The exchange deletes rows after a time, and rows may appear late. So a repeated extraction reports the
differences by key, and never drops rows that the exchange does not return any more: it fails with a specific
error, or keeps them. What an earlier extraction proved stays proven, also where a later one proves less about
the same rows.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_binance_liq.core.differences import Differences, compare
from airflow_provider_binance_liq.core.manifest import Manifest, ManifestDifferences
from airflow_provider_binance_liq.core.rows import read_row
from airflow_provider_binance_liq.exceptions import InconsistentManifest, RowsMissing, StorageError
from airflow_provider_binance_liq.lake import (
    fetch_object,
    fetch_other_form,
    find_manifest,
    finish,
    is_there,
    standing,
)
from airflow_provider_binance_liq.lake.spool import Spool
from airflow_provider_binance_liq.lake.storage import scratch

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

    from airflow_provider_binance_liq.core.differences import MissingRows
    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.rows import Row
    from airflow_provider_binance_liq.lake import Draft, Place

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of comparing a draft with the earlier extraction of its window."""

    #: the earlier manifest; None where there is none, or none that can be read
    earlier: Manifest | None = None
    differences: ManifestDifferences | None = None
    #: whether the draft is the earlier object, byte for byte
    same_bytes: bool = False
    #: why it could not be compared; empty where it was, or where there is nothing to compare with
    uncompared: str = ""

    @property
    def is_first(self) -> bool:
        """Whether there was no earlier extraction at all."""
        return self.earlier is None and not self.uncompared

    @property
    def proven(self) -> Manifest | None:
        """The earlier manifest, if it proves that its rows are complete and this extraction adds none."""
        if self.earlier is None or self.uncompared or not self.earlier.proof.complete:
            return None
        return None if self._count("added") else self.earlier

    @property
    def changed(self) -> int:
        """Rows of both extractions with other content."""
        return self._count("changed")

    @property
    def kept(self) -> int:
        """Rows of the earlier extraction that the exchange does not return any more, and that are kept."""
        return self._count("missing")

    @property
    def merged(self) -> bool:
        """Whether rows of the earlier extraction went into the spool: the draft is to be written again."""
        return bool(self.kept or self.changed)

    @property
    def unproven_union(self) -> Manifest | None:
        """The earlier manifest, if its rows were kept and it is not complete: nor is the union then."""
        return self.earlier if self.kept and self.earlier and not self.earlier.proof.complete else None

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences for the proof about rows that were kept, or could not be compared."""
        found = []
        if self.kept and self.differences is not None:
            kept = f"{self.kept} rows are kept from the extraction of {self.differences.since}"
            unproven = "; that was not complete, so neither is this" if self.unproven_union else ""
            found.append(f"{kept}: the exchange does not return them any more{unproven}")
        if self.uncompared:
            found.append(
                f"an earlier extraction of this window could not be compared with: {self.uncompared}"
            )
        return tuple(found)

    def _count(self, kind: Literal["added", "missing", "changed"]) -> int:
        return int(getattr(self.differences, kind)["count"]) if self.differences else 0


def compare_with_earlier(
    draft: Draft,
    place: Place,
    spool: Spool,
    endpoint: Endpoint,
    symbols: Container[str],
    missing_rows: MissingRows,
) -> Comparison:
    """Compare the rows in `spool`, written to `draft`, with the earlier extraction at `place`.

    Where rows were merged, they are in the spool afterwards, and the draft is to be written again.

    :raises RowsMissing: rows of the earlier extraction are missing, and are not to be kept.
    :raises InconsistentManifest: the manifest there is of another extraction.
    :raises StorageError: the earlier object cannot be read.
    """
    finish(place)
    there = standing(place)
    if there.manifest is None:
        if there.unreadable:
            log.warning("%s does not count, and is replaced: %s", place.manifest, there.unreadable)
        return Comparison(uncompared=there.unreadable)
    earlier = there.manifest
    if (earlier.object.sha256, earlier.object.compression) == (draft.sha256, place.compression):
        return Comparison(earlier, same_bytes=True)
    path, reason = _fetch_any_form(earlier, place, spool.path)
    if path is None:
        if draft.rows < earlier.object.rows:
            raise RowsMissing(_describe_fewer(draft, earlier, reason))
        log.warning("The extraction of %s does not count, and is replaced: %s", earlier.extracted_at, reason)
        return Comparison(earlier, uncompared=reason)
    try:
        return _compare(path, earlier, spool, endpoint, symbols, missing_rows)
    finally:
        path.unlink()


def find_proven(place: Place) -> Manifest | None:
    """Return the manifest at `place` if it proves its window, and its object matches it.

    :raises StorageError: it cannot be read.
    :raises InconsistentManifest: it is of another extraction.
    """
    known = find_manifest(place)
    if known is None or not known.proof.complete:
        return None
    with scratch("binance-liq-") as directory:
        path, reason = _fetch(known, place, directory)
    if path is None:
        log.warning("The extraction of %s does not prove the window any more: %s", known.extracted_at, reason)
        return None
    return known


def _fetch_any_form(earlier: Manifest, place: Place, directory: Path) -> tuple[Path | None, str]:
    """Fetch the earlier object, or the same rows in the other compression; else return why it cannot be."""
    path, reason = _fetch(earlier, place, directory)
    if path is not None:
        return path, ""
    path = fetch_other_form(earlier, place, directory)
    if path is not None:
        log.warning("%s. The same rows are there with another compression; the comparison used these", reason)
        return path, ""
    if find_manifest(place) != earlier:
        message = f"another run of the same window is publishing {place.object}; a retry compares with it"
        raise StorageError(message)
    return None, reason


def _fetch(manifest: Manifest, place: Place, directory: Path) -> tuple[Path | None, str]:
    """Fetch an object from beside its manifest; return why not where it is gone, or does not match."""
    beside = place.in_form(manifest.object.compression).object
    try:
        return fetch_object(manifest, directory, at=beside), ""
    except InconsistentManifest as error:
        return None, str(error)
    except StorageError as error:
        # Stores sometimes answer "not there" for an object that is there: check once more.
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
) -> Comparison:
    with Spool() as before:
        before.keep(_rows(path, endpoint))
        found = compare(before.by_key(), spool.by_key(symbols), lambda body: read_row(body, endpoint).key)
    if not found:
        return Comparison(earlier)
    log.warning("This extraction differs from that of %s: %s", earlier.extracted_at, found)
    if found.missing.count and missing_rows == "fail":
        raise RowsMissing(_describe_missing(found, earlier))
    if found.missing.count or found.changed.count:
        # Also where a row only changed: of its two states, the spool keeps the later update.
        spool.keep(_rows(path, endpoint))
    columns = [field.column for field in endpoint.kind.key]
    differences = ManifestDifferences(since=earlier.extracted_at, **found.to_dict(columns))
    return Comparison(earlier, differences)


def _describe_fewer(draft: Draft, earlier: Manifest, reason: str) -> str:
    return (
        f"the extraction of {earlier.extracted_at} had {earlier.object.rows} rows, and this one has "
        f"{draft.rows}; which are missing is not known, because {reason}. Nothing was written. Restore "
        "the earlier object from a backup; if it is gone for good, remove its manifest and run again"
    )


def _describe_missing(found: Differences, earlier: Manifest) -> str:
    return (
        f"the exchange does not return rows any more that it returned on {earlier.extracted_at}: "
        f"{found.missing}. Nothing was written: {earlier.object.uri} is unchanged. A retry would fail "
        "again; with missing_rows='keep' they are kept, together with the new rows"
    )


def _rows(path: Path, endpoint: Endpoint) -> Iterator[Row]:
    """Read an object's rows, one at a time."""
    with path.open("rb") as lines:
        for line in lines:
            yield read_row(line.rstrip(b"\n"), endpoint)

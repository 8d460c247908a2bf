"""Where an extraction's object and manifest lie, and the hidden names that a landing needs beside them.

Every name follows from the endpoint, the account, the window and the filters alone, so whoever extracts the
same again comes to the same place. What starts with a point and ends with `.tmp` is ours and unfinished; no
reader takes it for an object or a manifest.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.manifest import ManifestFilters, ManifestWindow
from airflow_provider_binance_liq.core.windows import compact, iso, to_datetime
from airflow_provider_binance_liq.exceptions import InconsistentManifest

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.core.manifest import Compression, Manifest
    from airflow_provider_binance_liq.core.windows import Window

SUFFIXES: Final[dict[Compression, str]] = {None: ".ndjson", "gzip": ".ndjson.gz"}
MANIFEST_SUFFIX: Final = ".manifest.json"
#: digits of a checksum that keep hidden names apart
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Identity:
    """What an extraction is of; whatever manifest lies at its place has to be of the same."""

    endpoint: str
    account: str
    window: ManifestWindow
    filters: ManifestFilters

    @classmethod
    def of(cls, manifest: Manifest) -> Identity:
        """Read what a manifest says that it is of."""
        return cls(manifest.endpoint, manifest.account, manifest.window, _sorted(manifest.filters))

    def __str__(self) -> str:
        filters = [*self.filters.symbols, *filter(None, [self.filters.auto_close_type])]
        only = f", only {', '.join(filters)}" if filters else ""
        return f"{self.endpoint} of {self.account}, [{self.window.start}, {self.window.end}){only}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the object of one extraction belongs, and its manifest beside it."""

    directory: ObjectStoragePath
    stem: str
    compression: Compression = None
    #: what belongs here; None where only the names are known
    identity: Identity | None = None

    @property
    def object(self) -> ObjectStoragePath:
        """Path of the object."""
        return self.directory / f"{self.stem}{SUFFIXES[self.compression]}"

    @property
    def manifest(self) -> ObjectStoragePath:
        """Path of the manifest."""
        return self.directory / f"{self.stem}{MANIFEST_SUFFIX}"

    @property
    def pending(self) -> ObjectStoragePath:
        """Path of the note that a landing is committed, though its object may not be in its place yet."""
        return self.directory / f".{self.stem}.pending.tmp"

    def staged(self, sha256: str) -> ObjectStoragePath:
        """Path where an object waits until it may replace the one that stands."""
        return self.directory / f".{self.stem}.{sha256[:_DIGITS]}{SUFFIXES[self.compression]}.staged.tmp"

    def journal(self, sha256: str) -> ObjectStoragePath:
        """Path of the answers of an unfinished extraction."""
        return self.directory / f".{self.stem}.{sha256[:_DIGITS]}.journal.tmp"

    def in_form(self, compression: Compression) -> Place:
        """Return the same place for an object of another compression."""
        return replace(self, compression=compression)

    def see_identity(self, manifest: Manifest) -> None:
        """See that a manifest that lies here is of what belongs here.

        :raises InconsistentManifest: it is of another endpoint, account, window or of other filters.
        """
        if self.identity is not None and (found := Identity.of(manifest)) != self.identity:
            message = (
                f"{self.manifest} belongs to {self.identity}, but says that it is of {found}. It was not "
                "used, and nothing was overwritten; a retry would find the same. Move it to where it belongs"
            )
            raise InconsistentManifest(message)


def place(
    destination: ObjectStoragePath,
    endpoint: Endpoint,
    account: str,
    window: Window,
    filters: ManifestFilters,
    compression: Compression = None,
) -> Place:
    """Name the place: `<endpoint>/account=<account>/date=<start>/<start>_<end>`, all from the window."""
    date = to_datetime(window.start_ms).date().isoformat()
    directory = destination / endpoint.name / f"account={account}" / f"date={date}"
    stem = f"{compact(window.start_ms)}_{compact(window.end_ms)}{_filter_mark(filters)}"
    said = ManifestWindow(iso(window.start_ms), iso(window.end_ms))
    return Place(directory, stem, compression, Identity(endpoint.name, account, said, _sorted(filters)))


def _sorted(filters: ManifestFilters) -> ManifestFilters:
    return ManifestFilters(tuple(sorted(set(filters.symbols))), filters.auto_close_type)


def _filter_mark(filters: ManifestFilters) -> str:
    """Give a filtered extraction a name of its own, short whatever the filter, the same for the same one."""
    if not filters.symbols and not filters.auto_close_type:
        return ""
    canonical = "\n".join([filters.auto_close_type or "", *sorted(filters.symbols)])
    return f".filter-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"

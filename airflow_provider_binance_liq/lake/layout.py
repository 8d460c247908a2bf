"""The paths of an extraction's object and manifest, and the hidden files that a publication needs.

Every name follows from the endpoint, the account, the window and the filters alone, so the same extraction
always has the same place. A name that starts with a point and ends with `.tmp` is that of an unfinished file;
no reader takes it for an object or a manifest.
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

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.manifest import Compression, Manifest
    from airflow_provider_binance_liq.core.windows import Window

SUFFIXES: Final[dict[Compression, str]] = {None: ".ndjson", "gzip": ".ndjson.gz"}
MANIFEST_SUFFIX: Final = ".manifest.json"
#: digits of a checksum that keep hidden names apart
_DIGITS: Final = 16


def stem_of(name: str) -> str:
    """Return the name, path or URL of an object without its suffix: what its manifest shares with it."""
    plain, packed = SUFFIXES[None], SUFFIXES["gzip"]
    return name.removesuffix(packed if name.endswith(packed) else plain)


@dataclass(frozen=True, slots=True)
class Identity:
    """What identifies an extraction; a manifest at its place has to have the same identity."""

    endpoint: str
    account: str
    window: ManifestWindow
    filters: ManifestFilters

    @classmethod
    def of(cls, manifest: Manifest) -> Identity:
        """Return the identity in a manifest."""
        return cls(manifest.endpoint, manifest.account, manifest.window, _sorted(manifest.filters))

    def __str__(self) -> str:
        filters = [*self.filters.symbols, *filter(None, [self.filters.auto_close_type])]
        only = f", only {', '.join(filters)}" if filters else ""
        return f"{self.endpoint} of {self.account}, [{self.window.start}, {self.window.end}){only}"


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of one extraction's object, and of its manifest beside it."""

    directory: ObjectStoragePath
    stem: str
    compression: Compression = None
    #: the extraction that belongs here; None where only the names are known
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
        """Path of the note of a committed publication, whose object may not be at its place yet."""
        return self.directory / f".{self.stem}.pending.tmp"

    def staged(self, sha256: str) -> ObjectStoragePath:
        """Path of a new object until it replaces the earlier one."""
        return self.directory / f".{self.stem}.{sha256[:_DIGITS]}{SUFFIXES[self.compression]}.staged.tmp"

    def journal(self, sha256: str) -> ObjectStoragePath:
        """Path of the journal of an unfinished extraction."""
        return self.directory / f".{self.stem}.{sha256[:_DIGITS]}.journal.tmp"

    def in_form(self, compression: Compression) -> Place:
        """Return the same place for an object of another compression."""
        return replace(self, compression=compression)

    def check_identity(self, manifest: Manifest) -> None:
        """Check that a manifest at this place is of this extraction.

        :raises InconsistentManifest: it is of another endpoint, account, window or of other filters.
        """
        if self.identity is not None and (found := Identity.of(manifest)) != self.identity:
            message = (
                f"{self.manifest} belongs to {self.identity}, but says that it is of {found}. It was not "
                "used, and nothing was overwritten; a retry would fail again. Move it to where it belongs"
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
    """Return the place: `<endpoint>/account=<account>/date=<start>/<start>_<end>`, all from the window."""
    directory = destination / endpoint.name / f"account={account}" / f"date={_date(window)}"
    stem = _stem(window, filters)
    bounds = ManifestWindow(iso(window.start_ms), iso(window.end_ms))
    return Place(directory, stem, compression, Identity(endpoint.name, account, bounds, _sorted(filters)))


def manifest_path(endpoint: str, account: str, window: Window, filters: ManifestFilters) -> str:
    """Return where a manifest lies, relative to the destination."""
    name = f"{_stem(window, filters)}{MANIFEST_SUFFIX}"
    return f"{endpoint}/account={account}/date={_date(window)}/{name}"


def _date(window: Window) -> str:
    return to_datetime(window.start_ms).date().isoformat()


def _stem(window: Window, filters: ManifestFilters) -> str:
    return f"{compact(window.start_ms)}_{compact(window.end_ms)}{filter_mark(filters)}"


def _sorted(filters: ManifestFilters) -> ManifestFilters:
    return ManifestFilters(tuple(sorted(set(filters.symbols))), filters.auto_close_type)


def filter_mark(filters: ManifestFilters) -> str:
    """Return the part of the name that stands for the filters; empty where there are none."""
    if not filters.symbols and not filters.auto_close_type:
        return ""
    canonical = "\n".join([filters.auto_close_type or "", *sorted(filters.symbols)])
    return f".filter-{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"

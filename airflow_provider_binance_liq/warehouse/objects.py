"""The objects of a load: where they may be read, and fetching them, checked against their manifests.

Between the extraction that returned a manifest and its load, the window may have been extracted again. Then
what stands there now is fetched, with its own manifest; anything else that does not match fails.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.warehouse.manifests import Loadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.core.manifest import Manifest

    Fetch = Callable[[Manifest, Path], Path]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest, its object as a local file of rows, and what it may do."""

    loadable: Loadable
    path: Path
    #: whether its rows may replace rows that were updated at the same instant
    is_newer: bool = True


class ObjectSource:
    """Where objects may be read."""

    def __init__(self, destination: str | Sequence[str] | None, fetch: Fetch | None) -> None:
        self._destinations = [destination] if isinstance(destination, str) else list(destination or ())
        self._fetch = fetch

    def check(self, manifest: Manifest) -> None:
        """Check where an object is said to lie that is not fetched, because it is loaded already."""
        if self._destinations and not self._fetch:
            self.locate(manifest)

    def fetch(self, manifest: Manifest, directory: Path) -> Path:
        """Fetch an object, checked against its manifest."""
        from airflow_provider_binance_liq.lake import fetch_object

        if self._fetch or not self._destinations:
            return (self._fetch or fetch_object)(manifest, directory)
        return fetch_object(manifest, directory, at=self.locate(manifest))

    def locate(self, manifest: Manifest) -> ObjectStoragePath:
        """Find an object, where it is allowed to be."""
        from airflow_provider_binance_liq.lake import locate

        for destination in self._destinations[:-1]:
            with suppress(InconsistentManifest):
                return locate(manifest, destination)
        return locate(manifest, self._destinations[-1] if self._destinations else None)


def fetch_all(new: Iterable[Loadable], source: ObjectSource, directory: Path) -> list[Fetched]:
    """Fetch the objects, each once; where one was replaced since its manifest was given, what replaced it."""
    fetched: dict[str, Fetched] = {}
    for given in new:
        if given.manifest.to_json() in fetched:
            continue
        current, path = fetch_current(given, source, directory)
        fetched.setdefault(current.manifest.to_json(), Fetched(current, path))
    return list(fetched.values())


def fetch_current(given: Loadable, source: ObjectSource, directory: Path) -> tuple[Loadable, Path]:
    """Fetch an object; where it was replaced since, what replaced it, with the manifest of that."""
    try:
        return given, source.fetch(given.manifest, directory)
    except (InconsistentManifest, StorageError) as error:
        # Gone, it may have been replaced by one of another compression.
        if isinstance(error, StorageError) and not isinstance(error.__cause__, FileNotFoundError):
            raise
        newer = _replacing(given, source)
        if newer is None:
            raise
    log.info(
        "%s was replaced since %s; what was extracted at %s is loaded instead",
        given.manifest.object.uri,
        given.manifest.extracted_at,
        newer.manifest.extracted_at,
    )
    return newer, source.fetch(newer.manifest, directory)


def _replacing(given: Loadable, source: ObjectSource) -> Loadable | None:
    """Return the manifest that stands where `given` stood, if it is of the same window, and newer.

    The window may have been extracted again between the extraction that returned `given` and its load.
    """
    from airflow_provider_binance_liq.lake import Place, find_manifest
    from airflow_provider_binance_liq.lake.layout import stem_of

    path = source.locate(given.manifest)
    found = find_manifest(Place(path.parent, stem_of(path.name)))
    newer = None if found is None else Loadable.of(found)
    if newer is None or newer.key != given.key or newer.extracted_at <= given.extracted_at:
        return None
    return newer

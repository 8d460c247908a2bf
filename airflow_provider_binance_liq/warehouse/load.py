"""Loading, whatever the warehouse: check every object, stage, and merge in one transaction.

All of the windows are loaded or none. Knowledge only grows: a row is replaced by newer knowledge of it, never
by older, and is never deleted; what is loaded twice changes nothing. Objects are fetched before the warehouse
is held, so that those who wait for it wait for a merge, not for a download.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.manifests import Known, Loadable, WindowKey, collect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.core.manifest import Manifest

    Fetch = Callable[[Manifest, Path], Path]

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Summary:
    """What a load did."""

    #: manifests given; one that was replaced since is the one that replaced it
    windows: int = 0
    #: of them, those whose very object was in the warehouse already
    windows_skipped: int = 0
    #: rows read from the other objects
    rows: int = 0
    inserted: int = 0
    #: rows whose content newer knowledge replaced
    updated: int = 0
    #: rows that stayed as they were
    unchanged: int = 0
    #: rows that an earlier object of a window told and its newer one does not; they are kept
    missing: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return plain values, for the XCom."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest, its object as a local file of rows, and what it may do."""

    loadable: Loadable
    path: Path
    #: whether its rows may replace rows that were updated at the same instant
    is_newer: bool = True


class Session(Protocol):
    """One transaction in a warehouse."""

    def create_tables(self) -> None:
        """Create the tables that are not there, and check those that are."""

    def hold_tables(self) -> None:
        """Keep others who write out until the transaction ends, where they would not fail by themselves."""

    def known(self, loadables: Iterable[Loadable]) -> Mapping[WindowKey, Known]:
        """Read what the windows table has of these windows."""

    def stage_rows(self, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type the rows into the staging table, one per key; return how many there were."""

    def stage_windows(self, loadables: Sequence[Loadable], loaded_at: datetime) -> None:
        """Put the windows into their staging table."""

    def counts(self, query: str) -> tuple[int, ...]:
        """Return the one row of numbers that `query` gives."""

    def merge(self, statement: str) -> int:
        """Run a MERGE; return the number of rows that it touched."""

    def orphans(self, replaced: Sequence[tuple[str, str, str]]) -> int:
        """Count the rows last told by an object (account, endpoint, SHA-256) that no window has any more."""


class Engine(Protocol):
    """A warehouse that can be had for one transaction at a time."""

    def run(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction; again where others were in the way, so it has to be repeatable."""


def load(
    engine: Engine,
    given: object,
    *,
    destination: str | None = None,
    fetch: Fetch | None = None,
    now: Callable[[], datetime] | None = None,
) -> Summary:
    """Load the objects of the manifests `given`: one, or any nesting of lists of them, None left out.

    Where a window was extracted again since, so that its object is not what the given manifest says, the
    manifest that stands beside it now is loaded instead.

    :param destination: URL below which every object has to lie, read by this URL's own connection; without
        it, whoever gives the manifests is trusted with where their objects are.
    :raises InconsistentManifest: an object is not what its manifest says, nor what a newer one says that
        stands beside it; nothing was merged.
    :raises WarehouseError: rows do not fit the table; nothing was merged.
    :raises RetryableError: storage or the warehouse could not be had in time; nothing was merged.
    """
    loadables = collect(given)
    if not loadables:
        return Summary()
    # The engines' own clocks would make two loads differ in more than what they load.
    loaded_at = (now or _now)()
    with tempfile.TemporaryDirectory(prefix="binance-liq-load-") as directory:
        known = engine.run(lambda session: _known(session, loadables))
        there = [one for one in loadables if _has(known, one)]
        fresh = [one for one in loadables if not _has(known, one)]
        fetched = _fetch_all(fresh, ObjectSource(destination, fetch), Path(directory))
        loadables = (*there, *(one.loadable for one in fetched))
        if not fetched and not any(one.outranks(known.get(one.key)) for one in loadables):
            return Summary(windows=len(loadables), windows_skipped=len(loadables))
        return engine.run(lambda session: _merge(session, loadables, fetched, loaded_at))


def _now() -> datetime:
    return datetime.now(UTC)


class ObjectSource:
    """Where objects may be read."""

    def __init__(self, destination: str | None, fetch: Fetch | None) -> None:
        self._destination = destination
        self._fetch = fetch

    def fetch(self, manifest: Manifest, directory: Path) -> Path:
        """Fetch an object, held against its manifest."""
        from airflow_provider_binance_liq.lake import fetch_object

        if self._fetch or self._destination is None:
            return (self._fetch or fetch_object)(manifest, directory)
        return fetch_object(manifest, directory, at=self.locate(manifest))

    def locate(self, manifest: Manifest) -> ObjectStoragePath:
        """Find an object, where it is allowed to be."""
        from airflow_provider_binance_liq.lake import locate

        return locate(manifest, self._destination)


def _fetch_all(fresh: Iterable[Loadable], source: ObjectSource, directory: Path) -> list[Fetched]:
    """Fetch the objects, each once; where one was replaced since its manifest was given, what replaced it."""
    fetched: dict[str, Fetched] = {}
    for given in fresh:
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

    path = source.locate(given.manifest)
    stem, _, _ = path.name.rpartition(".ndjson")
    found = find_manifest(Place(path.parent, stem))
    newer = None if found is None else Loadable.of(found)
    if newer is None or newer.key != given.key or newer.extracted_at <= given.extracted_at:
        return None
    return newer


def _known(session: Session, loadables: Iterable[Loadable]) -> Mapping[WindowKey, Known]:
    session.create_tables()
    return session.known(loadables)


def _has(known: Mapping[WindowKey, Known], one: Loadable) -> bool:
    found = known.get(one.key)
    return found is not None and found.sha256 == one.manifest.object.sha256


def _merge(
    session: Session, loadables: Sequence[Loadable], fetched: Sequence[Fetched], loaded_at: datetime
) -> Summary:
    session.create_tables()
    session.hold_tables()
    # Read again: another load may have been faster since the objects were fetched.
    known = session.known(loadables)
    telling = [
        Fetched(one.loadable, one.path, one.loadable.is_newer_than(known.get(one.loadable.key)))
        for one in fetched
        if not _has(known, one.loadable)
    ]
    rows = session.stage_rows(telling, loaded_at)
    replaced, confirmed = session.counts(sql.count_changes())
    inserted = session.merge(sql.merge_rows()) - replaced - confirmed
    best = _best(one for one in loadables if one.outranks(known.get(one.key)))
    session.stage_windows(best, loaded_at)
    session.merge(sql.merge_windows())
    summary = Summary(
        windows=len(loadables),
        windows_skipped=len(loadables) - len(telling),
        rows=rows,
        inserted=inserted,
        updated=replaced,
        unchanged=rows - inserted - replaced,
        missing=session.orphans(_replaced(best, known)),
    )
    if summary.missing:
        log.warning("%d rows of earlier objects are not in the newer ones; they are kept", summary.missing)
    return summary


def _best(loadables: Iterable[Loadable]) -> list[Loadable]:
    """Keep one manifest per window: a proof before none, then the newest."""
    ranked = sorted(loadables, key=lambda one: (one.manifest.proof.complete, *one.order))
    return list({one.key: one for one in ranked}.values())


def _replaced(best: Iterable[Loadable], known: Mapping[WindowKey, Known]) -> list[tuple[str, str, str]]:
    """Name the objects (account, endpoint, SHA-256) whose windows another object now stands for."""
    found = Counter(
        (one.manifest.account, one.manifest.endpoint, known[one.key].sha256)
        for one in best
        if one.key in known and not _has(known, one)
    )
    return sorted(found)

"""Loading, whatever the warehouse: check every object, stage, and merge in one transaction.

All of the windows are loaded or none, whatever the kinds of their rows. A row is replaced by a newer version
of it, never by an older one, and is never deleted; what is loaded twice changes nothing. Objects are fetched
before the tables are locked, so that those who wait for them wait for a merge, not for a download.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.warehouse.manifests import Loadable, WindowKey, collect, latest_of_each
from airflow_provider_binance_liq.warehouse.objects import Fetched, ObjectSource, fetch_all
from airflow_provider_binance_liq.warehouse.tables import row_table, row_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.warehouse.objects import Fetch
    from airflow_provider_binance_liq.warehouse.precedence import WindowVersion
    from airflow_provider_binance_liq.warehouse.schema import Table

    Stored = Mapping[WindowKey, WindowVersion]

log = logging.getLogger(__name__)
T = TypeVar("T")
_CHANGES: Final = ("inserted", "updated", "unchanged", "missing")
#: account, endpoint and SHA-256 of an object
ObjectKey = tuple[str, str, str]


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
    #: rows whose content a newer version replaced
    updated: int = 0
    #: rows that stayed as they were
    unchanged: int = 0
    #: rows that an earlier object of a window has and its newer one does not; they are kept
    missing: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return plain values, for the XCom."""
        return asdict(self)

    def sentence(self, target: str) -> str:
        """Write it for the log: what was done first, since the end of a line is out of sight there."""
        if self.windows_skipped == self.windows:
            return f"Nothing new: {count(self.windows, 'window')} loaded before. Warehouse: {target}"
        before = f", {self.windows_skipped:,} of them before" if self.windows_skipped else ""
        rows = ", ".join(f"{getattr(self, name):,} {name}" for name in _CHANGES)
        return (
            f"Loaded {count(self.windows, 'window')}{before}: {count(self.rows, 'row')} read, {rows}. "
            f"Warehouse: {target}"
        )


@dataclass(frozen=True, slots=True)
class Merged:
    """What the merge of staged rows did."""

    inserted: int
    #: rows whose content was replaced
    updated: int


class Session(Protocol):
    """One transaction in a warehouse."""

    def create_tables(self, tables: Sequence[Table]) -> None:
        """Create those of these tables that are missing, and the windows table; check those that exist.

        Tables of rows are created when their first rows are loaded: who loads into existing ones alone needs
        no right to create others.
        """

    def lock_tables(self, tables: Sequence[Table]) -> None:
        """Keep others from writing until the transaction ends, unless that fails by itself."""

    def stored_windows(self, loadables: Iterable[Loadable]) -> Stored:
        """Read what the windows table has of these windows."""

    def stage_rows(self, table: Table, fetched: Sequence[Fetched], loaded_at: datetime) -> int:
        """Type rows into the table's staging table, one per key; return how many there were."""

    def merge_rows(self, table: Table) -> Merged:
        """Merge the staged rows into their table."""

    def stage_windows(self, loadables: Sequence[Loadable], loaded_at: datetime) -> None:
        """Put the windows into their staging table."""

    def merge_windows(self) -> None:
        """Merge the staged windows into the windows table."""

    def count_missing(self, table: Table, replaced: Sequence[ObjectKey]) -> int:
        """Count the rows of a table whose latest object is one of these, and of no stored window any more."""


class Engine(Protocol):
    """A warehouse that is used in one transaction at a time; its `str` names it in messages."""

    def run(self, work: Callable[[Session], T]) -> T:
        """Do `work` in one transaction; again after a conflict with others, so it has to be repeatable."""


def load(
    engine: Engine,
    given: object,
    *,
    destination: str | Sequence[str] | None = None,
    fetch: Fetch | None = None,
    now: Callable[[], datetime] | None = None,
    on_loaded: Callable[[Sequence[Manifest]], None] | None = None,
) -> Summary:
    """Load the objects of the manifests `given`: one, or any nesting of lists of them, None left out.

    Where a window was extracted again since, so that its object is not what the given manifest says, the
    manifest that stands beside it now is loaded instead.

    :param destination: URL below which every object has to lie, read by this URL's own connection, or several
        of them; without it, the manifests are trusted to say where their objects are.
    :param on_loaded: called once all of it is in the warehouse, with the manifests that are.
    :raises InconsistentManifest: an object is not what its manifest says, nor what a newer one says that
        stands beside it; nothing was merged.
    :raises WarehouseError: rows do not fit the table; nothing was merged.
    :raises RetryableError: storage or the warehouse was not available in time; nothing was merged.
    """
    from airflow_provider_binance_liq.lake.spool import sweep_spools
    from airflow_provider_binance_liq.lake.storage import scratch

    sweep_spools()
    loadables = collect(given)
    if not loadables:
        return Summary()
    # The engines' own clocks would make two loads differ in more than what they load.
    loaded_at = (now or _now)()
    with scratch("binance-liq-load-") as directory:
        stored = engine.run(lambda session: _prepare(session, loadables))
        loaded = [one for one in loadables if _has(stored, one)]
        new = [one for one in loadables if not _has(stored, one)]
        source = ObjectSource(destination, fetch)
        for one in loaded:
            source.check(one.manifest)
        fetched = fetch_all(new, source, directory)
        loadables = (*loaded, *(one.loadable for one in fetched))
        if not fetched and not any(one.version.replaces(stored.get(one.key)) for one in loadables):
            summary = Summary(windows=len(loadables), windows_skipped=len(loadables))
        else:
            summary = engine.run(lambda session: _merge(session, loadables, fetched, loaded_at))
    if on_loaded is not None:
        on_loaded([one.manifest for one in loadables])
    return summary


def _now() -> datetime:
    return datetime.now(UTC)


def _tables_of(loadables: Iterable[Loadable]) -> tuple[Table, ...]:
    return row_tables(one.manifest.endpoint for one in loadables)


def _prepare(session: Session, loadables: Sequence[Loadable]) -> Stored:
    session.create_tables(_tables_of(loadables))
    return session.stored_windows(loadables)


def _has(stored: Stored, one: Loadable) -> bool:
    found = stored.get(one.key)
    return found is not None and found.sha256 == one.manifest.object.sha256


def _merge(
    session: Session, loadables: Sequence[Loadable], fetched: Sequence[Fetched], loaded_at: datetime
) -> Summary:
    tables = _tables_of(loadables)
    session.create_tables(tables)
    session.lock_tables(tables)
    # Read again: another load may have been faster since the objects were fetched.
    stored = session.stored_windows(loadables)
    new = [
        Fetched(one.loadable, one.path, one.loadable.version.is_newer_than(stored.get(one.loadable.key)))
        for one in fetched
        if not _has(stored, one.loadable)
    ]
    rows, inserted, updated = _merge_rows(session, new, loaded_at)
    latest = latest_of_each(
        (one for one in loadables if one.version.replaces(stored.get(one.key))), lambda one: one.key
    )
    session.stage_windows(latest, loaded_at)
    session.merge_windows()
    summary = Summary(
        windows=len(loadables),
        windows_skipped=len(loadables) - len(new),
        rows=rows,
        inserted=inserted,
        updated=updated,
        unchanged=rows - inserted - updated,
        missing=_count_missing(session, tables, _replaced(latest, stored)),
    )
    if summary.missing:
        log.warning("%d rows of earlier objects are not in the newer ones; they are kept", summary.missing)
    return summary


def _merge_rows(session: Session, new: Sequence[Fetched], loaded_at: datetime) -> tuple[int, int, int]:
    """Merge rows into their tables, one after the other; return how many there were, new and replaced."""
    rows = inserted = updated = 0
    for table in _tables_of(one.loadable for one in new):
        theirs = [one for one in new if row_table(one.loadable.manifest.endpoint) is table]
        rows += session.stage_rows(table, theirs, loaded_at)
        merged = session.merge_rows(table)
        inserted, updated = inserted + merged.inserted, updated + merged.updated
    return rows, inserted, updated


def _count_missing(session: Session, tables: Iterable[Table], replaced: Iterable[ObjectKey]) -> int:
    keys = sorted(set(replaced))
    theirs = {table: [key for key in keys if row_table(key[1]) is table] for table in tables}
    return sum(session.count_missing(table, found) for table, found in theirs.items() if found)


def _replaced(latest: Iterable[Loadable], stored: Stored) -> list[ObjectKey]:
    """Name the objects whose windows another object now stands for."""
    return [
        (one.manifest.account, one.manifest.endpoint, stored[one.key].sha256)
        for one in latest
        if one.key in stored and not _has(stored, one)
    ]

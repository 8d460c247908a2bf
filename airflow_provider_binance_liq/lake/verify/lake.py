"""Verify a destination: each manifest against its path and its object, then the windows against each other.

Nothing is written there, and nothing is repaired. A lake may be written to while it is read: a manifest with
a problem is read a second time before the problem is reported.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from threading import get_ident
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.timeline import overlaps
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake import fetch_object, read_manifest
from airflow_provider_binance_liq.lake.layout import MANIFEST_SUFFIX, SUFFIXES, manifest_path
from airflow_provider_binance_liq.lake.spool import Spool
from airflow_provider_binance_liq.lake.storage import is_local, storing
from airflow_provider_binance_liq.lake.verify.claims import ends_alike, read_claim, same_key
from airflow_provider_binance_liq.lake.verify.contents import SMALL_ROWS, check_end, check_rows, compare_rows
from airflow_provider_binance_liq.lake.verify.findings import Finding
from airflow_provider_binance_liq.lake.verify.listing import OBJECT_SUFFIXES, explain, list_lake
from airflow_provider_binance_liq.lake.verify.report import Report, Timeline
from airflow_provider_binance_liq.lake.verify.strays import (
    interrupted,
    unknown_directories,
    without_manifest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.lake.verify.claims import Claim, Series


#: manifests of an object store that are checked at once, each with its object on the local disk
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Examined:
    """One manifest, checked against its path and its object."""

    path: str
    findings: tuple[Finding, ...]
    #: None where the manifest could not be read
    claim: Claim | None = None
    #: whether its path is that of its window
    placed: bool = False
    #: whether its object matches it
    sound: bool = False
    #: objects that are not leftovers, because of this manifest
    objects: frozenset[str] = frozenset()


def verify(
    destination: ObjectStoragePath,
    tick: Callable[[str], None] = lambda _: None,
    *,
    now_ms: int,
    max_age_ms: int | None = None,
) -> Report:
    """Read everything below `destination` and report the findings; `tick` is called with the progress.

    :param max_age_ms: how long before `now_ms` the newest complete window of each history may have ended.
    :raises StorageError: the destination cannot be read at all, or the local disk cannot be written.
    """
    listing = list_lake(destination, tick)
    with Spool() as scratch:
        examiner = _Examiner(destination, tick, scratch.path)
        examined = examiner.examine_all(listing.manifests)
    placed = [one for one in examined if one.claim and one.placed]
    findings = [
        *listing.findings,
        *(finding for one in examined for finding in one.findings),
        *without_manifest(listing, frozenset[str]().union(*(one.objects for one in examined))),
        *interrupted(destination, listing),
        *unknown_directories(listing),
        *_duplicates(examined),
    ]
    if not listing.manifests:
        message = "there is no manifest below the destination, so nothing can be verified"
        findings.append(Finding.of("no-manifest", "", message))
    timelines = [Timeline.of(series, claims) for series, claims in _by_series(placed).items()]
    findings += [finding for timeline in timelines for finding in timeline.findings()]
    if max_age_ms is not None:
        findings += [finding for timeline in timelines for finding in timeline.stale(now_ms, max_age_ms)]
    findings += examiner.compare([one for one in placed if one.sound])
    sound = [one.claim.manifest.object for one in examined if one.claim and one.sound]
    return Report(
        destination=str(destination),
        manifests=len(listing.manifests),
        sound=len(sound),
        rows=sum(stored.rows for stored in sound),
        bytes=sum(stored.bytes for stored in sound),
        findings=tuple(sorted(findings)),
        timelines=tuple(sorted(timelines, key=lambda timeline: timeline.series)),
        now_ms=now_ms,
        max_age_ms=max_age_ms,
    )


class _Examiner:
    """Reads manifests and objects of one destination."""

    def __init__(self, destination: ObjectStoragePath, tick: Callable[[str], None], scratch: Path) -> None:
        self._destination = destination
        self._tick = tick
        self._scratch = scratch

    def _space(self) -> Path:
        """Return this thread's directory for the object that it checks: to make one for each takes long."""
        space = self._scratch / str(get_ident())
        with storing("make", space):
            space.mkdir(exist_ok=True)
        return space

    def examine_all(self, paths: Sequence[str]) -> list[Examined]:
        """Check each manifest; those of an object store at once, as each of them waits for answers."""
        progress = [f"manifest {number:,} of {len(paths):,}" for number in range(1, len(paths) + 1)]
        if is_local(self._destination):
            return list(map(self.examine, paths, progress))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                return list(pool.map(self.examine, paths, progress))
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def examine(self, path: str, progress: str) -> Examined:
        """Check one manifest against its path and its object."""
        self._tick(f"{progress}: {path}")
        found = self._check(path, progress)
        if not any(finding.is_wrong() for finding in found.findings):
            return found
        # A run of the same window may just have replaced them: then both match now, or the manifest is gone.
        self._destination.fs.invalidate_cache()
        return self._check(path, progress)

    def compare(self, sound: Sequence[Examined]) -> Iterator[Finding]:
        """Compare the rows of overlapping windows of each series."""
        for series, claims in _by_series(sound).items():
            stretches = overlaps(claim.window for _, claim in claims)
            if stretches and series.endpoint in ENDPOINTS:
                with Spool() as updates, Spool() as versions:
                    for path, claim in claims:
                        if _touches(claim.window, stretches):
                            yield from self._compare(path, claim, stretches, updates, versions)

    def _compare(
        self, path: str, claim: Claim, stretches: Sequence[Window], updates: Spool, versions: Spool
    ) -> Iterator[Finding]:
        self._tick(f"comparing overlapping windows: {path}")
        stem, form = path.removesuffix(MANIFEST_SUFFIX), claim.manifest.object.compression
        try:
            file = fetch_object(claim.manifest, updates.path, self._destination / f"{stem}{SUFFIXES[form]}")
        except (StorageError, InconsistentManifest) as error:
            yield Finding.of("unreadable", path, explain(error))
            return
        endpoint = ENDPOINTS[claim.series.endpoint]
        for kind, message in compare_rows(file, endpoint, stretches, updates, versions):
            yield Finding.of(kind, path, message)
        file.unlink()

    def _check(self, path: str, progress: str) -> Examined:
        stem = path.removesuffix(MANIFEST_SUFFIX)
        either = frozenset(f"{stem}{suffix}" for suffix in OBJECT_SUFFIXES)
        try:
            claim = read_claim(read_manifest(self._destination / path))
        except InconsistentManifest as error:
            return Examined(path, (Finding.of("invalid-manifest", path, str(error)),), objects=either)
        except StorageError as error:
            gone = isinstance(error.__cause__, FileNotFoundError)
            kind = "vanished" if gone else "unreadable"
            return Examined(path, (Finding.of(kind, path, explain(error)),), objects=either)
        misplaced = self._misplaced(path, claim)
        at = f"{stem}{SUFFIXES[claim.manifest.object.compression]}"
        if misplaced:
            return Examined(path, (misplaced,), claim, objects=frozenset({at}))
        beside = self._destination / at
        where = list(_check_uri(path, at, claim, str(beside)))
        wrong = [Finding.of(kind, path, text) for kind, text in self._check_object(claim, beside, progress)]
        return Examined(path, (*where, *wrong), claim, placed=True, sound=not wrong, objects=frozenset({at}))

    def _misplaced(self, path: str, claim: Claim) -> Finding | None:
        series, filters = claim.series, claim.manifest.filters
        if series.endpoint not in ENDPOINTS:
            # How a newer version names windows is not known; the endpoint comes first.
            if path.startswith(f"{series.endpoint}/"):
                return None
            belongs = f"{series.endpoint}/"
        else:
            belongs = manifest_path(series.endpoint, series.account, claim.window, filters)
            if path == belongs:
                return None
        says = f"it says that it is of {series}, {claim.window}, so it belongs at {belongs}"
        above, directory = str(self._destination).rstrip("/"), belongs.removesuffix(f"/{path}")
        if directory != belongs and above.endswith(f"/{directory}"):
            says += f". Is the destination {above.removesuffix(f'/{directory}')}?"
        return Finding.of("misplaced", path, says)

    def _check_object(self, claim: Claim, at: ObjectStoragePath, progress: str) -> list[tuple[str, str]]:
        """Fetch an object, and check it against its manifest."""
        space = self._space()
        try:
            return self._check_in(space, claim, at, progress)
        finally:
            for left in space.iterdir():
                left.unlink()

    def _check_in(
        self, space: Path, claim: Claim, at: ObjectStoragePath, progress: str
    ) -> list[tuple[str, str]]:
        try:
            file = fetch_object(claim.manifest, space, at)
        except InconsistentManifest as error:
            return [("mismatch", str(error))]
        except StorageError as error:
            return [_why_not(error)]
        endpoint = ENDPOINTS.get(claim.series.endpoint)
        if endpoint is None:
            message = f"this version does not know {claim.series.endpoint}; only the bytes were checked"
            return [("unknown-endpoint", message)]

        def tick(rows: int) -> None:
            self._tick(f"{progress}: {count(rows, 'row')}")

        with nullcontext() if claim.manifest.object.rows <= SMALL_ROWS else Spool() as spool:
            return [*check_end(file), *check_rows(file, claim, endpoint, spool, tick)]


def _why_not(error: StorageError) -> tuple[str, str]:
    if isinstance(error.__cause__, FileNotFoundError):
        return "missing-object", f"its object is not there ({explain(error)})"
    return "unreadable", f"its object cannot be read ({explain(error)})"


def _check_uri(path: str, relative: str, claim: Claim, uri: str) -> Iterator[Finding]:
    """Check the URI in the manifest against the path of the object."""
    stated = claim.manifest.object.uri
    if same_key(stated, uri):
        return
    kind = "moved" if ends_alike(stated, relative) else "misplaced"
    yield Finding.of(kind, path, f"it says that its object is {stated}, but the object beside it is {uri}")


def _duplicates(examined: Iterable[Examined]) -> Iterator[Finding]:
    same: dict[tuple[Series, Window], list[str]] = defaultdict(list)
    for one in examined:
        if one.claim:
            same[one.claim.series, one.claim.window].append(one.path)
    for (series, window), paths in same.items():
        if len(paths) > 1:
            message = f"{count(len(paths), 'manifest')} of {series}, {window}: {', '.join(paths)}"
            yield Finding.of("duplicate", paths[0], message)


def _by_series(examined: Iterable[Examined]) -> dict[Series, list[tuple[str, Claim]]]:
    """Group paths and claims by series, in the order of their windows; one claim a window."""
    found: dict[Series, dict[Window, tuple[str, Claim]]] = defaultdict(dict)
    for one in examined:
        if one.claim:
            found[one.claim.series].setdefault(one.claim.window, (one.path, one.claim))
    return {
        series: [by_window[window] for window in sorted(by_window)] for series, by_window in found.items()
    }


def _touches(window: Window, stretches: Iterable[Window]) -> bool:
    return any(one.start_ms < window.end_ms and window.start_ms < one.end_ms for one in stretches)

"""What is known of one day of a history: its windows, by their manifests in the lake, read anew."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.calendar import day_number
from airflow_provider_binance_liq.core.premise_table import PREMISES
from airflow_provider_binance_liq.core.recoverable import counts_as_proven
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake import index, read_manifest
from airflow_provider_binance_liq.lake.verify.claims import read_claim
from airflow_provider_binance_liq.lake.verify.findings import redact
from airflow_provider_binance_liq.ui.document import failed_day, without_connections
from airflow_provider_binance_liq.ui.files import is_allowed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.lake.index import Entry, Loads
    from airflow_provider_binance_liq.lake.verify.claims import Series

#: the grid and its totals are made from the index alone
_DIFFERS: Final = (
    "the index says something else of this extraction, so the grid and its totals may be wrong. Delete "
    "_index/manifests.json.gz and refresh: all manifests are read then"
)


def day_details(
    destination: ObjectStoragePath, entries: Iterable[Entry], series: Series, day: date, loads: Loads
) -> dict[str, Any]:
    """Return the windows that touch a day, the newest first, and what is wrong with its manifests."""
    windows: list[dict[str, Any]] = []
    problems: list[str] = []
    for entry in _touching(entries, series, day):
        if entry.why:
            problems.append(_public(f"{entry.path}: {entry.why}"))
            continue
        try:
            manifest = _read(destination, entry)
            differs = _differs(entry, manifest)
        except (InconsistentManifest, StorageError) as error:
            problems.append(_public(f"{entry.path}: {error}"))
            continue
        windows.append(_window(entry, manifest, loads))
        if differs:
            problems.append(_public(f"{entry.path}: {_DIFFERS}"))
    windows.sort(key=lambda one: str(one["extracted_at"]), reverse=True)
    return {"windows": windows, "problems": problems}


def _read(destination: ObjectStoragePath, entry: Entry) -> Manifest:
    """Read the manifest of an entry; the index may have been changed by anybody.

    :raises StorageError: it cannot be read.
    :raises InconsistentManifest: it cannot be used.
    """
    if not is_allowed(entry.path):
        raise InconsistentManifest("the index names this path, which no manifest has; it was not read")
    return read_manifest(destination / entry.path)


def _differs(entry: Entry, manifest: Manifest) -> bool:
    """Whether the index says something else of the same extraction; a later one is merely not in it yet."""
    anew = index.Entry.of(entry.path, entry.mark, read_claim(manifest))
    return anew.extracted_at == entry.extracted_at and anew != entry


def _touching(entries: Iterable[Entry], series: Series, day: date) -> list[Entry]:
    number = day_number(day)
    start_ms = number * DAY_MS
    return [
        one
        for one in entries
        if (one.why and failed_day(one, series) == number)
        or (
            not one.why
            and one.start_ms < start_ms + DAY_MS
            and start_ms < one.end_ms
            and one.series == series
        )
    ]


def _public(text: str) -> str:
    return without_connections(redact(text))


def _window(entry: Entry, manifest: Manifest, loads: Loads) -> dict[str, Any]:
    proof, stored = manifest.proof, manifest.object
    found = entry.object_path, stored.sha256
    return {
        "start": manifest.window.start,
        "end": manifest.window.end,
        "complete": proof.complete,
        "counts_as_proven": counts_as_proven(proof),
        "rows": stored.rows,
        "bytes": stored.bytes,
        "sha256": stored.sha256,
        "object_uri": _public(stored.uri),
        "object_path": entry.object_path,
        "manifest_path": entry.path,
        "extracted_at": manifest.extracted_at,
        "method": proof.method,
        "pages": proof.pages,
        "requests": proof.requests,
        "weight": proof.weight,
        "premises": [
            {"code": one.code, "status": one.status, "sentence": _sentence(one.code)}
            for one in proof.premises
        ],
        "incomplete_reasons": [
            {"code": code, "sentence": PREMISES[code].why_incomplete if code in PREMISES else code}
            for code in proof.incomplete_reasons
        ],
        "second_look": asdict(manifest.differences) if manifest.differences else None,
        "loaded": loads.is_loaded(*found, manifest.extracted_at),
        "loads": [{"warehouse": _public(name), "at": at} for name, at in loads.of(*found)],
        "notional": asdict(manifest.notional) if manifest.notional else None,
    }


def _sentence(code: str) -> str:
    """Return what a premise takes to be true; a code of a newer version has no sentence here."""
    return PREMISES[code].sentence if code in PREMISES else code

"""Comparing the index with the lake: a listing, and the manifests that are not what the index knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.manifest import INDEX
from airflow_provider_binance_liq.lake.index.entries import Entry
from airflow_provider_binance_liq.lake.index.receipts import fold
from airflow_provider_binance_liq.lake.index.store import Snapshot, added_names, load, save
from airflow_provider_binance_liq.lake.storage import storing
from airflow_provider_binance_liq.lake.verify.holdings import read_holdings, read_listed
from airflow_provider_binance_liq.lake.verify.listing import list_files

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.lake.index.receipts import Loads
    from airflow_provider_binance_liq.lake.verify.holdings import Holdings
    from airflow_provider_binance_liq.lake.verify.listing import Listing


def refresh(
    destination: ObjectStoragePath,
    now_ms: int,
    previous: Snapshot | None = None,
    loads: Loads | None = None,
) -> Snapshot:
    """List the lake, read what changed since the index was written, and write the index.

    :param now_ms: when this begins; the result is as of then.
    :param previous: what was loaded before.
    :param loads: what receipts of loads said before.
    :raises StorageError: the lake cannot be listed, or a manifest cannot be read.
    """
    # Before the listing: what is added while that lasts may not be in it, and stays for the next one.
    before = load(destination, previous)
    if before is None and previous is not None and not previous.mark:
        before = previous  # it could not be stored
    listing = list_files(destination)
    known = dict(before.entries) if before else {}
    changed = [
        path
        for path in listing.manifests
        if (entry := known.get(path)) is None or not entry.is_as_listed(listing)
    ]
    read = entries_of(read_listed(destination, listing, changed), listing)
    entries = {path: read.get(path) or known[path] for path in listing.manifests}
    fold(destination, now_ms, loads)
    snapshot = Snapshot(entries, now_ms, before.added if before else ())
    return save(destination, snapshot)


def read_lake(destination: ObjectStoragePath, now_ms: int) -> tuple[Holdings, Snapshot]:
    """Read every manifest of a lake, whatever the index says; what was found can be saved as the index.

    :raises StorageError: the lake cannot be listed, or a manifest cannot be read.
    """
    with storing("read", destination / INDEX):
        added = added_names(destination)
    listing = list_files(destination)
    holdings = read_holdings(destination, listing)
    return holdings, Snapshot(entries_of(holdings, listing), now_ms, added)


def entries_of(holdings: Holdings, listing: Listing) -> dict[str, Entry]:
    """Return what is kept of manifests that were read."""
    marks = {path: stored.mark for path, stored in listing.stored.items()}
    found = {
        path: Entry.of(path, marks.get(path, ""), claim)
        for path, claim in zip(holdings.paths, holdings.claims, strict=True)
    }
    for one in holdings.unusable:
        # Only the manifest's file is compared later, and here that is not what is wrong.
        mark = "" if one.of_object else marks.get(one.path, "")
        found[one.path] = Entry(path=one.path, mark=mark, why=one.why)
    return found

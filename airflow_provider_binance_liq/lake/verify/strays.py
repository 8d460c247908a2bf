"""What lies below a destination and belongs to no manifest: leftovers, and what is not ours."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.lake.verify.findings import Finding
from airflow_provider_binance_liq.lake.verify.listing import (
    INTERRUPTED,
    is_journal,
    is_manifest,
    is_object,
    is_pending,
    is_temporary,
    is_unwritten,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.lake.verify.listing import Listing


def without_manifest(listing: Listing, described: Container[str]) -> Iterator[Finding]:
    """Report the files that are neither manifests nor among the objects that manifests describe."""
    interrupted = frozenset(listing.unwritten.values())
    for name in listing.files:
        if name in described or name in interrupted or is_manifest(name):
            continue
        if is_object(name):
            yield Finding.of("leftover", name, "an object without a manifest, so readers never see it")
        elif is_pending(name):
            message = "the note of a publication that was interrupted at its end; the next one removes it"
            yield Finding.of("leftover", name, message)
        elif is_journal(name):
            message = "answers of an extraction that waits, or that was ended while it waited"
            yield Finding.of("leftover", name, message)
        elif is_temporary(name):
            yield Finding.of("leftover", name, "a temporary file of an interrupted run")
        else:
            yield Finding.of("foreign", name, "neither an object nor a manifest")


def interrupted(destination: ObjectStoragePath, listing: Listing) -> Iterator[Finding]:
    """Report the windows that readers do not find, because their publication was interrupted."""
    for path, note in listing.unwritten.items():
        if is_unwritten(destination, path, note):
            yield Finding.of("interrupted", path, INTERRUPTED)


def unknown_directories(listing: Listing) -> Iterator[Finding]:
    """Report the directories that are named for no endpoint of this version."""
    files: dict[str, int] = defaultdict(int)
    for name in listing.files:
        top, slash, _ = name.partition("/")
        if slash and top not in ENDPOINTS:
            files[top] += 1
    for top, many in files.items():
        message = f"not an endpoint that this version knows; {count(many, 'file')} below it"
        yield Finding.of("unknown-directory", top, message)

"""The manifest of one day, for objects that no job wrote."""

from __future__ import annotations

from airflow_provider_binance_liq.core.manifest import Manifest, ManifestFilters, ManifestWindow, Proof
from airflow_provider_binance_liq.core.windows import Window, iso

DAY = Window(1_791_590_400_000, 1_791_676_800_000)


def describe(stored, **known):
    """Return the manifest of an object that holds the day's rows of `usdm_futures`."""
    values = {
        "endpoint": "usdm_futures",
        "account": "desk",
        "window": ManifestWindow(iso(DAY.start_ms), iso(DAY.end_ms)),
        "filters": ManifestFilters(),
        "object": stored,
        "proof": Proof(complete=True, pages=1, requests=1, weight=50, method="short"),
        "extracted_at": "2026-10-11T00:01:00Z",
        "provider_version": "0",
    }
    return Manifest(**{**values, **known})

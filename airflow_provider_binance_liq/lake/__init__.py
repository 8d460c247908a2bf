"""Landing: an object is whole before it is visible, its manifest is written last, and nothing landed is lost.

Law of commit: an object without a manifest does not exist; a manifest's counts and sha256 match its object.
Law of idempotence: same rows, same key, same bytes, also when compressed. Law of knowledge: what stood at a
place stays until what replaces it is committed, whatever fails or is killed in between.

`places` names where things lie, `storage` does single steps in a store, `publication` lands and finishes what
a killed run had committed, `reading` holds what lies there against its manifest, `parts` keeps unfinished
extractions, `locks` and `leftovers` keep runs and their remains apart.
"""

from __future__ import annotations

from airflow_provider_binance_liq.lake.drafts import Draft, draft
from airflow_provider_binance_liq.lake.layout import Identity, Place, place
from airflow_provider_binance_liq.lake.leftovers import sweep
from airflow_provider_binance_liq.lake.locks import lock
from airflow_provider_binance_liq.lake.parts import fetch_part, publish_part, remove_part
from airflow_provider_binance_liq.lake.publication import commit, finish, finish_interrupted, publish
from airflow_provider_binance_liq.lake.reading import (
    Standing,
    fetch_object,
    fetch_other_form,
    find_manifest,
    locate,
    read_manifest,
    standing,
)
from airflow_provider_binance_liq.lake.storage import is_there, open_destination, sha256_of

__all__ = [
    "Draft",
    "Identity",
    "Place",
    "Standing",
    "commit",
    "draft",
    "fetch_object",
    "fetch_other_form",
    "fetch_part",
    "find_manifest",
    "finish",
    "finish_interrupted",
    "is_there",
    "locate",
    "lock",
    "open_destination",
    "place",
    "publish",
    "publish_part",
    "read_manifest",
    "remove_part",
    "sha256_of",
    "standing",
    "sweep",
]

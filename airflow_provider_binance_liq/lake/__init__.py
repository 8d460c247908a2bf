"""The lake: objects and manifests in object storage; a failure or a kill at any moment loses nothing.

An object is whole before it is visible, and its manifest is written last: an object without a manifest does
not exist, and a manifest's counts and sha256 match its object. The same rows give the same key and the same
bytes, also when compressed. An earlier extraction stays until the one that replaces it is committed.

`layout` has the paths, `storage` single operations on a store, `drafts` objects on the local disk,
`publication` writes objects and manifests, `reading` reads and checks them, `parts` keeps the journals of
unfinished extractions, `locks` keeps runs apart, and `leftovers` removes old temporary files.
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

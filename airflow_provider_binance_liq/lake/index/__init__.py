"""What is kept of a lake's manifests, in one file, so that a page need not read all of them to open.

The index is never trusted more than the lake. It says when the lake was listed (`as_of`), and is shown with
that instant. A refresh lists the lake again, and reads each manifest anew whose size, checksum or instant is
not the one in the index. Without an index, or with one that cannot be read, all manifests are read. Losing
it loses nothing, and a write to it that fails never fails an extraction.

`entries` has what is kept of a manifest, `store` the files below `_index/`, `refresh` compares with the lake;
`receipts` has what loads say of themselves.
"""

from __future__ import annotations

from airflow_provider_binance_liq.lake.index.entries import Entry
from airflow_provider_binance_liq.lake.index.receipts import Loads, history_of, leave, read_loads
from airflow_provider_binance_liq.lake.index.refresh import read_lake, refresh
from airflow_provider_binance_liq.lake.index.store import Snapshot, load, record, save

__all__ = [
    "Entry",
    "Loads",
    "Snapshot",
    "history_of",
    "leave",
    "load",
    "read_lake",
    "read_loads",
    "record",
    "refresh",
    "save",
]

"""The Variable of the coverage DAG, which the coverage page reads too: which lake, and what to expect."""

from __future__ import annotations

from typing import Any

import msgspec


class CoverageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the Variable may have; who uses a value checks it."""

    destination: str = ""
    warn_days: Any = 14
    accounts: Any = None
    endpoints: Any = None
    start: Any = None
    retention_days: Any = None
    notifier: Any = None

"""How verdicts are worded: what was seen, in how many rows, and never more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from airflow_provider_binance_liq.core.probe_report import Finding
from airflow_provider_binance_liq.core.units import DAY_MS, HOUR_MS
from airflow_provider_binance_liq.core.wording import count

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_binance_liq.core.probe_report import Verdict

#: whether something holds; None: undecided
Holds: TypeAlias = bool | None

NO_ROWS: Final = "the account has no rows"
NO_WEIGHT: Final = "the stated weight does not suffice for it"
UNDECIDED: Final = "undecided"


def finding(holds: Holds, detail: str, rows: int = 0) -> Finding:
    """Make a verdict of what was seen; None: undecided."""
    verdict: Verdict = "cannot_be_told" if holds is None else "observed" if holds else "refuted"
    return Finding(verdict, detail, rows)


def refutable(broken: Collection[object], of: int, held: str, broke: str) -> Finding:
    """Make a verdict on a statement about every row: one row refutes it, and none proves it."""
    if broken:
        return finding(
            holds=False, detail=f"{count(len(broken), 'row')} of {of:,}: {broke}", rows=len(broken)
        )
    detail = f"{held} in each of {count(of, 'row')}, which says nothing about others"
    return finding(None, detail, of)


def length(length_ms: int) -> str:
    """Write a length of time: whole days, or hours."""
    if length_ms % DAY_MS in (0, DAY_MS - 1) and length_ms >= DAY_MS - 1:
        less = " less a millisecond" if length_ms % DAY_MS else ""
        return f"{(length_ms + 1) // DAY_MS} d{less}"
    return f"{length_ms / HOUR_MS:.4g} h"

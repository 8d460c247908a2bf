"""How verdicts are worded: what was seen, of how many rows, and never more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import DAY_MS
from airflow_provider_binance_liq.core.probe_report import Finding

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_binance_liq.core.probe_report import Verdict

NO_ROWS: Final = "the account has no rows"
NO_WEIGHT: Final = "the stated weight does not suffice for it"
_HOUR_MS: Final = 3_600_000


def number_of(rows: int) -> str:
    """Say a number of rows."""
    return f"{rows:,} row" if rows == 1 else f"{rows:,} rows"


def finding(holds: bool | None, detail: str, rows: int = 0) -> Finding:  # noqa: FBT001  # an answer
    """Make a verdict of what was seen; None: it cannot be told."""
    verdict: Verdict = "cannot_be_told" if holds is None else "observed" if holds else "refuted"
    return Finding(verdict, detail, rows)


def refutable(broken: Collection[object], of: int, held: str, broke: str) -> Finding:
    """Make a verdict on what is said of every row: one row refutes it, and none proves it."""
    if broken:
        return finding(holds=False, detail=f"{number_of(len(broken))} of {of}: {broke}", rows=len(broken))
    detail = f"{held} in each of {number_of(of)}, which says nothing of others"
    return finding(None, detail, of)


def span(length_ms: int) -> str:
    """Say a length of time: whole days, or hours, or less."""
    if length_ms % DAY_MS in (0, DAY_MS - 1) and length_ms >= DAY_MS - 1:
        less = " less a millisecond" if length_ms % DAY_MS else ""
        return f"{(length_ms + 1) // DAY_MS} d{less}"
    return f"{length_ms / _HOUR_MS:.4g} h"

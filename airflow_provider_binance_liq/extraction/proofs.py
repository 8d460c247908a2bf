"""The proof that a manifest states: what was claimed, what it rests on, and what it does not cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.manifest import NOTHING_TO_COMPARE, Proof
from airflow_provider_binance_liq.core.premise_table import PREMISES

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.premises import Claim
    from airflow_provider_binance_liq.exchange.client import Spent
    from airflow_provider_binance_liq.extraction.comparison import Comparison
    from airflow_provider_binance_liq.extraction.reader import Reading


def proof_of(
    endpoint: Endpoint,
    claim: Claim,
    reading: Reading,
    spent: Spent,
    found: Comparison,
    too_old: str,
    *,
    second_look: bool,
) -> Proof:
    """Return the proof of a window, with the reasons why it is not complete, if it is not."""
    reasons = [
        too_old if too_old and code == "within_retention" else PREMISES[code].why_incomplete
        for code in claim.incomplete_reasons
    ]
    return Proof(
        complete=claim.complete,
        pages=reading.pages,
        requests=spent.requests,
        weight=spent.weight,
        method=reading.method,
        premises=claim.premises,
        incomplete_reasons=claim.incomplete_reasons,
        caveats=(
            *reasons,
            *filter(None, [endpoint.caveat]),
            *reading.caveats,
            *found.caveats,
            *([NOTHING_TO_COMPARE] if second_look and found.is_first else []),
        ),
    )

"""What a person reads of one extraction in the task's log: its counts, and why it is not complete.

The law kept here: a window that is not complete is a warning, with the reason and what can be done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.premise_table import PREMISES
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.core.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.core.windows import Window

log = logging.getLogger(__name__)

_MIDNIGHT: Final = "T00:00:00Z"
#: code of a premise → what a user can do about it
_REMEDIES: Final = {
    "isolated_rows": (
        'If the account has no isolated margin, set accept_premises=["isolated_rows"]; if it has, list its '
        "pairs in symbols"
    ),
    "recorded_by_endpoint": "Extract margin_capital_flow as well",
}


def _period(window: Window) -> str:
    """Write a window; with its times, where one is not midnight in UTC."""
    start, end = iso(window.start_ms), iso(window.end_ms)
    if start.endswith(_MIDNIGHT) and end.endswith(_MIDNIGHT):
        start, end = start.removesuffix(_MIDNIGHT), end.removesuffix(_MIDNIGHT)
    return f"{start} to {end}"


def subject(endpoint: Endpoint, account: str, window: Window) -> str:
    """Name an extraction: `usdm_futures of desk, 2026-10-10 to 2026-10-11`."""
    return f"{endpoint.name} of {account}, {_period(window)}"


def log_result(subject: str, manifest: Manifest) -> None:
    """Log the outcome first, then what it rests on and where the object is; and each caveat of it.

    The log's pane shows the beginning of a line, so each line begins with what it is about.
    """
    proof, found = manifest.proof, manifest.object
    level = logging.INFO if proof.complete else logging.WARNING
    outcome = "Proven" if proof.complete else f"NOT complete ({', '.join(proof.incomplete_reasons)})"
    cost = f"{count(proof.requests, 'request')}, weight {proof.weight:,}"
    log.log(level, "%s: %s of %s; %s", outcome, count(found.rows, "row"), subject, cost)
    for line in (f"Proof: {proof.method}",) if proof.complete else _why_not(proof.incomplete_reasons):
        log.log(level, "%s", line)
    # The first are the reasons, which are in the lines above.
    for caveat in proof.caveats[len(proof.incomplete_reasons) :]:
        log.warning("Caveat: %s", caveat)
    log.info("Object: %s", found.uri)


def _why_not(codes: tuple[str, ...]) -> Iterator[str]:
    for code in codes:
        if code in PREMISES:
            yield f'Reason: it is not certain that "{PREMISES[code].sentence.rstrip(".")}"'
    remedies = [f"{_REMEDIES[code]}. " for code in codes if code in _REMEDIES]
    yield f"What to do: {''.join(remedies)}See docs/completeness.md"

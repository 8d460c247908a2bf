"""What the page says of a history's manifests together: what is usual, what is loaded, what it is worth."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from airflow_provider_binance_liq.core.calendar import CAVEAT, LOAD_UNKNOWN, NOT_LOADED
from airflow_provider_binance_liq.core.notional import add
from airflow_provider_binance_liq.core.pieces import apart, by_window, overlapping

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.lake.index import Entry, Loads


def usual(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return the premises that most of the complete windows assume; where all is usual, no day stands out."""
    found = Counter(one.assumed for one in entries if one.complete)
    return max(found, key=lambda codes: (found[codes], codes), default=())


def mark(entries: Iterable[Entry], known: Collection[str], loads: Loads) -> Iterator[Entry]:
    """Give each window the flags that depend on others: an unusual assumption, and whether it is loaded."""
    for one in entries:
        flags = one.flags
        if one.assumed != known and not set(one.assumed) <= set(known):
            flags |= CAVEAT
        if loads.since:
            is_loaded = loads.is_loaded(one.object_path, one.sha256, one.extracted_at)
            flags |= LOAD_UNKNOWN if is_loaded is None else 0 if is_loaded else NOT_LOADED
        yield one if flags == one.flags else replace(one, flags=flags)


def worth(entries: Iterable[Entry], endpoint: Endpoint | None) -> dict[str, Any]:
    """Return what all rows are worth, by asset, and how many rows are not in that; each row counts once."""
    with_rows = sorted((one for one in entries if one.rows), key=by_window)
    once = [one for group in overlapping(with_rows) for one in (apart(group) if len(group) > 1 else group)]
    states_amounts = endpoint is not None and endpoint.amount is not None
    left_out = sum(one.rows if one.amounts is None else one.unpriced for one in once)
    return {
        "notional": add(one.amounts or () for one in once),
        "rows_without_amount": left_out if states_amounts else 0,
    }

"""A cost estimate as text for a person, and as a JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.core.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_binance_liq.plan.cost import CostEstimate, EndpointEstimate

#: grows when a member of the JSON document changes its meaning
SCHEMA_VERSION: Final = 1
_MINUTES_OF_AN_HOUR: Final = 60


def lines(estimate: CostEstimate) -> Iterator[str]:
    """Write the estimate for a person."""
    yield from (f"WARNING: {mixture}" for mixture in _mixed_accounts(estimate))
    whole = estimate.series.whole
    yield (
        f"{count(estimate.series.count, 'window')} of {estimate.every} from {iso(whole.start_ms)} to "
        f"{iso(whole.end_ms)}, {count(estimate.accounts, 'account')}, a share of {estimate.share:g}"
    )
    yield ""
    costs = [one.cost for one in estimate.endpoints]
    yield from _table(
        ("endpoint", "windows", "requests", "weight", "minutes alone"),
        [(one.endpoint.name, one.windows, one.requests, one.weight, one.minutes) for one in costs],
    )
    yield ""
    yield from _table(
        ("pool", "weight", "allowed a minute", "minutes"),
        [(pool.name, pool.weight, pool.allowed, pool.minutes) for pool in estimate.pools],
    )
    yield ""
    yield from _table(
        ("endpoint", "beyond retention", "begins before", "kept"),
        [_retention_row(one) for one in estimate.endpoints],
    )
    yield ""
    yield from (f"note {note}" for note in _notes(estimate))
    yield (
        f"At least {count(estimate.requests, 'request')} of a weight of {estimate.weight:,}, in "
        f"{_minutes(estimate.minutes)}: each pool has its own weight"
    )


def sentence(estimate: CostEstimate) -> str:
    """Write the estimate of one run in a sentence, and what of it may be gone at the exchange."""
    pools = "; ".join(f"{one.name} {one.weight:,} of {one.allowed:,} a minute" for one in estimate.pools)
    old = "".join(
        f". {one.endpoint.name}: {count(one.beyond_retention, 'window')} of it "
        f"{'begins' if one.beyond_retention == 1 else 'begin'} before {iso(one.oldest_ms)}, so rows may be "
        f"gone ({one.retention.days} days are kept, {one.retention.source})"
        for one in estimate.endpoints
        if one.beyond_retention
    )
    return (
        f"This run needs at least {count(estimate.requests, 'request')} of weight {estimate.weight:,} "
        f"({pools}): {_minutes(estimate.minutes)}{old}"
    )


def document(estimate: CostEstimate) -> dict[str, Any]:
    """Return the JSON document; `docs/plan.md` says what each member is."""
    return {
        "schema_version": SCHEMA_VERSION,
        "status": 0,
        "error": None,
        "start": iso(estimate.series.whole.start_ms),
        "end": iso(estimate.series.whole.end_ms),
        "now": iso(estimate.now_ms),
        "every": estimate.every,
        "accounts": estimate.accounts,
        "share": estimate.share,
        "rows_per_window": estimate.rows_per_window,
        "symbols_given": list(estimate.endpoints[0].filters.symbols),
        "windows": sum(one.cost.windows for one in estimate.endpoints),
        "requests": estimate.requests,
        "weight": estimate.weight,
        "minutes": estimate.minutes,
        "not_over": estimate.not_over,
        "endpoints": [_endpoint_document(one) for one in estimate.endpoints],
        "pools": [asdict(pool) for pool in estimate.pools],
        "notes": list(notes(estimate)),
    }


def _endpoint_document(one: EndpointEstimate) -> dict[str, Any]:
    return {
        "name": one.endpoint.name,
        "pool": one.endpoint.weight_pool,
        "symbols": one.symbols,
        "windows": one.cost.windows,
        "spans": one.cost.spans,
        "requests": one.cost.requests,
        "request_weight": one.cost.request_weight,
        "weight": one.cost.weight,
        "minutes": one.cost.minutes,
        "retention": {
            "days": one.retention.days,
            "documented": one.retention.source == "documented",
            "before": iso(one.oldest_ms),
            "windows": one.beyond_retention,
        },
    }


def notes(estimate: CostEstimate) -> Iterator[str]:
    """Explain what the numbers do not."""
    yield from _notes(estimate)
    yield from _mixed_accounts(estimate)


def _notes(estimate: CostEstimate) -> Iterator[str]:
    for one in estimate.endpoints:
        if one.filters.symbols:
            yield f"{one.endpoint.name}: {_symbols(one)}"
        if one.cost.spans != one.cost.windows:
            yield (
                f"{one.endpoint.name}: {count(one.cost.windows, 'window')} in {one.cost.spans:,} spans: one "
                "request does not span a whole window"
            )
    if estimate.not_over:
        yield (
            f"{estimate.not_over:,} of {count(estimate.series.count, 'window')} end after "
            f"{iso(estimate.now_ms)}: each has to be over before it can be extracted"
        )


def _mixed_accounts(estimate: CostEstimate) -> Iterator[str]:
    """Say that the total is of no account, where it is."""
    classic, portfolio = (
        ", ".join(one.endpoint.name for one in estimate.endpoints if one.endpoint.account_type == kind)
        for kind in ("classic", "portfolio_margin")
    )
    if portfolio and classic:
        yield (
            f"no account has all of these, but either {classic} or {portfolio}. With --endpoint, plan each "
            "kind of account by itself"
        )


def _symbols(one: EndpointEstimate) -> str:
    endpoint = one.endpoint
    symbols = count(len(one.filters.symbols), "symbol")
    if one.symbols == "apart":
        return (
            f"{symbols}: one request for each (weight {endpoint.request_weight(symbol=True)}), because it is "
            "not documented whether one for all returns rows of isolated accounts"
        )
    reason = (
        "the endpoint has no symbol parameter"
        if endpoint.symbols is None
        else "it is not documented whether a symbol filter is applied before the limit"
    )
    return (
        f"{symbols}: one request for all symbols (weight {endpoint.weight}), filtered by the provider, "
        f"because {reason}"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str | int]]) -> Iterator[str]:
    """Lay out columns: the first one to the left, the others to the right."""
    cells = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for first, *others in cells:
        right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *right])


def _cell(value: str | int) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _retention_row(one: EndpointEstimate) -> tuple[str | int, ...]:
    kept = f"{one.retention.days} days, {one.retention.source}"
    return one.endpoint.name, one.beyond_retention, iso(one.oldest_ms), kept


def _minutes(minutes: int) -> str:
    if minutes <= _MINUTES_OF_AN_HOUR:
        return count(minutes, "minute")
    hours, rest = divmod(minutes, _MINUTES_OF_AN_HOUR)
    return f"{count(minutes, 'minute')} ({hours:,} h {rest} min)"

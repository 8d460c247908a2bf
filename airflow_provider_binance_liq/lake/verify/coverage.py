"""What was fetched, by the manifests of a lake; what is missing, and until when it can still be fetched.

Law: nothing is ignored silently. A lake without a manifest, a name that no history has, and manifests
that cannot be used are reported too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.horizon import Retention
from airflow_provider_binance_liq.core.recoverable import (
    APART,
    NOT_MENDED_BY_FETCHING,
    SETTLE_DAYS,
    Coverage,
    State,
    counts_as_proven,
    expected_range,
    stretches,
)
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.lake.verify.claims import Claim, Series

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airflow_provider_binance_liq.lake.verify.holdings import Holdings, Unusable

_UNFETCHED: Final[tuple[State, ...]] = ("missing", "unproven")
#: a summary lists so many unusable manifests
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Reach:
    """From when to when a history is expected, and how long the exchange keeps its rows."""

    retention: Retention
    start_ms: int
    #: where the unfiltered history begins that includes it from there on
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What should have been fetched by now."""

    now_ms: int
    #: a window that ended less than this long ago is not expected yet
    settle_ms: int = SETTLE_DAYS * DAY_MS
    #: where each history begins; without it, with its first window
    start_ms: int | None = None
    #: where it is configured; else as documented or assumed
    retention_days: int | None = None
    #: codes because of which a window that is not complete counts as proven all the same
    accepted: Collection[str] = NOT_MENDED_BY_FETCHING
    #: only these accounts and endpoints; each has to be there, and where both are given, each pair
    accounts: Sequence[str] = ()
    endpoints: Sequence[str] = ()

    def wants(self, endpoint: str, account: str) -> bool:
        """Whether a history is to be checked."""
        return (not self.accounts or account in self.accounts) and (
            not self.endpoints or endpoint in self.endpoints
        )

    def concerns(self, unusable: Unusable) -> bool:
        """Whether a manifest may belong to a history that is to be checked."""
        place = unusable.endpoint_and_account
        return place is None or self.wants(*place)

    def absent(self, there: Iterable[Series]) -> tuple[str, ...]:
        """Return what is to be checked and has no history at all."""
        there = tuple(one for one in there if self.wants(one.endpoint, one.account))
        if self.accounts and self.endpoints:
            return tuple(f"{endpoint} of {account}" for endpoint, account in self.absent_pairs(there))
        if not self.accounts and not self.endpoints:
            return () if there else ("any endpoint of any account",)
        accounts, endpoints = {one.account for one in there}, {one.endpoint for one in there}
        return (
            *(f"any endpoint of {name}" for name in self.accounts if name not in accounts),
            *(f"{name} of any account" for name in self.endpoints if name not in endpoints),
        )

    def absent_pairs(self, there: Iterable[Series]) -> list[tuple[str, str]]:
        """Return the pairs of an endpoint and an account that are to be checked and have no history."""
        known = {(one.endpoint, one.account) for one in there}
        asked = [(endpoint, account) for account in self.accounts for endpoint in self.endpoints]
        return [pair for pair in asked if pair not in known]

    def is_proven(self, claim: Claim) -> bool:
        """Whether a window counts as proven."""
        return counts_as_proven(claim.manifest.proof, self.accepted)

    def reach(self, series: Series, firsts: Mapping[Series, int | None]) -> Reach:
        """Return from when to when a history is expected.

        :param firsts: where the first window of each known history starts; None where it has none.
        """
        retention = Retention.of(ENDPOINTS.get(series.endpoint), self.retention_days)
        # Where nothing was fetched, everything is missing that the exchange still keeps.
        start_ms = self._start_ms(firsts[series], max(0, retention.oldest_ms(self.now_ms)))
        whole = Series(series.endpoint, series.account)
        if series == whole or whole not in firsts or series.endpoint in APART:
            return Reach(retention, start_ms, None)
        # The unfiltered history includes the filtered one from its start on.
        return Reach(retention, start_ms, self._start_ms(firsts[whole], 0))

    def _start_ms(self, first_ms: int | None, else_ms: int) -> int:
        if self.start_ms is not None:
            return self.start_ms
        return else_ms if first_ms is None else first_ms


@dataclass(frozen=True, slots=True)
class History:
    """The coverage of one history."""

    series: Series
    coverage: Coverage
    #: end of the newest window that counts as proven
    proven_until_ms: int | None
    #: incomplete reasons of its windows, accepted ones included
    reasons: frozenset[str] = field(default_factory=frozenset)
    #: how many windows it has
    windows: int = 0

    @property
    def days_left(self) -> float | None:
        """Days until rows are lost that can still be fetched; None where there are none."""
        left_ms = self.coverage.left_ms
        return None if left_ms is None else _days(left_ms)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the XCom."""
        coverage, first = self.coverage, self.coverage.next_loss
        return {
            "account": self.series.account,
            "endpoint": self.series.endpoint,
            "symbols": list(self.series.symbols),
            "auto_close_type": self.series.auto_close_type or None,
            "proven_until": None if self.proven_until_ms is None else iso(self.proven_until_ms),
            "missing_days": _days(coverage.total_ms("missing", lost=False)),
            "unproven_days": _days(coverage.total_ms("unproven", lost=False)),
            "lost_days": _days(sum(coverage.total_ms(state, lost=True) for state in _UNFETCHED)),
            "incomplete_reasons": sorted(self.reasons),
            "retention_days": coverage.retention.days,
            "retention_source": coverage.retention.source,
            "recoverable_until": None if first is None else iso(first.recoverable_until_ms),
            "days_left": self.days_left,
            "stretches": [
                {
                    "start": iso(one.window.start_ms),
                    "end": iso(one.window.end_ms),
                    "state": one.state,
                    "recoverable_until": iso(one.recoverable_until_ms),
                }
                for one in coverage.listed
            ],
        }


def histories(holdings: Holdings, expected: Expectation) -> list[History]:
    """Return the coverage of each history, the one that loses rows first before the others."""
    by_series: dict[Series, list[Claim]] = defaultdict(list)
    for claim in holdings.claims:
        if expected.wants(claim.series.endpoint, claim.series.account):
            by_series[claim.series].append(claim)
    for endpoint, account in expected.absent_pairs(by_series):
        by_series[Series(endpoint, account)] = []
    firsts = {
        series: min((claim.window.start_ms for claim in claims), default=None)
        for series, claims in by_series.items()
    }
    found = (
        _history(series, claims, expected, expected.reach(series, firsts))
        for series, claims in by_series.items()
    )
    return sorted(
        (one for one in found if one is not None),
        key=lambda one: (
            one.coverage.left_ms is None,
            one.coverage.left_ms or 0,
            one.series,
        ),
    )


def _history(series: Series, claims: Sequence[Claim], expected: Expectation, reach: Reach) -> History | None:
    """None where nothing is expected yet, or all of it of another history."""
    range_ = expected_range(reach.start_ms, expected.now_ms, expected.settle_ms, reach.until_ms)
    if range_ is None:
        return None
    proven = [claim.window for claim in claims if expected.is_proven(claim)]
    others = [claim.window for claim in claims if not expected.is_proven(claim)]
    found = stretches(proven, others, range_, now_ms=expected.now_ms, retention=reach.retention)
    return History(
        series,
        Coverage(found, expected.now_ms, reach.retention),
        max((window.end_ms for window in proven), default=None),
        frozenset(code for claim in claims for code in claim.manifest.proof.incomplete_reasons),
        len(claims),
    )


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """The result of a check, short enough for an XCom."""

    now_ms: int
    warn_days: float
    manifests: int
    histories: tuple[History, ...]
    #: what was to be checked and has no history at all
    absent: tuple[str, ...]
    #: manifests that cannot be used, of the histories that were to be checked
    unusable: tuple[Unusable, ...]
    #: days after its end until a day is missing where it was not extracted
    settle_days: float

    @classmethod
    def of(cls, holdings: Holdings, expected: Expectation, warn_days: float) -> CoverageReport:
        """Compare a lake with what is expected of it."""
        return cls(
            expected.now_ms,
            warn_days,
            len(holdings.claims) + len(holdings.unusable),
            tuple(histories(holdings, expected)),
            expected.absent(claim.series for claim in holdings.claims),
            tuple(one for one in holdings.unusable if expected.concerns(one)),
            _days(expected.settle_ms),
        )

    @property
    def endangered(self) -> tuple[History, ...]:
        """Histories that lose rows within `warn_days` that can still be fetched."""
        return tuple(
            one for one in self.histories if one.days_left is not None and one.days_left <= self.warn_days
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the XCom."""
        return {
            "now": iso(self.now_ms),
            "warn_days": self.warn_days,
            "manifests": self.manifests,
            "endangered": len(self.endangered),
            "histories": [one.to_dict() for one in self.histories],
            "absent": list(self.absent),
            "unusable_manifests": len(self.unusable),
            "unusable": [str(one) for one in self.unusable[:_NAMED]],
        }

    def lines(self) -> tuple[str, ...]:
        """Return three short lines: the result, how much is missing, and what will be lost first.

        Where nothing was extracted of what was to be checked, or nothing is due yet, one line says so.
        """
        if not any(one.windows for one in self.histories):
            if self.manifests > len(self.unusable) and not self.absent:
                return (f"Nothing is expected yet: a day is due {self.settle_days:g} days after its end",)
            whose = f" of {', '.join(self.absent)}" if self.absent else ""
            return (f"Nothing to check: no manifest{whose} can be used",)
        many, few = len(self.histories), len(self.endangered)
        verdict = (
            f"{few} of {many} histories lose data within {self.warn_days:g} days"
            if few
            else f"None of {many} histories loses data within {self.warn_days:g} days"
        )
        plain = [one.to_dict() for one in self.histories]
        missing, unproven, lost = (
            sum(one[name] for one in plain) for name in ("missing_days", "unproven_days", "lost_days")
        )
        absent = f"; not there at all: {', '.join(self.absent)}" if self.absent else ""
        unusable = f"; {len(self.unusable)} unusable manifests" if self.unusable else ""
        how_much = f"Days missing: {missing:g}, not proven: {unproven:g}, lost: {lost:g}"
        how_much += absent + unusable
        return verdict, how_much, self.first_loss()

    def first_loss(self) -> str:
        """Describe what will be lost first."""
        first = next((one for one in self.histories if one.days_left is not None), None)
        if first is None:
            return "Nothing is missing that can still be extracted"
        (stretch, *_), coverage = first.coverage.listed, first.coverage
        kept = f"retention {coverage.retention.days} days, {coverage.retention.source}"
        return (
            f"Lost first: {first.series}, {stretch.window}, {stretch.state}; Binance deletes it from "
            f"{iso(stretch.recoverable_until_ms)} on (in {first.days_left:g} days; {kept})"
        )


def _days(length_ms: int) -> float:
    """Return days to the hundredth, rounded down."""
    return (length_ms * 100 // DAY_MS) / 100

"""What a lake's manifests say was fetched, and so what is missing and until when it can still be fetched.

Only manifests are read, and the destination is listed once: whether objects are what their manifests say is
what `verify` finds out. Law: what could not be read is never taken for not there. A directory or a manifest
that the store does not give is an error; a manifest that is none covers nothing, and is named.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.endpoints import DAY_MS, ENDPOINTS
from airflow_provider_binance_liq.core.horizon import Retention
from airflow_provider_binance_liq.core.manifest import from_json
from airflow_provider_binance_liq.core.recoverable import (
    NOT_MENDED_BY_FETCHING,
    SETTLE_DAYS,
    Coverage,
    counts_as_proven,
    expected_range,
    stretches,
)
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.verify.claims import Claim, Series, read_claim
from airflow_provider_binance_liq.verify.listing import MANIFEST_SUFFIX, OBJECT_SUFFIXES, explain, list_lake

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from airflow.sdk import ObjectStoragePath

#: object stores answer so many at once; a local disk one after another
_AT_ONCE: Final = 500
#: of what is wrong, a summary names so many
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Holdings:
    """What lies at a destination, by its manifests."""

    claims: tuple[Claim, ...]
    #: manifests that cover nothing, and why
    unusable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected to have been fetched, and by when it is asked."""

    now_ms: int
    #: what ended less than this long ago is not expected yet
    settle_ms: int = SETTLE_DAYS * DAY_MS
    #: where each history begins; without it, with its first window
    start_ms: int | None = None
    #: where the user knows better than the documentation
    retention_days: int | None = None
    #: codes because of which a window that is not complete counts as proven all the same
    accepted: Collection[str] = NOT_MENDED_BY_FETCHING
    #: only these accounts and endpoints; where both are given, each pair has to be there
    accounts: Sequence[str] = ()
    endpoints: Sequence[str] = ()

    def wants(self, series: Series) -> bool:
        """Tell whether a history is asked about."""
        return (not self.accounts or series.account in self.accounts) and (
            not self.endpoints or series.endpoint in self.endpoints
        )

    def is_proven(self, claim: Claim) -> bool:
        """Tell whether a window counts as proven."""
        proof = claim.manifest.proof
        return counts_as_proven(proof.complete, proof.incomplete_reasons, self.accepted)


@dataclass(frozen=True, slots=True)
class History:
    """One history, and what is told of it."""

    series: Series
    coverage: Coverage
    #: end of the newest window that counts as proven
    proven_until_ms: int | None
    #: codes of what keeps windows from being complete, the accepted ones too
    reasons: frozenset[str] = field(default_factory=frozenset)

    @property
    def days_left(self) -> float | None:
        """Days until something that can still be fetched is forgotten; None where nothing is."""
        left_ms = self.coverage.left_ms
        return None if left_ms is None else _days(left_ms)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the XCom."""
        told, first = self.coverage, self.coverage.next_loss
        return {
            "account": self.series.account,
            "endpoint": self.series.endpoint,
            "symbols": list(self.series.symbols),
            "auto_close_type": self.series.auto_close_type or None,
            "proven_until": None if self.proven_until_ms is None else iso(self.proven_until_ms),
            "missing_days": _days(told.total_ms("missing", lost=False)),
            "unproven_days": _days(told.total_ms("unproven", lost=False)),
            "lost_days": _days(told.total_ms("missing", lost=True) + told.total_ms("unproven", lost=True)),
            "incomplete_reasons": sorted(self.reasons),
            "retention_days": told.retention.days,
            "retention_source": told.retention.source,
            "recoverable_until": None if first is None else iso(first.recoverable_until_ms),
            "days_left": self.days_left,
            "stretches": [
                {
                    "start": iso(one.window.start_ms),
                    "end": iso(one.window.end_ms),
                    "state": one.state,
                    "recoverable_until": iso(one.recoverable_until_ms),
                }
                for one in told.listed
            ],
        }


def read_holdings(destination: ObjectStoragePath) -> Holdings:
    """Read every manifest below a destination.

    :raises StorageError: the store does not give a directory or a manifest; a retry reads anew.
    """
    listing = list_lake(destination, lambda _: None)
    for finding in listing.findings:
        if finding.kind == "unreadable":
            message = f"{finding.path} cannot be listed: {finding.message}; what lies there is not known"
            raise StorageError(message)
    there = frozenset(listing.files)
    claims: list[Claim] = []
    unusable: list[str] = []
    for path, text in _contents(destination, listing.manifests):
        try:
            claims.append(_usable(path, read_claim(from_json(text)), there))
        except InconsistentManifest as error:
            unusable.append(f"{path}: {error}")
    return Holdings(tuple(claims), tuple(unusable))


def _contents(destination: ObjectStoragePath, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    root, store = str(destination.path).rstrip("/"), destination.fs
    for first in range(0, len(paths), _AT_ONCE):
        some = paths[first : first + _AT_ONCE]
        # Ranges, because `cat` would take the brackets of a name for a pattern.
        found = store.cat_ranges([f"{root}/{path}" for path in some], None, None, on_error="return")
        for path, text in zip(some, found, strict=True):
            if isinstance(text, BaseException):
                message = f"the manifest {path} cannot be read: {explain(text)}; a retry reads it again"
                raise StorageError(message) from text
            yield path, text


def _usable(path: str, claim: Claim, there: frozenset[str]) -> Claim:
    """See that a manifest lies where it belongs, and its object beside it.

    :raises InconsistentManifest: it does not.
    """
    series = claim.series
    if not path.startswith(f"{series.endpoint}/account={series.account}/"):
        message = f"it says that it is of {series}, and does not lie there"
        raise InconsistentManifest(message)
    stem = path.removesuffix(MANIFEST_SUFFIX)
    if not any(f"{stem}{suffix}" in there for suffix in OBJECT_SUFFIXES):
        raise InconsistentManifest("its object is not there")
    return claim


def tell(holdings: Holdings, expected: Expectation) -> list[History]:
    """Tell of each history what is missing or not proven, the one that loses first before the others."""
    by_series: dict[Series, list[Claim]] = defaultdict(list)
    for claim in holdings.claims:
        if expected.wants(claim.series):
            by_series[claim.series].append(claim)
    for account in expected.accounts:
        for endpoint in expected.endpoints:
            by_series.setdefault(Series(endpoint, account), [])
    told = (
        _history(series, claims, expected)
        for series, claims in by_series.items()
        if not _is_part_of_another(series, by_series)
    )
    return sorted(
        (one for one in told if one is not None),
        key=lambda one: (
            one.coverage.left_ms is None,
            one.coverage.left_ms or 0,
            one.series,
        ),
    )


def _is_part_of_another(series: Series, known: Mapping[Series, object]) -> bool:
    """Tell whether all of what it was restricted to is in an unrestricted history of the same account.

    Not on `margin`: without an isolated symbol, isolated accounts may be left out.
    """
    whole = Series(series.endpoint, series.account)
    return series != whole and whole in known and series.endpoint != "margin"


def _history(series: Series, claims: Sequence[Claim], expected: Expectation) -> History | None:
    """None where nothing is expected yet."""
    retention = Retention.of(ENDPOINTS.get(series.endpoint), expected.retention_days)
    starts = [claim.window.start_ms for claim in claims]
    # Where nothing was ever fetched, all is missing that could still be.
    start_ms = expected.start_ms or min(starts, default=retention.oldest_ms(expected.now_ms))
    range_ = expected_range(start_ms, expected.now_ms, expected.settle_ms)
    if range_ is None:
        return None
    proven = [claim.window for claim in claims if expected.is_proven(claim)]
    others = [claim.window for claim in claims if not expected.is_proven(claim)]
    found = stretches(proven, others, range_, now_ms=expected.now_ms, retention=retention)
    return History(
        series,
        Coverage(found, expected.now_ms, retention),
        max((window.end_ms for window in proven), default=None),
        frozenset(code for claim in claims for code in claim.manifest.proof.incomplete_reasons),
    )


@dataclass(frozen=True, slots=True)
class Report:
    """What a check tells: briefly enough for an XCom."""

    now_ms: int
    warn_days: float
    manifests: int
    histories: tuple[History, ...]
    unusable: tuple[str, ...]

    @classmethod
    def of(cls, holdings: Holdings, expected: Expectation, warn_days: float) -> Report:
        """Hold a lake against what is expected of it."""
        return cls(
            expected.now_ms,
            warn_days,
            len(holdings.claims) + len(holdings.unusable),
            tuple(tell(holdings, expected)),
            holdings.unusable,
        )

    @property
    def endangered(self) -> tuple[History, ...]:
        """Histories of which something that can still be fetched is forgotten within the days to warn."""
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
            "unusable_manifests": len(self.unusable),
            "unusable": list(self.unusable[:_NAMED]),
        }

    def lines(self) -> tuple[str, str, str]:
        """Say it in three short lines: the verdict, how much, and what is forgotten first."""
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
        unusable = f"; {len(self.unusable)} unusable manifests" if self.unusable else ""
        how_much = f"Days missing: {missing:g}, not proven: {unproven:g}, lost for good: {lost:g}{unusable}"
        return verdict, how_much, self.first_loss()

    def first_loss(self) -> str:
        """Name what is forgotten first."""
        first = next((one for one in self.histories if one.days_left is not None), None)
        if first is None:
            return "Nothing is missing that could still be fetched"
        (stretch, *_), told = first.coverage.listed, first.coverage
        kept = f"{told.retention.days} days, {told.retention.source}"
        return (
            f"Forgotten first: {first.series}, {stretch.window}, {stretch.state}; "
            f"from {iso(stretch.recoverable_until_ms)} on ({kept}), in {first.days_left:g} days"
        )


def _days(length_ms: int) -> float:
    """Days, to the hundredth; rounded down, so that nothing is promised that is not there."""
    return (length_ms * 100 // DAY_MS) / 100

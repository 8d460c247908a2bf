"""What a proof of completeness rests on beyond its own argument, weighed for one window.

The law kept here: no premise is silent. A reading removes a premise where one request more does it, observes
it where its answers show it, or names it in the manifest by its code. Where a premise is known or suspected
to be false for a window, that window is not complete, and the code says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, Self

import msgspec

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.premise_table import PREMISES, Premise, Status
from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from airflow_provider_binance_liq.core.endpoint import Endpoint

#: where it was observed: in the answers of this very extraction, or in those of `binance-liq probe`
ObservedBy = Literal["extraction", "probe"]

_Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$")]


@dataclass(frozen=True, slots=True)
class StatedPremise:
    """A premise as a manifest states it: the code, and what it rests on."""

    code: _Code
    status: Status
    #: where it was observed; None where it was not
    by: ObservedBy | None = None


@dataclass(slots=True)
class Evidence:
    """What one extraction rests on, collected while it reads."""

    #: codes that the argument needs
    needed: set[str] = field(default_factory=set)
    #: codes that the answers have shown to hold
    observed: set[str] = field(default_factory=set)
    #: codes that only a probe has seen to hold
    probed: set[str] = field(default_factory=set)
    #: codes that are suspected to be false for this window, unless they were observed or are accepted
    suspected: set[str] = field(default_factory=set)
    #: codes that are known to be false for this window
    known_false: set[str] = field(default_factory=set)

    def merge(self, other: Evidence) -> None:
        """Take over what another part of the same extraction rests on."""
        self.needed |= other.needed
        self.observed |= other.observed
        self.probed |= other.probed
        self.suspected |= other.suspected
        self.known_false |= other.known_false


@dataclass(frozen=True, slots=True)
class Claim:
    """What may be claimed of a window."""

    premises: tuple[StatedPremise, ...]
    #: codes of the premises that keep the window from being complete; empty where it is
    incomplete_reasons: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every row of the window is there, if the premises hold."""
        return not self.incomplete_reasons

    @classmethod
    def of(
        cls,
        endpoint: Endpoint,
        evidence: Evidence,
        *,
        probed: Mapping[str, bool] = MappingProxyType({}),
        accepted: Collection[str] = (),
    ) -> Self:
        """Weigh the evidence.

        :param probed: what a probe has found: code → whether it holds.
        :param accepted: codes that the user accepts; they count as assumed, and not as suspected.
        """
        refuted = {code for code in evidence.needed if probed.get(code) is False}
        holds = {code for code, found in probed.items() if found} | evidence.observed | evidence.probed
        open_ = evidence.known_false | refuted | (evidence.suspected - holds - set(accepted))
        stated = (
            _state(PREMISES[code], endpoint, evidence, probed)
            for code in PREMISES
            if code in evidence.needed | evidence.suspected | evidence.known_false
        )
        return cls(tuple(stated), tuple(code for code in PREMISES if code in open_))


def _state(
    premise: Premise, endpoint: Endpoint, evidence: Evidence, probed: Mapping[str, bool]
) -> StatedPremise:
    if premise.code in evidence.observed:
        return StatedPremise(premise.code, "observed", "extraction")
    if probed.get(premise.code) or premise.code in evidence.probed:
        return StatedPremise(premise.code, "observed", "probe")
    return StatedPremise(premise.code, premise.status(endpoint.name))


def weigh_endpoint(endpoint: Endpoint, *, by_symbol: bool, rows: int, isolated_rows: bool) -> Evidence:
    """Tell what a claim for a window of `endpoint` rests on, however it was read.

    :param by_symbol: the extraction named its symbols.
    :param rows: rows of the window that were found.
    :param isolated_rows: a row of an isolated margin account was among the answers.
    """
    evidence = Evidence(needed={"within_retention", "rows_settled"})
    if endpoint.asks_isolated_apart and not by_symbol:
        evidence.needed.add("isolated_rows")
        (evidence.observed if isolated_rows else evidence.suspected).add("isolated_rows")
    if not endpoint.kind.has_id:
        evidence.needed.add("key_identifies")
    if endpoint.caveat:
        evidence.needed.add("recorded_by_endpoint")
        if not rows:
            evidence.suspected.add("recorded_by_endpoint")
    return evidence


def check_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """Check codes that a user names.

    :raises InvalidRequest: it is no list, or there is no such premise; the message lists those there are.
    """
    if isinstance(codes, str):
        message = f"premises are named as a list of codes, not as the text {codes!r}"
        raise InvalidRequest(message)
    named = tuple(codes)
    for code in named:
        if code not in PREMISES:
            raise InvalidRequest(unknown("premise", code, PREMISES))
    return named


def of_version_1(endpoint: str, *, symbols: bool, rows: int, complete: bool) -> Claim:
    """State what a manifest of schema version 1 rests on: it named nothing, and removed nothing.

    Its claim is judged by what is known today, so that an old one says no more than a new one would.
    """
    codes = {code for code, premise in PREMISES.items() if endpoint in premise.endpoints}
    if symbols:
        codes.discard("isolated_rows")
    open_: set[str] = set()
    if endpoint in ENDPOINTS:
        known = ENDPOINTS[endpoint]
        open_ = weigh_endpoint(known, by_symbol=symbols, rows=rows, isolated_rows=False).suspected
    if not complete:  # the one reason that version had
        open_.add("within_retention")
    stated = tuple(
        StatedPremise(code, premise.status(endpoint)) for code, premise in PREMISES.items() if code in codes
    )
    return Claim(stated, tuple(code for code in PREMISES if code in open_))

"""The table of premises: what a proof of completeness rests on beyond its own argument.

The law kept here: no premise is silent. A reading removes a premise where one request more does it, observes
it where its answers show it, or names it in the manifest by its code. Where a premise is known or suspected
to be false for a window, that window is not complete, and the code says why. Codes are stable; sentences are
for people, and no code parses them. `docs/completeness.md` is generated from this table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

import msgspec

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from airflow_provider_binance_liq.core.endpoints import Endpoint

#: documented by the exchange, seen in answers, or neither
Status = Literal["documented", "observed", "assumed"]
#: where it was observed: in the answers of this very extraction, or in those of `binance-liq probe`
ObservedBy = Literal["extraction", "probe"]

ALL: Final = tuple(ENDPOINTS)
BY_TIME: Final = tuple(name for name, one in ENDPOINTS.items() if one.paging == "time")
BY_NUMBER: Final = tuple(name for name in ALL if name not in BY_TIME)


@dataclass(frozen=True, slots=True)
class Premise:
    """One thing that a proof may rest on."""

    code: str
    #: what is taken to be true of the exchange
    sentence: str
    #: where that comes from
    source: str
    #: endpoints it concerns
    endpoints: tuple[str, ...]
    #: what would be lost if it were false
    at_stake: str
    #: how it can be checked, or what removes it
    check: str
    #: endpoints whose documentation says so
    documented_for: tuple[str, ...] = ()

    @property
    def doubt(self) -> str:
        """Say why a window is not complete where this is suspected to be false."""
        return f"not claimed complete ({self.code}): it is not certain that this holds: {self.sentence}"

    def status(self, endpoint: str) -> Status:
        """Tell what the premise rests on where nothing was observed."""
        return "documented" if endpoint in self.documented_for else "assumed"


PREMISES: Final[Mapping[str, Premise]] = MappingProxyType(
    {
        premise.code: premise
        for premise in (
            Premise(
                "start_inclusive",
                "A row at `startTime` itself is answered.",
                'The SDK of portfolio margin says "from INCLUSIVE"; nothing elsewhere.',
                ALL,
                "Rows of a window's first millisecond.",
                "Removed: each request begins one millisecond early, and what lies outside is dropped.",
                documented_for=("portfolio_um", "portfolio_cm"),
            ),
            Premise(
                "end_inclusive",
                "A row at `endTime` itself is answered.",
                'The SDK of portfolio margin says "until INCLUSIVE"; nothing elsewhere.',
                ALL,
                "Rows of a window's last millisecond.",
                "Removed: each request ends one millisecond late, and what lies outside is dropped.",
                documented_for=("portfolio_um", "portfolio_cm"),
            ),
            Premise(
                "equal_bounds",
                "`startTime == endTime` answers the rows of that one millisecond.",
                "Refused once on another endpoint (-1102); nothing is documented.",
                BY_TIME,
                "Rows of a millisecond that was isolated because it filled a page.",
                "Observed before it is relied on: the answer has to hold every row of that millisecond that "
                "is known; else it is treated as a refusal.",
            ),
            Premise(
                "filter_before_limit",
                "Rows are counted to the limit after they were filtered: by time, and by symbol or "
                "`autoCloseType` where the request names one.",
                "Nothing is documented.",
                ALL,
                "Any rows of a window whose answer is shorter than the limit.",
                "A filtered extraction is proven without the filter until a filtered answer holds a row "
                "that an unfiltered one had left out. Pages that fall short of the limit by up to 10 rows "
                "count as full ones.",
            ),
            Premise(
                "cut_by_filtered_instant",
                "Where rows are left out, the exchange leaves them out at one end of the instant that it "
                "filters by.",
                "Nothing is documented.",
                BY_TIME,
                "Some rows of a window of several pages.",
                "25 rows are asked for again beyond the first page. A row that should have been there before "
                "starts the window again with pages below the limit alone, which need no such premise.",
            ),
            Premise(
                "span_refused",
                "A request that spans too long a time is refused; it is not answered with fewer rows.",
                "Codes for a refusal are documented; the longest span of these endpoints is not.",
                ALL,
                "All rows of a window that is longer than the exchange answers.",
                "`binance-liq probe`, on an account with rows. Requests span less than 7 days.",
            ),
            Premise(
                "total_is_whole",
                "`total` counts every row that matches, not those of the page, and is not capped.",
                "`total` is documented by its name alone.",
                BY_NUMBER,
                "Rows of later pages.",
                "Removed after a full page: one page more is asked for, until one is empty.",
            ),
            Premise(
                "two_types",
                "Every row is of `autoCloseType` LIQUIDATION or ADL.",
                "The documentation of `autoCloseType`: both types are returned if it is not sent.",
                BY_TIME,
                "Rows of a third type in a millisecond that fills a page.",
                "Where a row of neither type was seen, the millisecond is split by symbol instead.",
                documented_for=BY_TIME,
            ),
            Premise(
                "symbols_listed",
                "Every symbol with rows is in `exchangeInfo`, or in another row of the window.",
                "Nothing is documented on symbols that are not listed any more.",
                BY_TIME,
                "Rows of a symbol that is not listed any more, in a millisecond that fills a page.",
                "Compare with the symbols of earlier extractions.",
            ),
            Premise(
                "isolated_rows",
                "Without `isolatedSymbol`, rows of isolated margin accounts are answered too.",
                "Nothing is documented.",
                ("margin",),
                "All liquidations of isolated margin accounts.",
                "Observed where a row says `isIsolated`. Or name the pairs with `symbols`.",
            ),
            Premise(
                "update_after_time",
                "`updateTime` is not before `time`.",
                "Every documented row; nothing is stated.",
                BY_TIME,
                "Some rows of a window of several pages.",
                "A row that says otherwise starts the window again with pages below the limit alone.",
            ),
            Premise(
                "within_retention",
                "The exchange still keeps every row of the window.",
                "90 days are documented for COIN-M; taken for the others.",
                ALL,
                "The oldest rows.",
                "Judged by the exchange's clock before the first request and after the last.",
                documented_for=("coinm_futures",),
            ),
            Premise(
                "recorded_by_endpoint",
                "The endpoint has a record of every liquidation of the account.",
                "Documented otherwise for the Risk-Based Liquidation Adjustment of portfolio margin: those "
                "accounts have no record on this endpoint; `GET /sapi/v1/margin/capital-flow` has them.",
                ("portfolio_margin",),
                "All liquidations of such an account. An answer without rows is not claimed complete.",
                "`GET /sapi/v1/margin/capital-flow`.",
            ),
            Premise(
                "rows_settled",
                "A row appears no later than `settle` after the interval's end.",
                "Nothing is documented.",
                ALL,
                "Rows that appear later.",
                "A second look: `look_back_days` extracts an earlier window again and reports differences.",
            ),
        )
    }
)

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
    #: codes that are suspected to be false for this window, unless they were observed or are vouched for
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
        :param accepted: codes that the user vouches for; they count as assumed, and no more as suspected.
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
    if premise.code in evidence.observed and premise.code not in evidence.probed:
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
    if endpoint.symbol_parameter == "isolatedSymbol" and not by_symbol:
        evidence.needed.add("isolated_rows")
        (evidence.observed if isolated_rows else evidence.suspected).add("isolated_rows")
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
    unknown = [code for code in named if code not in PREMISES]
    if unknown:
        message = f"there is no premise {unknown[0]!r}; there are {', '.join(PREMISES)}"
        raise InvalidRequest(message)
    return named


def of_version_1(endpoint: str, *, symbols: bool, rows: int, complete: bool) -> Claim:
    """State what a manifest of schema version 1 rests on: it named nothing, and removed nothing.

    Its claim is judged by what is known today, so that an old one says no more than a new one would.
    """
    codes = {code for code, premise in PREMISES.items() if endpoint in premise.endpoints}
    if endpoint == "margin" and symbols:
        codes.discard("isolated_rows")
    open_ = {"isolated_rows"} & codes
    if endpoint == "portfolio_margin" and not rows:
        open_.add("recorded_by_endpoint")
    if not complete:  # the one reason that version had
        open_.add("within_retention")
    stated = tuple(
        StatedPremise(code, premise.status(endpoint)) for code, premise in PREMISES.items() if code in codes
    )
    return Claim(stated, tuple(code for code in PREMISES if code in open_))

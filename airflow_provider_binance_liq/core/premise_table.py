"""The table of premises: every thing that a proof of completeness may rest on, as data.

Codes are stable. Sentences are for people, and no code parses them. `docs/completeness.md` is generated from
this table; what a window's proof rests on of it is weighed in `premises`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

#: documented by the exchange, seen in answers, or neither
Status = Literal["documented", "observed", "assumed"]
ALL: Final = tuple(ENDPOINTS)
BY_TIME: Final = tuple(name for name, one in ENDPOINTS.items() if one.is_by_time)
BY_NUMBER: Final = tuple(name for name in ALL if name not in BY_TIME)
_BY_ID: Final = tuple(name for name, one in ENDPOINTS.items() if one.pager.id_parameter)
_TYPED: Final = tuple(name for name, one in ENDPOINTS.items() if one.takes_auto_close_type)
_LISTED: Final = tuple(name for name, one in ENDPOINTS.items() if one.symbols and one.symbols.listed_at)
_ISOLATED: Final = tuple(name for name, one in ENDPOINTS.items() if one.asks_isolated_apart)
_UPDATED: Final = tuple(name for name, one in ENDPOINTS.items() if len(one.kind.instants) > 1)
_WITHOUT_ID: Final = tuple(name for name, one in ENDPOINTS.items() if not one.kind.has_id)
_BOUNDS: Final = tuple(name for name, one in ENDPOINTS.items() if one.bounds_are_documented)
_CAVEATS: Final = tuple(name for name, one in ENDPOINTS.items() if one.caveat)
_RETENTION: Final = tuple(name for name, one in ENDPOINTS.items() if one.retention_days)


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
    def why_incomplete(self) -> str:
        """Say why a window is not complete if this is suspected to be false."""
        return f"not claimed complete ({self.code}): it is not certain that this holds: {self.sentence}"

    def status(self, endpoint: str) -> Status:
        """Return what the premise rests on if nothing was observed."""
        return "documented" if endpoint in self.documented_for else "assumed"


PREMISES: Final[Mapping[str, Premise]] = MappingProxyType(
    {
        premise.code: premise
        for premise in (
            Premise(
                "start_inclusive",
                "A row at `startTime` itself is returned.",
                'The SDK of portfolio margin says "from INCLUSIVE"; nothing elsewhere.',
                ALL,
                "Rows of a window's first millisecond.",
                "Removed: each request begins one millisecond early, and rows outside of it are dropped.",
                documented_for=_BOUNDS,
            ),
            Premise(
                "end_inclusive",
                "A row at `endTime` itself is returned.",
                'The SDK of portfolio margin says "until INCLUSIVE"; nothing elsewhere.',
                ALL,
                "Rows of a window's last millisecond.",
                "Removed: each request ends one millisecond late, and rows outside of it are dropped.",
                documented_for=_BOUNDS,
            ),
            Premise(
                "equal_bounds",
                "`startTime == endTime` returns the rows of that one millisecond.",
                "Refused once on another endpoint (-1102); nothing is documented.",
                BY_TIME,
                "Rows of a millisecond that was isolated because it filled a page.",
                "Observed before it is relied on: the answer has to hold every row of that millisecond that "
                "is known; else it is treated as a refusal.",
            ),
            Premise(
                "filter_before_limit",
                "The limit is applied after the filters: by time, and by symbol or `autoCloseType` if the "
                "request has one.",
                "Nothing is documented.",
                ALL,
                "Any rows of a window whose answer is shorter than the limit.",
                "A filtered extraction is proven without the filter until a filtered answer holds rows that "
                "cannot come from one page, if pages are cut at an end of time. Pages that fall short of the "
                "limit by up to 10 rows count as full ones.",
            ),
            Premise(
                "limit_honoured",
                "An answer has as many rows as `limit` says, if there are so many.",
                "The documentation of `limit`: its default and its maximum, such as 50 and 100.",
                BY_TIME,
                "Rows of a window that has more of them than one answer.",
                "Observed if a page has the maximum of rows, such as 100. A page with the default number of "
                "rows, such as 50, counts as full until a longer one was seen.",
                documented_for=BY_TIME,
            ),
            Premise(
                "cut_by_filtered_instant",
                "If the exchange leaves rows out, it leaves out the oldest or the newest ones, by the "
                "instant that it filters by.",
                "Nothing is documented.",
                BY_TIME,
                "Some rows of a window of several pages.",
                "25 rows are requested again beyond the first page. If a row should have been there before, "
                "the window is started again with short pages only, which do not need this premise.",
            ),
            Premise(
                "span_refused",
                "A request that spans too long a time is refused; it is not answered with fewer rows.",
                "Codes for a refusal are documented; the longest span of these endpoints is not.",
                ALL,
                "All rows of a window that is longer than the exchange allows.",
                "`binance-liq probe`, on an account with rows. Requests span less than 7 days.",
            ),
            Premise(
                "total_is_whole",
                "`total` counts every row that matches, and pages end where there are no more rows.",
                "Only the name `total` is documented.",
                BY_NUMBER,
                "Rows of later pages.",
                "After a full page one more is requested, so a `total` that is capped or counts one page "
                "only does no harm, unless that page is refused. If a page repeats the previous one, this "
                "premise is suspected to be false.",
            ),
            Premise(
                "two_types",
                "Every row is of `autoCloseType` LIQUIDATION or ADL.",
                "The documentation of `autoCloseType`: both types are returned if it is not sent.",
                _TYPED,
                "Rows of a third type in a millisecond that fills a page.",
                "If a row of neither type was seen, the millisecond is split by symbol instead.",
                documented_for=_TYPED,
            ),
            Premise(
                "symbols_listed",
                "If symbols are requested separately: every symbol with rows is in `exchangeInfo` or was "
                "seen, and its rows are returned, even if it is not listed any more.",
                "Nothing is documented on symbols that are not listed any more.",
                _LISTED,
                "Rows of a symbol that is not listed any more, or refused although it is listed.",
                "Compare with the symbols of earlier extractions.",
            ),
            Premise(
                "ids_ascend",
                "Ids are positive. With `fromId`, the rows with the lowest ids above it are returned.",
                "It is documented that ids above it are returned, but not which of them.",
                _BY_ID,
                "Rows of a millisecond that fills a page.",
                "Each page has to have the rows that are known, the next one overlaps it and adds nothing "
                "inside, and the first one leaves out higher ids of that millisecond; else the window fails. "
                "Still the window is not claimed complete, unless you accept the premise. Used only for such "
                "a millisecond; whole windows are paged by time, which does not need this premise.",
            ),
            Premise(
                "key_identifies",
                "No two liquidations have the same key.",
                "Rows have no id; the key is the coins and the start of the liquidation.",
                _WITHOUT_ID,
                "One of two such liquidations.",
                "Two such rows on one page fail the window. On two pages, the number of rows would fall "
                "short of `total`.",
            ),
            Premise(
                "isolated_rows",
                "Without a symbol, rows of isolated margin accounts are returned too, or there are none.",
                "Nothing is documented for `margin`; the documentation of `margin_capital_flow` says that a "
                "symbol is mandatory for isolated data.",
                _ISOLATED,
                "All liquidations of isolated margin accounts.",
                "Observed if a row has `isIsolated`. Or list the pairs in `symbols`.",
            ),
            Premise(
                "bounds_of_one_instant",
                "`startTime` and `endTime` apply to one instant: both to `time`, or both to `updateTime`.",
                "Nothing is documented.",
                _UPDATED,
                "Rows that were created in one window, or in one request's time, and updated after it.",
                "Observed if a row is returned of which one instant lies outside of what was requested.",
            ),
            Premise(
                "update_after_time",
                "`updateTime` is not before `time`.",
                "True of every documented row; nothing is documented.",
                _UPDATED,
                "Some rows of a window of several pages.",
                "If a row contradicts it, the window is started again with short pages only.",
            ),
            Premise(
                "within_retention",
                "The exchange still keeps every row of the window.",
                "90 days are documented for some endpoints, and assumed for the others.",
                ALL,
                "The oldest rows.",
                "Checked by the exchange's clock before the first request and after the last.",
                documented_for=_RETENTION,
            ),
            Premise(
                "recorded_by_endpoint",
                "The endpoint has a record of every liquidation of the account.",
                "The documentation of the Risk-Based Liquidation Adjustment of portfolio margin says "
                "otherwise: those accounts have no record on this endpoint; `GET "
                "/sapi/v1/margin/capital-flow` has them.",
                _CAVEATS,
                "All liquidations of such an account. An answer without rows is not claimed complete.",
                "Extract `margin_capital_flow` (`GET /sapi/v1/margin/capital-flow`).",
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

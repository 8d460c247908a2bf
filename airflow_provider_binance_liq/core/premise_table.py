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
                "A filtered extraction is proven without the filter until a filtered answer holds rows that "
                "cannot come from one page, if pages are cut at an end of time. Pages that fall short of the "
                "limit by up to 10 rows count as full ones.",
            ),
            Premise(
                "limit_honoured",
                "An answer holds as many rows as `limit` asks for, where there are so many.",
                "The documentation of `limit`: its default and its most, such as 50 and 100.",
                BY_TIME,
                "Rows of a window that has more of them than the exchange hands out at once.",
                "Observed where a page has the most rows, such as 100. One that has as many as come by "
                "default, such as 50, counts as full until a longer one was seen.",
                documented_for=BY_TIME,
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
                "`total` counts every row that matches, and pages end where there are no more rows.",
                "`total` is documented by its name alone.",
                BY_NUMBER,
                "Rows of later pages.",
                "After a full page one more is asked for, so a `total` that is capped or counts the page "
                "alone ends nothing. A page that repeats the one before it makes this suspect.",
            ),
            Premise(
                "two_types",
                "Every row is of `autoCloseType` LIQUIDATION or ADL.",
                "The documentation of `autoCloseType`: both types are returned if it is not sent.",
                _TYPED,
                "Rows of a third type in a millisecond that fills a page.",
                "Where a row of neither type was seen, the millisecond is split by symbol instead.",
                documented_for=_TYPED,
            ),
            Premise(
                "symbols_listed",
                "Where symbols are asked for apart: every symbol with rows is listed by `exchangeInfo`, or "
                "was seen, and its rows are answered, also where it is not listed any more.",
                "Nothing is documented on symbols that are not listed any more.",
                _LISTED,
                "Rows of a symbol that is not listed any more, or refused although it is listed.",
                "Compare with the symbols of earlier extractions.",
            ),
            Premise(
                "ids_ascend",
                "Ids are positive. With `fromId`, the rows with the lowest ids above it are answered.",
                "Documented is that ids above it are answered, not which of them.",
                _BY_ID,
                "Rows of a millisecond that fills a page.",
                "Relied on only where each page holds what is known, the next one overlaps it and adds "
                "nothing inside, and the first one leaves out higher ids that are known. Used for such a "
                "millisecond alone; whole windows are paged by time, which needs no such premise.",
            ),
            Premise(
                "key_identifies",
                "No two liquidations agree in every field of the key.",
                "Rows have no id; the key is made of what identifies a liquidation by its meaning.",
                _WITHOUT_ID,
                "One of two such liquidations.",
                "Two such rows on one page fail the window. On two pages, the number of rows would fall "
                "short of `total`.",
            ),
            Premise(
                "isolated_rows",
                "Without a symbol, rows of isolated margin accounts are answered too, or there are none.",
                "Nothing is documented for `margin`; the documentation of `margin_capital_flow` says that a "
                "symbol is mandatory for isolated data.",
                _ISOLATED,
                "All liquidations of isolated margin accounts.",
                "Observed where a row says `isIsolated`. Or name the pairs with `symbols`.",
            ),
            Premise(
                "update_after_time",
                "`updateTime` is not before `time`.",
                "Every documented row; nothing is stated.",
                _UPDATED,
                "Some rows of a window of several pages.",
                "A row that says otherwise starts the window again with pages below the limit alone.",
            ),
            Premise(
                "within_retention",
                "The exchange still keeps every row of the window.",
                "90 days are documented for some endpoints; taken for the others.",
                ALL,
                "The oldest rows.",
                "Judged by the exchange's clock before the first request and after the last.",
                documented_for=_RETENTION,
            ),
            Premise(
                "recorded_by_endpoint",
                "The endpoint has a record of every liquidation of the account.",
                "Documented otherwise for the Risk-Based Liquidation Adjustment of portfolio margin: those "
                "accounts have no record on this endpoint; `GET /sapi/v1/margin/capital-flow` has them.",
                _CAVEATS,
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

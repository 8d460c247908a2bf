"""The knobs: everything that the exchange leaves undocumented is a choice here, never an assumption.

A default is what the documentation says; where it says nothing, it is the reading that a careless client
survives least. Bounds, filters, totals and permissions are lenient by default: what is hostile there leaves
nothing else to be seen, so a test chooses it. `command.py` offers one option per field and takes its help
from the `#:` comment.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from typing import Final, Literal, get_args, get_origin, get_type_hints

Keep = Literal["oldest", "newest"]
Order = Literal["ascending", "descending", "shuffled", "order_id"]
InstantField = Literal["time", "updateTime"]
SortField = Literal["time", "updateTime", "order_id"]
IdsAfter = Literal["lowest", "highest"]
Bound = Literal["inclusive", "exclusive"]
Stage = Literal["before_limit", "after_limit"]
OverMaximum = Literal["refuse", "clamp"]
EqualBounds = Literal["allow", "refuse", "empty"]
OverSpan = Literal["refuse", "empty", "clamp_start", "clamp_end"]
BeyondRetention = Literal["empty", "refuse"]
Total = Literal["whole", "page"]
Drift = Literal["none", "total", "shift", "repeat"]
Answered = Literal["answered", "hidden"]
SymbolFilter = Literal["answered", "refused"]
KeyKind = Literal["trading", "read_only", "none"]
ReadOnly = Literal["suffices", "refused"]
PortfolioMargin = Literal["active", "refused_2015", "refused_21001", "empty"]
ExchangeInfo = Literal["answered", "fails"]

#: most rows of one symbol and close type that one millisecond holds; one below the largest page
MOST_TIED: Final = 99
_MOST_TIED_IN_ALL: Final = 1000
#: most rows that appear while an interval is read: more than a page
MOST_LATE: Final = 150
_COUNTS: Final = (
    "cascade_every", "other_rows", "other_traffic", "tolerated_429s", "latency_ms", "late_requests",
)  # fmt: skip
#: what weight is counted by; `sapi:margin` is one of sapi's endpoints, `sapi` all of them
POOLS: Final = ("futures", "papi", "sapi", "api")


def random_seed() -> int:
    """Choose a seed that is short enough to be typed in again."""
    return random.SystemRandom().randrange(1_000_000)


@dataclass(frozen=True, slots=True)
class Settings:
    """How strange the exchange is; frozen, so that a log line with it replays the run."""

    #: seed of the history, the keys and every shuffle; by default random
    seed: int = field(default_factory=random_seed)
    #: names of the accounts that have a key
    accounts: tuple[str, ...] = ("demo",)

    # ---- what one answer holds
    #: which rows are returned if more match than `limit` (pages by time)
    keep: Keep = "newest"
    #: order of the rows within an answer; by default as documented, descending for `margin`, else ascending
    order: Order | None = None
    #: which of the row's instants startTime and endTime are compared with
    filter_by: InstantField = "time"
    #: which instant, or order id, decides what truncation leaves out; by default the instant filtered by
    sort_by: SortField | None = None
    #: whether a row whose instant is startTime is returned
    start_bound: Bound = "inclusive"
    #: whether a row whose instant is endTime is returned
    end_bound: Bound = "inclusive"
    #: whether symbol and autoCloseType are applied before `limit` or size, or after it
    filter_stage: Stage = "before_limit"
    #: whether startTime is applied before `limit`, or to the rows of 90 more days that `limit` has left
    start_stage: Stage = "before_limit"
    #: whether limit or size over 100 is refused (-1130) or read as 100
    limit_over_max: OverMaximum = "refuse"
    #: which ids a request by fromId gets if more than `limit` are higher
    ids_after: IdsAfter = "lowest"
    #: whether startTime == endTime is one millisecond, refused (-1102), or answered without rows
    equal_bounds: EqualBounds = "allow"
    #: longest time in hours between startTime and endTime; by default there is no limit
    max_span_hours: float | None = None
    #: what a longer request gets: a refusal, no rows, or the rows of its last (`clamp_start`) or first hours
    over_span: OverSpan = "refuse"
    #: days after which a row is not returned any more; by default it is kept for ever
    retention_days: float | None = None
    #: what a request that starts before the retention gets: only what is kept, or a refusal
    beyond_retention: BeyondRetention = "empty"
    #: whether a numbered page's `total` counts every row, or those of the page
    total: Total = "whole"
    #: highest `total` of a numbered page; by default there is no limit
    total_cap: int | None = None
    #: most rows of a numbered page, whatever size asks for; by default 100
    size_cap: int | None = None
    #: how numbered pages change while they are read: not at all, `total` grows, rows shift, rows repeat
    drift: Drift = "none"
    #: share of the rows (0 to 1) that are returned only from `late_seconds` after their update on
    late_share: float = 0.0
    #: seconds after its update at which a late row appears
    late_seconds: float = 60.0
    #: rows (0 to 150) of an interval that the first `late_requests` requests do not return
    late_rows: int = 0
    #: requests per account and endpoint after which those `late_rows` appear, all at once
    late_requests: int = 1
    #: whether requests without `isolatedSymbol` return rows of isolated margin
    isolated_rows: Answered = "answered"
    #: whether rows that are neither liquidation nor ADL are returned
    other_type: Answered = "answered"
    #: symbols that are not in `exchangeInfo`, in addition to delivered contracts
    delisted_symbols: tuple[str, ...] = ()
    #: what a request for a symbol that is not in `exchangeInfo` gets: its rows, or a refusal (-1121)
    delisted_filter: SymbolFilter = "answered"
    #: whether `exchangeInfo` is answered, or fails each time (503)
    exchange_info: ExchangeInfo = "answered"

    # ---- what a key may read
    #: permission of the keys: trading on futures and portfolio margin, reading only, or none
    key: KeyKind = "trading"
    #: whether a key that may only read is enough for futures and portfolio margin, or is refused (-2015)
    read_only: ReadOnly = "suffices"
    #: the accounts' portfolio margin: active, or what papi says to a classic account: a refusal, or no rows
    portfolio_margin: PortfolioMargin = "active"
    #: whether `portfolio_margin` has no rows because of Risk-Based Liquidation Adjustment
    risk_based: bool = False

    # ---- how a row is spelled
    #: send numbers where strings are documented, and strings where numbers are
    numbers_as_strings: bool = False
    #: add fields that are not documented
    extra_fields: bool = False
    #: send only the fields that identify a row and place it in time
    omit_optional: bool = False

    # ---- what the history holds
    #: days from one cascade to the next; 0: none
    cascade_every: int = 7
    #: rows of a cascade day, per account and endpoint
    cascade_rows: int = 2500
    #: rows of a cascade that share one millisecond, at most 99 of them of one symbol and close type
    tie_rows: int = 130
    #: rows of a cascade day that are neither liquidation nor ADL (`settlement_autoclose-…`)
    other_rows: int = 0
    #: share (0 to 1) of the instants whose rows were updated before they were created
    update_before_share: float = 0.0

    # ---- weight and bans
    #: limit of a pool, in weight per minute and IP address; by default the documented one
    weight_limits: tuple[tuple[str, int], ...] = ()
    #: weight per minute that other clients on the same IP address use, evenly, in every pool
    other_traffic: int = 0
    #: seconds in the exchange's minute; weights are reset at its multiples since the epoch
    minute_seconds: float = 60.0
    #: number of 429s in one minute before the next request bans the address
    tolerated_429s: int = 3
    #: seconds of the first ban; each further ban, and each request during one, doubles it, up to 3 days
    ban_seconds: float = 120.0
    #: whether 429 and 418 have the header Retry-After; by default as documented, on sapi and api
    retry_after: bool | None = None
    #: whether the text of a 418 says when the ban ends, in epoch ms
    ban_until_in_body: bool = True

    # ---- time
    #: how far the exchange's clock is ahead of this machine's, in ms
    clock_offset_ms: int = 0
    #: time that every answer takes, in ms
    latency_ms: float = 0.0

    def __post_init__(self) -> None:
        _require_choices(self)
        _require("accounts", "at least one name", holds=bool(self.accounts))
        for name in ("max_span_hours", "retention_days", "minute_seconds", "ban_seconds"):
            value = getattr(self, name)
            _require(name, "more than 0", holds=value is None or value > 0)
        for name in _COUNTS:
            _require(name, "0 or more", holds=getattr(self, name) >= 0)
        for name in ("total_cap", "size_cap"):
            value = getattr(self, name)
            _require(name, "1 or more", holds=value is None or value >= 1)
        known = all(pool.partition(":")[0] in POOLS and limit >= 0 for pool, limit in self.weight_limits)
        _require("weight_limits", f"a weight for one of {', '.join(POOLS)}", holds=known)
        for name in ("late_share", "update_before_share"):
            _require(name, "between 0 and 1", holds=0 <= getattr(self, name) <= 1)
        _require("late_rows", f"0 to {MOST_LATE}", holds=0 <= self.late_rows <= MOST_LATE)
        _require("tie_rows", f"0 to {_MOST_TIED_IN_ALL}", holds=0 <= self.tie_rows <= _MOST_TIED_IN_ALL)
        _require("cascade_rows", "1 or more", holds=self.cascade_rows >= 1)

    @property
    def sort_field(self) -> SortField:
        """What decides which rows truncation leaves out."""
        return self.sort_by or self.filter_by

    @property
    def minute_ms(self) -> int:
        """The exchange's minute in ms."""
        return max(1, round(self.minute_seconds * 1000))


#: field → the values it may have
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    name: get_args(kind)
    for name, hint in get_type_hints(Settings).items()
    for kind in (hint, *get_args(hint))
    if get_origin(kind) is Literal
}


def _require_choices(settings: Settings) -> None:
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        if setting.name in CHOICES and value is not None:
            choices = CHOICES[setting.name]
            _require(setting.name, f"one of {', '.join(choices)}", holds=value in choices)


def _require(name: str, expected: str, *, holds: bool) -> None:
    if not holds:
        message = f"simulator setting {name} has to be {expected}"
        raise ValueError(message)

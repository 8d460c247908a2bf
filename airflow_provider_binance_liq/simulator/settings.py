"""The knobs: everything that the exchange leaves undocumented is a choice here, never an assumption.

A default is what the documentation says; where it says nothing, it is the reading that a careless client
survives least. `command.py` offers one option per field and takes its help from the `#:` comment.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from typing import Final, Literal, get_args

Keep = Literal["oldest", "newest"]
Order = Literal["ascending", "descending", "shuffled", "order_id"]
InstantField = Literal["time", "updateTime"]
OverMaximum = Literal["refuse", "clamp"]
EqualBounds = Literal["allow", "refuse"]
BeyondRetention = Literal["empty", "refuse"]
Drift = Literal["none", "total", "shift", "repeat"]

#: most rows of one symbol and close type that one millisecond holds; one below the largest page
MOST_TIED: Final = 99
_MOST_TIED_IN_ALL: Final = 1000
#: what weight is counted by; `sapi:margin` is one of sapi's endpoints, `sapi` all of them
POOLS: Final = ("futures", "papi", "sapi", "api")


def random_seed() -> int:
    """Choose a seed that is short enough to be typed in again."""
    return random.SystemRandom().randrange(1_000_000)


@dataclass(frozen=True, slots=True)
class Settings:
    """How strange the exchange is; frozen, so that a log line with it replays the run."""

    #: seed of the whole history, of the keys and of every shuffle; random where none is given
    seed: int = field(default_factory=random_seed)
    #: names of the accounts that have a key
    accounts: tuple[str, ...] = ("demo",)

    # ---- what one answer holds
    #: which end of the window survives where more rows match than `limit` (pages by time)
    keep: Keep = "newest"
    #: order of the rows within an answer; by default as documented, descending for `margin`, else ascending
    order: Order | None = None
    #: which of the row's instants startTime and endTime are compared with
    filter_by: InstantField = "time"
    #: which of the row's instants decides what truncation leaves out; by default the one filtered by
    sort_by: InstantField | None = None
    #: whether limit or size over 100 is refused (-1130) or read as 100
    limit_over_max: OverMaximum = "refuse"
    #: whether startTime == endTime is an interval of one millisecond or refused (-1102)
    equal_bounds: EqualBounds = "allow"
    #: longest time in hours between startTime and endTime; by default there is no limit
    max_span_hours: float | None = None
    #: days after which a row is no longer answered; by default it is kept for ever
    retention_days: float | None = None
    #: what a request that starts before the retention gets: only what is kept, or a refusal
    beyond_retention: BeyondRetention = "empty"
    #: how numbered pages move while they are read: not, `total` grows, rows shift, rows repeat
    drift: Drift = "none"
    #: share of the rows (0 to 1) that are answered only `late_seconds` after their update
    late_share: float = 0.0
    #: seconds after its update at which a late row appears
    late_seconds: float = 60.0

    # ---- how a row is spelled
    #: numbers where strings are documented, and strings where numbers are
    numbers_as_strings: bool = False
    #: fields that nobody has documented yet
    extra_fields: bool = False
    #: only the fields that identify and place a row
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

    # ---- weight and bans
    #: pool → weight per minute and IP address, where it is not the documented one
    weight_limits: tuple[tuple[str, int], ...] = ()
    #: weight per minute that others on the same IP address spend, evenly, in every pool
    other_traffic: int = 0
    #: seconds in the exchange's minute; weights are reset at its multiples since the epoch
    minute_seconds: float = 60.0
    #: 429s that one minute tolerates; the next one bans
    tolerated_429s: int = 3
    #: seconds of the first ban; each further one, and each request during one, doubles it, up to 3 days
    ban_seconds: float = 120.0
    #: whether 429 and 418 have the header Retry-After; by default as documented, on sapi and api
    retry_after: bool | None = None
    #: whether the text of a 418 says until when, in epoch ms
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
        for name in ("cascade_every", "other_rows", "other_traffic", "tolerated_429s", "latency_ms"):
            _require(name, "0 or more", holds=getattr(self, name) >= 0)
        known = all(pool.partition(":")[0] in POOLS and limit >= 0 for pool, limit in self.weight_limits)
        _require("weight_limits", f"a weight for one of {', '.join(POOLS)}", holds=known)
        _require("late_share", "between 0 and 1", holds=0 <= self.late_share <= 1)
        _require("tie_rows", f"0 to {_MOST_TIED_IN_ALL}", holds=0 <= self.tie_rows <= _MOST_TIED_IN_ALL)
        _require("cascade_rows", "1 or more", holds=self.cascade_rows >= 1)

    @property
    def sort_field(self) -> InstantField:
        """The instant that decides what truncation leaves out."""
        return self.sort_by or self.filter_by

    @property
    def minute_ms(self) -> int:
        """The exchange's minute in ms."""
        return max(1, round(self.minute_seconds * 1000))


#: field → the values it may have
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "keep": get_args(Keep),
    "order": get_args(Order),
    "filter_by": get_args(InstantField),
    "sort_by": get_args(InstantField),
    "limit_over_max": get_args(OverMaximum),
    "equal_bounds": get_args(EqualBounds),
    "beyond_retention": get_args(BeyondRetention),
    "drift": get_args(Drift),
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

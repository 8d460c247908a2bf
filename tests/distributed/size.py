"""How large a fleet is, what it has to do, and what its exchange is like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from airflow_provider_binance_liq.simulator import Settings

_FIRST_BAN_S: Final = 15


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything."""

    days: int
    accounts: tuple[str, ...] = ("desk-a", "desk-b")
    workers: int = 2
    #: tasks that each worker runs at once
    concurrency: int = 3
    #: days that the backfill works on at once
    runs_at_once: int = 2
    #: share of the IP address's weight that may be used up
    share: float = 0.5
    #: weight per minute that others on the same IP address spend, in every pool
    other_traffic: int = 300
    #: days from one cascade to the next
    cascade_every: int = 15
    #: rows of a cascade day, per account and endpoint
    cascade_rows: int = 2500
    #: seconds of the ban in the middle
    ban_s: int = 180
    seed: int = 7

    @property
    def slots(self) -> int:
        """How many tasks run at once; so many clients are at work at the most."""
        return self.workers * self.concurrency

    def simulated(self) -> Settings:
        """Return what the exchange is to be like; limits and minutes are the documented ones."""
        return Settings(
            seed=self.seed,
            accounts=self.accounts,
            cascade_every=self.cascade_every,
            cascade_rows=self.cascade_rows,
            other_traffic=self.other_traffic,
            # Each request during a ban doubles this. So low, the first of them add nothing to the ban in the
            # middle, and are counted instead of waited for.
            ban_seconds=_FIRST_BAN_S,
        )

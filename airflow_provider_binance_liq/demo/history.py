"""What the demo's lake has from before the backfill: windows of three months, in which two days are missing.

So there is something to see for whoever looks for what is missing: a day that the exchange deletes soon but
still has, and one that is lost. The windows are extracted by another simulated exchange with the same
history, whose clock shows an hour after the end of each, as if a schedule had extracted them then.

It is a program of its own: the demo's own process never imports Airflow, which the lake is written with.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.core.units import DAY_MS, HOUR_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.demo.days import Days, epoch_ms
from airflow_provider_binance_liq.simulator import Settings, Simulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: its requests weigh least, and it has no isolated accounts to ask for one by one
ENDPOINT: Final = "portfolio_margin"
#: the exchange is taken to keep so many days
_KEPT_DAYS: Final = 90
#: days before today
_FIRST: Final = 93
_LOST: Final = 92
#: before the longest backfill's first day, and soon lost
_GAP: Final = 85


@dataclass(frozen=True, slots=True)
class EarlierDays:
    """The days before a backfill: extracted, but for two."""

    #: the days that the lake has
    extracted: tuple[date, ...]
    #: can still be extracted
    gap: date
    #: cannot be extracted any more
    lost: date

    @classmethod
    def before(cls, backfill: Days) -> Self:
        """Return the days before a backfill that ends with yesterday."""
        today = backfill.last + timedelta(days=1)
        gap, lost = today - timedelta(days=_GAP), today - timedelta(days=_LOST)
        span = Days(today - timedelta(days=_FIRST), backfill.first - timedelta(days=1))
        return cls(tuple(day for day in span if day not in (gap, lost)), gap, lost)

    def __str__(self) -> str:
        return (
            f"Left out on purpose, of {ENDPOINT} before the backfill: {self.gap}, which can still be "
            f"extracted, and {self.lost}, which is lost (the exchange is taken to keep {_KEPT_DAYS} days)"
        )


def command(settings: Settings, backfill: Days, destination: str, accepted: Sequence[str]) -> list[str]:
    """Return the command that extracts what was there before; no secret is in it."""
    known = (settings.seed, settings.cascade_every, settings.cascade_rows, settings.accounts[0])
    module = [sys.executable, "-P", "-m", __name__]
    return [*module, *map(str, known), str(backfill.first), str(backfill.last), destination, *accepted]


def main(words: Sequence[str]) -> None:
    """Extract the days before a backfill into a lake."""
    seed, every, rows, account, first, last, destination, *accepted = words
    days = EarlierDays.before(Days(date.fromisoformat(first), date.fromisoformat(last)))
    settings = Settings(seed=int(seed), accounts=(account,), cascade_every=int(every), cascade_rows=int(rows))
    extract(settings, days.extracted, destination, tuple(accepted))


def extract(settings: Settings, days: Iterable[date], destination: str, accepted: tuple[str, ...]) -> None:
    """Extract each day as a schedule would have: an hour after its end."""
    from airflow_provider_binance_liq.exchange.client import BinanceClient
    from airflow_provider_binance_liq.exchange.connection import Account
    from airflow_provider_binance_liq.exchange.settings import ClientSettings
    from airflow_provider_binance_liq.extraction.job import Job
    from airflow_provider_binance_liq.extraction.reader import Filters

    account, clock = settings.accounts[0], _Clock()
    with Simulator(settings, clock=clock) as simulator:
        credentials = simulator.credentials(account)
        reach = ClientSettings(
            api_key=credentials.api_key,
            signer=HmacSigner(credentials.secret),
            origins=dict.fromkeys(FAMILIES, simulator.url),
        )
        known = Account(account, reach)
        with closing(BinanceClient(reach, clock=clock)) as client:
            for day in days:
                window = Window(epoch_ms(day), epoch_ms(day) + DAY_MS)
                clock.now_ms = window.end_ms + HOUR_MS
                job = Job(get_endpoint(ENDPOINT), window, Filters(), known, destination, accepted=accepted)
                job.run(client=client, clock=clock)


@dataclass(slots=True)
class _Clock:
    """A clock that stands still between two days."""

    now_ms: int = 0

    def __call__(self) -> float:
        return self.now_ms / 1000


if __name__ == "__main__":
    main(sys.argv[1:])

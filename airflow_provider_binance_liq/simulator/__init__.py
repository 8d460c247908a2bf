"""A strict local exchange: seeded, forgetful, hostile by default, with every fault a documented knob.

    with Simulator(Settings(seed=7, accounts=("desk",))) as exchange:
        key = exchange.credentials("desk")
        ...                                            # send requests to exchange.url
        exchange.truth("usdm_futures", start_ms=..., end_ms=...)

It shares the table of endpoints with the rest of the package, and nothing else: signatures are verified, and
rows selected, by code of its own, so that a mistake cannot agree with itself. What the exchange documents is
built as documented; what it does not is a field of `Settings`.

Limitations, to be honest about what a passed test does not prove:

- No live account was at hand. Which end truncation keeps, what the filter reads, how long rows are kept and
  how an overlong interval is refused are choices of `Settings`, not knowledge.
- The texts and the order of checks where several things are wrong at once are a guess: here key, signature,
  time, parameters. So are 90 days as the default interval of the margin endpoints and COIN-M, -1130 for an
  unknown `autoCloseType`, -4166 beyond retention outside of sapi, and the number of 429s before a ban.
- Unknown parameters are refused (-1104) on every family; the real sapi is said to ignore some.
- A ban holds for every family at once. The real one may hold per host.
- `key`, `read_only` and `portfolio_margin` hold for every account at once; IP allow-lists are
  known only as the fault `http_401_2015`.
- Where startTime is applied after the limit, the limit looks back over 90 days more and no further.
- One origin serves every family, in plain HTTP/1.1 on 127.0.0.1: no TLS, no HTTP/2, no compression unless a
  fault asks for it. Client addresses within 127.0.0.0/8 count as different addresses.
- Contracts never lose their listing but by delivery, and nothing else is traded: no order can be placed.
- Others on the address spend their weight evenly, not in bursts.
- One request is answered at a time. A request over years makes every day in between, which takes seconds.
"""

from __future__ import annotations

from airflow_provider_binance_liq.simulator.accounts import Credentials
from airflow_provider_binance_liq.simulator.documented import make_row
from airflow_provider_binance_liq.simulator.exchange import LoggedRequest
from airflow_provider_binance_liq.simulator.fault_kinds import FAULTS
from airflow_provider_binance_liq.simulator.faults import Fault
from airflow_provider_binance_liq.simulator.history import ExplicitHistory, SeededHistory
from airflow_provider_binance_liq.simulator.records import Amount
from airflow_provider_binance_liq.simulator.settings import Settings
from airflow_provider_binance_liq.simulator.simulator import Simulator, Stats

__all__ = [
    "FAULTS",
    "Amount",
    "Credentials",
    "ExplicitHistory",
    "Fault",
    "LoggedRequest",
    "SeededHistory",
    "Settings",
    "Simulator",
    "Stats",
    "make_row",
]

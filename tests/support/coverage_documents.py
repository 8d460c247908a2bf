"""Coverage documents as the page reads them, made up by a seed: the state and the rows of each day."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

#: when every document here was computed
NOW = datetime.fromisoformat("2026-11-27T07:12:03+00:00")
TODAY = NOW.date()
TITLES = {
    "usdm_futures": "USD-M futures",
    "coinm_futures": "COIN-M futures",
    "margin": "Margin",
    "margin_capital_flow": "Margin capital flow",
    "portfolio_um": "Portfolio USD-M",
    "flexible_loan": "Flexible loan",
}


def iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class History:
    """One account and endpoint; letters can be put at single days."""

    account: str
    endpoint: str
    states: list[str]
    rows: list[int]
    flags: list[int]
    retention: tuple[int, str] = (90, "assumed")
    notional: dict[str, str] = field(default_factory=dict)
    rows_without_amount: int = 0

    @property
    def id(self) -> str:
        return f"{self.account}/{self.endpoint}"

    @property
    def first_day(self) -> date:
        return TODAY - timedelta(days=len(self.states) - 1)

    def put(self, day: str, letter: str, *, rows: int = 0, flags: int = 0) -> History:
        at = (date.fromisoformat(day) - self.first_day).days
        self.states[at], self.rows[at], self.flags[at] = letter, rows, flags
        return self

    def document(self) -> dict:
        kept_from = NOW - timedelta(days=self.retention[0])
        return {
            "id": self.id,
            "account": self.account,
            "endpoint": self.endpoint,
            "title": TITLES[self.endpoint],
            "filter": "",
            "conn_id": self.account,
            "docs_url": "https://developers.binance.com/docs/derivatives",
            "retention": {"days": self.retention[0], "source": self.retention[1]},
            "kept_from": iso(kept_from),
            "first_day": self.first_day.isoformat(),
            "states": "".join(self.states),
            "rows": self.rows,
            "flags": self.flags,
            "notional": self.notional,
            "rows_without_amount": self.rows_without_amount,
            "assumed": [
                {"code": "within_retention", "sentence": "The exchange still keeps every row of the window."}
            ],
            "loads_since": iso(NOW - timedelta(days=40)),
            "oldest_gap": self._oldest_gap(kept_from),
        }

    def _oldest_gap(self, kept_from: datetime) -> dict | None:
        for at, letter in enumerate(self.states):
            day = datetime.combine(self.first_day + timedelta(days=at), datetime.min.time(), NOW.tzinfo)
            if letter in "muh" and day > kept_from:
                return {"start": iso(day), "recoverable_until": iso(day + timedelta(days=self.retention[0]))}
        return None


def quiet(account: str, endpoint: str, days: int, **known) -> History:
    """A history in which every day is proven empty, and the newest three are not due."""
    states = ["e"] * (days - 3) + ["n"] * 3
    return History(account, endpoint, states, [0] * days, [0] * days, **known)


def lively(account: str, endpoint: str, days: int, seed: int, **known) -> History:
    """A history as accounts have them: few rows on most days, a cascade now and then."""
    dice = random.Random(f"{account}/{endpoint}/{seed}")
    history = quiet(account, endpoint, days, **known)
    busy = dice.uniform(0.25, 0.75)
    for at in range(days - 3):
        if dice.random() < busy:
            history.states[at], history.rows[at] = "p", max(1, int(dice.lognormvariate(1.6, 1.5)))
        if dice.random() < 0.012:
            history.states[at], history.rows[at] = "p", dice.randint(1500, 30_000)
        if dice.random() < 0.04:
            history.flags[at] = 1
        if at >= days - 6:
            history.flags[at] |= 2
        elif at < days - 40:
            history.flags[at] |= 8
    total = sum(history.rows)
    history.notional = {"USDT": f"{total * 831 + seed}.{total % 100:02}07"} if total else {}
    return history


def document(histories: list[History], **known) -> dict:
    return {
        "version": 1,
        "now": iso(NOW),
        "as_of": iso(NOW - timedelta(minutes=2)),
        "destination": "s3://desk-lake/binance",
        "dag_id": "binance_liquidations",
        "settle_days": 2,
        "warn_days": 14,
        "loads_known": True,
        "unusable": [],
        "unusable_count": 0,
        "histories": [history.document() for history in histories],
    } | known


def days_ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


def example(days: int = 150) -> dict:
    """Two accounts with every state: the document of the page's pictures."""
    desk = lively("desk", "usdm_futures", days, 4)
    for ago in (86, 85, 84):
        desk.put(days_ago(ago), "m")
    desk.put(days_ago(40), "u", rows=112, flags=1).put(days_ago(39), "h", rows=8)
    desk.put(days_ago(22), "f", rows=19).put(days_ago(12), "m").put(days_ago(11), "m")
    desk.put(days_ago(14), "p", rows=412)  # as the window that the route `day` answers with
    for ago in (121, 120, 119, 118, 117):
        desk.put(days_ago(ago), "l")
    coinm = lively("desk", "coinm_futures", days, 5, retention=(90, "documented"))
    coinm.notional = {"BTC": "12.40718223", "ETH": "301.5"}
    margin = lively("desk", "margin", days - 22, 6)
    margin.put(days_ago(53), "u", rows=3, flags=1).put(days_ago(52), "u", flags=1)
    fund = lively("fund", "usdm_futures", days, 7)
    for ago in range(30, 26, -1):
        fund.put(days_ago(ago), "m")
    fund.put(days_ago(100), "l", flags=16)
    fund.rows_without_amount = 12
    loans = quiet("fund", "flexible_loan", 64)
    portfolio = lively("fund", "portfolio_um", days - 48, 9)
    portfolio.notional, portfolio.rows_without_amount = {}, sum(portfolio.rows)
    return document([desk, coinm, margin, fund, portfolio, loans])


def large() -> dict:
    """Return two years of six endpoints of three accounts."""
    return document(
        [lively(f"desk-{n}", endpoint, 730, n) for n in (1, 2, 3) for endpoint in TITLES], dag_id=None
    )

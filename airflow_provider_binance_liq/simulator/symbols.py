"""What is traded: the symbols that the history draws from, that `exchangeInfo` lists and a filter may name.

Among them are symbols that are not ASCII (`币安人生USDT` is real), pairs of symbols that share their order
ids, and contracts with a delivery date, which leave `exchangeInfo` once they are delivered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.units import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_binance_liq.core.endpoint import Endpoint

Kind = Literal["um", "cm", "spot"]
EPOCH: Final = date(1970, 1, 1)
_QUARTER: Final = 3
_LAST_MONTH: Final = 12
_FRIDAY: Final = 4
_DATED: Final = re.compile(r"^(?P<pair>[^_]+)_\d{6}$")
#: order ids of whole symbols lie here: past 2^53, where a float or JavaScript loses the last digits
PAST_2_53: Final = 8_389_700_000_000_000_000
#: ... or here, as most do
ORDINARY: Final = 260_000_000_000
#: family that lists an endpoint's symbols → what it trades
_LISTED: Final[dict[str | None, Kind]] = {"fapi": "um", "dapi": "cm"}
#: endpoint → what it trades
KINDS: Final[dict[str, Kind]] = {
    name: _LISTED.get(endpoint.symbols.listed_by if endpoint.symbols else None, "spot")
    for name, endpoint in ENDPOINTS.items()
}


@dataclass(frozen=True, slots=True)
class Market:
    """One symbol, and what its rows need."""

    symbol: str
    base: str
    quote: str
    #: about what one unit costs
    price: float
    #: first order id; symbols that share it have colliding order ids
    first_order_id: int
    #: value of one contract in the quote currency (COIN-M)
    contract_size: int = 1
    #: day of delivery; None: perpetual, or spot
    delivery: date | None = None

    @property
    def pair(self) -> str:
        """The pair underneath a contract."""
        return f"{self.base}{self.quote}"


def _um(base: str, price: float, first_order_id: int = ORDINARY, quote: str = "USDT") -> Market:
    return Market(f"{base}{quote}", base, quote, price, first_order_id)


def _cm(base: str, price: float, first_order_id: int = ORDINARY, size: int = 10) -> Market:
    return Market(f"{base}USD_PERP", base, "USD", price, first_order_id, size)


#: what is traded for good, per kind
LASTING: Final[dict[Kind, tuple[Market, ...]]] = {
    "um": (
        _um("BTC", 64_250.0),
        _um("ETH", 3_120.0, PAST_2_53),
        _um("BTC", 64_245.0, quote="USDC"),
        _um("SOL", 151.0, PAST_2_53),
        _um("XRP", 1.22),
        _um("DOGE", 0.162),
        _um("1000PEPE", 0.0121),
        _um("HNT", 4.61, PAST_2_53),
        _um("币安人生", 0.371),
        _um("我踏马来了", 0.0832, PAST_2_53),
    ),
    "cm": (
        _cm("BTC", 64_250.0, size=100),
        _cm("ETH", 3_120.0, PAST_2_53),
        _cm("SOL", 151.0, PAST_2_53),
        _cm("XRP", 1.22),
        _cm("BNB", 598.0),
        _cm("DOGE", 0.162),
    ),
    "spot": (
        _um("BNB", 0.0091, quote="BTC"),
        _um("BTC", 64_250.0),
        _um("ETH", 3_120.0, PAST_2_53),
        _um("ETH", 0.0487, PAST_2_53, quote="BTC"),
        _um("SOL", 151.0),
        _um("DOGE", 0.162),
        _um("币安人生", 0.371),
    ),
}
_DELIVERED: Final[dict[Kind, tuple[Market, ...]]] = {
    "um": LASTING["um"][:2],
    "cm": LASTING["cm"][:2],
    "spot": (),
}


def delivery_after(day: date) -> date:
    """Return the first quarterly delivery after `day`: the last Friday of a quarter."""
    month = day.month + (-day.month % _QUARTER)
    year = day.year
    while True:
        first_of_next = date(year + month // 12, month % 12 + 1, 1)
        last = first_of_next - timedelta(days=1)
        friday = last - timedelta(days=(last.weekday() - _FRIDAY) % 7)
        if friday > day:
            return friday
        year, month = (year + 1, _QUARTER) if month == _LAST_MONTH else (year, month + _QUARTER)


def dated(kind: Kind, day: date) -> tuple[Market, ...]:
    """Return the contracts of the current quarter on `day`."""
    delivery = delivery_after(day)
    return tuple(_delivering(market, delivery) for market in _DELIVERED[kind])


def _delivering(market: Market, delivery: date) -> Market:
    return Market(
        f"{market.pair}_{delivery:%y%m%d}",
        market.base,
        market.quote,
        market.price,
        market.first_order_id,
        market.contract_size,
        delivery,
    )


def listed(kind: Kind, now_ms: int, delisted: Iterable[str] = ()) -> tuple[Market, ...]:
    """Return what `exchangeInfo` lists: what lasts, this quarter's contracts and the next one's."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    following = delivery_after(today)
    traded = (*LASTING[kind], *dated(kind, today), *dated(kind, following))
    return tuple(market for market in traded if market.symbol not in delisted)


def is_listed(endpoint: Endpoint, symbol: str, now_ms: int, delisted: Iterable[str]) -> bool:
    """Whether `exchangeInfo` lists a symbol of `endpoint`."""
    return any(market.symbol == symbol for market in listed(KINDS[endpoint.name], now_ms, delisted))


def is_known(endpoint: Endpoint, symbol: str) -> bool:
    """Whether a filter may name `symbol`; a contract stays known after its delivery."""
    kind = KINDS[endpoint.name]
    if any(market.symbol == symbol for market in LASTING[kind]):
        return True
    match = _DATED.match(symbol)
    return match is not None and any(market.pair == match["pair"] for market in _DELIVERED[kind])


def day_of(instant_ms: int) -> int:
    """Return the UTC day of an instant, counted from the epoch."""
    return instant_ms // DAY_MS


def date_of(day: int) -> date:
    """Return the date of a day that is counted from the epoch."""
    return EPOCH + timedelta(days=day)

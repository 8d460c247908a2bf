"""One day of the seeded history in the making: quiet, or with a cascade; see `history`."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.units import DAY_MS, MINUTE_MS
from airflow_provider_binance_liq.simulator import symbols
from airflow_provider_binance_liq.simulator.documented import make_row
from airflow_provider_binance_liq.simulator.records import (
    Amount,
    CloseType,
    Record,
    Value,
    compose,
    record_of,
)
from airflow_provider_binance_liq.simulator.settings import MOST_TIED
from airflow_provider_binance_liq.simulator.symbols import KINDS, LASTING, Market, date_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_binance_liq.core.endpoint import Endpoint, Restriction
    from airflow_provider_binance_liq.simulator.settings import Settings

#: an order is updated at most so long after it is created
LONGEST_UPDATE_MS: Final = 60
#: a cascade is over after this time
_CASCADE_MS: Final = 6 * MINUTE_MS
_EMPTY_SHARE: Final = 0.55
_EDGE_SHARE: Final = 0.15
_ADL_SHARE: Final = 0.12
_EVEN_ODDS: Final = 0.5
_MOST_QUIET: Final = 4
#: order ids of one day start so far after those of the day before
_IDS_PER_DAY: Final = 10_000_000
_ID_STEP: Final = 17


@dataclass(frozen=True, slots=True, order=True)
class _Moment:
    """One order before it is spelled."""

    time_ms: int
    update_ms: int
    symbol: str
    close_type: CloseType
    market: Market = field(compare=False)


class Day:
    """One day in the making."""

    def __init__(
        self, endpoint: Endpoint, day: int, rng: random.Random, settings: Settings, *, stays_within: bool
    ) -> None:
        self._endpoint = endpoint
        self._rng = rng
        self._settings = settings
        self._start_ms = day * DAY_MS
        self._last_ms = self._start_ms + DAY_MS - 1
        self._latest_update_ms = self._last_ms if stays_within else self._last_ms + LONGEST_UPDATE_MS
        self._first_id = day * _IDS_PER_DAY
        kind = KINDS[endpoint.name]
        self._lasting = LASTING[kind]
        self._markets = (*self._lasting, *symbols.dated(kind, date_of(day)))
        self._example = make_row(endpoint.name)
        self._moments: list[_Moment] = []
        self._tied: Counter[tuple[str, int, str, CloseType]] = Counter()

    def add_quiet(self) -> None:
        """Add nothing, or a few rows, some of them exactly on an end of the day."""
        if self._rng.random() < _EMPTY_SHARE:
            return
        for _ in range(self._rng.randint(1, _MOST_QUIET)):
            self._add_anywhere()
        for edge_ms in (self._start_ms, self._last_ms):
            if self._rng.random() < _EDGE_SHARE:
                self._add(edge_ms, self._delay_ms(), self._rng.choice(self._markets))

    def add_cascade(self) -> None:
        """Add a cascade, both ends of the day, and what surrounds it."""
        wanted = self._settings.cascade_rows
        begin_ms = self._start_ms + self._rng.randint(3 * 60, 21 * 60) * MINUTE_MS
        for edge_ms in (self._start_ms, self._last_ms):
            self._add(edge_ms, self._delay_ms(), self._rng.choice(self._markets))
        self._add_others()
        self._add_tie(begin_ms + self._rng.randrange(_CASCADE_MS // 2), wanted)
        while len(self._moments) < wanted:
            self._add_group(begin_ms, wanted)
        del self._moments[wanted:]

    def records(self) -> tuple[Record, ...]:
        """Spell the rows, with ascending ids: per symbol where the symbol is part of the key, else of all."""
        counts: Counter[str] = Counter()
        per_symbol = any(field.name == "symbol" for field in self._endpoint.kind.key)
        rows = []
        for moment in sorted(self._moments):
            counted = moment.symbol if per_symbol else ""
            counts[counted] += 1
            first_id = moment.market.first_order_id if per_symbol else symbols.ORDINARY
            rows.append(self._record(moment, first_id + self._first_id + _ID_STEP * counts[counted]))
        return tuple(rows)

    def _add_anywhere(self, close_type: CloseType | None = None) -> None:
        time_ms = self._rng.randrange(self._start_ms, self._last_ms)
        self._add(time_ms, self._delay_ms(), self._rng.choice(self._markets), close_type)

    def _add_others(self) -> None:
        if self._endpoint.takes_auto_close_type:
            for _ in range(self._settings.other_rows):
                self._add_anywhere("OTHER")

    def _add_tie(self, time_ms: int, wanted: int) -> None:
        """Let many rows share one instant of creation and of update, as many of each close type."""
        delay_ms = self._delay_ms()
        types: tuple[CloseType, ...] = ("LIQUIDATION", "ADL")
        for number in range(min(self._settings.tie_rows, wanted - len(self._moments))):
            market = self._lasting[number // 2 % len(self._lasting)]
            self._add(time_ms, delay_ms, market, types[number % 2])

    def _add_group(self, begin_ms: int, wanted: int) -> None:
        """Add a few rows of one instant, dense at first; only of symbols that `exchangeInfo` lists."""
        time_ms = begin_ms + int(self._rng.triangular(0, _CASCADE_MS, _CASCADE_MS / 6))
        size = min(1 + int(self._rng.expovariate(0.6)), wanted - len(self._moments))
        for _ in range(size):
            self._add(time_ms, self._delay_ms(), self._rng.choice(self._lasting))

    def _delay_ms(self) -> int:
        return self._rng.choice((0, self._rng.randint(1, LONGEST_UPDATE_MS)))

    def _add(self, time_ms: int, delay_ms: int, market: Market, close_type: CloseType | None = None) -> None:
        if not self._endpoint.takes_auto_close_type:
            close_type, delay_ms = "LIQUIDATION", 0
        elif close_type is None:
            close_type = "ADL" if self._rng.random() < _ADL_SHARE else "LIQUIDATION"
        if self._is_updated_before(time_ms):
            delay_ms = -max(delay_ms, 1)
        update_ms = max(min(time_ms + delay_ms, self._latest_update_ms), self._start_ms)
        created = ("time", time_ms, market.symbol, close_type)
        updated = ("update", update_ms, market.symbol, close_type)
        # Rows without an id differ by their instant.
        most = MOST_TIED if self._endpoint.kind.has_id else 1
        if max(self._tied[created], self._tied[updated]) < most:
            self._tied.update((created, updated))
            self._moments.append(_Moment(time_ms, update_ms, market.symbol, close_type, market))

    def _is_updated_before(self, time_ms: int) -> bool:
        """Draw a lot per instant, aside from the day's own, so that no other row changes with the share."""
        share = self._settings.update_before_share
        if not share or not self._endpoint.takes_auto_close_type:
            return False
        lot = random.Random(f"{self._settings.seed}/before/{self._endpoint.name}/{time_ms}")
        return lot.random() < share

    def _record(self, moment: _Moment, order_id: int) -> Record:
        values = self._example | dict(self._values(moment, order_id)) | dict(self._identity(moment, order_id))
        return record_of(self._endpoint, values, compose(self._endpoint, values, self._settings))

    def _values(self, moment: _Moment, order_id: int) -> Iterator[tuple[str, Value]]:
        rng, market = self._rng, moment.market
        average = market.price * rng.uniform(0.8, 1.2)
        quantity, in_quote, in_base = self._size(market, average)
        price = Amount(f"{average * 0.995:.8f}"[:10].rstrip("."))
        yield from (("symbol", market.symbol), ("pair", market.pair))
        yield from (("status", "FILLED"), ("clientOrderId", self._client_order_id(moment)))
        yield from (("price", price), ("avgPrice", Amount(f"{average:.8f}"[:12])))
        yield from (("origQty", quantity), ("qty", quantity), ("executedQty", quantity))
        yield from (("cumQuote", Amount(f"{in_quote:.5f}")), ("cumBase", Amount(f"{in_base:.8f}")))
        yield from (("timeInForce", rng.choice(("IOC", "IOC", "GTC"))), ("type", "LIMIT"))
        yield from (("reduceOnly", False), ("closePosition", False))
        yield from (("side", rng.choice(("BUY", "SELL"))), ("positionSide", "BOTH"))
        yield from (("stopPrice", Amount("0")), ("workingType", "CONTRACT_PRICE"))
        yield from (("priceProtect", False), ("origType", "LIMIT"), ("isIsolated", rng.random() < _EVEN_ODDS))
        yield "goodTillDate", 0
        if self._endpoint.restriction:
            yield from self._entry(moment, order_id, self._endpoint.restriction)
        if not self._endpoint.kind.has_id:
            yield from self._loan(quantity, in_quote, price)

    def _identity(self, moment: _Moment, row_id: int) -> Iterator[tuple[str, Value]]:
        """Yield what identifies a row of any kind, and places it in time."""
        kind = self._endpoint.kind
        texts = [field.name for field in kind.key if not field.is_whole and field.name != kind.symbol]
        yield from ((field.name, row_id) for field in kind.key if field.is_whole)
        yield from zip(texts, (moment.market.quote, moment.market.base), strict=False)
        yield from ((kind.instants[0], moment.time_ms), (kind.instants[-1], moment.update_ms))

    def _entry(self, moment: _Moment, entry_id: int, rule: Restriction) -> Iterator[tuple[str, Value]]:
        """Yield what a ledger's entry has; half of the entries are no liquidations."""
        types = rule.liquidations if self._rng.random() < _EVEN_ODDS else rule.others
        yield from (("tranId", entry_id + 1), ("asset", moment.market.base))
        yield from ((rule.field, self._rng.choice(types)), ("note", ""))
        yield "amount", Amount(f"{self._rng.uniform(-500, 500):.8f}")

    def _loan(self, quantity: Amount, in_quote: float, price: Amount) -> Iterator[tuple[str, Value]]:
        """Yield what the liquidation of a loan has."""
        yield from (("liquidationDebt", Amount(f"{in_quote:.8f}")), ("returnCollateralAmount", Amount("0")))
        yield from (("liquidationCollateralAmount", quantity), ("liquidationFee", Amount("0.5")))
        yield from (("liquidationStartingPrice", price), ("status", "Liquidated"))

    def _size(self, market: Market, average: float) -> tuple[Amount, float, float]:
        """Return the quantity as it is sent, and its value in quote and in base currency."""
        if KINDS[self._endpoint.name] == "cm":
            contracts = self._rng.randint(1, 900)
            in_quote = contracts * market.contract_size
            return Amount(contracts), in_quote, in_quote / average
        quantity = round(self._rng.uniform(50, 25_000) / market.price, 3) or 0.001
        return Amount(f"{quantity:.3f}"), quantity * average, quantity

    def _client_order_id(self, moment: _Moment) -> str:
        """Return what the close types differ by; the number is the engine's clock in ns."""
        if moment.close_type == "ADL":
            return "adl_autoclose"
        nanoseconds = (moment.time_ms - self._rng.randint(1, 4)) * 1_000_000 + self._rng.randint(1, 99)
        if moment.close_type == "LIQUIDATION":
            return f"autoclose-{nanoseconds}"
        prefix = "delivery" if KINDS[self._endpoint.name] == "cm" else "settlement"
        return f"{prefix}_autoclose-{nanoseconds}"

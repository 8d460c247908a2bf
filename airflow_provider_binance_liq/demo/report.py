"""What the backfill loaded: read from the warehouse in SQL, as users would, and compared with the exchange.

Only what the warehouse holds is shown; the exchange's history is used for the comparison alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.truth import Difference, differences
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_binance_liq.demo.days import Days
    from airflow_provider_binance_liq.simulator import Stats

#: differences shown per endpoint and kind; the rest is counted
_SHOWN: Final = 3
_LARGEST: Final = 5
_DAY: Final = timedelta(days=1)

# Instants as epoch ms: duckdb needs another package to hand out a timestamp with time zone.
_WINDOWS_SQL: Final = f"""
    SELECT w.endpoint, epoch_ms(w.window_start), epoch_ms(w.window_end), w.complete, w.object_rows,
        count(l.raw)
    FROM {WINDOWS.name} w
    LEFT JOIN {LIQUIDATIONS.name} l USING (account, endpoint, object_sha256)
    GROUP BY ALL
    ORDER BY ALL
"""
_RAW_SQL: Final = f"SELECT endpoint, raw FROM {LIQUIDATIONS.name}"
# The size in the quote asset: COIN-M counts contracts, and has the base asset's amount beside them.
_LARGEST_SQL: Final = f"""
    SELECT epoch_ms(updated_at), endpoint, symbol, side, close_type, notional
    FROM (
        SELECT *, coalesce(
            cum_quote::DOUBLE,
            CASE quantity_unit WHEN 'CONTRACT' THEN cum_base ELSE executed_qty END::DOUBLE * avg_price::DOUBLE
        ) AS notional
        FROM {LIQUIDATIONS.name}
    )
    WHERE notional IS NOT NULL
    ORDER BY notional DESC, endpoint, symbol, order_id
    LIMIT {_LARGEST}
"""


@dataclass(frozen=True, slots=True)
class LoadedWindow:
    """One row of the warehouse's table of windows."""

    endpoint: str
    start_ms: int
    end_ms: int
    complete: bool
    #: rows of its object, as its manifest counted them
    object_rows: int
    #: rows of the warehouse that come from its object
    rows: int

    @property
    def day(self) -> date | None:
        """The day that the window is; None where it is not exactly one."""
        start = datetime.fromtimestamp(self.start_ms / 1000, UTC)
        whole = self.end_ms - self.start_ms == _DAY // timedelta(milliseconds=1)
        return start.date() if whole and start.time() == datetime.min.time() else None


@dataclass(frozen=True, slots=True)
class Liquidation:
    """One of the largest."""

    updated_ms: int
    endpoint: str
    symbol: str
    side: str | None
    close_type: str
    #: in the symbol's quote asset
    notional: float

    def __str__(self) -> str:
        at = datetime.fromtimestamp(self.updated_ms / 1000, UTC)
        when = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
        what = f"{self.endpoint:<16} {self.symbol:<20} {self.side or '':<4} {self.close_type:<11}"
        return f"  {when}  {what} {self.notional:>20,.2f}"


@dataclass(frozen=True, slots=True)
class WarehouseContents:
    """What the warehouse holds."""

    windows: Sequence[LoadedWindow]
    #: endpoint → texts of its rows, as the exchange sent them
    rows: Mapping[str, Sequence[str]]
    largest: Sequence[Liquidation]


def read_warehouse(path: Path) -> WarehouseContents:
    """Read the warehouse.

    :raises DemoFailed: it is not a warehouse, or lacks its tables.
    """
    # Part of an extra, and slow to import.
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            windows = [LoadedWindow(*row) for row in connection.sql(_WINDOWS_SQL).fetchall()]
            largest = [Liquidation(*row) for row in connection.sql(_LARGEST_SQL).fetchall()]
            rows: dict[str, list[str]] = {}
            for endpoint, raw in connection.sql(_RAW_SQL).fetchall():
                rows.setdefault(endpoint, []).append(raw)
    except duckdb.Error as error:
        message = f"the warehouse {path} cannot be read: {error}"
        raise DemoFailed(message) from error
    return WarehouseContents(windows, rows, largest)


class Report:
    """The warehouse compared with the exchange's history, over the days of the backfill."""

    def __init__(
        self,
        days: Days,
        cascades: Collection[date],
        exchange: Mapping[str, Sequence[str]],
        warehouse: WarehouseContents,
    ) -> None:
        self._days = days
        self._cascades = cascades
        self._exchange = exchange
        self._warehouse = warehouse
        self._differences = differences(exchange, warehouse.rows)
        self._windows = {(window.endpoint, window.day): window for window in warehouse.windows}

    def lines(self) -> list[str]:
        """Return the report as text."""
        return ["", *self._counts(), "", *self._largest(), "", self._proof(), self._verdict()]

    def faults(self) -> list[str]:
        """Return what is wrong; nothing means that the demo succeeded."""
        return [*self._unproven(), *self._miscounted(), *self._differing()]

    # ---- shown

    def _counts(self) -> list[str]:
        days = list(self._days)
        heads = [f"{day:%m-%d}{'*' if day in self._cascades else ' '}" for day in days]
        lines = [
            "Rows in the warehouse per endpoint and day, UTC (* a cascade; - not fetched)",
            f"  {'':<18}" + "".join(f"{head:>8}" for head in heads) + f"{'total':>9}",
        ]
        for endpoint in self._exchange:
            found = [self._windows.get((endpoint, day)) for day in days]
            cells = "".join(f"{_cell(window):>7} " for window in found)
            lines.append(f"  {endpoint:<18}{cells}{sum(window.rows for window in found if window):>9,}")
        return lines

    def _largest(self) -> list[str]:
        if not self._warehouse.largest:
            return ["No liquidations at all."]
        return ["The largest liquidations, in their quote asset", *map(str, self._warehouse.largest)]

    def _proof(self) -> str:
        wanted = len(self._exchange) * len(self._days)
        return f"Windows: {wanted - len(self._unproven())} of {wanted} proven complete"

    def _verdict(self) -> str:
        kinds = Counter(difference.kind for difference in self._differences)
        counted = ", ".join(f"{kinds[kind] or 'none'} {kind}" for kind in ("missing", "extra", "altered"))
        exchange, warehouse = _total(self._exchange), _total(self._warehouse.rows)
        return f"Rows:    {exchange:,} in the exchange's history, {warehouse:,} in the warehouse: {counted}"

    # ---- wrong

    def _unproven(self) -> list[str]:
        lines: list[str] = []
        for endpoint in self._exchange:
            for day in self._days:
                window = self._windows.get((endpoint, day))
                if window is None:
                    lines.append(f"Not fetched: {endpoint} on {day}")
                elif not window.complete:
                    lines.append(f"Not proven complete: {endpoint} on {day}")
        return lines

    def _miscounted(self) -> list[str]:
        return [
            f"{window.endpoint} from {window.day}: its object has {window.object_rows} rows, "
            f"the warehouse {window.rows} of them"
            for window in self._warehouse.windows
            if window.rows != window.object_rows
        ]

    def _differing(self) -> list[str]:
        grouped: dict[tuple[str, str], list[Difference]] = {}
        for difference in self._differences:
            grouped.setdefault((difference.endpoint, difference.kind), []).append(difference)
        lines: list[str] = []
        for (endpoint, kind), found in grouped.items():
            lines += map(str, found[:_SHOWN])
            if len(found) > _SHOWN:
                lines.append(f"... and {len(found) - _SHOWN:,} more {kind} of {endpoint}")
        return lines


def request_line(stats: Stats) -> str:
    """Sum up the requests: one that uses up an address's weight would stop its trading, too."""
    return (
        f"Sent:    {stats.requests:,} requests, {stats.throttled or 'none'} of them refused with 429, "
        f"at most {stats.highest_share:.0%} of a minute's weight used"
    )


def _cell(window: LoadedWindow | None) -> str:
    return "-" if window is None else f"{window.rows:,}"


def _total(rows: Mapping[str, Sequence[str]]) -> int:
    return sum(map(len, rows.values()))

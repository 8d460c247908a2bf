"""How the cost of a load grows with the table that it goes into: one window of 1,000 rows, processor time.

    uv run --group peers python tests/benchmarks/table_growth.py

At each size it loads new windows and looks again at stored ones, of which one row has changed since. DuckDB
and PostgreSQL are filled by loads of many windows; Iceberg day by day, since there every load adds a file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import loads_contenders
import loads_objects
import loads_server
from growth import exponent

from airflow_provider_binance_liq.core.manifest import (
    Manifest,
    ManifestFilters,
    ManifestObject,
    ManifestWindow,
    Proof,
)
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.lake import draft
from airflow_provider_binance_liq.simulator import Amount, make_row
from airflow_provider_binance_liq.simulator.symbols import LASTING
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.iceberg import Iceberg
from airflow_provider_binance_liq.warehouse.load import load
from airflow_provider_binance_liq.warehouse.postgres import Postgres
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENGINES: Final = ("duckdb", "postgres", "iceberg")
ROWS: Final = 1_000
#: windows of one load while a table is filled
_AT_ONCE: Final = 200
_STEP_MS: Final = loads_objects.DAY_MS // ROWS


@cache
def _spelled(number: int) -> str:
    """Spell a row with places for its id, its creation and its update: one after the other takes minutes."""
    markets = LASTING["um"]
    market = markets[number % len(markets)]
    row = make_row(
        "usdm_futures",
        orderId=111,
        symbol=market.symbol,
        pair=market.pair,
        clientOrderId=f"autoclose-{number:06}",
        price=Amount(f"{market.price:.5f}"),
        time=222,
        updateTime=333,
    )
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":")).replace("{", "{{").replace("}", "}}")
    for name, value in {"orderId": 111, "time": 222, "updateTime": 333}.items():
        text = text.replace(f'"{name}":{value}', f'"{name}":{{{name}}}')
    return text


def rows(day: int, changed: int) -> Iterator[str]:
    """Spell the rows of one day, over ten symbols that each have ids of their own, as exchanges have them."""
    markets = LASTING["um"]
    for number in range(ROWS):
        at = loads_objects.START_MS + day * loads_objects.DAY_MS + number * _STEP_MS
        yield _spelled(number).format(
            orderId=markets[number % len(markets)].first_order_id + 17 * (day * ROWS + number),
            time=at,
            updateTime=at + (changed if number == ROWS // 2 else 0),
        )


def lay(directory: Path, day: int, changed: int = 0) -> Manifest:
    """Write the object of a day and return its manifest; `changed` is 0 or the number of the second look."""
    written = draft(map(str.encode, rows(day, changed)), directory)
    path = written.path.rename(directory / f"{day}-{changed}.ndjson")
    start = loads_objects.START_MS + day * loads_objects.DAY_MS
    return Manifest(
        endpoint="usdm_futures",
        account="desk",
        window=ManifestWindow(iso(start), iso(start + loads_objects.DAY_MS)),
        filters=ManifestFilters(),
        object=ManifestObject(f"file://{path}", written.rows, written.bytes, written.sha256),
        proof=Proof(complete=True, pages=1, requests=1, weight=50, method="a page shorter than 100"),
        extracted_at=iso(start + 2 * loads_objects.DAY_MS + changed),
        provider_version="0",
    )


@dataclass
class Growing:
    """A table that grows, and what loads into it cost."""

    engine: str
    warehouse: Any
    meter: loads_server.Meter
    directory: Path
    contender: loads_contenders.Ours | None
    days: int = 0
    looks: int = 0
    #: of DuckDB and PostgreSQL's table, with its indexes
    bytes_before: int = 0
    figures: list[dict[str, Any]] = field(default_factory=list)
    #: of Iceberg: compaction after so many days; 0: never
    compact_every: int = 0

    def fill(self, days: int, at_once: int) -> None:
        """Load windows until there are so many."""
        while self.days < days:
            many = min(at_once, days - self.days)
            manifests = [lay(self.directory, self.days + number) for number in range(many)]
            load(self.warehouse, manifests)
            self.days += many
            for manifest in manifests:
                loads_objects.path_of(manifest).unlink()
            if self.compact_every and self.days % self.compact_every == 0:
                self.warehouse.compact()
        self.settle()

    def settle(self) -> None:
        """Leave nothing to be written while the next load is measured."""
        if self.contender:
            self.contender.settle()

    def measure(self, times: int) -> None:
        """Load new windows, and look at stored ones again, in turn."""
        size, costs = self.days * ROWS, {"new window": [], "second look": []}
        before, looked = self.size(), []
        for number in range(times):
            self.looks += 1
            # Spread over the table, since a load of its end says little of what it costs elsewhere.
            day = (2 * number + 1) * self.days // (2 * times + 1)
            looked.append(lay(self.directory, day, self.looks))
            costs["second look"].append(self._cost(looked[-1]))
        grown = self.size() - before
        for _ in range(times):
            costs["new window"].append(self._cost(lay(self.directory, self.days)))
            self.days += 1
        for scenario, cpu in costs.items():
            self.figures.append(
                {
                    "engine": self.engine,
                    "scenario": scenario,
                    "rows": size,
                    "cpu_s": median(cpu),
                    "least": min(cpu),
                    "most": max(cpu),
                    "grown": grown / before / times if before and scenario == "second look" else None,
                }
            )
            sys.stderr.write(f"{self.figures[-1]}\n")

    def _cost(self, manifest: Manifest) -> float:
        cost = self.meter.measure(lambda: load(self.warehouse, manifest))["cpu"]
        self.settle()
        return float(cost)

    def size(self) -> int:
        """Return the bytes of the table as it is stored."""
        if self.engine == "postgres" and self.contender:
            return int(self.contender.query(f"SELECT pg_total_relation_size('{LIQUIDATIONS.name}')")[0][0])
        if self.engine == "duckdb" and self.contender:
            return Path(self.contender.database).stat().st_size
        return sum(file.stat().st_size for file in self.directory.joinpath("tables").rglob("*.parquet"))


def measure(engine: str, sizes: Sequence[int], times: int, compact_every: int = 0) -> list[dict[str, Any]]:
    """Measure one engine at sizes in rows, the smallest first."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="growth-")))
        warehouse: Any
        server = contender = None
        if engine == "iceberg":
            at = {"uri": f"sqlite:///{directory}/catalog.db", "warehouse": f"file://{directory}/tables"}
            warehouse = Iceberg("lake", properties={"type": "sql", **at})
        else:
            server = stack.enter_context(loads_server.running_server()) if engine == "postgres" else None
            database = stack.enter_context(loads_server.a_database(engine, server, directory))
            contender = loads_contenders.Ours(engine, database)
            contender._engine()
            warehouse = DuckDB(database) if engine == "duckdb" else Postgres(loads_contenders.CONN_ID)
        growing = Growing(
            engine, warehouse, loads_server.Meter(server.pid if server else None), directory, contender
        )
        growing.compact_every = compact_every if engine == "iceberg" else 0
        growing.fill(1, 1)
        load(warehouse, lay(directory, 0, 1))  # what is imported late would be counted
        growing.looks = 1
        for size in sizes:
            began = time.perf_counter()
            growing.fill(size // ROWS, 1 if engine == "iceberg" else _AT_ONCE)
            sys.stderr.write(f"{engine}: {size:,} rows after {time.perf_counter() - began:.0f} s\n")
            growing.measure(times)
        return growing.figures


def table(figures: Sequence[dict[str, Any]]) -> str:
    """Write the figures as Markdown: processor time, its exponent, and how much the table has grown."""
    lines = [
        "| engine | scenario | processor s at so many rows | exponent | table grows by |",
        "|---|---|---|---:|---:|",
    ]
    for engine, scenario in dict.fromkeys((one["engine"], one["scenario"]) for one in figures):
        mine = [one for one in figures if (one["engine"], one["scenario"]) == (engine, scenario)]
        costs = ", ".join(f"{one['rows']:,}: {one['cpu_s']:.2f}" for one in mine)
        several = len(mine) > 1
        slope = (
            f"{exponent([one['rows'] for one in mine], [one['cpu_s'] for one in mine]):.2f}"
            if several
            else ""
        )
        grown = [one["grown"] for one in mine if one["grown"] is not None]
        grows = f"{max(grown):.1%}" if grown else ""
        lines.append(f"| {engine} | {scenario} | {costs} | {slope} | {grows} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 400_000, 1_600_000])
    parser.add_argument("--iceberg-rows", type=int, nargs="+", default=[4_000, 60_000, 240_000])
    parser.add_argument("--times", type=int, default=5, help="windows at each size")
    parser.add_argument("--compact-every", type=int, default=0, help="compact Iceberg after so many days")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="growth-") as home:
        os.environ["AIRFLOW_HOME"] = home
        figures = [
            one
            for engine in given.engine or ENGINES
            for one in measure(
                engine,
                given.iceberg_rows if engine == "iceberg" else given.rows,
                given.times,
                given.compact_every,
            )
        ]
    sys.stdout.write(table(figures))


if __name__ == "__main__":
    main(sys.argv[1:])

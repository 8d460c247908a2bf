"""What the demo shows of the warehouse, and what it finds wrong with it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime

import pytest

from airflow_provider_binance_liq.core.endpoints import WITH_ORDERS
from airflow_provider_binance_liq.core.manifest import (
    Manifest,
    ManifestFilters,
    ManifestObject,
    ManifestWindow,
    Proof,
)
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.demo.days import Days, epoch_ms
from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.report import (
    Liquidation,
    LoadedWindow,
    Report,
    WarehouseContents,
    read_warehouse,
)
from airflow_provider_binance_liq.simulator import Settings, Simulator
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.load import load

DAY_MS = 86_400_000
OCTOBER_10, OCTOBER_11 = date(2026, 10, 10), date(2026, 10, 11)
DAYS = Days(OCTOBER_10, OCTOBER_11)


def row(order_id, price="1.5"):
    return f'{{"orderId":{order_id},"symbol":"BTCUSDT","price":"{price}"}}'


def window(endpoint="margin", day=OCTOBER_10, rows=0, **known):
    start_ms = epoch_ms(day)
    return LoadedWindow(
        **{
            "endpoint": endpoint,
            "start_ms": start_ms,
            "end_ms": start_ms + DAY_MS,
            "complete": True,
            "object_rows": rows,
            "rows": rows,
        }
        | known
    )


def report(windows, exchange=(), warehouse=(), largest=(), cascades=()):
    return Report(
        DAYS,
        cascades,
        {"margin": list(exchange)},
        WarehouseContents(windows, {"margin": list(warehouse)}, list(largest)),
    )


BOTH_DAYS = (window(rows=1), window(day=OCTOBER_11, rows=1))


def test_a_warehouse_with_all_windows_and_the_same_rows_has_no_faults():
    assert report(BOTH_DAYS, [row(1), row(2)], [row(2), row(1)]).faults() == []


def test_days_without_liquidations_are_no_fault_once_fetched():
    assert report([window(), window(day=OCTOBER_11)]).faults() == []


def test_the_whole_text_is_a_table_the_largest_and_the_proof():
    largest = Liquidation(epoch_ms(OCTOBER_11) + 1, "coinm_futures", "BTCUSD_PERP", "SELL", "ADL", 90_000.0)
    when, what = "2026-10-11 00:00:00.001", "coinm_futures    BTCUSD_PERP          SELL ADL "
    shown = f"  {when}  {what}                   90,000.00"
    cascade = window(day=OCTOBER_11, rows=1000)
    warehouse = WarehouseContents([window(rows=2), cascade], {"margin": [row(1), row(2)]}, [largest])
    exchange = {"margin": [row(1), row(2)], "portfolio_margin": []}
    assert Report(DAYS, [OCTOBER_11], exchange, warehouse).lines() == [
        "",
        "Rows in the warehouse per endpoint and day, UTC (* a cascade; - not fetched)",
        "                      10-10   10-11*    total",
        "  margin                  2   1,000     1,002",
        "  portfolio_margin        -       -         0",
        "",
        "The largest liquidations, in their quote asset",
        shown,
        "",
        "Windows: 2 of 4 proven complete",
        "Rows:    2 in the exchange's history, 2 in the warehouse: none missing, none extra, none altered",
    ]


def test_a_liquidation_without_a_side_is_shown_all_the_same():
    shown = str(Liquidation(0, "margin", "币安人生USDT", None, "LIQUIDATION", 0.5))
    assert shown.startswith("  1970-01-01 00:00:00.000  margin")
    assert shown.endswith(" 0.50")


def test_a_warehouse_without_liquidations_says_so():
    assert "No liquidations at all." in report(BOTH_DAYS).lines()


def test_a_window_that_was_not_fetched_is_a_fault():
    lacking = report([window(rows=1)], [row(1)], [row(1)])
    assert lacking.faults() == ["Not fetched: margin on 2026-10-11"]
    assert "Windows: 1 of 2 proven complete" in lacking.lines()


def test_a_window_that_is_not_proven_is_a_fault():
    unproven = report([window(), window(day=OCTOBER_11, complete=False)])
    assert unproven.faults() == ["Not proven complete: margin on 2026-10-11"]
    assert "Windows: 1 of 2 proven complete" in unproven.lines()


def test_a_window_that_is_not_that_day_does_not_stand_for_it():
    half = window(day=OCTOBER_11, end_ms=epoch_ms(OCTOBER_11) + DAY_MS // 2)
    shifted = window(start_ms=epoch_ms(OCTOBER_10) + 1, end_ms=epoch_ms(OCTOBER_11) + 1)
    assert report([half, shifted]).faults() == [
        "Not fetched: margin on 2026-10-10",
        "Not fetched: margin on 2026-10-11",
    ]


def test_rows_of_an_object_that_did_not_all_arrive_are_a_fault():
    short = report([window(object_rows=3, rows=2), window(day=OCTOBER_11)])
    assert short.faults() == ["margin from 2026-10-10: its object has 3 rows, the warehouse 2 of them"]


def test_rows_that_differ_are_counted_and_shown():
    differing = report(BOTH_DAYS, [row(1), row(2), row(3)], [row(1), row(2, "1.50"), row(4)])
    assert differing.lines()[-1] == (
        "Rows:    3 in the exchange's history, 3 in the warehouse: 1 missing, 1 extra, 1 altered"
    )
    assert [fault.partition("\n")[0] for fault in differing.faults()] == [
        "altered: margin BTCUSDT order 2",
        "missing: margin BTCUSDT order 3",
        "extra: margin BTCUSDT order 4",
    ]


def test_many_differences_of_a_kind_are_summed_up():
    faults = report(BOTH_DAYS, [row(number) for number in range(1003)], []).faults()
    assert len(faults) == 4
    assert faults[-1] == "... and 1,000 more missing of margin"


# ---- a real warehouse


@pytest.fixture(scope="module")
def exchange():
    """The rows of two days, one of them a cascade, as texts per endpoint."""
    simulator = Simulator(Settings(seed=7, cascade_every=2, cascade_rows=30))
    return {
        name: [body.decode() for body in simulator.truth(name, start_ms=DAYS.start_ms, end_ms=DAYS.end_ms)]
        for name in WITH_ORDERS
    }


def _placed(row_text):
    fields = json.loads(row_text)
    return next(int(fields[name]) for name in ("time", "updatedTime", "updateTime") if name in fields)


def _extracted(directory, endpoint, day, texts):
    start_ms = epoch_ms(day)
    body = "".join(f"{text}\n" for text in texts if 0 <= _placed(text) - start_ms < DAY_MS).encode()
    path = directory / f"{endpoint}-{day}.ndjson"
    path.write_bytes(body)
    stored = ManifestObject(f"file://{path}", body.count(b"\n"), len(body), hashlib.sha256(body).hexdigest())
    return Manifest(
        endpoint=endpoint,
        account="demo",
        window=ManifestWindow(iso(start_ms), iso(start_ms + DAY_MS)),
        filters=ManifestFilters(),
        object=stored,
        proof=Proof(complete=True, pages=1, requests=1, weight=50, method="short"),
        extracted_at="2026-10-12T00:00:00Z",
        provider_version="0",
    )


@pytest.fixture
def loaded(exchange, tmp_path):
    """A warehouse that holds exactly what the exchange has."""
    manifests = [_extracted(tmp_path, name, day, texts) for name, texts in exchange.items() for day in DAYS]
    path = tmp_path / "a warehouse with späces" / "liquidations.duckdb"
    path.parent.mkdir()
    load(DuckDB(str(path)), manifests, now=lambda: datetime(2026, 10, 12, tzinfo=UTC))
    return path


def change(path, sql):
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)


def test_what_was_loaded_is_what_the_exchange_has(loaded, exchange):
    read = Report(DAYS, [], exchange, read_warehouse(loaded))
    total = sum(map(len, exchange.values()))
    assert total > 6 * 30
    assert read.faults() == []
    assert read.lines()[-2:] == [
        "Windows: 12 of 12 proven complete",
        (
            f"Rows:    {total} in the exchange's history, {total} in the warehouse: "
            "none missing, none extra, none altered"
        ),
    ]


def test_the_largest_are_five_in_descending_order(loaded):
    sizes = [one.notional for one in read_warehouse(loaded).largest]
    assert len(sizes) == 5
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "told"),
    [
        (
            "DELETE FROM binance_liquidations WHERE rowid = (SELECT min(rowid) FROM binance_liquidations)",
            "1 missing, none extra, none altered",
        ),
        (
            (
                "UPDATE binance_liquidations SET raw = replace(raw, '}', ',\"x\":1}') "
                "WHERE rowid = (SELECT max(rowid) FROM binance_liquidations)"
            ),
            "none missing, none extra, 1 altered",
        ),
        (
            (
                "UPDATE binance_liquidations SET raw = replace(raw, '\"orderId\":', '\"orderId\":1') "
                "WHERE rowid = (SELECT min(rowid) FROM binance_liquidations)"
            ),
            "1 missing, 1 extra, none altered",
        ),
    ],
)
def test_one_row_of_a_real_warehouse_that_is_not_right_is_found(loaded, exchange, sql, told):
    change(loaded, sql)
    read = Report(DAYS, [], exchange, read_warehouse(loaded))
    assert read.lines()[-1].endswith(told)
    assert read.faults()


def test_one_window_of_a_real_warehouse_that_is_not_there_is_found(loaded, exchange):
    change(loaded, "DELETE FROM binance_liquidation_windows WHERE endpoint = 'margin' AND object_rows = 30")
    change(loaded, "UPDATE binance_liquidation_windows SET complete = false WHERE endpoint = 'portfolio_um'")
    faults = Report(DAYS, [], exchange, read_warehouse(loaded)).faults()
    assert "Not proven complete: portfolio_um on 2026-10-10" in faults
    assert "Not proven complete: portfolio_um on 2026-10-11" in faults


def test_a_file_that_is_no_warehouse_is_explained(tmp_path):
    path = tmp_path / "liquidations.duckdb"
    path.write_text("no database")
    with pytest.raises(DemoFailed, match="cannot be read"):
        read_warehouse(path)


def test_a_warehouse_without_tables_is_explained(tmp_path):
    path = tmp_path / "liquidations.duckdb"
    change(path, "SELECT 1")
    with pytest.raises(DemoFailed, match="cannot be read"):
        read_warehouse(path)

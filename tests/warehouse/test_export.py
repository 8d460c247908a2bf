"""`binance-liq export`: everything at a destination as Parquet, exactly as a warehouse would have it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb as library
import pytest
from support.lakehouse import LOADED_AT, row, tampered
from support.other_kinds import FLOWS, LOANS, flow, loan

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest
from airflow_provider_binance_liq.lake.layout import manifest_path
from airflow_provider_binance_liq.warehouse import export as module
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.duckdb import TYPES
from airflow_provider_binance_liq.warehouse.export import export
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, ROW_TABLES, WINDOWS

PAGE = (Path(__file__).parents[2] / "docs/warehouse.md").read_text(encoding="utf-8")
PRECISE = "-12345678901234567890.123456789012345678"
ORDERS = [
    row(2**63 - 1, symbol='"币安人生USDT"', price=f'"{PRECISE}"', unknown='"\\u0000"'),
    row(1, 1791590400001, side="null"),
]


@pytest.fixture
def place(lake):
    """Put objects and manifests where an extraction puts them."""

    def put(*manifests):
        placed = []
        for manifest in manifests:
            now_at = Path(manifest.object.uri.removeprefix("file://"))
            window = Window.between(
                *map(datetime.fromisoformat, (manifest.window.start, manifest.window.end))
            )
            path = lake.directory / manifest_path(
                manifest.endpoint, manifest.account, window, manifest.filters
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            object_ = path.parent / path.name.replace(".manifest.json", ".ndjson")
            now_at.rename(object_)
            placed.append(replace(manifest, object=replace(manifest.object, uri=f"file://{object_}")))
            path.write_text(placed[-1].to_json(), encoding="utf-8")
        return placed

    return put


@pytest.fixture
def placed(lake, place):
    return place(
        lake.lay(ORDERS),
        lake.lay([row(1, 1791590400001, side='"BUY"')], day=11, extracted_at="2026-11-12T00:00:00Z"),
        lake.lay([], endpoint="margin"),
        lake.lay([flow(1)], endpoint=FLOWS),
        lake.lay([loan(1)], endpoint=LOANS),
    )


def read(path):
    with library.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = "SELECT {} FROM read_parquet(?)"
        described = connection.execute("DESCRIBE " + query.format("*"), [str(path)]).fetchall()
        rows = connection.execute(query.format("COLUMNS(*)::VARCHAR") + " ORDER BY ALL", [str(path)])
        return {name: kind for name, kind, *_ in described}, rows.fetchall()


def test_the_files_have_the_columns_types_and_values_that_a_load_would_have(
    lake, warehouse, placed, tmp_path
):
    warehouse.load(*placed)
    tables = (*ROW_TABLES.values(), WINDOWS)
    written = export(str(lake.directory), tmp_path / "out", now=lambda: LOADED_AT)
    assert {path.name: rows for path, rows in written.items()} == {
        "binance_liquidations.parquet": 2,
        "binance_margin_capital_flows.parquet": 1,
        "binance_loan_liquidations.parquet": 1,
        "binance_liquidation_windows.parquet": 5,
    }
    for table in tables:
        types, rows = read(tmp_path / f"out/{table.name}.parquet")
        assert list(types.items()) == list(sql.expected_columns(table, TYPES).items())
        assert rows == warehouse.query(f"SELECT COLUMNS(*)::VARCHAR FROM {table.name} ORDER BY ALL")


def test_another_reader_of_parquet_finds_exact_values(lake, placed, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra iceberg brings it")
    export(str(lake.directory), tmp_path)
    found = parquet.read_table(tmp_path / "binance_liquidations.parquet")
    (order,) = [one for one in found.to_pylist() if one["order_id"] == 2**63 - 1]
    assert (order["symbol"], order["price"]) == ("币安人生USDT", Decimal(PRECISE))
    assert order["updated_at"] == datetime(2026, 10, 10, tzinfo=UTC)
    assert order["raw"] == ORDERS[0]


def test_the_command_writes_what_the_page_says_and_duckdb_copies_it_as_the_page_shows(
    lake, placed, tmp_path, monkeypatch, capsys
):
    (words,) = re.findall(r"^binance-liq (export .*)$", PAGE, re.MULTILINE)
    (statement,) = re.findall(r"^COPY .*;$", PAGE, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    here = str(lake.directory.relative_to(tmp_path))
    assert main([here if "://" in word else word for word in words.split()]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "parquet/binance_liquidations.parquet: 2 rows",
        "parquet/binance_margin_capital_flows.parquet: 1 row",
        "parquet/binance_loan_liquidations.parquet: 1 row",
        "parquet/binance_liquidation_windows.parquet: 5 rows",
    ]
    with library.connect() as connection:
        connection.execute(sql.create_table(LIQUIDATIONS, TYPES))
        connection.execute(statement)
        assert connection.execute("SELECT count(*) FROM binance_liquidations").fetchall() == [(2,)]


@pytest.mark.slow
def test_windows_come_in_parts_and_the_result_is_the_same(lake, placed, tmp_path, monkeypatch):
    export(str(lake.directory), tmp_path / "whole", now=lambda: LOADED_AT)
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    export(str(lake.directory), tmp_path / "parts", now=lambda: LOADED_AT)
    for table in (*ROW_TABLES.values(), WINDOWS):
        whole, parts = (read(tmp_path / name / f"{table.name}.parquet") for name in ("whole", "parts"))
        assert whole == parts


def changed(lake, place):
    (manifest,) = place(lake.lay([row(1)]))
    path = Path(manifest.object.uri.removeprefix("file://"))
    path.with_suffix(".manifest.json").write_text(tampered(manifest).to_json(), encoding="utf-8")


def misfit(lake, place):
    place(lake.lay([row(1, price='"1e40"')]))


def cut_off(lake, place):
    (manifest,) = place(lake.lay([row(1)]))
    path = Path(manifest.object.uri.removeprefix("file://")).with_suffix(".manifest.json")
    path.write_text(manifest.to_json()[:50], encoding="utf-8")


def nothing(lake, place):
    lake.directory.mkdir()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (changed, "sha256"),
        (misfit, "price is 1e40"),
        (cut_off, "1 manifest cannot be used; the first is usdm_futures/account=desk/"),
        (nothing, "there is no manifest below"),
    ],
)
def test_where_anything_is_wrong_no_file_is_written_and_those_of_before_stay(
    lake, place, tmp_path, capsys, spoil, said
):
    spoil(lake, place)
    target = tmp_path / "out"
    target.mkdir()
    (target / "binance_liquidations.parquet").write_text("of before")
    assert main(["export", str(lake.directory), "--to", str(target)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
    assert [(one.name, one.read_text()) for one in target.iterdir()] == [
        ("binance_liquidations.parquet", "of before")
    ]


def test_a_directory_that_cannot_be_written_is_said_in_one_line(lake, placed, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["export", str(lake.directory), "--to", str(tmp_path / "file/out")]) == 2
    assert "file/out cannot be written: " in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(lake, placed, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(InvalidRequest, match=r"install airflow-provider-binance-liq\[duckdb\]"):
        export(str(lake.directory), tmp_path)


def test_an_object_elsewhere_is_not_read(lake, placed, tmp_path):
    manifest = placed[0]
    path = Path(manifest.object.uri.removeprefix("file://")).with_suffix(".manifest.json")
    elsewhere = replace(manifest, object=replace(manifest.object, uri=f"file://{tmp_path}/other.ndjson"))
    path.write_text(elsewhere.to_json(), encoding="utf-8")
    with pytest.raises(InconsistentManifest, match="which is not below"):
        export(str(lake.directory), tmp_path / "out")

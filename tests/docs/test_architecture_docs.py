"""The page on architecture has the parts and layers of the package, and the way that a row really takes."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from airflow_provider_binance_liq.core.windows import Window

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "airflow_provider_binance_liq"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
HOPS = re.findall(r"^\| (\d+) \| `([\w/.]+)` \| `([\w.]+)` \|", PAGE, re.MULTILINE)
#: not parts of their own: what Airflow shows as an example
NOT_LISTED = {"example_dags"}


def defines(file, function):
    source = (PACKAGE / file).read_text(encoding="utf-8")
    names = function.split(".")
    return all(re.search(rf"^\s*(class|def) {name}\b", source, re.MULTILINE) for name in names)


def test_every_part_of_the_package_is_on_the_page():
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - NOT_LISTED
    assert listed == packages


def test_the_layers_are_those_of_the_contract():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = [one["layers"] for one in contracts["contracts"] if one["type"] == "layers"]
    drawn = "\n".join("  ".join(layer.split(" : ")) for layer in layers)
    assert f"```text\n{drawn}\n```" in PAGE


def test_every_file_and_function_of_the_page_exists():
    assert [hop for hop in HOPS if not defines(*hop[1:])] == []
    files = re.findall(r"`([\w/]+\.py)`", PAGE)
    assert [file for file in files if not (PACKAGE / file).is_file()] == []
    assert defines("extraction/comparison.py", "compare_with_earlier")


def test_the_number_of_hops_is_that_of_the_table():
    assert [int(number) for number, _, _ in HOPS] == list(range(1, len(HOPS) + 1))
    assert f"**{len(HOPS)} hops**" in PAGE


@pytest.fixture
def returns(monkeypatch):
    """Record the functions of the package in the order in which each first returns."""
    found = []

    def note(frame, event, _argument):
        if event == "return" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            file = Path(frame.f_code.co_filename).relative_to(PACKAGE).as_posix()
            found.append((file, frame.f_code.co_qualname))

    def record(work):
        before = sys.getprofile()
        sys.setprofile(note)
        try:
            work()
        finally:
            sys.setprofile(before)
        return list(dict.fromkeys(found))

    return record


def test_a_row_takes_every_hop_in_the_order_of_the_page(start, tmp_path, returns):
    from support.running import WEEK

    from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
    from airflow_provider_binance_liq.warehouse.load import load
    from airflow_provider_binance_liq.warehouse.retries import RetryPolicy

    run = start()
    row = json.loads(run.truth("usdm_futures", WEEK)[0])
    window = Window(row["time"], row["time"] + 1)
    warehouse = DuckDB(str(tmp_path / "warehouse.duckdb"), RetryPolicy(wait_s=1))
    summaries = []
    returned = returns(lambda: summaries.append(load(warehouse, run.run("usdm_futures", window).to_dict())))
    assert (summaries[0].rows, summaries[0].inserted) == (1, 1)
    hops = [(file, function) for _, file, function in HOPS]
    assert [hop for hop in returned if hop in hops] == hops


def test_the_figure_has_the_functions_of_the_table_in_their_order():
    figure = PAGE.split("## The way of one row")[1].split("```")[1]
    drawn = re.findall(r"[\w.]+(?= >|  )", re.sub(r"^ ?\w+ {2,}", "", figure, flags=re.MULTILINE))
    named = {function.rpartition(".")[2] for _, _, function in HOPS}
    drawn = [name.rpartition(".")[2] for name in drawn if name.rpartition(".")[2] in named]
    assert drawn == [function.rpartition(".")[2] for _, _, function in HOPS]

"""The page of Iceberg runs: its code, its connection, its tables."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from support.icehouse import Icehouse
from support.lakehouse import row

from airflow_provider_binance_liq.warehouse import iceberg as engine
from airflow_provider_binance_liq.warehouse.iceberg.session import VERSION_PROPERTY
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

PAGE = (Path(__file__).parents[2] / "docs/iceberg.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_operator_that_it_shows_is_a_task_of_a_dag():
    from airflow.sdk import DAG

    with DAG("shown", schedule=None) as dag:
        exec(blocks("python")[0], {"manifests": [{"a": "manifest"}]})
    assert dag.task_ids == ["load_into_iceberg"]


@pytest.fixture
def shown(tmp_path, set_connection):
    """Define the connection that the page adds, with its paths below a directory of the test's."""
    words = shlex.split(blocks("shell")[0].replace("\\\n", " ").replace("/lake", f"{tmp_path}/lake"))
    assert words[:4] == ["airflow", "connections", "add", "iceberg_default"]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    (tmp_path / "lake").mkdir()
    set_connection(
        words[3],
        conn_type=options["--conn-type"],
        host=options["--conn-host"],
        extra=json.loads(options["--conn-extra"]),
    )
    return tmp_path


def test_what_it_shows_loads_through_the_connection_and_reads_it_back(lake, shown, capfd):
    from airflow.sdk import DAG

    names = {"manifests": lake.lay([row(1), row(2, symbol='"币安人生USDT"'), row(3)]).to_dict()}
    with DAG("shown", schedule=None) as dag:
        exec(blocks("python")[0], names)
    assert dag.get_task("load_into_iceberg").execute({})["inserted"] == 3
    exec(blocks("python")[1].replace("/lake", f"{shown}/lake"), {})
    exec(blocks("python")[2], names)
    assert names["compacted"][LIQUIDATIONS.name].files_after == 1
    told = capfd.readouterr().out
    assert "BTCUSDT" in told
    assert "币安人生USDT" in told


def test_the_tables_it_reports_are_those_that_are_made():
    for attribute, mark in (("partitioned_by", "partitioned by"), ("sorted_by", "sorted by")):
        cells = [
            ", ".join(f"`{name}`" for name in getattr(table, attribute)) or "nothing"
            for table in (LIQUIDATIONS, WINDOWS)
        ]
        assert f"| {mark} | {cells[0]} | {cells[1]} |" in PAGE
    for kind in set(engine.TYPES.values()):
        assert f"`{kind}`" in PAGE
    assert f"`{VERSION_PROPERTY}`" in PAGE
    assert (
        f"Files are kept below {int(engine.PROPERTIES['write.target-file-size-bytes']) // 2**20} MB" in PAGE
    )


def test_the_path_of_the_metadata_is_where_it_says(lake, tmp_path):
    house = Icehouse(tmp_path / "house")
    house.load(lake.lay([row(1)]))
    assert house.table().metadata_location.endswith(".metadata.json")
    assert Path(house.table().metadata_location.removeprefix("file://")).exists()

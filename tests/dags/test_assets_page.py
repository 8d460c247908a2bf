"""The page on loading by asset: its code is a DAG file, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_binance_liq.compat import BEFORE_3_2, HAS_PARTITIONS
from airflow_provider_binance_liq.dag_support.assets import EXTRACTED

PAGE = (Path(__file__).parents[2] / "docs/assets.md").read_text(encoding="utf-8")


@pytest.mark.skipif(BEFORE_3_2, reason="the page imports CronDataIntervalTimetable from where 3.2 has it")
def test_the_pages_code_is_a_dag_file_of_an_extraction_and_a_load(tmp_path, airflow_database):
    from airflow.sdk import Asset
    from support.airflow_of_any_version import DagBag

    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "shown.py").write_text(code, encoding="utf-8")
    bag = DagBag(dag_folder=str(tmp_path))
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}
    asset = Asset("margin_liquidations")
    assert bag.dags["extract_margin"].get_task("extract").outlets == [asset]
    load = bag.dags["load_margin"]
    assert load.task_ids == ["read", "load", "check_events"]
    assert load.get_task("read").inlets == [asset]


def test_the_dags_that_the_page_names_are_among_the_samples(airflow_database):
    from support.airflow_of_any_version import DagBag

    named = set(re.findall(r"`(binance_liquidations\w*)`", PAGE)) - {EXTRACTED.name}
    assert len(named) == 4
    since_3_3 = set() if HAS_PARTITIONS else {"binance_liquidations_month"}
    assert named - since_3_3 <= set(DagBag().dags)

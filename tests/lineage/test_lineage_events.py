"""Whole DAGs, with Airflow's OpenLineage provider listening: the events that it really sends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.fixed_days import recent_day, travel
from support.lineage import check_event
from support.sample_dags import bundles

from airflow_provider_binance_liq.core.units import HOUR_MS
from airflow_provider_binance_liq.core.windows import epoch_ms
from airflow_provider_binance_liq.simulator import ExplicitHistory, Fault, Settings, Simulator, make_row

pytestmark = [pytest.mark.slow, pytest.mark.clock]

HERE = Path(__file__).parent
#: by the clock of these tests, which begins at the same instant on every day
DAY = recent_day()
#: noon of the day before, which a run of `DAY` covers
NOON_MS = epoch_ms(DAY) - 12 * HOUR_MS
ENDPOINTS = ("usdm_futures", "coinm_futures", "margin")
DAGS = """
from datetime import UTC, datetime

from airflow.sdk import DAG

from airflow_provider_binance_liq.compat import CronDataIntervalTimetable
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator

HOME = {home!r}
given = {{
    "schedule": CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
}}
with DAG("whole", **given):
    extract = LiquidationsToObjectStorageOperator.partial(
        task_id="extract", destination=f"file://{{HOME}}/lake"
    ).expand(endpoint=["usdm_futures", "coinm_futures", "margin"])
    ObjectStorageToDuckDBOperator(
        task_id="load",
        manifests=extract.output,
        destination=f"file://{{HOME}}/lake",
        database=f"{{HOME}}/liquidations.duckdb",
    )
with DAG("failing", **given):
    LiquidationsToObjectStorageOperator(
        task_id="extract",
        endpoint="usdm_futures",
        binance_conn_id="refused",
        destination=f"file://{{HOME}}/lake",
    )
with DAG("hiding", **given):
    ObjectStorageToDuckDBOperator(
        task_id="load", manifests=[], database="md:desk?motherduck_token={{{{ 'gehe' }}}}imnis"
    )
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("lineage")


@pytest.fixture(scope="module")
def exchange():
    rows = {name: [make_row(name, orderId=number, time=NOON_MS) for number in (1, 2)] for name in ENDPOINTS}
    with travel(), Simulator(Settings(seed=7), history=ExplicitHistory(rows)) as running:
        # The first extraction has to wait, and is deferred.
        running.add_fault(Fault("http_429", endpoint="usdm_futures", retry_after=120))
        yield running


@pytest.fixture(scope="module")
def events(home, exchange):
    """Run the DAGs and return all events, each of them valid."""
    (home / "dags").mkdir()
    (home / "dags" / "dags.py").write_text(DAGS.format(home=str(home)), encoding="utf-8")
    key = exchange.credentials()
    connections = {
        "BINANCE_DEFAULT": {"base_url": exchange.url, "account": "desk"},
        "REFUSED": {"base_url": "http://127.0.0.1:9", "account": "desk"},
    }
    environment = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundles(home / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "desk",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(home / "events.jsonl"), "append": True}
        ),
        "PYTHONPATH": str(HERE.parent),
        **{
            f"AIRFLOW_CONN_{name}": json.dumps(
                {"conn_type": "binance", "login": key.api_key, "password": key.secret, "extra": extra}
            )
            for name, extra in connections.items()
        },
    }
    command = [
        sys.executable,
        str(HERE / "run_dags.py"),
        DAY.date().isoformat(),
        "whole",
        "failing",
        "hiding",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    (ends,) = (line for line in done.stdout.splitlines() if line.startswith("{"))
    assert json.loads(ends) == {"whole": "success", "failing": "failed", "hiding": "success"}, done.stdout
    found = [json.loads(line) for line in (home / "events.jsonl").read_text("utf-8").splitlines()]
    for event in found:
        check_event(event)
    return found


def of(events, kind, job):
    return [one for one in events if (one["eventType"], one["job"]["name"]) == (kind, job)]


def names(datasets):
    return {(one["namespace"], one["name"]) for one in datasets}


def test_each_extraction_reports_its_endpoint_and_its_object(events, exchange, home):
    told = of(events, "COMPLETE", "whole.extract")
    paths = ("/fapi/v1/forceOrders", "/dapi/v1/forceOrders", "/sapi/v1/margin/forceLiquidationRec")
    assert set().union(*(names(one["inputs"]) for one in told)) == {(exchange.url, path) for path in paths}
    for one in told:
        (written,) = one["outputs"]
        assert written["name"].startswith(f"{home}/lake/")
        stored = written["facets"]["binanceLiq_extraction"]["object"]
        statistics = written["outputFacets"]["outputStatistics"]
        assert (statistics["rowCount"], statistics["size"]) == (stored["rows"], stored["bytes"])
        assert Path(written["name"]).stat().st_size == stored["bytes"]


def test_an_extraction_that_was_deferred_reports_the_same(events):
    (run,) = {
        one["run"]["runId"]
        for one in of(events, "COMPLETE", "whole.extract")
        if one["inputs"][0]["name"] == "/fapi/v1/forceOrders"
    }
    kinds = [one["eventType"] for one in events if one["run"]["runId"] == run]
    assert kinds == ["START", "START", "COMPLETE"]


def test_the_load_reads_what_the_extractions_wrote(events, home):
    import duckdb

    written = [names(one["outputs"]) for one in of(events, "COMPLETE", "whole.extract")]
    (told,) = of(events, "COMPLETE", "whole.load")
    assert names(told["inputs"]) == set().union(*written)
    tables = {one["name"].rpartition(".")[2]: one for one in told["outputs"]}
    assert set(tables) == {"binance_liquidations", "binance_liquidation_windows"}
    with duckdb.connect(str(home / "liquidations.duckdb"), read_only=True) as connection:
        ((rows,),) = connection.execute("SELECT count(*) FROM binance_liquidations").fetchall()
        columns = connection.execute("SELECT column_name, column_type FROM (DESCRIBE binance_liquidations)")
        types = dict(columns.fetchall())
    assert tables["binance_liquidations"]["outputFacets"]["outputStatistics"]["rowCount"] == rows == 6
    assert told["run"]["facets"]["binanceLiq_load"]["verdicts"]["complete_with_premises"] >= 1
    fields = tables["binance_liquidations"]["facets"]["schema"]["fields"]
    assert {one["name"]: one["type"] for one in fields} == {
        name: kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for name, kind in types.items()
    }


def test_a_failure_reports_what_was_read_and_the_error(events):
    (told,) = of(events, "FAIL", "failing.extract")
    assert names(told["inputs"]) == {("http://127.0.0.1:9", "/fapi/v1/forceOrders")}
    assert told["outputs"] == []
    assert "nothing listens there" in told["run"]["facets"]["errorMessage"]["message"]


def test_no_event_has_a_secret(events, exchange):
    key, text = exchange.credentials(), json.dumps(events)
    assert "md:desk?motherduck_token=***" in text
    assert not [one for one in (key.api_key, key.secret, "signature=", "geheimnis") if one in text]

"""The page on OpenLineage shows an event as it is, and the facets' schema has what they have."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.lakehouse import row
from support.lineage import INTERVAL, SCHEMA, plain

from airflow_provider_binance_liq.core.manifest import Manifest, Proof, from_dict

ROOT = Path(__file__).parents[2]


def test_the_schema_has_the_members_of_the_manifest_and_the_verdict():
    found = SCHEMA["$defs"]["BinanceLiqExtractionDatasetFacet"]["properties"]
    left_out = {"schema_version", "differences", "notional"}
    assert set(found) == {"verdict", *Manifest.__slots__} - left_out
    assert set(found["proof"]["properties"]) == set(Proof.__slots__)


def without_origin(item):
    """Leave out what is empty, and what differs between versions of the client."""
    if isinstance(item, dict):
        kept = {name: value for name, value in item.items() if not name.startswith("_")}
        return {name: without_origin(value) for name, value in kept.items() if value not in ([], {})}
    return [without_origin(one) for one in item] if isinstance(item, list) else item


def test_the_page_shows_an_event_as_it_is(extract):
    from airflow_provider_binance_liq.lineage.reports import report_extraction

    page = (ROOT / "docs/openlineage.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    task = extract()
    manifest = task.execute(INTERVAL)
    manifest["provider_version"] = "0.1.0"
    manifest["object"]["uri"] = re.sub(r"^.*/lake/", "s3://aws_default@lake/", manifest["object"]["uri"])
    lineage = report_extraction("usdm_futures", "https://fapi.binance.com", from_dict(manifest), since_ms=0)
    event = without_origin({name: plain(lineage)[name] for name in ("inputs", "outputs")})
    for dataset in (*event["inputs"], *event["outputs"]):
        dataset["facets"]["schema"]["fields"] = dataset["facets"]["schema"]["fields"][:2]
    assert json.loads(shown) == event


WITHOUT = """
import sys
sys.modules["openlineage"] = None
import airflow_provider_binance_liq.operators.liquidations
import airflow_provider_binance_liq.transfers.object_storage_to_cloud_warehouse
from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator

manifest, database = sys.argv[1:]
task = ObjectStorageToDuckDBOperator(task_id="load", manifests=manifest, database=database)
print(task.execute({})["inserted"], [name for name in sys.modules if name.endswith("liq.lineage")])
"""


@pytest.mark.slow
def test_without_openlineage_a_task_runs_and_imports_nothing_for_it(lake, tmp_path):
    given = [lake.lay([row(1)]).to_json(), str(tmp_path / "x.duckdb")]
    command = [sys.executable, "-c", WITHOUT, *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "1 []"

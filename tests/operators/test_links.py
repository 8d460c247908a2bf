"""The links at a task: where they lead, and that they hold nothing secret."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from support.lakehouse import Lake, row

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.manifest import from_dict
from airflow_provider_binance_liq.operators.links import (
    EXTRACTION_LINKS,
    CoverageLink,
    coverage_page,
    history_query,
)

KEY = "usdm_futures/account=desk/date=2026-11-22/20261122T000000Z_20261123T000000Z"
URIS = {
    "a file": "file:///srv/lake/{}",
    "s3": "s3://bucket/some prefix/lake/{}",
    "s3 with a connection": "s3://aws_default@bucket/{}",
    "gs": "gs://bucket/{}",
}


@pytest.fixture
def manifest(tmp_path):
    plain = Lake(tmp_path / "lake").lay([row(1)]).to_dict()

    def at(uri):
        return from_dict({**plain, "object": {**plain["object"], "uri": uri}})

    return at


@pytest.fixture
def links():
    def of(operator):
        return {link.name: link.get_link(operator, ti_key=None) for link in EXTRACTION_LINKS}

    return of


def operator(manifest=None, covered_day=("desk", "usdm_futures", "2026-11-22", "")):
    return SimpleNamespace(manifest=manifest, covered_day=covered_day, endpoint="usdm_futures")


@pytest.mark.parametrize("uri", URIS.values(), ids=URIS)
@pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.gz", ".filter-1e83a566517c.ndjson"])
def test_object_and_manifest_are_files_of_the_lake_by_their_path_below_the_destination(
    links, manifest, uri, suffix
):
    found = links(operator(manifest(uri.format(KEY + suffix))))
    beside = suffix.removesuffix(".gz").removesuffix(".ndjson") + ".manifest.json"
    for name, path in (("Object", KEY + suffix), ("Manifest", KEY + beside)):
        url = urlsplit(found[name])
        assert (url.scheme, url.netloc, url.path) == ("", "", "/binance-liq/file")
        assert parse_qs(url.query) == {"path": [path]}
        assert "aws_default" not in found[name]


def test_a_task_that_failed_links_its_day_and_the_documentation_and_no_file(links):
    found = links(operator())
    assert (found["Object"], found["Manifest"]) == ("", "")
    assert found["Coverage"] == "/plugin/binance-liq-nav?history=desk%2Fusdm_futures&day=2026-11-22"
    assert found["Binance documentation"] == ENDPOINTS["usdm_futures"].documentation


def test_what_is_not_known_leads_to_the_whole_page(links):
    assert links(operator(covered_day=("", "", "", "")))["Coverage"] == "/plugin/binance-liq-nav"
    assert CoverageLink().get_link(SimpleNamespace(), ti_key=None) == "/plugin/binance-liq-nav"


def test_the_page_is_where_the_plugin_has_it():
    from airflow_provider_binance_liq.ui.plugin import BinanceLiquidationsPlugin

    routes = {one["destination"]: one["url_route"] for one in BinanceLiquidationsPlugin.react_apps}
    assert coverage_page() == f"/plugin/{routes['nav']}"


def test_a_filtered_history_is_named_with_its_filters():
    page = coverage_page("desk", "usdm_futures", "2026-11-22", history_query(["ETHUSDT", "BTCUSDT"], "ADL"))
    found = parse_qs(urlsplit(page).query)
    assert found == {
        "history": ["desk/usdm_futures?symbols=BTCUSDT,ETHUSDT&auto_close_type=ADL"],
        "day": ["2026-11-22"],
    }
    assert history_query([], None) == ""


def test_behind_a_path_of_its_own_airflows_links_have_that_path(links, monkeypatch, manifest):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://data.example.com/airflow/")
    found = links(operator(manifest(f"s3://bucket/lake/{KEY}.ndjson")))
    for name in ("Object", "Manifest", "Coverage"):
        assert found[name].startswith("/airflow/")


def test_the_providers_metadata_declares_each_link_and_no_other():
    from airflow_provider_binance_liq.get_provider_info import get_provider_info

    declared = get_provider_info()["extra-links"]
    assert declared == [f"{type(link).__module__}.{type(link).__name__}" for link in EXTRACTION_LINKS]


def test_every_operator_that_can_links_something():
    from airflow_provider_binance_liq.operators.coverage import LiquidationsCoverageCheckOperator
    from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
    from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator

    extract = LiquidationsToObjectStorageOperator(task_id="e", endpoint="margin", destination="file:///lake")
    assert {link.name for link in extract.operator_extra_links} == {
        "Object",
        "Manifest",
        "Coverage",
        "Binance documentation",
    }
    check = LiquidationsCoverageCheckOperator(task_id="c", destination="file:///lake")
    load = ObjectStorageToDuckDBOperator(task_id="l", manifests=[], database="x.duckdb")
    for other in (check, load):
        assert [link.name for link in other.operator_extra_links] == ["Coverage"]
    assert extract.map_label == "binance_default · margin"

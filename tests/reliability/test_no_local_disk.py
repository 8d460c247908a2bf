"""A worker without a place for temporary files, such as a read-only container: each task says so by name."""

from __future__ import annotations

import tempfile

import pytest

from airflow_provider_binance_liq.exceptions import StorageError
from airflow_provider_binance_liq.exchange.rate_limit_state import OwnRateLimitState, find_rate_limit_state
from airflow_provider_binance_liq.lake.storage import scratch
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.load import load

WHY = "No usable temporary directory found"


@pytest.fixture
def nowhere(monkeypatch):
    """Let there be no place for temporary files from now on."""

    def fail():
        raise FileNotFoundError(2, WHY)

    def begin():
        monkeypatch.setattr(tempfile, "gettempdir", fail)
        monkeypatch.setattr(tempfile, "tempdir", None)
        monkeypatch.setattr(tempfile, "_get_default_tempdir", fail)

    return begin


@pytest.mark.parametrize("keep_proven", [False, True], ids=["anew", "proven already"])
def test_an_extraction_fails_with_an_error_that_names_the_local_disk(start, nowhere, keep_proven):
    run = start(cascade_rows=200)
    window = run.cascade()
    run.run("usdm_futures", window)
    nowhere()
    with pytest.raises(StorageError, match=f"the worker's local disk.*{WHY}"):
        run.run("usdm_futures", window, keep_proven=keep_proven)


def test_without_it_each_process_counts_its_weight_by_itself(nowhere, caplog):
    nowhere()
    found = find_rate_limit_state({"fapi": "https://fapi.binance.com"}, coordinate=True)
    assert isinstance(found, OwnRateLimitState)
    assert "Weight is counted without the other processes of this machine" in caplog.text


def test_a_load_fails_with_an_error_that_names_the_local_disk(start, nowhere, tmp_path):
    run = start(cascade_rows=200)
    manifest = run.run("usdm_futures", run.cascade())
    nowhere()
    with pytest.raises(StorageError, match=f"the worker's local disk.*{WHY}"):
        load(DuckDB(str(tmp_path / "db")), manifest)


def test_what_lies_on_the_local_disk_is_gone_at_the_end():
    with scratch("binance-liq-test-") as directory:
        (directory / "file").touch()
    assert not directory.exists()

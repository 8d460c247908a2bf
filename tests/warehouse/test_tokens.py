"""A token in a database's URL is in no error, whoever repeats the URL: this package, or DuckDB."""

from __future__ import annotations

import traceback

import duckdb
import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.exceptions import LiquidationsError, WarehouseError
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB, translate
from airflow_provider_binance_liq.warehouse.load import load
from airflow_provider_binance_liq.warehouse.retries import RetryPolicy

TOKEN = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0"
DATABASE = f"md:desk?motherduck_token={TOKEN}&attach_mode=single"


@pytest.mark.parametrize(
    "error",
    [
        duckdb.IOException(f"cannot open '{DATABASE}'"),
        duckdb.IOException(f"Could not set lock on file {DATABASE}"),
        duckdb.OutOfMemoryException(DATABASE),
        duckdb.CatalogException(f"no such database: motherduck_token = {TOKEN}"),
    ],
    ids=["unusable", "in use", "gave up", "anything else"],
)
def test_an_error_of_duckdbs_is_reported_without_the_token(error):
    told = str(translate(error, DATABASE))
    assert TOKEN not in told
    assert "md:desk" in told or "***" in told


def test_a_load_that_fails_names_the_database_without_the_token(lake, monkeypatch):
    def connect(asked):
        raise duckdb.IOException(f"Could not set lock on file {asked}")

    monkeypatch.setattr(duckdb, "connect", connect)
    with pytest.raises(LiquidationsError, match="md:desk was in use") as failed:
        load(DuckDB(DATABASE, RetryPolicy(wait_s=0)), lake.lay([row(1)]))
    assert TOKEN not in "".join(traceback.format_exception(failed.value))


def test_a_database_that_would_be_gone_is_refused_without_what_it_is_given_along():
    with pytest.raises(WarehouseError) as refused:
        DuckDB(f":memory:?motherduck_token={TOKEN}")
    assert TOKEN not in str(refused.value)


def test_a_token_is_not_shown_however_the_scheme_is_spelled():
    assert TOKEN not in str(DuckDB(DATABASE.replace("md:", "MD:")))

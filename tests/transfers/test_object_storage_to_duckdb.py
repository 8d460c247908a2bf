"""The load operator: manifests in, a summary out, and every failure as Airflow has to take it."""

from __future__ import annotations

import copy
import json
import sys

import pytest
from support.lakehouse import row, tampered

from airflow_provider_binance_liq.exceptions import StorageError, WarehouseBusy


def operator(**parameters):
    from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator

    return ObjectStorageToDuckDBOperator(task_id="load", **parameters)


@pytest.fixture
def failed():
    from airflow_provider_binance_liq.compat import AirflowFailException

    return AirflowFailException


@pytest.fixture
def skipped():
    from airflow_provider_binance_liq.compat import AirflowSkipException

    return AirflowSkipException


def test_it_loads_and_returns_a_summary_that_is_plain_json(lake, warehouse):
    manifests = [lake.lay([row(1), row(2)]).to_dict(), None]
    summary = operator(manifests=manifests, database=str(warehouse.path)).execute({})
    assert json.loads(json.dumps(summary)) == {
        "windows": 1,
        "windows_skipped": 0,
        "rows": 2,
        "inserted": 2,
        "updated": 0,
        "unchanged": 0,
        "missing": 0,
    }
    assert warehouse.values("order_id") == [("1",), ("2",)]


def test_it_reports_a_second_load_as_skipped_windows_not_as_a_skipped_task(lake, warehouse):
    task = operator(manifests=lake.lay([]).to_dict(), database=str(warehouse.path))
    task.execute({})
    assert task.execute({})["windows_skipped"] == 1


@pytest.mark.parametrize("manifests", [None, [], [None, [None]], ""])
def test_without_any_manifest_it_is_skipped(warehouse, skipped, manifests):
    with pytest.raises(skipped, match="there is no manifest to load"):
        operator(manifests=manifests, database=str(warehouse.path)).execute({})
    assert not warehouse.path.exists()


def test_what_no_retry_resolves_fails_at_once_with_a_specific_error(lake, warehouse, failed):
    bad = tampered(lake.lay([row(1)]))
    with pytest.raises(failed, match=r"InconsistentManifest: .* does not match its manifest"):
        operator(manifests=[bad.to_dict()], database=str(warehouse.path)).execute({})


def test_a_row_that_does_not_fit_fails_at_once_with_a_specific_error(lake, warehouse, failed):
    bad = lake.lay([row(1, price='"cheap"')])
    with pytest.raises(failed, match=r"WarehouseError: .*price is cheap"):
        operator(manifests=[bad.to_dict()], database=str(warehouse.path)).execute({})


def test_what_a_retry_may_mend_is_left_to_airflows_retries(lake, warehouse):
    manifest = lake.lay([row(1)])
    for file in lake.directory.iterdir():
        file.unlink()
    with pytest.raises(StorageError):
        operator(manifests=[manifest.to_dict()], database=str(warehouse.path)).execute({})


def test_it_waits_as_long_as_it_is_asked_to(lake, warehouse):
    import duckdb

    warehouse.load(lake.lay([row(1)]))
    warehouse.release()
    task = operator(manifests=lake.lay([row(2)], day=11).to_dict(), database=str(warehouse.path), wait_s=0.1)
    with (
        duckdb.connect(str(warehouse.path), read_only=True),
        pytest.raises(WarehouseBusy, match=r"for 0\.1 s"),
    ):
        task.execute({})


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("", "InvalidRequest: database is ''"),
        ("  ", "InvalidRequest: database is"),
        (None, "InvalidRequest: database is None"),
        (":memory:", "WarehouseError: a database ':memory:' would be gone"),
    ],
)
def test_a_database_that_is_none_fails_at_once(lake, failed, database, said):
    with pytest.raises(failed, match=said):
        operator(manifests=lake.lay([]).to_dict(), database=database).execute({})


def test_a_directory_is_no_database_and_no_retry_makes_it_one(lake, failed, tmp_path):
    file = tmp_path / "liquidations.duckdb"
    expected = f"InvalidRequest: database is '{tmp_path}', a directory; .* such as {file}"
    with pytest.raises(failed, match=expected):
        operator(manifests=lake.lay([]).to_dict(), database=str(tmp_path)).execute({})


def test_without_duckdb_it_fails_at_once_and_says_how_to_install_it(lake, warehouse, failed, monkeypatch):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(failed, match=r"MissingPackage: duckdb is not installed .* '.*\[duckdb\]'"):
        operator(manifests=lake.lay([]).to_dict(), database=str(warehouse.path)).execute({})


def test_the_log_says_in_words_what_was_loaded_and_where(lake, warehouse, capsys):
    manifests = [lake.lay([row(1), row(2)]).to_dict(), lake.lay([], day=11).to_dict()]
    task = operator(manifests=manifests, database=str(warehouse.path))
    task.execute({})
    task.execute({})
    task.manifests = [*manifests, lake.lay([row(3)], day=12).to_dict()]
    task.execute({})
    where = f". Warehouse: {warehouse.path}"
    first, second, third = [line for line in capsys.readouterr().out.splitlines() if where in line]
    assert f"Loaded 2 windows: 2 rows read, 2 inserted, 0 updated, 0 unchanged, 0 missing{where}" in first
    assert f"Nothing new: 2 windows loaded before{where}" in second
    assert "Loaded 3 windows, 2 of them before: 1 row read, 1 inserted, 0 updated" in third


def test_the_log_names_a_database_of_motherduck_without_its_token():
    from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import duckdb_engine

    assert str(duckdb_engine("md:liquidations?motherduck_token=secret", 1.0)) == "md:liquidations"


def test_the_manifests_and_the_database_are_templates():
    task = operator(manifests="{{ params.manifests }}", database="/data/{{ ds }}.duckdb")
    assert set(task.template_fields) == {"manifests", "destination", "database"}
    task.render_template_fields({"ds": "2026-10-10", "params": {"manifests": "[]"}})
    assert (task.manifests, task.database) == ("[]", "/data/2026-10-10.duckdb")


@pytest.mark.parametrize("given", ["{{ params.token }}", "geheim"])
def test_a_token_in_the_url_is_used_and_shown_nowhere(given):
    task = operator(manifests=[], database=f"md:desk?motherduck_token={given}&attach_mode=single")
    task.render_template_fields({"params": {"token": "geheim"}})
    assert task.database == "md:desk?motherduck_token=***&attach_mode=single"
    # Airflow's own record of the constructor's arguments is shown nowhere.
    shown = {name: value for name, value in vars(task).items() if name != "_BaseOperator__init_kwargs"}
    assert "geheim" not in repr(shown)
    assert copy.deepcopy(task).engine().database == "md:desk?motherduck_token=geheim&attach_mode=single"


def test_a_database_without_a_secret_may_be_set_again():
    task = operator(manifests=[], database="md:desk?motherduck_token=geheim")
    task.database = "/data/other.duckdb"
    assert (task.database, task.engine().database) == ("/data/other.duckdb", "/data/other.duckdb")


def test_it_takes_the_output_of_mapped_tasks_and_can_be_mapped_itself():
    from airflow.sdk import DAG

    from airflow_provider_binance_liq.operators.liquidations import UsdmFuturesLiquidationsOperator
    from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator

    with DAG("a_dag", schedule=None):
        extract = UsdmFuturesLiquidationsOperator.partial(
            task_id="extract", destination="file:///lake"
        ).expand(binance_conn_id=["one", "two"])
        load = operator(manifests=extract.output, database="/data/liquidations.duckdb")
        each = ObjectStorageToDuckDBOperator.partial(task_id="each", database="/data/each.duckdb").expand(
            manifests=extract.output
        )
    assert load.upstream_task_ids == each.upstream_task_ids == {"extract"}


# --- where objects may be read --------------------------------------------------------------------------


def test_only_what_lies_below_the_destination_is_read(failed, lake, warehouse, tmp_path):
    manifest = lake.lay([row(1)]).to_dict()
    given = {"manifests": [manifest], "database": str(warehouse.path)}
    with pytest.raises(failed, match=r"InconsistentManifest: .*not below"):
        operator(destination=f"file://{tmp_path}/elsewhere", **given).execute({})
    assert operator(destination=f"file://{lake.directory}", **given).execute({})["inserted"] == 1


def test_one_of_several_destinations_is_enough(lake, warehouse, tmp_path):
    manifest = lake.lay([row(1)]).to_dict()
    destinations = [f"file://{tmp_path}/elsewhere", f"file://{lake.directory}", f"file://{tmp_path}/other"]
    task = operator(manifests=[manifest], database=str(warehouse.path), destination=destinations)
    assert task.execute({})["inserted"] == 1


def test_a_manifest_of_what_is_loaded_already_may_not_name_another_place_either(failed, lake, warehouse):
    manifest = lake.lay([row(1)]).to_dict()
    given = {"database": str(warehouse.path), "destination": f"file://{lake.directory}"}
    operator(manifests=[manifest], **given).execute({})
    manifest["object"]["uri"] = "s3://evil/elsewhere.ndjson"
    with pytest.raises(failed, match=r"InconsistentManifest: .*not below"):
        operator(manifests=[manifest], **given).execute({})


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "{}/../secret.ndjson", "s3://key:sec/ret@b/x.ndjson"])
@pytest.mark.parametrize("given", [True, False])
def test_an_address_that_leads_elsewhere_is_not_followed(failed, lake, warehouse, uri, given):
    manifest = lake.lay([row(1)]).to_dict()
    manifest["object"]["uri"] = uri.format(f"file://{lake.directory}")
    (lake.directory.parent / "secret.ndjson").write_text("secret\n")
    destination = f"file://{lake.directory}" if given else None
    task = operator(manifests=[manifest], database=str(warehouse.path), destination=destination)
    with pytest.raises(failed, match="InconsistentManifest") as caught:
        task.execute({})
    assert "sec/ret" not in str(caught.value)
    assert "the object has" not in str(caught.value)

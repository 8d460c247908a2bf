"""The tables themselves: their types, partitions and files, and how little of them a load writes."""

from __future__ import annotations

import traceback

import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.types import LongType
from support.icehouse import CATALOG, NAMESPACE, TABLES, Icehouse
from support.lakehouse import row

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.exceptions import (
    InvalidConnection,
    InvalidRequest,
    StorageError,
    WarehouseError,
)
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.iceberg import PROPERTIES, TYPES, Iceberg
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

LATER = "2026-11-12T00:00:00Z"


@pytest.mark.parametrize("table", [LIQUIDATIONS, WINDOWS], ids=lambda table: table.name)
def test_every_column_is_there_with_its_type_its_meaning_and_whether_it_may_be_missing(lake, iceberg, table):
    iceberg.load(lake.lay([]))
    schema = iceberg.table(table.name).schema()
    assert {
        one.name: str(one.field_type).replace(", ", ",") for one in schema.fields
    } == sql.expected_columns(table, TYPES)
    assert [(one.name, one.required, one.doc) for one in schema.fields] == [
        (column.name, column.required, column.doc) for column in table
    ]
    assert schema.identifier_field_names() == set(table.key)


def test_rows_lie_by_account_and_endpoint_in_the_order_of_time(lake, iceberg):
    iceberg.load(
        lake.lay([row(1, 1791590400002), row(2, 1791590400001)]), lake.lay([row(3)], endpoint="margin")
    )
    table = iceberg.table()
    assert [field.name for field in table.spec().fields] == ["account", "endpoint"]
    assert len(iceberg.files()) == 2
    assert table.scan("endpoint = 'usdm_futures'").to_arrow()["order_id"].to_pylist() == [2, 1]
    order = [table.schema().find_column_name(field.source_id) for field in table.sort_order().fields]
    assert order == ["account", "endpoint", "updated_at", "symbol", "order_id"]


@pytest.mark.slow
def test_every_snapshot_says_which_version_wrote_it(lake, iceberg):
    iceberg.load(lake.lay([row(1)]))
    iceberg.load(lake.lay([row(1, price='"2"')], extracted_at=LATER))
    for name in TABLES:
        for snapshot in iceberg.table(name).metadata.snapshots:
            assert snapshot.summary.additional_properties["binance-liq.version"] == __version__


@pytest.mark.slow
def test_an_empty_window_writes_no_rows(lake, iceberg):
    iceberg.load(lake.lay([]))
    assert [len(iceberg.snapshots()[name]) for name in TABLES] == [0, 1]


@pytest.mark.slow
def test_where_nothing_changed_no_snapshot_and_no_file_is_written(lake, iceberg):
    newest = lake.lay([row(1), row(2)], extracted_at=LATER)
    iceberg.load(newest)
    known, written = iceberg.snapshots(), sorted(iceberg.path.rglob("*"))
    assert iceberg.load(newest).windows_skipped == 1
    # An older object is read and merged, and still tells nothing new.
    assert iceberg.load(lake.lay([row(1)])).unchanged == 1
    assert iceberg.snapshots() == known
    assert sorted(iceberg.path.rglob("*")) == written


@pytest.mark.slow
def test_the_same_bytes_seen_later_write_only_their_window(lake, iceberg):
    iceberg.load(lake.lay([row(1)]))
    rows, windows = (iceberg.snapshots()[name] for name in TABLES)
    iceberg.load(lake.lay([row(1)], extracted_at=LATER))
    assert iceberg.snapshots()[TABLES[0]] == rows
    assert len(iceberg.snapshots()[TABLES[1]]) > len(windows)


@pytest.mark.slow
def test_a_new_window_leaves_every_file_as_it_is(lake, iceberg):
    iceberg.load(lake.lay([row(1)]), lake.lay([row(2)], endpoint="margin"))
    before = iceberg.files()
    iceberg.load(lake.lay([row(3)], day=11))
    assert before < iceberg.files()


@pytest.mark.slow
def test_replacing_a_row_rewrites_the_file_that_holds_it_and_no_other(lake, iceberg):
    for day in (10, 11, 12):
        at = 1791590400000 + (day - 10) * 86_400_000
        iceberg.load(lake.lay([row(day, at), row(100 + day, at)], day=day))
    iceberg.load(lake.lay([row(11, 1791590400000 + 86_400_000)], account="fund"))
    before = iceberg.files()
    iceberg.load(lake.lay([row(11, 1791590400000 + 86_400_001)], day=11, extracted_at=LATER))
    kept = before & iceberg.files()
    assert len(before) == 4
    assert len(kept) == 3
    assert iceberg.values("account, order_id") == [
        *(("desk", str(number)) for number in (10, 11, 12, 110, 111, 112)),
        ("fund", "11"),
    ]


@pytest.mark.slow
def test_rows_that_share_an_id_with_a_replaced_one_stay_as_they_are(lake, iceberg, duckdb):
    sharing = [row(1, symbol=f'"{symbol}"') for symbol in ("BTCUSDT", "ETHUSDT", "币安人生USDT")]
    newer = row(1, price='"2"')
    for warehouse in (iceberg, duckdb):
        warehouse.load(
            lake.lay(sharing), lake.lay(sharing, account="fund"), lake.lay(sharing, endpoint="margin")
        )
        assert warehouse.load(lake.lay([newer, row(2)], extracted_at=LATER)).updated == 1
    assert iceberg.dump() == duckdb.dump()


@pytest.mark.slow
def test_many_rows_lie_in_several_files_that_time_separates(lake, iceberg):
    def hour(number):
        return 1791590400000 + number * 3_600_000

    padding = '"' + 1000 * "x" + '"'
    iceberg.load(lake.lay([row(n, hour(n % 24), note=padding) for n in range(30_000)]))
    assert len(iceberg.files()) > 1
    read = list(iceberg.table().scan("updated_at < '2026-10-10T01:00:00+00:00'").plan_files())
    assert len(read) == 1


# --- tables of others ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_table_with_another_column_is_refused_and_the_message_names_it(lake, iceberg):
    iceberg.load(lake.lay([row(1)]))
    with iceberg.table().update_schema() as change:
        change.add_column("desk_note", LongType())
    with pytest.raises(
        WarehouseError, match=r"binance_liquidations is not as .* desk_note is long where no column"
    ):
        iceberg.load(lake.lay([row(2)], day=11))


@pytest.mark.slow
def test_what_its_owner_set_about_a_table_is_left_as_it_is(lake, iceberg):
    iceberg.load(lake.lay([row(1)]))
    mine = {"commit.retry.num-retries": "7", "write.target-file-size-bytes": "1000"}
    with iceberg.table().transaction() as transaction:
        transaction.set_properties(mine)
    iceberg.load(lake.lay([row(2)], day=11))
    assert mine.items() <= iceberg.table().properties.items()


@pytest.mark.slow
def test_a_table_that_its_owner_partitioned_otherwise_is_loaded_all_the_same(lake, iceberg, duckdb):
    first = lake.lay([row(1), row(2, symbol='"币安人生USDT"')])
    iceberg.load(first)
    duckdb.load(first)
    with iceberg.table().update_spec() as change:
        change.add_identity("symbol")
    newer = lake.lay([row(1, price='"2"'), row(2, symbol='"币安人生USDT"'), row(3)], extracted_at=LATER)
    assert iceberg.load(newer) == duckdb.load(newer)
    assert iceberg.dump() == duckdb.dump()
    assert any("symbol=BTCUSDT" in file for file in iceberg.files())


@pytest.mark.slow
def test_a_row_that_somebody_else_doubled_is_refused_with_a_specific_error(lake, iceberg):
    iceberg.load(lake.lay([row(1), row(2)]))
    table = iceberg.table()
    table.append(table.scan("order_id = 1").to_arrow().cast(table.schema().as_arrow()))
    with pytest.raises(WarehouseError, match="binance_liquidations has 1 rows whose key another row has too"):
        iceberg.load(lake.lay([row(1)], day=11))
    # Where it is not touched, it is not seen either.
    assert iceberg.load(lake.lay([row(9)], day=12)).inserted == 1


# --- catalogs --------------------------------------------------------------------------------------------


def test_without_properties_pyicebergs_own_configuration_counts(lake, iceberg, monkeypatch):
    for name, value in iceberg.properties.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__OFFICE__{name.upper()}", value)
    import pyiceberg.catalog
    from pyiceberg.utils.config import Config

    from airflow_provider_binance_liq.warehouse.load import load

    monkeypatch.setattr(pyiceberg.catalog, "_ENV_CONFIG", Config())
    load(Iceberg("office", "elsewhere"), [lake.lay([row(1)])])
    catalog = load_catalog("office", **iceberg.properties)
    assert catalog.load_table("elsewhere.binance_liquidations").scan().to_arrow().num_rows == 1
    catalog.close()


@pytest.mark.parametrize(
    "wrong", [{"catalog": " "}, {"namespace": "a..b"}, {"namespace": ""}, {"catalog": None}]
)
def test_a_name_that_is_none_is_refused(wrong):
    with pytest.raises(InvalidRequest, match=next(iter(wrong))):
        Iceberg(**wrong)


def test_a_catalog_that_nobody_set_up_is_reported_by_name(lake):
    from airflow_provider_binance_liq.warehouse.load import load

    with pytest.raises(InvalidConnection, match="'nowhere' is not set up"):
        load(Iceberg("nowhere"), [lake.lay([row(1)])])


@pytest.mark.parametrize(
    "uri",
    ["postgresql+psycopg2://reader:s3cr3t-word@127.0.0.1:9/catalog", "http://127.0.0.1:9/ws"],
)
def test_a_catalog_that_cannot_be_reached_is_worth_a_retry_and_no_secret_is_reported(lake, tmp_path, uri):
    secrets = {"token": "s3cr3t-word", "s3.secret-access-key": "an0ther-s3cr3t"}
    house = Icehouse(tmp_path / "away", {"uri": uri, **secrets})
    with pytest.raises(StorageError, match=rf"the Iceberg tables {CATALOG}\.{NAMESPACE}") as caught:
        house.load(lake.lay([row(1)]))
    told = "".join(traceback.format_exception(caught.value)) + repr(house.engine())
    assert "s3cr3t" not in told


def test_an_error_that_repeats_a_secret_is_reported_without_it(tmp_path):
    uri = "postgresql+psycopg2://reader:s3cr3t-word@db.example/catalog"
    engine = Icehouse(tmp_path, {"uri": uri, "s3.secret-access-key": "an0ther-s3cr3t"}).engine()

    def fail():
        message = f"no answer from {uri} with an0ther-s3cr3t"
        raise OSError(message)

    said = r"no answer from \S+:\*\*\*@db.example/catalog with \*\*\*\. Nothing was merged"
    with pytest.raises(StorageError, match=said) as caught, engine._translating():
        fail()
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.slow
def test_rows_that_came_in_without_their_windows_are_reported(lake, iceberg, monkeypatch):
    from pyiceberg.catalog.sql import SqlCatalog

    iceberg.load(lake.lay([row(1)]))
    commit = SqlCatalog.commit_table

    def full(self, table, *given):
        if table.name()[-1] == TABLES[1]:
            message = "No space left on device"
            raise OSError(message)
        return commit(self, table, *given)

    second = lake.lay([row(2)], day=11)
    with monkeypatch.context() as patch:
        patch.setattr(SqlCatalog, "commit_table", full)
        with pytest.raises(StorageError, match=r"No space left .* Rows were committed without their windows"):
            iceberg.load(second)
        with pytest.raises(StorageError, match=r"No space left on device\. Nothing was merged"):
            iceberg.load(lake.lay([], day=12))
    assert iceberg.load(second).unchanged == 1
    assert len(iceberg.windows()) == 2


def test_a_directory_that_cannot_be_written_is_worth_a_retry(lake, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    house = Icehouse(tmp_path / "house", {"warehouse": f"file://{tmp_path}/file/below"})
    with pytest.raises(StorageError, match="the Iceberg tables"):
        house.load(lake.lay([row(1)]))


@pytest.mark.slow
def test_loads_add_to_the_history_of_a_table_and_keep_few_manifests(lake, iceberg):
    made = []
    for day in range(10, 20):
        iceberg.load(lake.lay([row(day)], day=day))
        made.append(iceberg.table().metadata.current_snapshot_id)
    table = iceberg.table()
    assert [one.snapshot_id for one in table.metadata.snapshots] == made
    assert [one.snapshot_id for one in table.metadata.snapshot_log] == made
    assert table.scan(snapshot_id=made[2]).to_arrow().num_rows == 3
    manifests = len(table.current_snapshot().manifests(table.io))
    assert manifests < int(PROPERTIES["commit.manifest.min-count-to-merge"])


def test_a_load_leaves_the_tags_of_a_table_alone(lake, iceberg):
    iceberg.load(lake.lay([row(1)]))
    kept = iceberg.table().metadata.current_snapshot_id
    iceberg.table().manage_snapshots().create_tag(kept, "audited").commit()
    for day in (11, 12):
        iceberg.load(lake.lay([row(day)], day=day))
    table = iceberg.table()
    assert table.metadata.refs["audited"].snapshot_id == kept
    assert table.scan(snapshot_id=kept).to_arrow().num_rows == 1


@pytest.mark.parametrize(("status", "retried"), [(429, True), (503, True), (400, False)])
def test_a_catalog_that_was_asked_too_often_is_worth_a_retry(status, retried):
    """PyIceberg 0.11.1, which managed services have, knows no error for 429."""
    import requests
    from pyiceberg.catalog.rest.response import _handle_non_200_response
    from pyiceberg.exceptions import RESTError

    from airflow_provider_binance_liq.warehouse.iceberg.catalog import _translate

    answer = requests.Response()
    answer.status_code, answer._content = status, b"{}"
    with pytest.raises(RESTError) as caught:
        _handle_non_200_response(requests.HTTPError(response=answer), {})
    assert isinstance(_translate(caught.value, "here"), StorageError) is retried

"""The configurable DAGs: their graphs, their settings, and a day from the exchange to the warehouse."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from support.fixed_days import recent_day, travel
from support.partitions import with_partitions
from support.sample_dags import configure, connect, in_state, read_dag, states

from airflow_provider_binance_liq.compat import HAS_PARTITIONS
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.simulator.settings import Settings
from airflow_provider_binance_liq.simulator.simulator import Simulator
from airflow_provider_binance_liq.warehouse.tables import row_table, row_tables

DAY_MS = 86_400_000
DAGS = ("binance_liquidations", "binance_liquidations_second_look")
SETTINGS = Settings(seed=7, cascade_rows=300)

pytestmark = [pytest.mark.clock, pytest.mark.usefixtures("fixed_clock")]


@pytest.fixture
def dag(airflow_database):
    return read_dag("binance_liquidations")


@pytest.fixture
def exchange():
    with Simulator(SETTINGS) as simulator:
        yield simulator


@pytest.fixture
def configured(exchange, tmp_path, monkeypatch):
    connect(monkeypatch, exchange, "binance_demo")
    database = tmp_path / "warehouse.duckdb"

    def set_variable(**members):
        configure(monkeypatch, tmp_path, **({"database": str(database)} | members))
        return database

    return set_variable


def read(database, sql):
    import duckdb

    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_dags_are_read_without_errors_or_warnings(airflow_database):
    from support.airflow_of_any_version import DagBag

    bag = DagBag()
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}


@pytest.mark.parametrize("dag_id", DAGS)
def test_the_graph_is_settings_then_extract_then_load(dag_id, airflow_database):
    dag = read_dag(dag_id)
    assert dag.task_ids == ["settings", "extract", "load", "watcher"]
    assert dag.get_task("extract").upstream_task_ids == {"settings"}
    assert dag.get_task("load").upstream_task_ids == {"settings", "extract"}
    assert dag.get_task("watcher").upstream_task_ids == {"settings", "extract", "load"}


def test_every_dag_has_a_description_and_a_page_of_its_own(airflow_database):
    from support.airflow_of_any_version import DagBag

    dags = DagBag().dags.values()
    for said in ([dag.description for dag in dags], [dag.doc_md for dag in dags]):
        assert all(said)
        assert len(set(said)) == len(said)


def test_every_member_of_the_settings_is_documented_in_the_dag(dag):
    from airflow_provider_binance_liq.dag_support.settings import MEMBERS

    assert sorted(re.findall(r"^\| `(\w+)` \| .* \| .* \|$", dag.doc_md, re.MULTILINE)) == sorted(MEMBERS)


def test_every_endpoint_is_named_in_the_dag_by_the_kind_of_account_that_has_it(dag):
    classic, portfolio, either = re.findall(
        r"classic \((.*?)\).*portfolio margin\s+\((.*?)\).*Any account may have\s+(.*?) as well",
        dag.doc_md,
        re.DOTALL,
    )[0]
    for text, kind in ((classic, "classic"), (portfolio, "portfolio_margin"), (either, "any")):
        expected = [name for name, endpoint in ENDPOINTS.items() if endpoint.account_type == kind]
        assert re.findall(r"`(\w+)`", text) == expected


def test_the_dag_has_data_intervals_and_does_not_catch_up_unasked(dag):
    assert type(dag.timetable).__name__ == "CronDataIntervalTimetable"
    assert not dag.catchup
    assert dag.max_active_runs > 1


@pytest.mark.slow
def test_a_day_comes_into_the_warehouse_and_coming_again_changes_nothing(dag, exchange, configured):
    database = configured(endpoints=list(ENDPOINTS))
    day = recent_day()
    run = dag.test(logical_date=day)
    assert str(run.state) == "success", states(run)
    # A manual run at midnight covers the day before.
    start_ms = int((day - timedelta(days=1)).timestamp() * 1000)
    for name in ENDPOINTS:
        truth = exchange.truth(name, start_ms=start_ms, end_ms=start_ms + DAY_MS, account="demo")
        assert truth, name
        stored = read(database, f"SELECT raw FROM {row_table(name).name} WHERE endpoint = '{name}'")
        assert sorted(raw for (raw,) in stored) == sorted(body.decode() for body in truth), name
    windows = "SELECT endpoint, incomplete_reasons FROM binance_liquidation_windows"
    # No row of that day shows whether the flows of isolated pairs are among them.
    reasons = dict.fromkeys(ENDPOINTS, "") | {"margin_capital_flow": "isolated_rows"}
    assert dict(read(database, windows)) == reasons
    dumps = [f"SELECT COLUMNS(*)::VARCHAR FROM {table.name} ORDER BY ALL" for table in row_tables(ENDPOINTS)]
    before = [read(database, dump) for dump in dumps]
    again = dag.test(logical_date=day)
    assert str(again.state) == "success", states(again)
    assert [read(database, dump) for dump in dumps] == before


@pytest.mark.slow
def test_a_run_may_be_restricted_to_some_endpoints_and_no_task_is_skipped_for_it(dag, configured):
    database = configured(endpoints=["margin", "usdm_futures"])
    run = dag.test(logical_date=recent_day(4), run_conf={"endpoints": ["margin"]})
    assert str(run.state) == "success", states(run)
    assert in_state(run, "success") == {"settings", "extract[0]", "load"}
    assert in_state(run, "skipped") == {"watcher"}
    assert read(database, "SELECT endpoint FROM binance_liquidation_windows") == [("margin",)]


@pytest.mark.slow
def test_the_ui_names_each_extraction_by_account_endpoint_day_and_outcome(run_with_a_refused_key):
    day = period(recent_day(8) - timedelta(days=1))
    margin, futures, *refused = sorted(_named(run_with_a_refused_key.run))
    assert re.fullmatch(rf"demo · margin · {day} · \d+ rows? · (proven|not complete)", margin)
    assert re.fullmatch(rf"demo · usdm_futures · {day} · \d+ rows? · proven", futures)
    assert refused == [f"revoked · {name} · {day} · failed" for name in ("margin", "usdm_futures")]


def period(day):
    return f"{day.day} {day:%b %Y}"


def _named(run):
    return [ti.rendered_map_index for ti in run.get_task_instances() if ti.task_id == "extract"]


@pytest.mark.slow
def test_an_extraction_that_was_skipped_is_named_so(dag, two_accounts):
    old = datetime(2026, 1, 2, tzinfo=UTC)
    run = dag.test(logical_date=old, run_conf={"beyond_retention": "skip", "endpoints": ["margin"]})
    assert _named(run) == ["revoked · margin · 1 Jan 2026 · skipped", "demo · margin · 1 Jan 2026 · skipped"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "wish",
    [
        ("connections", ["binance_other"], "a run may choose among 'binance_demo'"),
        ("endpoints", ["portfolio_um"], "a run may choose among 'margin'"),
        ("destination", "file:///elsewhere", "a run may choose among 'file://{home}/lake'"),
        ("database", "{home}/other.duckdb", "a run may choose among '{home}/warehouse.duckdb'"),
        ("postgres_conn_id", "someones_db", "they have none"),
        ("schema", "someones", "they have none"),
    ],
)
def test_whoever_triggers_cannot_name_what_the_settings_do_not_have(dag, configured, tmp_path, wish, capsys):
    member, value, allowed = wish
    database = configured(endpoints=["margin"])
    value = value.format(home=tmp_path) if isinstance(value, str) else value
    run = dag.test(logical_date=recent_day(5), run_conf={member: value})
    assert str(run.state) == "failed"
    assert in_state(run, "failed") == {"settings", "watcher"}
    message = f"{member} is .* which the settings do not have; {re.escape(allowed.format(home=tmp_path))}"
    assert re.search(message, capsys.readouterr().out)
    assert [path.name for path in tmp_path.iterdir()] == []
    assert not database.exists()


@pytest.mark.slow
def test_a_parameter_that_there_is_not_fails_the_run_instead_of_being_ignored(dag, configured, capsys):
    configured(endpoints=["margin"])
    run = dag.test(logical_date=recent_day(17), run_conf={"endpoint": ["margin"]})
    assert in_state(run, "failed") == {"settings", "watcher"}
    assert "unknown parameter 'endpoint'" in capsys.readouterr().out


@pytest.mark.slow
def test_a_run_may_choose_another_destination_and_database_that_the_settings_list(dag, configured, tmp_path):
    other = tmp_path / "other.duckdb"
    configured(
        endpoints=["margin"],
        destination=[f"file://{tmp_path / 'lake'}", f"file://{tmp_path / 'other lake'}"],
        database=[str(tmp_path / "warehouse.duckdb"), str(other)],
    )
    chosen = {"destination": f"file://{tmp_path / 'other lake'}", "database": str(other)}
    run = dag.test(logical_date=recent_day(15), run_conf=chosen)
    assert str(run.state) == "success", states(run)
    assert read(other, "SELECT count(*) FROM binance_liquidation_windows") == [(1,)]
    assert {path.name for path in tmp_path.iterdir()} == {"other lake", "other.duckdb"}


def test_a_run_logs_what_it_costs_at_the_least(run_with_a_refused_key):
    assert "This run needs at least 4 requests of weight 102 (" in run_with_a_refused_key.log


@pytest.mark.slow
def test_an_unknown_endpoint_fails_in_the_first_task(dag, configured):
    database = configured(endpoints=["spot"])
    run = dag.test(logical_date=recent_day(5))
    assert str(run.state) == "failed"
    assert in_state(run, "failed") == {"settings", "watcher"}
    assert in_state(run, "success") == set()
    assert not database.exists()


def configure_two_accounts(monkeypatch, exchange, home):
    """One account whose key is right, and one whose key the exchange refuses."""
    connect(monkeypatch, exchange, "binance_demo")
    connect(monkeypatch, exchange, "binance_revoked", login="k" * 64, extra={"account": "revoked"})
    known = {"endpoints": ["margin", "usdm_futures"], "connections": ["binance_revoked", "binance_demo"]}
    configure(monkeypatch, home, database=str(home / "warehouse.duckdb"), **known)
    return home / "warehouse.duckdb"


@pytest.fixture
def two_accounts(exchange, tmp_path, monkeypatch):
    return configure_two_accounts(monkeypatch, exchange, tmp_path)


@pytest.fixture(scope="module")
def run_with_a_refused_key(airflow_database, tmp_path_factory):
    """One run of two accounts, for all tests that only look at it."""
    log = StringIO()
    handler = logging.StreamHandler(log)
    with travel(), pytest.MonkeyPatch.context() as monkeypatch, Simulator(SETTINGS) as exchange:
        database = configure_two_accounts(monkeypatch, exchange, tmp_path_factory.mktemp("two accounts"))
        logging.getLogger().addHandler(handler)
        run = read_dag("binance_liquidations").test(logical_date=recent_day(8))
    logging.getLogger().removeHandler(handler)
    return SimpleNamespace(run=run, log=log.getvalue(), database=database)


def test_a_key_that_is_refused_fails_its_own_tasks_and_the_run_but_what_others_extracted_is_loaded(
    run_with_a_refused_key,
):
    run, log = run_with_a_refused_key.run, run_with_a_refused_key.log
    assert in_state(run, "failed") == {"extract[0]", "extract[1]", "watcher"}
    assert in_state(run, "success") == {"settings", "extract[2]", "extract[3]", "load"}
    assert str(run.state) == "failed"
    error = log.rpartition("2 tasks of this run failed: ")[2]
    for index, endpoint in enumerate(["usdm_futures", "margin"]):
        named = (
            f"extract[{index}], revoked · {endpoint} · {period(recent_day(8) - timedelta(days=1))} · failed: "
        )
        assert f"Failed: {named}KeyRejected: HTTP 401" in log
        assert named in error
    windows = "SELECT account, endpoint FROM binance_liquidation_windows"
    assert sorted(read(run_with_a_refused_key.database, windows)) == [
        ("demo", "margin"),
        ("demo", "usdm_futures"),
    ]
    assert read(run_with_a_refused_key.database, "SELECT DISTINCT account FROM binance_liquidations") == [
        ("demo",)
    ]


@pytest.mark.slow
def test_where_every_key_is_refused_nothing_is_loaded_and_the_run_fails(dag, two_accounts):
    run = dag.test(logical_date=recent_day(9), run_conf={"connections": ["binance_revoked"]})
    assert str(run.state) == "failed"
    assert in_state(run, "skipped") == {"load"}
    assert not two_accounts.exists()


@pytest.mark.slow
def test_the_second_look_is_the_same_dag_some_days_back(airflow_database, configured, tmp_path):
    second = read_dag("binance_liquidations_second_look")
    database = configured(endpoints=["margin"], second_look_days=10)
    day = recent_day()
    run = second.test(logical_date=day)
    assert str(run.state) == "success", states(run)
    looked_at = (day - timedelta(days=11)).date().isoformat()
    assert [path.parent.name for path in tmp_path.rglob("*.ndjson")] == [f"date={looked_at}"]
    assert read(database, "SELECT count(*) FROM binance_liquidation_windows") == [(1,)]


# --- extracted by one DAG, loaded by another -------------------------------------------------------------


def announced():
    """Every event of the endpoints' assets, in order: its asset's name, and its extra."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        events = session.scalars(select(AssetEvent).order_by(AssetEvent.id))
        return [(event.asset.name, event.extra) for event in events]


def returned(run, task_id, map_index):
    (instance,) = [
        one for one in run.get_task_instances() if (one.task_id, one.map_index) == (task_id, map_index)
    ]
    return instance.xcom_pull(task_ids=task_id, map_indexes=map_index)


@pytest.mark.slow
def test_each_extraction_announces_its_manifest_for_its_endpoint_alone_and_one_that_fails_nothing(
    airflow_database, two_accounts
):
    before = len(announced())
    run = read_dag("binance_liquidations_extract").test(logical_date=recent_day(11))
    assert str(run.state) == "failed"
    assert in_state(run, "failed") == {"extract[0]", "extract[1]", "watcher"}
    futures, margin = (returned(run, "extract", index) for index in (2, 3))
    assert sorted(announced()[before:], key=lambda event: event[0]) == [
        ("binance_liquidations_binance_demo_margin", margin),
        ("binance_liquidations_binance_demo_usdm_futures", futures),
        *[("binance_liquidations_binance_demo_usdm_futures_proven_days", futures)] * HAS_PARTITIONS,
        ("binance_liquidations_extracted", {"manifests": [futures, margin]}),
        ("binance_liquidations_margin", margin),
        ("binance_liquidations_usdm_futures", futures),
    ]
    assert not margin["proof"]["complete"]  # so there is no event of a day that was proven
    assert not two_accounts.exists()


@pytest.mark.slow
def test_the_dag_that_loads_too_announces_each_extraction(airflow_database, configured):
    before = len(announced())
    configured(endpoints=["usdm_futures"])
    run = read_dag("binance_liquidations").test(logical_date=recent_day(20))
    names = [name for name, extra in announced()[before:] if extra == returned(run, "extract", 0)]
    assert "binance_liquidations_usdm_futures" in names
    assert "binance_liquidations_binance_demo_usdm_futures" in names


@pytest.mark.slow
@with_partitions
def test_the_day_that_was_proven_is_the_partition_of_its_event(airflow_database, configured):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    configured(endpoints=["usdm_futures"])
    run = read_dag("binance_liquidations").test(logical_date=recent_day(21))
    with create_session() as session:
        events = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id)).all()
        found = {event.asset.name: event.partition_key for event in events}
    day = (recent_day(21) - timedelta(days=1)).date().isoformat()
    assert found["binance_liquidations_binance_demo_usdm_futures_proven_days"] == day
    assert found["binance_liquidations_binance_demo_usdm_futures"] is None


@pytest.mark.slow
def test_what_was_announced_since_an_instant_can_be_loaded_by_hand(airflow_database, configured):
    since = datetime.now(UTC).isoformat()
    database = configured(endpoints=["margin"])
    for days_ago in (12, 13):
        run = read_dag("binance_liquidations_extract").test(logical_date=recent_day(days_ago))
        assert str(run.state) == "success", states(run)
    load = read_dag("binance_liquidations_load").test(run_conf={"since": since})
    assert str(load.state) == "success", states(load)
    assert in_state(load, "success") == {"settings", "read_events", "load", "check_events"}
    assert read(database, "SELECT count(*) FROM binance_liquidation_windows") == [(2,)]


def test_the_loading_dag_runs_once_for_all_that_a_run_has_extracted(airflow_database, configured):
    configured(endpoints=["margin"])
    dag = read_dag("binance_liquidations_load")
    assert [asset.name for asset in dag.schedule] == ["binance_liquidations_extracted"]
    inlets = [asset.name for asset in dag.get_task("read_events").inlets]
    assert inlets == [
        "binance_liquidations_extracted",
        *(f"binance_liquidations_{name}" for name in ENDPOINTS),
    ]


# --- what a run's parameters take -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_may_be_of_some_symbols_and_is_written_and_loaded_beside_the_whole_day(
    dag, exchange, configured
):
    database = configured(endpoints=["usdm_futures"])
    day = recent_day()
    run = dag.test(logical_date=day, run_conf={"symbols": ["BTCUSDT"]})
    assert run.state == "success"
    names = [path.name for path in database.parent.rglob("*.manifest.json")]
    assert len(names) == 1
    assert ".filter-" in names[0]


@pytest.mark.slow
def test_a_run_may_be_of_another_time_than_its_day(dag, configured):
    database = configured(endpoints=["usdm_futures"])
    day = recent_day()
    start, end = day - timedelta(days=3, hours=6), day - timedelta(days=3)
    run = dag.test(logical_date=day, run_conf={"start": start.isoformat(), "end": end.isoformat()})
    assert run.state == "success"
    (path,) = database.parent.rglob("*.manifest.json")
    assert path.name == f"{start:%Y%m%dT%H%M%SZ}_{end:%Y%m%dT%H%M%SZ}.manifest.json"


@pytest.mark.slow
def test_half_a_time_fails_in_the_first_task(dag, configured, capsys):
    configured(endpoints=["usdm_futures"])
    run = dag.test(logical_date=recent_day(), run_conf={"start": "2026-10-01T00:00:00Z"})
    assert in_state(run, "failed") == {"settings", "watcher"}
    assert "InvalidInterval: only one of start and end is given" in capsys.readouterr().out


def test_a_connection_that_does_not_exist_fails_in_the_first_task(dag, configured, capsys):
    configured(connections=["nosuch"])
    run = dag.test(logical_date=recent_day())
    assert in_state(run, "failed") == {"settings", "watcher"}
    assert "connection 'nosuch' does not exist; create it (type Binance)" in capsys.readouterr().out

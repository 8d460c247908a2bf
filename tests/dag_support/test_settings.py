"""The sample DAG's settings: every member, what is refused, and what outranks what."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.dag_support.settings import (
    MEMBERS,
    Chosen,
    Settings,
    Warehouse,
    read_settings,
)
from airflow_provider_binance_liq.exceptions import InvalidRequest

HOME = "/opt/airflow"
CLASSIC = ("usdm_futures", "coinm_futures", "margin")
DEFAULTS = Settings(
    connections=(Chosen("binance_default", CLASSIC),),
    destination="file:///opt/airflow/binance_liquidations/lake",
    warehouse=Warehouse(database="/opt/airflow/binance_liquidations/warehouse.duckdb"),
    compression=None,
    beyond_retention="fail",
    second_look_days=80,
)
EVERYTHING = {
    "connections": ["desk", {"binance_conn_id": "fund", "endpoints": ["portfolio_um"]}],
    "endpoints": ["margin", "usdm_futures"],
    "destination": "s3://aws_default@bucket/lake",
    "database": "md:liquidations",
    "compression": "gzip",
    "beyond_retention": "extract",
    "second_look_days": 30,
}
POSTGRES = {"postgres_conn_id": "desk_db", "schema": "binance"}


def read(variable=None, **parameters):
    return read_settings(variable, parameters, HOME)


# --- members ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", [None, {}, dict.fromkeys(MEMBERS)])
def test_everything_is_optional(variable):
    assert read(variable) == DEFAULTS


def test_every_member_is_taken():
    assert set(EVERYTHING | POSTGRES) == set(MEMBERS)
    assert read(EVERYTHING) == Settings(
        connections=(Chosen("desk", ("usdm_futures", "margin")), Chosen("fund", ("portfolio_um",))),
        destination="s3://aws_default@bucket/lake",
        warehouse=Warehouse(database="md:liquidations"),
        compression="gzip",
        beyond_retention="extract",
        second_look_days=30,
    )


def test_postgresql_is_a_connection_and_may_be_a_schema():
    assert read(POSTGRES).warehouse == Warehouse(postgres_conn_id="desk_db", schema="binance")
    assert read({"postgres_conn_id": "desk_db"}).warehouse == Warehouse(postgres_conn_id="desk_db")


@pytest.mark.parametrize(("again", "days"), [(False, 0), (True, 30)])
def test_what_is_extracted_is_said_per_connection_in_the_operators_own_terms(again, days):
    common = {
        "look_back_days": days,
        "destination": "s3://aws_default@bucket/lake",
        "compression": "gzip",
        "beyond_retention": "extract",
    }
    assert read(EVERYTHING).extractions(again=again) == [
        {"endpoints": ["usdm_futures", "margin"], "operator": {"binance_conn_id": "desk"} | common},
        {"endpoints": ["portfolio_um"], "operator": {"binance_conn_id": "fund"} | common},
    ]


def test_what_is_known_of_an_account_goes_to_its_operators_alone():
    known = {"probe_report": "s3://aws_default@bucket/fund.json", "accept_premises": ["isolated_rows"]}
    variable = {"connections": ["desk", {"binance_conn_id": "fund"} | known]}
    desk, fund = (one["operator"] for one in read(variable).extractions())
    assert {name: fund[name] for name in known} == known
    assert not known.keys() & desk.keys()


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"accept_premises": ["isolated"]}, "there is no premise 'isolated'"),
        ({"probe_report": 5}, "probe_report of d"),
    ],
)
def test_what_is_known_of_an_account_is_checked(known, said):
    with pytest.raises(InvalidRequest, match=said):
        read({"connections": [{"binance_conn_id": "d"} | known]})


def test_airflows_home_is_where_things_go_that_are_not_told(monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    assert read_settings(None, {}).warehouse.database == "/srv/airflow/binance_liquidations/warehouse.duckdb"
    monkeypatch.delenv("AIRFLOW_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert read_settings(None, {}).destination == "file:///home/someone/airflow/binance_liquidations/lake"


SHARED = {"destination": "s3://aws_default@bucket/lake"}


def test_a_store_that_workers_share_is_not_loaded_into_a_file_that_one_of_them_has():
    with pytest.raises(InvalidRequest) as refused:
        read_settings(SHARED, {}, HOME, loads=True)
    message = str(refused.value)
    assert "no warehouse is named" in message
    assert all(name in message for name in ("postgres_conn_id", "database", "md:<database>"))


@pytest.mark.parametrize(
    "named",
    [{"database": "/shared/x.duckdb"}, {"database": "md:desk"}, {"postgres_conn_id": "desk_db"}],
    ids=["a path", "MotherDuck", "PostgreSQL"],
)
def test_a_store_that_workers_share_is_loaded_into_a_warehouse_that_is_named(named):
    assert read_settings(SHARED | named, {}, HOME, loads=True) == read(SHARED | named)
    assert read_settings(SHARED, named, HOME, loads=True) == read(SHARED | named)


@pytest.mark.parametrize("destination", [{}, {"destination": "file:///lake"}, {"destination": "/lake"}])
def test_a_lake_on_a_disk_is_loaded_into_a_file_on_it_unasked(destination):
    assert read_settings(destination, {}, HOME, loads=True) == read(destination)


def test_what_only_extracts_needs_no_warehouse():
    assert read_settings(SHARED, {}, HOME).destination == SHARED["destination"]


def test_a_token_in_a_database_is_not_repeated():
    with pytest.raises(InvalidRequest, match=r"database is ' md:desk\?motherduck_token=\*\*\*'"):
        read({"database": " md:desk?motherduck_token=eyJhbGciOi"})


def test_endpoints_stand_in_one_order_and_once():
    assert read({"endpoints": ["margin", "usdm_futures", "margin"]}).connections == (
        Chosen("binance_default", ("usdm_futures", "margin")),
    )


@pytest.mark.parametrize("database", ["/data/x.duckdb", "md:liquidations", "motherduck:liquidations"])
def test_a_database_is_an_absolute_path_or_motherduck(database):
    assert read({"database": database}).warehouse.database == database


@pytest.mark.parametrize("destination", ["file:///lake", "/lake", "s3://bucket", "gs://conn@bucket/lake"])
def test_a_destination_is_a_url_or_an_absolute_path(destination):
    assert read({"destination": destination}).destination == destination


# --- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ({"endpoint": ["margin"]}, "the settings have no member endpoint; there are connections, endpoints"),
        ({"a": 1, "b": 2}, "have no member a, b"),
        ([1], "have to be a JSON object, not"),
        ("margin", "have to be a JSON object, not 'margin'"),
        (5, "have to be a JSON object, not 5"),
        ({"connections": "desk"}, "connections is 'desk'; it takes a list"),
        ({"connections": []}, r"connections is \[\]"),
        ({"connections": {"binance_conn_id": "desk"}}, "connections is {"),
        ({"connections": [5]}, "connections holds 5"),
        ({"connections": [None]}, "connections holds None"),
        ({"connections": [" "]}, "connections holds ' '"),
        ({"connections": [{}]}, "binance_conn_id None"),
        ({"connections": [{"binance_conn_id": 5}]}, "binance_conn_id 5"),
        ({"connections": [{"binance_conn_id": ""}]}, "binance_conn_id ''"),
        ({"connections": [{"conn_id": "desk"}]}, "a connection's settings have no member conn_id"),
        ({"connections": ["desk", {"binance_conn_id": "desk"}]}, "names one twice: desk, desk"),
        ({"connections": [{"binance_conn_id": "d", "endpoints": []}]}, r"endpoints of d is \[\]"),
        ({"connections": [{"binance_conn_id": "d", "endpoints": "margin"}]}, "endpoints of d is 'margin'"),
        ({"connections": [{"binance_conn_id": "d", "endpoints": ["spot"]}]}, "there is no endpoint 'spot'"),
        ({"endpoints": "margin"}, "endpoints is 'margin'; it takes a list"),
        ({"endpoints": []}, r"endpoints is \[\]"),
        ({"endpoints": [5]}, "endpoints holds 5, which is no endpoint's name"),
        ({"endpoints": ["spot"]}, "there is no endpoint 'spot'; there are usdm_futures"),
        ({"destination": "lake"}, "destination is 'lake'; it takes a URL"),
        ({"destination": ""}, "destination is ''"),
        ({"destination": 5}, "destination is 5"),
        ({"database": "warehouse.duckdb"}, "database is 'warehouse.duckdb'; it takes an absolute path"),
        ({"database": "./warehouse.duckdb"}, "database is"),
        ({"database": ":memory:"}, "database is ':memory:'"),
        ({"database": ""}, "database is ''"),
        ({"database": 5}, "database is 5"),
        (POSTGRES | {"database": "/x.duckdb"}, "database and postgres_conn_id are both given"),
        ({"schema": "binance"}, "schema is given without postgres_conn_id"),
        ({"postgres_conn_id": 5}, "postgres_conn_id is 5; it takes the id of a connection"),
        ({"postgres_conn_id": " "}, "postgres_conn_id is ' '"),
        (POSTGRES | {"schema": ""}, "schema is ''; it takes the name of a schema"),
        (POSTGRES | {"schema": ["binance"]}, r"schema is \['binance'\]"),
        ({"compression": "zstd"}, "compression is 'zstd'; it takes None, gzip"),
        ({"compression": ["gzip"]}, r"compression is \['gzip'\]"),
        ({"compression": True}, "compression is True"),
        ({"beyond_retention": "ignore"}, "beyond_retention is 'ignore'; it takes fail, skip, extract"),
        ({"beyond_retention": 5}, "beyond_retention is 5"),
        ({"second_look_days": 0}, "second_look_days is 0"),
        ({"second_look_days": "80"}, "second_look_days is '80'"),
        ({"second_look_days": True}, "second_look_days is True"),
        ({"second_look_days": 1.5}, "second_look_days is 1.5"),
    ],
)
def test_a_member_that_is_unknown_or_wrong_is_refused_by_name(variable, said):
    with pytest.raises(InvalidRequest, match=said):
        read(variable)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"connections": "desk"}, "connections is 'desk'"),
        ({"endpoints": ["spot"]}, "there is no endpoint 'spot'"),
        ({"endpoints": "margin"}, "endpoints is 'margin'"),
        ({"destination": "lake"}, "destination is 'lake'"),
        ({"database": "x"}, "database is 'x'"),
        ({"compression": "zstd"}, "compression is 'zstd'"),
        ({"beyond_retention": "ignore"}, "beyond_retention is 'ignore'"),
    ],
)
def test_parameters_are_checked_as_the_variable_is(parameters, said):
    with pytest.raises(InvalidRequest, match=said):
        read(EVERYTHING, **parameters)


# --- what outranks what ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("destination", "file:///elsewhere"),
        ("beyond_retention", "skip"),
        ("second_look_days", 7),
    ],
)
def test_a_parameter_outranks_the_variable(member, value):
    assert getattr(read(EVERYTHING, **{member: value}), member) == value


@pytest.mark.parametrize("variable", [None, EVERYTHING, POSTGRES])
def test_a_warehouse_among_the_parameters_outranks_whichever_the_variable_has(variable):
    assert read(variable, database="/elsewhere.duckdb").warehouse == Warehouse("/elsewhere.duckdb")
    other = read(variable, postgres_conn_id="other", schema="desk").warehouse
    assert other == Warehouse(postgres_conn_id="other", schema="desk")


def test_a_parameters_database_and_connection_to_postgresql_are_refused_together():
    with pytest.raises(InvalidRequest, match="both given"):
        read(None, database="/elsewhere.duckdb", postgres_conn_id="other")


def test_a_parameters_schema_is_of_the_variables_database_in_postgresql():
    assert read(POSTGRES, schema="desk").warehouse == Warehouse(postgres_conn_id="desk_db", schema="desk")
    assert read(POSTGRES, postgres_conn_id="other").warehouse.schema == "binance"


def test_a_parameters_compression_outranks_the_default():
    assert read({}, compression="gzip").compression == "gzip"


def test_a_parameters_connections_replace_those_of_the_variable():
    found = read(EVERYTHING, connections=["other"]).connections
    assert found == (Chosen("other", ("usdm_futures", "margin")),)


@pytest.mark.parametrize("empty", [None, "", []])
@pytest.mark.parametrize("member", MEMBERS)
def test_an_empty_parameter_leaves_the_variable_as_it_is(member, empty):
    assert read(EVERYTHING, **{member: empty}) == read(EVERYTHING)


def test_parameters_of_others_are_none_of_ours():
    assert read(EVERYTHING, note="a remark") == read(EVERYTHING)


def test_a_parameters_endpoints_restrict_every_connection():
    variable = {
        "connections": [
            {"binance_conn_id": "desk", "endpoints": ["usdm_futures", "margin"]},
            {"binance_conn_id": "fund", "endpoints": ["portfolio_um", "portfolio_margin"]},
        ]
    }
    found = read(variable, endpoints=["margin", "portfolio_um"]).connections
    assert found == (Chosen("desk", ("margin",)), Chosen("fund", ("portfolio_um",)))


def test_a_connection_without_any_of_the_wanted_endpoints_has_nothing_to_do():
    found = read(EVERYTHING, endpoints=["portfolio_um"]).connections
    # Connections that name no endpoints of their own take the wanted ones.
    assert found == (Chosen("desk", ("portfolio_um",)), Chosen("fund", ("portfolio_um",)))
    found = read(EVERYTHING, endpoints=["margin"]).connections
    assert found == (Chosen("desk", ("margin",)), Chosen("fund", ()))


def test_a_run_with_nothing_to_extract_is_refused():
    variable = {"connections": [{"binance_conn_id": "fund", "endpoints": ["portfolio_um"]}]}
    with pytest.raises(InvalidRequest, match="nothing to extract"):
        read(variable, endpoints=["margin"])

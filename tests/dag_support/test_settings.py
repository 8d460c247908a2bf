"""The settings of the sample DAGs: every member, what is refused, and what a run may choose."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.dag_support.cloud_settings import BigQuerySettings
from airflow_provider_binance_liq.dag_support.extraction_settings import (
    TAKES,
    Connection,
    default_endpoints,
    per_endpoint,
)
from airflow_provider_binance_liq.dag_support.settings import (
    CHOICES,
    MEMBERS,
    LoadTarget,
    check_chosen,
    listed_destinations,
    read_settings,
)
from airflow_provider_binance_liq.exceptions import InvalidRequest

HOME = "/opt/airflow"
CLASSIC = tuple(name for name, one in ENDPOINTS.items() if one.account_type == "classic")
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


def account(conn_id, *endpoints, **known):
    return Connection(binance_conn_id=conn_id, endpoints=endpoints, **known)


# --- secrets, and what is checked again where it is used -------------------------------------------------

SECRET_URLS = [
    "s3://AKIA:SEKRIT@bucket/lake",
    "s3://b/l?token=SEKRIT",
    "abfs://c@a/l?sig=SEKRIT&token=SEKRIT",
]


@pytest.mark.parametrize("url", SECRET_URLS)
@pytest.mark.parametrize(
    "members",
    [
        lambda url: {"destination": url, "database": "md:x"},
        lambda url: {"destination": ["/lake", url], "database": "md:x"},
        lambda url: {"connections": [{"binance_conn_id": "desk", "probe_report": url}]},
    ],
)
def test_a_secret_in_a_url_is_refused_before_it_is_in_a_log_or_an_xcom(members, url):
    with pytest.raises(InvalidRequest, match="a secret in it") as caught:
        read(members(url))
    assert "SEKRIT" not in str(caught.value)


@pytest.mark.parametrize("url", SECRET_URLS)
def test_no_error_repeats_a_secret_whatever_parameter_has_it(url):
    with pytest.raises(InvalidRequest) as caught:
        read(None, destination=url)
    assert "SEKRIT" not in str(caught.value)


USED = {"binance_conn_id": "desk", "endpoint": "margin", "probe_report": None, "accept_premises": None}


def test_what_the_settings_have_may_be_used():
    chosen = {"destination": EVERYTHING["destination"], "database": "md:liquidations", "schema": None}
    check_chosen(EVERYTHING, chosen, USED, HOME)
    check_chosen(None, {"destination": list(listed_destinations(None, HOME))}, home=HOME)


@pytest.mark.parametrize(
    ("chosen", "connection"),
    [
        ({"destination": "file:///elsewhere"}, None),
        ({"destination": [EVERYTHING["destination"], "file:///elsewhere"]}, None),
        ({"database": "/tmp/stolen.duckdb"}, None),
        ({"postgres_conn_id": "other"}, None),
        ({}, USED | {"binance_conn_id": "other"}),
        ({}, USED | {"endpoint": "coinm_futures"}),
        ({}, USED | {"probe_report": "file:///mine.json"}),
        ({}, USED | {"accept_premises": ["isolated_rows"]}),
    ],
)
def test_what_they_do_not_have_is_refused_where_it_would_be_used(chosen, connection):
    with pytest.raises(InvalidRequest, match="which the settings do not have"):
        check_chosen(EVERYTHING, chosen, connection, HOME)


@pytest.mark.parametrize("given", [{"": 1}, {"a`b": 1}, {"` - at `$.x": 1}, {"second_look_days": 10**6}])
def test_whatever_is_misspelt_is_an_error_of_the_settings(given):
    with pytest.raises(InvalidRequest):
        read(given)


# --- members ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", [None, {}, dict.fromkeys(MEMBERS)])
def test_everything_is_optional(variable):
    found = read(variable)
    assert found.connections == (account("binance_default", *CLASSIC),)
    assert found.destination == "file:///opt/airflow/binance_liquidations/lake"
    assert found.warehouse == LoadTarget(database="/opt/airflow/binance_liquidations/warehouse.duckdb")
    assert (found.compression, found.beyond_retention) == (None, "fail")
    assert found.second_look_days == 80


def test_every_member_is_taken():
    assert set(EVERYTHING | POSTGRES) == set(MEMBERS)
    found = read(EVERYTHING)
    assert found.connections == (account("desk", "usdm_futures", "margin"), account("fund", "portfolio_um"))
    assert found.warehouse == LoadTarget(database="md:liquidations")
    for name in set(EVERYTHING) - {"connections", "endpoints"}:
        assert getattr(found, name) == EVERYTHING[name]


def test_without_a_word_the_endpoints_are_those_of_a_classic_account():
    assert default_endpoints() == CLASSIC
    assert set(default_endpoints()) < set(ENDPOINTS)


def test_postgresql_is_a_connection_and_may_be_a_schema():
    assert read(POSTGRES).warehouse == LoadTarget(postgres_conn_id="desk_db", schema="binance")
    assert read({"postgres_conn_id": "desk_db"}).warehouse == LoadTarget(postgres_conn_id="desk_db")


@pytest.mark.parametrize(("again", "days"), [(False, 0), (True, 30)])
def test_what_is_extracted_is_given_per_connection_as_the_operators_take_it(again, days):
    common = {
        "look_back_days": days,
        "destination": "s3://aws_default@bucket/lake",
        "compression": "gzip",
        "beyond_retention": "extract",
    }
    found = read(EVERYTHING).extractions(again=again)
    assert found == [
        {"endpoints": ["usdm_futures", "margin"], "operator": {"binance_conn_id": "desk"} | common},
        {"endpoints": ["portfolio_um"], "operator": {"binance_conn_id": "fund"} | common},
    ]
    assert per_endpoint(found) == [
        {"endpoint": "usdm_futures", "binance_conn_id": "desk"} | common,
        {"endpoint": "margin", "binance_conn_id": "desk"} | common,
        {"endpoint": "portfolio_um", "binance_conn_id": "fund"} | common,
    ]


def test_what_is_known_of_an_account_goes_to_its_operators_alone():
    known = {"probe_report": "s3://aws_default@bucket/fund.json", "accept_premises": ["isolated_rows"]}
    variable = {"connections": ["desk", {"binance_conn_id": "fund"} | known]}
    desk, fund = (one["operator"] for one in read(variable).extractions())
    assert {name: fund[name] for name in known} == known
    assert not known.keys() & desk.keys()


def test_airflows_home_is_where_things_go_whose_place_is_not_named(monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    assert read_settings(None, {}).warehouse.database == "/srv/airflow/binance_liquidations/warehouse.duckdb"
    monkeypatch.delenv("AIRFLOW_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert read_settings(None, {}).destination == "file:///home/someone/airflow/binance_liquidations/lake"


def test_endpoints_are_in_the_tables_order_and_each_once():
    found = read({"endpoints": ["margin", "usdm_futures", "margin"]}).connections
    assert found == (account("binance_default", "usdm_futures", "margin"),)


@pytest.mark.parametrize("database", ["/data/x.duckdb", "md:liquidations", "motherduck:liquidations"])
def test_a_database_is_an_absolute_path_or_motherduck(database):
    assert read({"database": database}).warehouse.database == database


@pytest.mark.parametrize("destination", ["file:///lake", "/lake", "s3://bucket", "gs://conn@bucket/lake"])
def test_a_destination_is_a_url_or_an_absolute_path(destination):
    assert read({"destination": destination}).destination == destination


# --- a warehouse that lasts ------------------------------------------------------------------------------

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


def test_a_run_that_chooses_a_shared_store_needs_a_named_warehouse_too():
    variable = {"destination": ["file:///lake", "s3://bucket/lake"]}
    assert read_settings(variable, {}, HOME, loads=True) == read(variable)
    with pytest.raises(InvalidRequest, match="no warehouse is named"):
        read_settings(variable, {"destination": "s3://bucket/lake"}, HOME, loads=True)


@pytest.mark.parametrize("destination", [{}, {"destination": "file:///lake"}, {"destination": "/lake"}])
def test_a_lake_on_a_disk_is_loaded_into_a_file_on_it_unasked(destination):
    assert read_settings(destination, {}, HOME, loads=True) == read(destination)


def test_what_only_extracts_needs_no_warehouse():
    assert read_settings(SHARED, {}, HOME).destination == SHARED["destination"]


# --- what is refused -------------------------------------------------------------------------------------


def test_errors_know_what_every_member_takes():
    fields = {*MEMBERS, *Connection.__struct_fields__, *BigQuerySettings.__struct_fields__}
    assert set(TAKES) == fields


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ({"endpoint": ["margin"]}, "unknown member 'endpoint'; choose one of connections, endpoints"),
        ({5: 1}, "unknown member '5'"),
        ([1], r"the settings are \[1\]; they take an object with connections, endpoints"),
        ("margin", "the settings are 'margin'; they take an object"),
        (5, "the settings are 5; they take an object"),
        ({"connections": "desk"}, "connections is 'desk'; it takes a list"),
        ({"connections": []}, r"connections is \[\]; it takes a list, not empty"),
        ({"connections": {"binance_conn_id": "desk"}}, "connections is an object with binance_conn_id; it"),
        ({"connections": [5]}, r"connections\[0\] is 5; it takes a list, not empty, of ids"),
        ({"connections": [None]}, r"connections\[0\] is None"),
        ({"connections": ["desk", " "]}, r"connections\[1\] is ' '"),
        ({"connections": [{}]}, r"connections\[0\]\.binance_conn_id is missing; it takes the id"),
        (
            {"connections": [{"binance_conn_id": 5}]},
            r"connections\[0\]\.binance_conn_id is 5; it takes the id",
        ),
        (
            {"connections": [{"conn_id": "desk"}]},
            r"connections\[0\]: unknown member .conn_id.; choose one of binance_co",
        ),
        ({"connections": ["desk", {"binance_conn_id": "desk"}]}, "names one twice: desk, desk"),
        (
            {"connections": [{"binance_conn_id": "d", "endpoints": []}]},
            r"connections\[0\]\.endpoints is \[\]",
        ),
        ({"connections": [{"binance_conn_id": "d", "endpoints": "margin"}]}, "endpoints is 'margin'"),
        ({"connections": [{"binance_conn_id": "d", "endpoints": ["spot"]}]}, "unknown endpoint 'spot'"),
        (
            {"connections": [{"binance_conn_id": "d", "accept_premises": ["isolated"]}]},
            "unknown premise 'isolated'",
        ),
        (
            {"connections": [{"binance_conn_id": "d", "probe_report": 5}]},
            r"probe_report is 5; it takes the U",
        ),
        ({"endpoints": "margin"}, "endpoints is 'margin'; it takes a list"),
        ({"endpoints": []}, r"endpoints is \[\]"),
        ({"endpoints": [5]}, r"endpoints\[0\] is 5"),
        ({"endpoints": ["spot"]}, "unknown endpoint 'spot'; choose one of usdm_futures"),
        ({"destination": "lake"}, "destination is 'lake'; it takes a URL"),
        ({"destination": ""}, "destination is ''"),
        ({"destination": 5}, "destination is 5"),
        ({"destination": ["/lake", "lake"]}, r"destination\[1\] is 'lake'"),
        ({"database": "warehouse.duckdb"}, "database is 'warehouse.duckdb'; it takes an absolute path"),
        ({"database": ":memory:"}, "database is ':memory:'"),
        ({"database": 5}, "database is 5"),
        (POSTGRES | {"database": "/x.duckdb"}, "database and postgres_conn_id are both given"),
        ({"schema": "binance"}, "schema is given without postgres_conn_id"),
        ({"postgres_conn_id": 5}, "postgres_conn_id is 5; it takes the id of a connection"),
        ({"postgres_conn_id": " "}, "postgres_conn_id is ' '"),
        (POSTGRES | {"schema": ""}, "schema is ''; it takes the name of a schema"),
        ({"compression": "zstd"}, "compression is 'zstd'; it takes gzip or null"),
        ({"compression": True}, "compression is True"),
        ({"beyond_retention": "ignore"}, "beyond_retention is 'ignore'; it takes fail, skip or extract"),
        ({"second_look_days": 0}, "second_look_days is 0; it takes a number of days from 1"),
        ({"second_look_days": "80"}, "second_look_days is '80'"),
        ({"second_look_days": True}, "second_look_days is True"),
        ({"second_look_days": 1.5}, "second_look_days is 1.5"),
    ],
)
def test_a_member_that_is_unknown_or_wrong_is_refused_and_named(variable, message):
    with pytest.raises(InvalidRequest, match=message):
        read(variable)


@pytest.mark.parametrize(
    ("variable", "secret"),
    [
        ({"database": " md:desk?motherduck_token=eyJhbGciOi"}, "eyJhbGciOi"),
        ({"destination": [" s3://AKIA:se/cret@bucket/lake", 5]}, "cret"),
        ({"destination": {"token": "eyJhbGciOi"}}, "eyJhbGciOi"),
        ({"connections": [{"binance_conn_id": "desk", "secret": "eyJhbGciOi"}]}, "eyJhbGciOi"),
        ({"connections": {"binance_conn_id": "desk", "secret": "eyJhbGciOi"}}, "eyJhbGciOi"),
        ({"schema": {"url": "s3://AKIA:se/cret@bucket/lake"}}, "cret"),
    ],
)
def test_a_secret_is_not_repeated(variable, secret):
    with pytest.raises(InvalidRequest) as refused:
        read(variable)
    assert secret not in str(refused.value)
    assert secret not in repr(refused.value.__cause__)


# --- what a run may choose -------------------------------------------------------------------------------

LISTS = {
    "connections": ["desk", {"binance_conn_id": "fund", "endpoints": ["portfolio_um", "portfolio_margin"]}],
    "endpoints": ["usdm_futures", "margin"],
    "destination": ["file:///lake", "s3://bucket/lake"],
    "database": ["/data/x.duckdb", "md:other"],
}
POSTGRES_LISTS = {"postgres_conn_id": ["desk_db", "fund_db"], "schema": ["binance", "risk"]}


@pytest.mark.parametrize("variable", [LISTS, POSTGRES_LISTS])
def test_of_a_list_the_first_is_the_default(variable):
    found = read(variable)
    assert {name: getattr(found, name) for name in CHOICES if name in variable} == {
        name: variable[name][0] for name in CHOICES if name in variable
    }


@pytest.mark.parametrize("variable", [LISTS, POSTGRES_LISTS])
def test_a_run_may_choose_any_of_a_list(variable):
    for name in set(CHOICES) & set(variable):
        for value in variable[name]:
            assert getattr(read(variable, **{name: value}), name) == value


@pytest.mark.parametrize(
    ("variable", "parameters", "message"),
    [
        (
            LISTS,
            {"connections": ["desk", "other"]},
            "connections is 'other', .* may choose among 'desk', 'fund'$",
        ),
        (LISTS, {"connections": "other"}, "connections is 'other'"),
        (
            LISTS,
            {"connections": [{"binance_conn_id": "desk"}]},
            "connections is an object with binance_conn_id",
        ),
        (LISTS, {"connections": [["desk"]]}, r"connections is \['desk'\]"),
        (
            LISTS,
            {"endpoints": ["coinm_futures"]},
            "among 'usdm_futures', 'portfolio_um', 'portfolio_margin', 'm",
        ),
        (LISTS, {"endpoints": ["spot"]}, "endpoints is 'spot'"),
        (
            LISTS,
            {"connections": ["fund"], "endpoints": ["margin"]},
            "among 'portfolio_um', 'portfolio_margin'$",
        ),
        (LISTS, {"destination": "file:///etc"}, "among 'file:///lake', 's3://bucket/lake'$"),
        (LISTS, {"destination": "file:///lake/.."}, "destination is 'file:///lake/..'"),
        (LISTS, {"destination": 5}, "destination is 5"),
        (LISTS, {"database": "/data/y.duckdb"}, "among '/data/x.duckdb', 'md:other'$"),
        (LISTS, {"database": "md:a?motherduck_token=eyJ"}, r"database is 'md:a\?motherduck_token=\*\*\*'"),
        (LISTS, {"postgres_conn_id": "desk_db"}, "postgres_conn_id is 'desk_db', .*; they have none$"),
        (LISTS, {"schema": "binance"}, "schema is 'binance', .*; they have none$"),
        (POSTGRES_LISTS, {"postgres_conn_id": "other"}, "among 'desk_db', 'fund_db'$"),
        (POSTGRES_LISTS, {"schema": "other"}, "among 'binance', 'risk'$"),
        (POSTGRES_LISTS, {"database": "/data/x.duckdb"}, "database is '/data/x.duckdb', .*; they have none$"),
        (None, {"connections": ["desk"]}, "may choose among 'binance_default'$"),
        (
            None,
            {"destination": "file:///elsewhere"},
            "among 'file:///opt/airflow/binance_liquidations/lake'$",
        ),
        (None, {"database": "/x.duckdb"}, "among '/opt/airflow/binance_liquidations/warehouse.duckdb'$"),
    ],
)
def test_a_run_cannot_name_what_the_settings_do_not_have(variable, parameters, message):
    with pytest.raises(InvalidRequest, match=message):
        read(variable, **parameters)


def test_a_token_among_what_is_allowed_is_not_repeated():
    variable = {"database": ["md:desk?motherduck_token=eyJhbGciOi"]}
    with pytest.raises(InvalidRequest) as refused:
        read(variable, database="md:other")
    assert "eyJhbGciOi" not in str(refused.value)


def test_a_runs_connections_and_endpoints_restrict_it():
    desk, fund = (
        account("desk", "usdm_futures", "margin"),
        account("fund", "portfolio_um", "portfolio_margin"),
    )
    assert read(LISTS).connections == (desk, fund)
    assert read(LISTS, connections=["fund"]).connections == (fund,)
    assert read(LISTS, connections="fund").connections == (fund,)
    assert read(LISTS, endpoints=["margin", "portfolio_um"]).connections == (
        account("desk", "margin"),
        account("fund", "portfolio_um"),
    )
    assert read(LISTS, endpoints=["portfolio_um"]).connections == (account("fund", "portfolio_um"),)


@pytest.mark.parametrize(
    ("member", "value"), [("compression", "gzip"), ("beyond_retention", "skip"), ("second_look_days", 7)]
)
def test_what_says_nothing_of_whose_data_goes_where_is_free(member, value):
    assert getattr(read(LISTS, **{member: value}), member) == value


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"compression": "zstd"}, "compression is 'zstd'; it takes gzip or null"),
        ({"beyond_retention": "ignore"}, "beyond_retention is 'ignore'; it takes fail, skip or extract"),
        ({"second_look_days": -1}, "second_look_days is -1"),
    ],
)
def test_free_parameters_are_checked_as_the_variable_is(parameters, message):
    with pytest.raises(InvalidRequest, match=message):
        read(EVERYTHING, **parameters)


@pytest.mark.parametrize("empty", [None, "", []])
@pytest.mark.parametrize("member", MEMBERS)
def test_an_empty_parameter_leaves_the_variable_as_it_is(member, empty):
    assert read(EVERYTHING, **{member: empty}) == read(EVERYTHING)


@pytest.mark.parametrize("parameters", [{"note": "a remark"}, {"pool": "another"}])
def test_a_parameter_that_no_run_has_changes_nothing(parameters):
    assert read(EVERYTHING, **parameters) == read(EVERYTHING)

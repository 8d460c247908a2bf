"""A run's parameters take less of the settings, never more; and what is told of a backfill."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.dag_support.params import EXTRACT_PARAMS, LOAD_PARAMS, OVERRIDE
from airflow_provider_binance_liq.dag_support.run_parameters import (
    check_connections,
    instants,
    narrow,
    warn_of_backfill,
    window_of,
)
from airflow_provider_binance_liq.dag_support.settings import read_settings
from airflow_provider_binance_liq.exceptions import InvalidConnection, InvalidInterval, InvalidRequest
from airflow_provider_binance_liq.hooks.binance import BinanceHook

START, END = "2026-11-01T06:00:00Z", "2026-11-01T18:30:00+00:00"
WINDOW = Window(1_793_512_800_000, 1_793_557_800_000)


def extractions(*connections, again=False, **members):
    return read_settings({"connections": list(connections)} | members, {}).extractions(again=again)


# --- the dialogs ----------------------------------------------------------------------------------------

EVERY = EXTRACT_PARAMS | LOAD_PARAMS


@pytest.mark.parametrize("name", EVERY)
def test_every_parameter_has_a_title_in_words_and_may_stay_empty(name):
    param = EVERY[name]
    assert param.resolve() is None
    assert param.schema["title"] not in ("", name)
    assert param.schema["title"].isascii()
    assert param.description
    assert f"{param.schema}".isascii()


def test_no_choice_is_shown_as_null():
    for param in EVERY.values():
        for value in param.schema.get("enum", ()):
            assert " " in param.schema["values_display"][value or "null"] or value == "gzip"


def test_a_choice_takes_what_the_settings_take():
    for value in EXTRACT_PARAMS["beyond_retention"].schema["enum"]:
        read_settings({}, {"beyond_retention": value})


def test_the_dialog_of_a_backfill_is_reported_where_it_matters():
    assert f'tick "{OVERRIDE}"' in EXTRACT_PARAMS["beyond_retention"].description


# --- symbols --------------------------------------------------------------------------------------------


def test_symbols_are_given_to_every_extraction_that_has_some():
    given = extractions("desk", "fund", endpoints=["usdm_futures", "flexible_loan", "margin"])
    narrowed = narrow(given, {"symbols": [" ETHUSDT", "BTCUSDT", "BTCUSDT"]}, None)
    assert [one["endpoints"] for one in narrowed] == [["usdm_futures", "margin"]] * 2
    assert [one["operator"]["symbols"] for one in narrowed] == [["BTCUSDT", "ETHUSDT"]] * 2


@pytest.mark.parametrize("empty", [None, [], ""])
def test_without_symbols_nothing_is_filtered(empty):
    given = extractions("desk", endpoints=["flexible_loan"])
    assert narrow(given, {"symbols": empty}, None) == given


def test_symbols_for_endpoints_without_any_are_refused():
    with pytest.raises(InvalidRequest, match="no endpoint of the run has rows that name a symbol"):
        narrow(extractions("desk", endpoints=["flexible_loan"]), {"symbols": ["BTCUSDT"]}, None)


@pytest.mark.parametrize("wrong", ["BTCUSDT", [7], [""], {"BTCUSDT": 1}])
def test_symbols_that_are_none_are_refused(wrong):
    with pytest.raises(InvalidRequest, match=r"symbols is .* it takes a list of symbols"):
        narrow(extractions("desk"), {"symbols": wrong}, None)


def test_nothing_of_a_run_is_more_than_the_settings_have():
    given = extractions("desk", endpoints=list(ENDPOINTS))
    wish = {"symbols": ["BTCUSDT"], "start": START, "end": END, "destination": "file:///mine"}
    (one,) = narrow(given, wish, WINDOW)
    assert set(one["endpoints"]) < set(given[0]["endpoints"])
    changed = {name for name, value in one["operator"].items() if given[0]["operator"].get(name) != value}
    assert changed == {"symbols", "start", "end"}


# --- the time -------------------------------------------------------------------------------------------


def test_a_time_replaces_the_data_interval_and_a_second_look_looks_at_that_time():
    given = extractions("desk", again=True)
    assert given[0]["operator"]["look_back_days"] == 80
    wish = {"start": START, "end": END}
    assert window_of(wish, of_backfill=False) == WINDOW
    (one,) = narrow(given, wish, WINDOW)
    assert {name: one["operator"][name] for name in ("start", "end", "look_back_days")} == {
        "start": START,
        "end": END,
        "look_back_days": 0,
    }
    assert Window.between(*instants(WINDOW)) == WINDOW


@pytest.mark.parametrize("empty", [None, ""])
def test_without_a_time_the_run_has_its_day(empty):
    assert window_of({"start": empty, "end": empty}, of_backfill=True) is None
    assert window_of({}, of_backfill=False) is None


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"start": START}, "only one of start and end"),
        ({"end": END, "start": ""}, "only one of start and end"),
        ({"start": END, "end": START}, "is not before end"),
        ({"start": "yesterday", "end": END}, "has to be an ISO 8601 instant"),
    ],
)
def test_half_a_time_is_refused(wish, message):
    with pytest.raises(InvalidInterval, match=message):
        window_of(wish, of_backfill=False)


def test_a_backfill_takes_no_time_since_each_run_would_extract_the_same():
    with pytest.raises(InvalidRequest, match="every run of a backfill would extract that same time"):
        window_of({"start": START, "end": END}, of_backfill=True)


# --- connections ----------------------------------------------------------------------------------------


@pytest.fixture
def desk(set_connection):
    return set_connection("desk", conn_type="binance", login="k" * 64, password="s" * 64)


def test_a_connection_that_does_not_exist_fails_the_run_at_once():
    with pytest.raises(InvalidConnection, match="connection 'nosuch' does not exist; create it"):
        check_connections(extractions("nosuch"), None)


def test_beside_another_one_it_keeps_nobody_elses_rows_out(desk, caplog):
    check_connections(extractions("nosuch", desk), None)
    assert "connection 'nosuch' does not exist" in caplog.text
    assert "Its extractions will fail" in caplog.text


def test_a_warehouse_whose_connection_does_not_exist_fails_the_run_before_a_request(desk):
    with pytest.raises(InvalidConnection, match="connection 'nosuch' does not exist, which is to be loaded"):
        check_connections(extractions(desk), "nosuch")


def test_connections_that_exist_are_no_reason_to_say_anything(desk, set_connection, caplog):
    set_connection("warehouse", conn_type="postgres", host="localhost")
    check_connections(extractions(desk), "warehouse")
    assert caplog.text == ""


def test_a_secrets_backend_that_does_not_answer_now_fails_no_run_and_its_text_is_not_logged(
    monkeypatch, caplog
):
    def fail(_):
        raise RuntimeError("token=secret")

    monkeypatch.setattr(BinanceHook, "account_label", fail)
    check_connections(extractions("desk"), None)
    assert "'desk' cannot be read now: RuntimeError" in caplog.text
    assert "secret" not in caplog.text


# --- a backfill -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("conf", [None, {}])
def test_a_backfill_without_parameters_says_what_applies_and_which_tick_was_missing(conf, caplog):
    with caplog.at_level(logging.WARNING):
        warn_of_backfill(conf, {"beyond_retention": "fail"})
    first, second = (record.getMessage() for record in caplog.records)
    assert first == ("This backfill has no parameters: the settings alone apply (beyond_retention: 'fail').")
    assert second == f'Did you fill in some? Airflow passes them only if "{OVERRIDE}" is ticked.'


def test_a_backfill_with_parameters_is_not_warned_of(caplog):
    warn_of_backfill({"beyond_retention": "skip"}, {"beyond_retention": "skip"})
    assert caplog.text == ""

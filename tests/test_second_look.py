"""A window extracted again: what differs is reported by key, and rows are never dropped in silence."""

from __future__ import annotations

import json
import logging

import pytest
from scripted import Time

from airflow_provider_binance_liq.client import BinanceClient
from airflow_provider_binance_liq.client import Settings as Reach
from airflow_provider_binance_liq.connection import Account
from airflow_provider_binance_liq.core.endpoints import DAY_MS, FAMILIES, get_endpoint
from airflow_provider_binance_liq.core.manifest import from_dict
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import RowsMissing, StorageError
from airflow_provider_binance_liq.extraction import Filters
from airflow_provider_binance_liq.job import Job
from airflow_provider_binance_liq.landing import open_destination
from airflow_provider_binance_liq.simulator import ExplicitHistory, Settings, Simulator, make_row

START = 1_790_812_800_000
WINDOW = Window(START, START + DAY_MS)


def row(number, endpoint="usdm_futures", **known):
    field = "time" if endpoint == "usdm_futures" else "updatedTime"
    return make_row(endpoint, orderId=number, **{"symbol": "BTCUSDT", field: START + number, **known})


@pytest.fixture
def look(tmp_path):
    """Extract the window from an exchange that has just these rows."""

    def extract(rows, endpoint="usdm_futures", *, symbols=None, **known):
        world = Time((WINDOW.end_ms + 5 * DAY_MS) / 1000)
        exchange = Simulator(Settings(seed=1), clock=world.clock, history=ExplicitHistory({endpoint: rows}))
        with exchange:
            credentials = exchange.credentials()
            reach = Reach(
                api_key=credentials.api_key,
                signer=HmacSigner(credentials.secret),
                origins=dict.fromkeys(FAMILIES, exchange.url),
            )
            chosen = get_endpoint(endpoint)
            job = Job(
                chosen,
                WINDOW,
                Filters.of(chosen, symbols, None),
                Account("desk", reach),
                f"file://{tmp_path}/lake",
                **known,
            )
            client = BinanceClient(reach, **world.arguments)
            try:
                return job.run(client=client, clock=world.clock)
            finally:
                client.close()

    return extract


def ids(manifest):
    lines = open_destination(manifest.object.uri).read_bytes().splitlines()
    return [json.loads(line)["orderId"] for line in lines]


def test_a_first_look_and_one_that_finds_the_same_say_nothing(look, caplog):
    assert look([row(1), row(2)]).differences is None
    assert look([row(2), row(1)]).differences is None
    assert "differs" not in caplog.text


@pytest.mark.parametrize("endpoint", ["usdm_futures", "margin"])
def test_rows_that_appeared_late_are_taken_over_and_reported_by_key(look, caplog, endpoint):
    first = look([row(1, endpoint)], endpoint)
    second = look([row(1, endpoint), row(2, endpoint)], endpoint)
    assert ids(second) == [1, 2]
    assert second.proof.complete == (endpoint != "margin")  # without a row of an isolated account
    assert second.differences.since == first.extracted_at
    assert second.differences.added == {"count": 1, "keys": [{"symbol": "BTCUSDT", "order_id": "2"}]}
    assert second.differences.missing["count"] == second.differences.changed["count"] == 0
    assert "added: 1 (BTCUSDT 2)" in caplog.text


def test_a_row_that_was_updated_is_reported_as_changed(look):
    look([row(1, status="NEW")])
    second = look([row(1, status="FILLED")])
    assert second.differences.changed["keys"] == [{"symbol": "BTCUSDT", "order_id": "1"}]


def test_the_differences_are_in_the_stored_manifest_and_come_back_from_it(look):
    look([row(1)])
    second = look([row(1), row(2)])
    stored = json.loads(open_destination(second.object.uri.replace(".ndjson", ".manifest.json")).read_bytes())
    assert stored == second.to_dict()
    assert from_dict(stored) == second


def test_rows_that_are_not_answered_any_more_fail_by_name_and_the_earlier_object_stands(look, tmp_path):
    first = look([row(1), row(2), row(3)])
    before = {path: path.read_bytes() for path in (tmp_path / "lake").rglob("*.*")}
    with pytest.raises(RowsMissing) as caught:
        look([row(2), row(4)])
    said = str(caught.value)
    assert said.startswith("usdm_futures [2026-10-01T00:00:00Z, 2026-10-02T00:00:00Z): ")
    assert f"on {first.extracted_at}: 2 (BTCUSDT 1, BTCUSDT 3)" in said
    assert {path: path.read_bytes() for path in (tmp_path / "lake").rglob("*.*")} == before


def test_they_may_be_kept_beside_what_is_new_and_the_proof_says_so(look):
    first = look([row(1), row(2)])
    second = look([row(2), row(3)], missing_rows="keep")
    assert ids(second) == [1, 2, 3]
    kept = f"1 rows are kept from the extraction of {first.extracted_at}: they are not answered any more"
    assert second.proof.caveats == (kept,)
    assert second.differences.missing["keys"] == [{"symbol": "BTCUSDT", "order_id": "1"}]
    third = look([row(2), row(3)], missing_rows="keep")
    assert ids(third) == [1, 2, 3]
    assert third.object.sha256 == second.object.sha256


def test_an_exchange_that_has_forgotten_everything_does_not_empty_the_object(look):
    first = look([row(1)])
    with pytest.raises(RowsMissing):
        look([])
    assert ids(first) == [1]


def test_another_compression_is_no_difference(look, caplog):
    with caplog.at_level(logging.WARNING):
        look([row(1)], compression="gzip")
        assert look([row(1)]).differences is None
    assert "differs" not in caplog.text


def test_a_filtered_look_is_compared_with_its_own_kind(look):
    look([row(1), row(2, symbol="ETHUSDT")])
    assert look([row(2, symbol="ETHUSDT")], symbols=["ETHUSDT"]).differences is None
    assert look([row(1), row(2, symbol="ETHUSDT")], symbols=["ETHUSDT"]).differences is None


def test_an_object_that_its_manifest_does_not_describe_is_repaired_and_not_compared_with(look, caplog):
    first = look([row(1), row(2)])
    open_destination(first.object.uri).write_bytes(b"half of")
    second = look([row(2)])
    assert ids(second) == [2]
    assert second.differences is None
    assert "does not count" in caplog.text


def test_a_manifest_whose_object_is_gone_is_repaired(look):
    first = look([row(1), row(2)])
    open_destination(first.object.uri).unlink()
    assert ids(look([row(2)])) == [2]


def test_an_earlier_object_that_cannot_be_read_is_not_taken_for_one_that_is_not_there(look, tmp_path):
    first = look([row(1)])
    path = open_destination(first.object.uri)
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError):
        look([row(2)])


def test_a_look_at_many_rows_finds_the_one_that_differs(look):
    rows = [row(number) for number in range(1, 2301)]
    look(rows)
    second = look([*rows, row(5000)])
    assert second.differences.added["keys"] == [{"symbol": "BTCUSDT", "order_id": "5000"}]
    assert second.object.rows == 2301


# --- keeping what is proven -----------------------------------------------------------------------------


def test_what_is_proven_may_be_kept_and_then_costs_no_request(look):
    first = look([row(1)])
    again = look([row(1), row(2)], keep_proven=True)
    assert again == first


def test_clearing_a_task_means_again_unless_told_otherwise(look):
    look([row(1)])
    assert look([row(1), row(2)]).object.rows == 2


def test_what_is_no_proof_is_not_kept(look):
    look([row(1)], retention_days=1, beyond_retention="extract")
    assert look([row(1), row(2)], keep_proven=True).object.rows == 2


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}\n")])
def test_a_proof_is_kept_only_with_its_object(look, damage):
    first = look([row(1)])
    damage(open_destination(first.object.uri))
    assert ids(look([row(1), row(2)], keep_proven=True)) == [1, 2]


def test_a_proof_of_one_filter_is_none_of_another(look):
    look([row(1), row(2, symbol="ETHUSDT")], symbols=["ETHUSDT"])
    assert look([row(1), row(2, symbol="ETHUSDT")], keep_proven=True).object.rows == 2

"""A window extracted again: what differs is reported by key, and rows are never dropped in silence."""

from __future__ import annotations

import gzip
import json
import logging
from contextlib import suppress

import pytest
from support.running import reach_of
from support.scripted import Time

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.manifest import from_dict
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import InconsistentManifest, RowsMissing, StorageError
from airflow_provider_binance_liq.exchange.client import BinanceClient
from airflow_provider_binance_liq.exchange.connection import Account
from airflow_provider_binance_liq.extraction.job import Job
from airflow_provider_binance_liq.extraction.reader import Filters
from airflow_provider_binance_liq.lake import open_destination, publication
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
            reach = reach_of(exchange)
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
    content = open_destination(manifest.object.uri).read_bytes()
    lines = (gzip.decompress(content) if manifest.object.compression else content).splitlines()
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


def test_rows_that_are_not_answered_any_more_fail_with_a_specific_error_and_the_earlier_object_stands(
    look, tmp_path
):
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
    kept = (
        f"1 rows are kept from the extraction of {first.extracted_at}: the exchange does not return them "
        "any more"
    )
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
    second = look([row(2), row(3)])
    assert ids(second) == [2, 3]
    assert second.differences is None
    assert "does not count" in caplog.text


def test_a_manifest_whose_object_is_gone_is_repaired(look):
    first = look([row(1), row(2)])
    open_destination(first.object.uri).unlink()
    assert ids(look([row(2), row(3)])) == [2, 3]


@pytest.mark.parametrize("missing_rows", ["fail", "keep"])
@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"half of")])
def test_what_cannot_be_compared_with_is_not_replaced_by_fewer_rows(look, tmp_path, harm, missing_rows):
    first = look([row(1), row(2)])
    harm(open_destination(first.object.uri))
    stood = manifest_path(tmp_path).read_bytes()
    with pytest.raises(RowsMissing, match="had 2 rows, and this one has 1; which are missing is not known"):
        look([row(2)], missing_rows=missing_rows)
    assert manifest_path(tmp_path).read_bytes() == stood


def test_a_proof_of_the_same_rows_stands_where_only_their_content_changed(look):
    look([row(1), row(2)])
    weaker = {"retention_days": 1, "beyond_retention": "extract"}
    second = look([row(1, price="1.11"), row(2)], **weaker)
    assert second.proof.complete
    assert second.differences.changed["count"] == 1
    third = look([row(1, price="1.11"), row(2), row(3)], **weaker)
    assert third.proof.incomplete_reasons == ("within_retention",)


def test_an_earlier_object_that_cannot_be_read_is_not_taken_for_one_that_is_not_there(look, tmp_path):
    first = look([row(1)])
    path = open_destination(first.object.uri)
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError):
        look([row(2)])


def test_where_an_earlier_proof_is_taken_over_the_caveats_hold_no_reason_against_it(look):
    look([row(1), row(2)])
    second = look([row(1, price="1.11"), row(2)], retention_days=1, beyond_retention="extract")
    assert second.proof.complete
    assert second.proof.incomplete_reasons == second.proof.caveats == ()


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


# --- a lake that was moved, or harmed -------------------------------------------------------------------


def manifest_path(tmp_path):
    (path,) = (tmp_path / "lake").rglob("*.manifest.json")
    return path


def rewrite(path, **members):
    """Change members of a stored manifest, as somebody might; `object__uri` stands for one of a part."""
    plain = json.loads(path.read_bytes())
    for name, value in members.items():
        *outer, inner = name.split("__")
        part = plain
        for one in outer:
            part = part[one]
        part[inner] = value
    path.write_text(json.dumps(plain))


@pytest.mark.parametrize("uri", ["s3://renamed@old/lake/x.ndjson", "file:///old/lake/x.ndjson", "nosuch:x"])
def test_the_earlier_object_is_read_from_beside_its_manifest_wherever_the_manifest_says_it_is(
    look, tmp_path, uri
):
    look([row(number) for number in range(1, 6)])
    rewrite(manifest_path(tmp_path), object__uri=uri)
    second = look([row(4), row(5), row(6)], missing_rows="keep")
    assert ids(second) == [1, 2, 3, 4, 5, 6]
    assert second.differences.missing["count"] == 3


def test_a_proof_in_a_lake_that_was_moved_is_kept_and_says_where_its_object_is_now(look, tmp_path):
    first = look([row(1)])
    rewrite(manifest_path(tmp_path), object__uri="s3://renamed@old/lake/x.ndjson")
    assert look([row(1), row(2)], keep_proven=True) == first


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_rows_that_lie_there_in_another_compression_are_not_lost(look, tmp_path, compression, caplog):
    first = look([row(1), row(2)], compression=compression)
    path = open_destination(first.object.uri)
    stored = path.read_bytes()
    other = gzip.decompress(stored) if compression else gzip.compress(stored)
    name = path.name.removesuffix(".gz") if compression else f"{path.name}.gz"
    (path.parent / name).write_bytes(other)
    path.unlink()
    second = look([row(2), row(3)], missing_rows="keep", compression=compression)
    assert ids(second) == [1, 2, 3]
    assert "with another compression" in caplog.text
    assert len([one for one in (tmp_path / "lake/usdm_futures").rglob("*") if one.is_file()]) == 2


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"half of")])
def test_an_earlier_object_that_cannot_be_compared_with_is_reported_in_the_proof(look, harm):
    first = look([row(1), row(2)])
    harm(open_destination(first.object.uri))
    second = look([row(2), row(3)])
    assert ids(second) == [2, 3]
    (said,) = second.proof.caveats
    assert said.startswith("an earlier extraction of this window could not be compared with: ")


def test_a_manifest_that_is_none_is_reported_in_the_proof_and_replaced(look, tmp_path):
    look([row(1)])
    manifest_path(tmp_path).write_text("not json")
    second = look([row(1)])
    assert "could not be compared with: the manifest is not JSON" in second.proof.caveats[0]


ANOTHERS = [
    {"account": "other"},
    {"endpoint": "coinm_futures"},
    {"window__start": "2025-10-01T00:00:00Z"},
    {"window__end": "2026-10-03T00:00:00Z"},
    {"filters__symbols": ["BTCUSDT"]},
    {"filters__auto_close_type": "ADL"},
    {"schema_version": 99},
]


@pytest.mark.parametrize("members", ANOTHERS, ids=str)
@pytest.mark.parametrize("known", [{"keep_proven": True}, {"missing_rows": "keep"}, {"compression": "gzip"}])
def test_a_manifest_of_something_else_is_refused_and_nothing_is_overwritten(look, tmp_path, members, known):
    look([row(1), row(2)])
    rewrite(manifest_path(tmp_path), **members)
    before = {path: path.read_bytes() for path in (tmp_path / "lake").rglob("*.*")}
    with pytest.raises(InconsistentManifest, match=r"was not (used|overwritten)"):
        look([row(2), row(3)], **known)
    assert {path: path.read_bytes() for path in (tmp_path / "lake").rglob("*.*")} == before


# --- knowledge never goes back --------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_weaker_look_at_the_same_rows_does_not_unlearn_the_proof(look, tmp_path, compression):
    first = look([row(1), row(2)])
    stored = manifest_path(tmp_path).read_bytes()
    assert (
        look([row(1), row(2)], retention_days=1, beyond_retention="extract", compression=compression) == first
    )
    assert manifest_path(tmp_path).read_bytes() == stored
    assert ids(first) == [1, 2]


def test_a_weaker_look_that_is_answered_less_does_not_unlearn_it_either(look):
    first = look([row(1), row(2)])
    assert look([row(2)], retention_days=1, beyond_retention="extract", missing_rows="keep") == first


def test_a_proof_that_stands_gets_its_object_back(look):
    first = look([row(1), row(2)])
    open_destination(first.object.uri).unlink()
    assert look([row(1), row(2)], retention_days=1, beyond_retention="extract") == first
    assert ids(first) == [1, 2]


def test_a_later_look_that_adds_a_row_decides_what_is_proven(look):
    look([row(1)])
    second = look([row(1), row(2)], retention_days=1, beyond_retention="extract")
    assert (ids(second), second.proof.complete) == ([1, 2], False)


def test_a_later_proof_replaces_none(look):
    look([row(1)], retention_days=1, beyond_retention="extract")
    assert look([row(1)]).proof.complete


def test_rows_kept_of_a_look_that_was_not_complete_make_no_complete_union(look):
    first = look([row(1), row(2)], retention_days=1, beyond_retention="extract")
    second = look([row(2), row(3)], missing_rows="keep")
    assert (ids(second), second.proof.complete) == ([1, 2, 3], False)
    assert second.proof.incomplete_reasons == ("within_retention",)
    assert f"1 rows are kept from the extraction of {first.extracted_at}" in second.proof.caveats[-1]
    assert "was not complete, so neither is this" in second.proof.caveats[-1]


@pytest.mark.parametrize(
    ("reasons", "taken_over"),
    [
        (["of_a_later_version"], ("within_retention",)),
        (["of_a_later_version", "rows_settled"], ("rows_settled",)),
    ],
)
def test_a_reason_that_this_version_does_not_know_keeps_the_union_from_being_complete(
    look, tmp_path, reasons, taken_over
):
    look([row(1), row(2)], retention_days=1, beyond_retention="extract")
    rewrite(manifest_path(tmp_path), proof__incomplete_reasons=reasons)
    second = look([row(2), row(3)], missing_rows="keep")
    assert (second.proof.complete, second.proof.incomplete_reasons) == (False, taken_over)


def test_of_two_states_of_a_row_the_later_one_stays_whichever_look_has_it(look):
    look([row(1, status="FILLED", updateTime=START + 50)])
    second = look([row(1, status="NEW", updateTime=START + 20), row(2)])
    content = open_destination(second.object.uri).read_bytes()
    assert b"FILLED" in content
    assert b"NEW" not in content
    assert second.differences.changed["count"] == 1


@pytest.mark.parametrize("step", ["put", "move"])
@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize(("before", "after"), [(None, None), (None, "gzip"), ("gzip", "gzip")])
def test_one_storage_error_and_a_retry_that_is_answered_less_lose_no_row(
    look, monkeypatch, step, nth, before, after
):
    look([row(number) for number in range(1, 7)], compression=before)
    real, calls = getattr(publication, step), []

    def failing(*given):
        calls.append(given)
        if len(calls) == nth:
            raise OSError(5, "Input/output error")
        return real(*given)

    with monkeypatch.context() as patched:
        patched.setattr(publication, step, failing)
        with suppress(StorageError):
            look([row(number) for number in range(3, 8)], missing_rows="keep", compression=after)
    third = look([row(6)], missing_rows="keep", compression=after)
    assert set(ids(third)) >= {1, 2, 3, 4, 5, 6}

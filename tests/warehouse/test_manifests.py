"""What a task may be given: manifests in whatever nesting Airflow has them, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest
from airflow_provider_binance_liq.warehouse.load import Summary
from airflow_provider_binance_liq.warehouse.manifests import collect
from airflow_provider_binance_liq.warehouse.precedence import WindowVersion


class Lazy(Sequence):
    """As Airflow hands over what mapped tasks returned: fetched one by one, without a list."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return self.values[index]


@pytest.fixture
def manifests(lake):
    return [lake.lay([row(day)], day=day) for day in (10, 11, 12)]


def days(given):
    return [loadable.start.day for loadable in collect(given)]


# --- nesting ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("not_held")
@pytest.mark.parametrize(
    "given", [None, "", [], (), [None, [], [None, [None]]], Lazy([]), Lazy([None]), "[]"]
)
def test_nothing_is_nothing(warehouse, given):
    assert collect(given) == ()
    assert warehouse.load(given) == Summary()
    assert not warehouse.path.exists()


def test_a_manifest_may_be_a_value_a_mapping_or_its_json(manifests):
    one = manifests[0]
    assert collect(one) == collect(one.to_dict()) == collect(one.to_json()) == collect([one])


def test_what_skipped_tasks_did_not_return_is_left_out(manifests):
    assert days([None, manifests[0].to_dict(), None, [None, manifests[2].to_dict()]]) == [10, 12]


def test_lists_may_be_nested_as_mapped_task_groups_do(manifests):
    first, second, third = (one.to_dict() for one in manifests)
    assert days([[first, [second]], [], [[[third]]]]) == [10, 11, 12]


def test_lists_may_be_lazy(manifests):
    plain = [one.to_dict() for one in manifests]
    assert days(Lazy([Lazy(plain[:2]), None, Lazy(plain[2:])])) == [10, 11, 12]
    assert days(one for one in plain) == [10, 11, 12]


def test_airflows_own_lazy_sequence_is_read_at_once_and_not_beyond_its_end(manifests, monkeypatch):
    """One item too many is an answer that Airflow logs as an error, in a load that succeeds."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetXComSequenceSlice, XComSequenceSliceResult
    from airflow.sdk.execution_time.lazy_sequence import LazyXComSequence

    requests = []

    def send(request):
        requests.append(type(request))
        return XComSequenceSliceResult(root=[one.to_dict() for one in manifests])

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
    mapped = SimpleNamespace(key="return_value", operator=SimpleNamespace(dag_id="d", task_id="extract"))
    assert days(LazyXComSequence(xcom_arg=mapped, ti=SimpleNamespace(run_id="r"))) == [10, 11, 12]
    assert requests == [GetXComSequenceSlice]


def test_a_template_may_have_rendered_them_to_json(manifests):
    assert days(json.dumps([one.to_dict() for one in manifests])) == [10, 11, 12]


def test_a_manifest_may_say_how_it_differs_from_an_earlier_extraction(manifests):
    differences = {"since": "2026-10-12T00:00:00Z"} | {
        kind: {"count": 1, "keys": [["BTCUSDT", 1]]} for kind in ("added", "missing", "changed")
    }
    differing = manifests[0].to_dict() | {"differences": differences}
    assert days([differing, differing, manifests[1]]) == [10, 11]


def test_their_order_does_not_matter(manifests):
    assert collect(manifests) == collect(reversed(manifests))


@pytest.mark.parametrize("given", [5, True, 1.5, [5], ["None"], "{{ ti.xcom_pull() }}", object(), b"x", "5"])
def test_what_is_no_manifest_is_refused(given):
    with pytest.raises(InconsistentManifest, match="is no manifest"):
        collect(given)


@pytest.mark.parametrize("given", [{}, [{}], {"rows": []}, '{"a":1}'])
def test_a_mapping_that_is_no_manifest_is_refused(given):
    with pytest.raises(InconsistentManifest, match="schema_version None"):
        collect(given)


# --- members ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 3, "1", None])
def test_another_schema_version_is_refused(manifests, version):
    with pytest.raises(InconsistentManifest, match="schema_version"):
        collect([manifests[0], manifests[1].to_dict() | {"schema_version": version}])


def test_a_member_that_nobody_knows_yet_is_left_out(manifests):
    assert collect(manifests[0].to_dict() | {"since_tomorrow": 1}) == collect(manifests[0])


def changed(manifest, member, value):
    plain = manifest.to_dict()
    *outer, name = member.split(".")
    inner = plain
    for one in outer:
        inner = inner[one]
    inner[name] = value
    return plain


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("account", None),
        ("account", ""),
        ("account", 5),
        ("account", ["desk"]),
        ("endpoint", ["usdm_futures"]),
        ("filters.symbols", [1]),
        ("filters.auto_close_type", 5),
        ("object.uri", None),
        ("object.uri", ""),
        ("object.rows", "1"),
        ("object.rows", -1),
        ("object.rows", True),
        ("object.bytes", None),
        ("object.sha256", None),
        ("object.sha256", "AB" * 32),
        ("object.sha256", "ab" * 31),
        ("object.sha256", "' OR true --"),
        ("object.compression", "zstd"),
        ("proof.complete", "yes"),
        ("proof.complete", 1),
        ("proof.pages", "two"),
        ("proof.requests", 1.5),
        ("proof.weight", None),
        ("proof.method", None),
        ("proof.caveats", [1]),
        ("provider_version", None),
    ],
)
def test_a_member_of_another_kind_is_refused_with_a_specific_error(manifests, member, value):
    with pytest.raises(InconsistentManifest) as caught:
        collect(changed(manifests[0], member, value))
    assert f"$.{member}" in str(caught.value)


@pytest.mark.parametrize("member", ["window.start", "window.end", "extracted_at"])
@pytest.mark.parametrize("value", ["yesterday", "", 5, None, "2026-10-10T00:00:00", "2026-10-10"])
def test_an_instant_that_is_none_or_has_no_time_zone_is_refused(manifests, member, value):
    with pytest.raises(InconsistentManifest, match=f"instant|{member}"):
        collect(changed(manifests[0], member, value))


@pytest.mark.parametrize("end", ["2026-10-10T00:00:00Z", "2026-10-09T00:00:00Z"])
def test_a_window_that_ends_before_it_starts_is_refused(manifests, end):
    with pytest.raises(InconsistentManifest, match="ends before it starts"):
        collect(changed(manifests[0], "window.end", end))


def test_an_endpoint_that_there_is_not_is_refused(manifests):
    with pytest.raises(InvalidRequest, match="unknown endpoint 'spot'"):
        collect(changed(manifests[0], "endpoint", "spot"))


def test_text_that_looks_like_sql_is_text(lake, warehouse):
    account = "desk'; DROP TABLE binance_liquidations; --"
    # A file name of the lake's own, since the account is not in the object's.
    manifest = changed(lake.lay([row(1)]), "account", account)
    assert warehouse.load(manifest).inserted == 1
    assert warehouse.values("account") == [(account,)]
    assert warehouse.windows("account") == [(account,)]


def test_caveats_are_kept_one_a_line(lake, warehouse):
    warehouse.load(changed(lake.lay([row(1)]), "proof.caveats", ["first", "second"]))
    assert warehouse.windows("caveats") == [("first\nsecond",)]


# --- what would break a parser or a calendar -------------------------------------------------------------


def test_text_that_is_nested_too_deep_is_no_manifest():
    with pytest.raises(InconsistentManifest, match="is no manifest"):
        collect("[" * 100_000)


@pytest.mark.parametrize("instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
@pytest.mark.parametrize("member", ["window.start", "window.end", "extracted_at"])
def test_an_instant_at_the_calendars_edge_is_refused_with_a_specific_error(manifests, member, instant):
    with pytest.raises(InconsistentManifest, match="outside the calendar"):
        collect(changed(manifests[0], member, instant))


# --- which version counts --------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "complete"), [(0, False), (1, True)], ids=["empty", "not empty"])
def test_a_claim_of_the_last_release_is_judged_by_the_rules_of_today(lake, rows, complete):
    """An account without a record on `portfolio_margin` has empty answers, which prove nothing today."""
    (loadable,) = collect(lake.lay([], endpoint="portfolio_margin", complete=False))
    earlier = loadable.extracted_at - timedelta(days=1)
    claimed = WindowVersion("portfolio_margin", False, rows, "a" * 64, True, earlier)
    assert not loadable.version.replaces(claimed)
    assert loadable.version.replaces(replace(claimed, has_premises=False)) is not complete

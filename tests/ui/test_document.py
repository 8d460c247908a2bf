"""The coverage document: names of histories, filters, and manifests that cannot be used."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import compact, iso
from airflow_provider_binance_liq.lake.index import Entry
from airflow_provider_binance_liq.lake.layout import filter_mark
from airflow_provider_binance_liq.lake.verify.claims import Series
from airflow_provider_binance_liq.lake.verify.coverage import Expectation
from airflow_provider_binance_liq.ui.document import Shown, document, history_id, read_history_id

START = 1_790_812_800_000
SHOWN = Shown("file:///lake", START + 8 * DAY_MS, 14)


def entry(number, *, why="", symbols=(), endpoint="usdm_futures", account="desk", rows=1, mark=""):
    start = START + number * DAY_MS
    stem = f"{compact(start)}_{compact(start + DAY_MS)}{mark}"
    path = f"{endpoint}/account={account}/date={iso(start)[:10]}/{stem}.manifest.json"
    if why:
        return Entry(path=path, mark="", why=why)
    return Entry(
        path=path,
        mark="",
        endpoint=endpoint,
        account=account,
        symbols=symbols,
        start_ms=start,
        end_ms=start + DAY_MS,
        complete=True,
        rows=rows,
    )


def made(*entries, days=8, shown=SHOWN, **expected):
    found = document(entries, Expectation(now_ms=START + days * DAY_MS, **expected), shown)
    assert json.loads(json.dumps(found)) == found
    return found


def states(found):
    return {one["id"]: one["states"] for one in found["histories"]}


names = st.text(st.sampled_from("abcXYZ019_.-@+"), min_size=1)


@given(
    st.builds(
        Series,
        st.sampled_from(["usdm_futures", "margin"]),
        names,
        st.sets(st.text(st.sampled_from("ABC1币&=?+ %/_"), min_size=1)).map(lambda one: tuple(sorted(one))),
        st.sampled_from(["", "ADL", "LIQUIDATION"]),
    )
)
def test_the_name_of_a_history_is_read_back(series):
    assert read_history_id(history_id(series)) == series


def test_a_filtered_history_ends_where_the_unfiltered_one_begins():
    found = made(
        entry(0, symbols=("BTCUSDT",)),
        entry(1, symbols=("BTCUSDT",)),
        entry(4, symbols=("BTCUSDT",)),
        entry(3),
    )
    assert states(found) == {
        "desk/usdm_futures?symbols=BTCUSDT": "ppmnpnnnn",
        "desk/usdm_futures": "pmmnnn",
    }
    assert [one["filter"] for one in found["histories"]] == ["only BTCUSDT", ""]


def test_the_history_that_loses_rows_first_comes_first():
    found = made(entry(0), entry(3), entry(0, account="fund"), entry(2, account="fund"))
    assert [one["id"] for one in found["histories"]] == ["desk/usdm_futures", "fund/usdm_futures"]
    found = made(entry(1), entry(3), entry(0, account="fund"), entry(2, account="fund"))
    assert [one["id"] for one in found["histories"]] == ["fund/usdm_futures", "desk/usdm_futures"]


def test_a_manifest_that_cannot_be_used_marks_the_day_of_its_own_history_alone():
    filters = ManifestFilters(("BTCUSDT",))
    found = made(
        entry(0),
        entry(2),
        entry(0, symbols=("BTCUSDT",), endpoint="margin"),
        entry(1, why="it is broken", endpoint="margin", mark=filter_mark(filters)),
        entry(1, account="other", why="it is broken"),
    )
    assert states(found)["desk/usdm_futures"][:3] == "pmp"
    assert states(found)["desk/margin?symbols=BTCUSDT"][:3] == "pfm"
    assert (found["unusable_count"], len(found["unusable"])) == (2, 2)


def test_twenty_unusable_manifests_are_named_and_all_are_counted():
    found = made(*(entry(number, why="broken") for number in range(30)))
    assert (found["unusable_count"], len(found["unusable"]), found["histories"]) == (30, 20, [])


def test_what_is_named_and_not_there_is_missing():
    (history,) = made(accounts=("desk",), endpoints=("usdm_futures",), retention_days=5)["histories"]
    assert (history["first_day"], history["states"]) == ("2026-10-04", "mmmnnn")


def test_only_what_is_asked_for_is_shown():
    found = made(
        entry(0), entry(0, account="fund"), entry(1, account="fund", why="broken"), accounts=("desk",)
    )
    assert (list(states(found)), found["unusable_count"]) == (["desk/usdm_futures"], 0)


def test_an_instant_that_lies_ahead_of_this_clock_is_not_shown():
    ahead = Shown("file:///lake", START + 99 * DAY_MS, 14)
    found = made(entry(0), shown=ahead)
    assert found["as_of"] == found["now"]

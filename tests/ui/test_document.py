"""The coverage document: names of histories, filters, and manifests that cannot be used."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from airflow_provider_binance_liq.core.calendar import CAVEAT, LOAD_UNKNOWN, NOT_LOADED, UNUSABLE
from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import compact, iso
from airflow_provider_binance_liq.lake.index import Entry, Loads, history_of
from airflow_provider_binance_liq.lake.layout import filter_mark
from airflow_provider_binance_liq.lake.verify.claims import Series
from airflow_provider_binance_liq.lake.verify.coverage import Expectation
from airflow_provider_binance_liq.ui.document import Shown, document, history_id, read_history_id

START = 1_790_812_800_000
SHOWN = Shown("file:///lake", START + 8 * DAY_MS, 14)


def entry(number, *, why="", symbols=(), endpoint="usdm_futures", account="desk", rows=1, mark="", **known):
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
        **{"complete": True, "rows": rows, **known},
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


AT = "2026-10-05T00:00:00Z"


def loaded(**objects):
    firsts = {history_of(path): AT for path in objects}
    return Loads(AT, firsts, {"w": {path: (sha256, AT) for path, sha256 in objects.items()}})


def test_only_what_is_known_not_to_be_loaded_is_marked():
    first, changed, late, old = (
        entry(number, sha256="aa", extracted_at=at)
        for number, at in enumerate([AT, AT, "2026-10-06T00:00:00Z", "2026-10-04T00:00:00Z"])
    )
    loads = loaded(**{first.object_path: "aa", changed.object_path: "bb"})
    found = made(first, changed, late, old, shown=replace(SHOWN, loads=loads))
    flags = [one & (NOT_LOADED | LOAD_UNKNOWN) for one in found["histories"][0]["flags"]]
    assert flags[:4] == [0, NOT_LOADED, NOT_LOADED, LOAD_UNKNOWN]
    assert (found["loads_known"], found["loads_since"]) == (True, AT)


def test_a_history_without_a_receipt_is_not_called_unloaded_where_others_have_some():
    loads = loaded(**{entry(0).object_path: "aa"})
    mine, other = (entry(1, account=one, sha256="aa", extracted_at=AT) for one in ("desk", "other"))
    found = made(mine, other, shown=replace(SHOWN, loads=loads))
    marks = {one["account"]: (one["flags"][0], one["loads_since"]) for one in found["histories"]}
    assert marks == {"desk": (NOT_LOADED, AT), "other": (LOAD_UNKNOWN, None)}


def test_without_a_receipt_no_day_is_marked():
    found = made(entry(0, sha256="aa", extracted_at=AT))
    assert (found["loads_known"], found["histories"][0]["flags"][0]) == (False, 0)


def test_a_day_that_assumes_what_most_days_assume_does_not_stand_out():
    found = made(
        entry(0, assumed=("total_is_whole", "within_retention")),
        entry(1, assumed=("within_retention",)),
        entry(2, assumed=("within_retention",)),
        entry(3),
        entry(4, complete=False, flags=CAVEAT),
    )
    (history,) = found["histories"]
    assert history["flags"][:5] == [CAVEAT, 0, 0, 0, CAVEAT]
    assert [one["code"] for one in history["assumed"]] == ["within_retention"]


def test_amounts_are_added_up_by_asset_and_rows_without_one_are_counted():
    found = made(
        entry(0, rows=2, amounts=(("USDT", "0.1"),)),
        entry(1, rows=3, amounts=(("BTC", "7"), ("USDT", "0.2")), unpriced=1),
        entry(2, rows=5),
        entry(3, rows=0),
    )
    (history,) = found["histories"]
    assert history["notional"] == {"BTC": "7", "USDT": "0.3"}
    assert history["rows_without_amount"] == 6


def test_no_row_of_overlapping_windows_is_worth_anything_twice():
    long = entry(0, rows=3, amounts=(("USDT", "3"),))
    long = structs.replace(long, end_ms=long.end_ms + DAY_MS)
    (history,) = made(long, entry(1, rows=1, amounts=(("USDT", "1"),)))["histories"]
    assert history["notional"] == {"USDT": "3"}


def test_rows_that_state_no_amount_are_not_called_unrecorded():
    (history,) = made(entry(0, endpoint="margin_capital_flow"))["histories"]
    assert (history["notional"], history["rows_without_amount"]) == ({}, 0)


def test_a_lost_day_stays_lost_where_a_manifest_of_it_cannot_be_used():
    found = made(
        entry(0), entry(1, why="it is broken"), entry(3), entry(5, why="it is broken"), retention_days=5
    )
    (history,) = found["histories"]
    assert history["states"][:6] == "pllpmf"
    assert history["flags"][1] & UNUSABLE
    assert not history["flags"][2] & UNUSABLE

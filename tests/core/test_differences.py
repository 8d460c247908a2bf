"""What differs between two extractions of a window, by key; nothing is missed, nothing invented."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.differences import MOST_NAMED, KeyedRow
from airflow_provider_binance_liq.core.differences import compare as compare_by_key
from airflow_provider_binance_liq.core.rows import sort_key

keys = st.tuples(st.sampled_from(["BTCUSDT", "币安人生USDT", "A"]), st.integers(0, 30))
extractions = st.dictionaries(keys, st.sampled_from([1, 2]))


def body(key, state):
    return json.dumps([*key, state]).encode()


def told(rows):
    return [KeyedRow(sort_key(key), body(key, state)) for key, state in sorted(rows.items())]


def compare(earlier, later):
    return compare_by_key(earlier, later, lambda text: tuple(json.loads(text)[:-1]))


@given(extractions, extractions)
def test_every_difference_is_found_once_and_by_its_key(earlier, later):
    found = compare(told(earlier), told(later))
    assert found.added.named == sorted(later.keys() - earlier.keys())
    assert found.missing.named == sorted(earlier.keys() - later.keys())
    both = sorted(earlier.keys() & later.keys())
    assert found.changed.named == [key for key in both if earlier[key] != later[key]]
    assert bool(found) == (earlier != later)


@given(extractions)
def test_an_extraction_does_not_differ_from_itself(rows):
    found = compare(told(rows), told(rows))
    assert not found
    assert str(found) == "missing: 0; added: 0; changed: 0"


def test_all_are_counted_and_the_first_are_named():
    later = told({("BTCUSDT", number): 1 for number in range(MOST_NAMED + 7)})
    found = compare([], later)
    assert found.added.count == MOST_NAMED + 7
    assert len(found.added.named) == MOST_NAMED
    assert str(found).endswith("and 7 more); changed: 0")


def test_as_json_an_order_id_is_text_because_numbers_lose_digits():
    plain = compare(told({("BTCUSDT", 2**63 - 1): 1}), []).to_dict(["symbol", "order_id"])
    assert json.loads(json.dumps(plain)) == {
        "added": {"count": 0, "keys": []},
        "missing": {"count": 1, "keys": [{"symbol": "BTCUSDT", "order_id": "9223372036854775807"}]},
        "changed": {"count": 0, "keys": []},
    }


def test_keys_are_named_one_by_one_and_a_rest_only_where_there_is_one():
    earlier = told({("A", 1): 1, ("B", 2): 1})
    assert str(compare(earlier, [])) == "missing: 2 (A 1, B 2); added: 0; changed: 0"


def test_of_each_kind_a_hundred_keys_are_named():
    assert MOST_NAMED == 100

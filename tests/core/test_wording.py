"""Words that many messages share."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.wording import count, shorten, unknown


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12_345, "12,345 rows")]
)
def test_a_number_has_its_noun_in_the_right_form_and_separators(number, words):
    assert count(number, "row") == words


@pytest.mark.parametrize(
    ("name", "meant"),
    [("usdm", "usdm_futures"), ("usdm_future", "usdm_futures"), ("magrin", "margin"), ("spot", None)],
)
def test_an_unknown_name_is_reported_with_what_there_is_and_what_was_perhaps_meant(name, meant):
    message = unknown("endpoint", name, ENDPOINTS)
    assert message.startswith(f"unknown endpoint {name!r}; choose one of usdm_futures, coinm_futures, ")
    assert message.partition(" Did you mean ")[2] == (f"{meant}?" if meant else "")


@pytest.mark.parametrize("name", ["", None, 7, ["usdm"]])
def test_a_name_that_is_no_name_has_no_suggestion(name):
    assert unknown("endpoint", name, ENDPOINTS).endswith(f", {list(ENDPOINTS)[-1]}.")


@pytest.mark.parametrize(
    ("text", "longest", "short"),
    [
        ("as it is", 8, "as it is"),
        ("cut at a word", 10, "cut at a…"),
        ("cut at a word", 9, "cut at a…"),
        ("oneverylongword", 5, "onev…"),
        ("oneverylongword", 1, "…"),
    ],
)
def test_a_text_is_cut_at_a_word(text, longest, short):
    assert shorten(text, longest) == short
    assert len(short) <= max(longest, len(text))

"""Words that many messages share."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.core.wording import count, period, unknown

DAY_MS = 86_400_000
DAY = 1_791_590_400_000  # 2026-10-10


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12_345, "12,345 rows")]
)
def test_a_number_has_its_noun_in_the_right_form_and_separators(number, words):
    assert count(number, "row") == words


def test_a_window_of_whole_days_is_written_in_days_and_another_one_with_its_times():
    assert period(Window(DAY, DAY + DAY_MS)) == "2026-10-10 to 2026-10-11"
    assert period(Window(DAY, DAY + 3_600_000)) == "2026-10-10T00:00:00Z to 2026-10-10T01:00:00Z"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("usdm", "usdm_futures"), ("usdm_future", "usdm_futures"), ("magrin", "margin"), ("spot", None)],
)
def test_an_unknown_name_is_told_with_what_there_is_and_what_was_perhaps_meant(name, meant):
    message = unknown("endpoint", name, ENDPOINTS)
    assert message.startswith(f"unknown endpoint {name!r}; choose one of usdm_futures, coinm_futures, ")
    assert message.partition(" Did you mean ")[2] == (f"{meant}?" if meant else "")


@pytest.mark.parametrize("name", ["", None, 7, ["usdm"]])
def test_a_name_that_is_no_name_has_no_suggestion(name):
    assert unknown("endpoint", name, ENDPOINTS).endswith("flexible_loan.")

"""Names of files in a lake."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.lake.layout import SUFFIXES, stem_of


@pytest.mark.parametrize("suffix", SUFFIXES.values())
def test_an_object_shares_its_name_without_the_suffix_with_its_manifest(suffix):
    assert stem_of(f"s3://bucket/lake/a.b_c{suffix}") == "s3://bucket/lake/a.b_c"


def test_a_name_without_a_suffix_stays_as_it_is():
    assert stem_of("a.b_c") == "a.b_c"

"""What may be claimed of a window: premises are named, and none that is suspected is claimed to hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.premise_table import PREMISES
from airflow_provider_binance_liq.core.premises import Claim, Evidence, check_codes, weigh_endpoint
from airflow_provider_binance_liq.exceptions import InvalidRequest

USDM, COINM = get_endpoint("usdm_futures"), get_endpoint("coinm_futures")
codes = st.sets(st.sampled_from(sorted(PREMISES)))


def stated(claim):
    return {one.code: (one.status, one.by) for one in claim.premises}


@given(codes, codes, codes, codes, st.dictionaries(st.sampled_from(sorted(PREMISES)), st.booleans()), codes)
def test_complete_is_claimed_only_where_nothing_is_suspected_or_known_to_be_false(
    needed, observed, suspected, false, probed, accepted
):
    evidence = Evidence(needed, observed, suspected=suspected, known_false=false)
    claim = Claim.of(USDM, evidence, probed=probed, accepted=accepted)
    reasons = set(claim.incomplete_reasons)
    assert claim.complete == (not reasons)
    assert set(stated(claim)) == needed | suspected | false
    assert false <= reasons <= suspected | false | {code for code in needed if probed.get(code) is False}
    seen = observed | {code for code, holds in probed.items() if holds}
    assert suspected - seen - accepted <= reasons


@given(codes)
def test_the_premises_stand_in_the_order_of_their_table(needed):
    order = list(PREMISES)
    named = list(stated(Claim.of(USDM, Evidence(needed))))
    assert named == sorted(needed, key=order.index)


def test_a_premise_is_observed_here_or_by_a_probe_or_documented_or_else_assumed():
    needed = {"equal_bounds", "span_refused", "within_retention", "update_after_time"}
    claim = Claim.of(COINM, Evidence(needed, {"equal_bounds"}), probed={"span_refused": True})
    assert stated(claim) == {
        "equal_bounds": ("observed", "extraction"),
        "span_refused": ("observed", "probe"),
        "update_after_time": ("assumed", None),
        "within_retention": ("documented", None),
    }


def test_what_a_probe_has_refuted_is_not_claimed():
    claim = Claim.of(USDM, Evidence({"span_refused"}), probed={"span_refused": False})
    assert claim.incomplete_reasons == ("span_refused",)


def test_what_is_known_to_be_false_cannot_be_vouched_for():
    evidence = Evidence(known_false={"within_retention"})
    assert not Claim.of(USDM, evidence, accepted={"within_retention"}).complete


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=str)
@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("by_symbol", [True, False])
@pytest.mark.parametrize("isolated_rows", [True, False])
def test_what_an_endpoint_leaves_out_keeps_a_window_from_being_complete(
    endpoint, rows, by_symbol, isolated_rows
):
    evidence = weigh_endpoint(endpoint, by_symbol=by_symbol, rows=rows, isolated_rows=isolated_rows)
    reasons = set(Claim.of(endpoint, evidence).incomplete_reasons)
    expected = set()
    if endpoint.asks_isolated_apart and not by_symbol and not isolated_rows:
        expected.add("isolated_rows")
    if endpoint.name == "portfolio_margin" and not rows:
        expected.add("recorded_by_endpoint")
    assert reasons == expected


def test_a_code_that_there_is_not_is_refused_with_those_there_are():
    assert check_codes(["two_types"]) == ("two_types",)
    with pytest.raises(InvalidRequest, match="unknown premise 'types'; choose one of start_inclusive"):
        check_codes(["types"])

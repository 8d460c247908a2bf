"""What may be claimed of a window: premises are named, and none that is suspected is claimed to hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.premise_table import PREMISES
from airflow_provider_binance_liq.core.premises import (
    Claim,
    Evidence,
    check_codes,
    of_version_1,
    weigh_endpoint,
)
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


@given(*[st.lists(codes, min_size=5, max_size=5)] * 2)
def test_what_two_parts_of_an_extraction_rest_on_is_what_the_whole_rests_on(one, other):
    whole = Evidence(*map(set, one))
    whole.merge(Evidence(*map(set, other)))
    assert whole == Evidence(*(mine | its for mine, its in zip(one, other, strict=True)))


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


@pytest.mark.parametrize(
    ("evidence", "probed", "by"),
    [
        (Evidence(observed={"span_refused"}), {}, "extraction"),
        (Evidence(probed={"span_refused"}), {}, "probe"),
        (Evidence(), {"span_refused": True}, "probe"),
    ],
)
def test_what_was_suspected_to_be_false_holds_where_it_was_seen_to_hold(evidence, probed, by):
    evidence.suspected = {"span_refused"}
    claim = Claim.of(USDM, evidence, probed=probed)
    assert claim.complete
    assert stated(claim) == {"span_refused": ("observed", by)}


def test_what_a_probe_has_refuted_is_not_claimed():
    claim = Claim.of(USDM, Evidence({"span_refused"}), probed={"span_refused": False})
    assert claim.incomplete_reasons == ("span_refused",)


def test_what_is_known_to_be_false_cannot_be_vouched_for():
    evidence = Evidence(known_false={"within_retention"})
    assert not Claim.of(USDM, evidence, accepted={"within_retention"}).complete


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
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
    with pytest.raises(
        InvalidRequest, match="unknown premise 'types'; choose one of start_inclusive, end_inc"
    ):
        check_codes(["types"])


def test_a_text_in_place_of_a_list_of_codes_is_refused_and_shown():
    with pytest.raises(InvalidRequest, match=r"^premises are .* list of codes, not as the text 'two_types'$"):
        check_codes("two_types")


@pytest.mark.parametrize(
    ("endpoint", "by_symbol", "also"),
    [
        ("usdm_futures", False, set()),
        ("margin", False, {"isolated_rows"}),
        ("margin", True, set()),
        ("portfolio_margin", False, {"recorded_by_endpoint"}),
        ("flexible_loan", False, {"key_identifies"}),
    ],
)
def test_however_a_window_is_read_it_rests_on_what_the_exchange_keeps_and_on_what_its_endpoint_needs(
    endpoint, by_symbol, also
):
    evidence = weigh_endpoint(get_endpoint(endpoint), by_symbol=by_symbol, rows=1, isolated_rows=True)
    assert evidence.needed == {"within_retention", "rows_settled"} | also
    assert evidence.observed == {"isolated_rows"} & also


def test_a_claim_of_version_1_states_what_is_documented_for_its_endpoint_and_what_is_assumed():
    claim = stated(of_version_1("coinm_futures", symbols=False, rows=0, complete=True))
    assert (claim["within_retention"], claim["span_refused"]) == (("documented", None), ("assumed", None))


def test_a_claim_of_version_1_by_symbols_does_not_rest_on_rows_of_isolated_accounts():
    for symbols in (True, False):
        claim = of_version_1("margin", symbols=symbols, rows=1, complete=True)
        assert ("isolated_rows" in stated(claim)) == (not symbols)


def test_a_claim_of_version_1_for_an_endpoint_that_there_is_not_any_more_rests_on_no_premise():
    assert of_version_1("spot", symbols=False, rows=1, complete=True) == Claim(())
    assert of_version_1("spot", symbols=False, rows=1, complete=False) == Claim((), ("within_retention",))

"""Rows are the exchange's own bytes; only what identifies and places them is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.rows import (
    Row,
    UnreadableBody,
    one_line,
    read_page,
    read_row,
    sort_key,
)
from airflow_provider_binance_liq.exceptions import UnexpectedRow

BY_TIME = get_endpoint("usdm_futures")
BY_NUMBER = get_endpoint("margin")
FLOWS, LOANS = get_endpoint("margin_capital_flow"), get_endpoint("flexible_loan")
FUTURES_ROW = (
    '{"orderId":6071832819,"symbol":"BTCUSDT","status":"FILLED","time":1596107620044,'
    '"updateTime":1596107620087}'
)
MARGIN_ROW = '{"avgPrice":"0.00388359","orderId":180015097,"symbol":"BNBBTC","updatedTime":1558941374745}'


@pytest.fixture(params=ENDPOINTS.values(), ids=ENDPOINTS)
def endpoint(request):
    return request.param


def spell(*rows, endpoint=BY_TIME, total=None):
    """Spell an answer of `endpoint` with these rows, as they are."""
    array = f"[{','.join(rows)}]"
    if not endpoint.is_by_time:
        array = f'{{"rows":{array},"total":{len(rows) if total is None else total}}}'
    return array.encode()


def row_of(endpoint, **fields):
    instants = dict.fromkeys(endpoint.kind.instants, 1_596_107_620_044)
    key = {field.name: 7 if field.is_whole else "BTCUSDT" for field in endpoint.kind.key}
    return {**key, **instants, **fields}


# --- bytes ----------------------------------------------------------------------------------------------

numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)
plain = st.recursive(
    numbers | st.sampled_from(["true", "false", "null"]) | st.text().map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | st.lists(st.tuples(st.text().map(json.dumps), inner), max_size=3).map(
            lambda pairs: "{" + " , ".join(f"{name} : {value}" for name, value in pairs) + "}"
        )
    ),
    max_leaves=5,
)
unknown_names = st.from_regex(r"x[A-Za-z]{0,8}", fullmatch=True).map(json.dumps)


@given(st.lists(st.tuples(unknown_names, plain), max_size=4), st.integers(0, 2**70))
def test_a_row_keeps_its_bytes_whatever_tokens_blanks_and_unknown_fields_it_has(unknown, order_id):
    known = ['"symbol":"币安人生USDT"', f'"orderId" : {order_id}', '"time":12', '"updateTime": 13']
    text = "{" + ", ".join([*known[:2], *(f"{name}:{value}" for name, value in unknown), *known[2:]]) + "}"
    (row,) = read_page(spell(text), BY_TIME).rows
    assert row.body == text.encode()
    assert (row.key, row.created_ms, row.updated_ms) == (("币安人生USDT", order_id), 12, 13)


@given(st.dictionaries(st.from_regex(r"x[a-z]{0,8}", fullmatch=True), st.text()), st.sampled_from("\n\r"))
def test_a_row_that_is_sent_over_several_lines_is_kept_on_one_with_every_value(unknown, line_break):
    text = json.dumps({**json.loads(FUTURES_ROW), **unknown}, indent=3, ensure_ascii=False)
    (row,) = read_page(spell(text.replace("\n", line_break + "\t")), BY_TIME).rows
    assert b"\n" not in row.body
    assert b"\r" not in row.body
    assert json.loads(row.body) == json.loads(text)


@pytest.mark.parametrize("text", ['{"a": "b  c"}', '{"a":"\\n\\r"}', '{"a":"\u2028\x85"}'])
def test_nothing_is_taken_out_of_a_row_without_line_breaks(text):
    assert one_line(text.encode()) == text.encode()


def test_rows_come_in_the_order_of_the_answer():
    texts = [FUTURES_ROW.replace("6071832819", str(order_id)) for order_id in (5, 3, 9, 1)]
    assert [row.key[-1] for row in read_page(spell(*texts), BY_TIME).rows] == [5, 3, 9, 1]


# --- what is read ---------------------------------------------------------------------------------------


def test_an_empty_answer_is_an_answer(endpoint):
    page = read_page(spell(endpoint=endpoint), endpoint)
    assert page.rows == ()
    assert page.total == (0 if not endpoint.is_by_time else None)


def test_a_row_is_placed_by_the_documented_instants(endpoint):
    fields = {name: 1000 + number for number, name in enumerate(endpoint.kind.instants)}
    text = json.dumps(row_of(endpoint, **fields))
    (row,) = read_page(spell(text, endpoint=endpoint), endpoint).rows
    assert (row.created_ms, row.updated_ms) == (1000, 1000 + len(endpoint.kind.instants) - 1)


def test_the_only_instant_of_a_margin_row_is_both_its_creation_and_its_update():
    (row,) = read_page(spell(MARGIN_ROW, endpoint=BY_NUMBER), BY_NUMBER).rows
    assert row.created_ms == row.updated_ms == 1558941374745


@pytest.mark.parametrize("order_id", [0, 2**53 + 1, 8389765612825190229, 4676302302390926857, 2**64 - 1])
@pytest.mark.parametrize("spelled", ["{}", '"{}"'], ids=["as a number", "as a text"])
def test_an_order_id_is_exact_past_2_to_the_53(order_id, spelled):
    text = FUTURES_ROW.replace("6071832819", spelled.format(order_id))
    (row,) = read_page(spell(text), BY_TIME).rows
    assert row.key == ("BTCUSDT", order_id)


def test_instants_are_read_from_texts_and_order_ids_from_whole_floats():
    text = '{"orderId":7.0,"symbol":"BTCUSDT","time":"1596107620044","updateTime":1.596107620087e12}'
    (row,) = read_page(spell(text), BY_TIME).rows
    assert (row.key[-1], row.created_ms, row.updated_ms) == (7, 1596107620044, 1596107620087)


@pytest.mark.parametrize("lacking", ["time", "updateTime"])
@pytest.mark.parametrize("how", ["absent", "null"])
def test_one_of_two_instants_may_be_missing(lacking, how):
    fields = json.loads(FUTURES_ROW)
    fields.pop(lacking)
    if how == "null":
        fields[lacking] = None
    (row,) = read_page(spell(json.dumps(fields)), BY_TIME).rows
    assert row.created_ms == row.updated_ms == next(fields[n] for n in BY_TIME.kind.instants if fields.get(n))


def test_a_total_may_be_a_text():
    page = read_page(spell(MARGIN_ROW, endpoint=BY_NUMBER, total='"1"'), BY_NUMBER)
    assert page.total == 1


# --- what is no row -------------------------------------------------------------------------------------

BAD_FIELDS = {
    "no symbol": {"symbol": None},
    "an empty symbol": {"symbol": ""},
    "a number for a symbol": {"symbol": 5},
    "no order id": {"orderId": None},
    "an order id that is a word": {"orderId": "first"},
    "an order id with a fraction": {"orderId": 1.5},
    "an order id that is true": {"orderId": True},
    "an order id in a list": {"orderId": [7]},
    "an order id that a float has rounded": {"orderId": 8.389765612825190e18},
    "an instant that is a word": {"time": "yesterday"},
    "an instant with a fraction": {"updateTime": 1596107620044.5},
    "an instant that is false": {"time": False},
    "an instant before 1970": {"time": -1},
    "an instant in microseconds": {"updateTime": 1596107620044000000},
    "an instant past what any clock shows": {"time": 10**25},
    "no instant at all": {"time": None, "updateTime": None},
}


@pytest.mark.parametrize("fields", BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_row_that_cannot_be_identified_or_placed_is_an_error_that_shows_it(fields):
    text = json.dumps(row_of(BY_TIME, **fields))
    with pytest.raises(UnexpectedRow) as caught:
        read_page(spell(FUTURES_ROW, text), BY_TIME)
    assert text[:200] in str(caught.value)
    assert "/fapi/v1/forceOrders" in str(caught.value)


@pytest.mark.parametrize("text", ["null", "5", '"row"', "[]", "true"])
def test_what_is_no_object_is_no_row(endpoint, text):
    with pytest.raises(UnexpectedRow):
        read_page(spell(text, endpoint=endpoint), endpoint)


def test_a_long_row_is_shown_in_part_only():
    text = json.dumps(row_of(BY_TIME, symbol="", remark="x" * 100_000))
    with pytest.raises(UnexpectedRow) as caught:
        read_page(spell(text), BY_TIME)
    assert len(str(caught.value)) < 1000


# --- what is no answer ----------------------------------------------------------------------------------

BAD_BODIES = {
    "nothing": b"",
    "blanks": b"  \n",
    "null": b"null",
    "a number": b"5",
    "a text": b'"ok"',
    "HTML": b"<html><body>403 Forbidden</body></html>",
    "an error object": b'{"code":-1000,"msg":"An unknown error occurred"}',
    "an empty object": b"{}",
    "bytes that are no UTF-8": b'[{"symbol":"\xff\xfe"}]',
    "UTF-16": "[]".encode("utf-16"),
    "two documents": b"[][]",
    "a comma too many": b"[,]",
    "nested too deep": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_of_another_kind_is_unreadable(endpoint, body):
    with pytest.raises(UnreadableBody, match=endpoint.path):
        read_page(body, endpoint)


def test_the_answer_of_the_other_kind_of_paging_is_unreadable(endpoint):
    other = BY_NUMBER if endpoint.is_by_time else BY_TIME
    with pytest.raises(UnreadableBody):
        read_page(spell(endpoint=other), endpoint)


@pytest.mark.parametrize(
    "body",
    [b'{"rows":[]}', b'{"total":0}', b'{"rows":null,"total":0}', b'{"rows":[],"total":"many"}',
     b'{"rows":[],"total":null}', b'{"rows":{},"total":0}', b'{"rows":[],"total":0.5}'],
)  # fmt: skip
def test_a_numbered_page_needs_both_rows_and_a_total(body):
    with pytest.raises(UnreadableBody):
        read_page(body, BY_NUMBER)


def test_a_body_that_is_cut_off_anywhere_is_unreadable(endpoint):
    whole = spell(json.dumps(row_of(endpoint), ensure_ascii=False), endpoint=endpoint)
    for length in range(len(whole)):
        with pytest.raises((UnreadableBody, UnexpectedRow)):
            read_page(whole[:length], endpoint)


@given(st.binary(max_size=60))
def test_no_body_at_all_raises_anything_but_the_two_errors_that_are_named(body):
    for endpoint in (BY_TIME, BY_NUMBER):
        try:
            read_page(body, endpoint)
        except (UnreadableBody, UnexpectedRow):
            continue


@given(st.dictionaries(st.sampled_from(["symbol", "orderId", "time", "updateTime"]), plain, max_size=4))
def test_no_values_of_the_known_fields_raise_anything_but_an_unexpected_row(fields):
    text = "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"
    try:
        read_page(spell(text), BY_TIME)
    except UnexpectedRow:
        return
    except UnreadableBody:
        assert True  # such as a number that is out of any range


@pytest.mark.parametrize("shift", range(3))
def test_a_long_row_is_shown_wherever_its_text_is_cut(shift):
    text = json.dumps(row_of(BY_TIME, symbol="", remark="x" * shift + "币" * 300), ensure_ascii=False)
    with pytest.raises(UnexpectedRow, match="币币"):
        read_page(spell(text), BY_TIME)


def test_the_reason_why_a_row_is_none_is_reported():
    for fields, reason in (
        ({"symbol": None}, "no symbol"),
        ({"time": None, "updateTime": None}, "none of time, updateTime"),
        ({"orderId": [7]}, "[7] where a whole number belongs"),
        ({"orderId": "7x"}, "'7x' where a whole number belongs"),
        ({"orderId": 1.5}, "1.5 where a whole number belongs"),
        ({"time": -1}, "-1 where epoch milliseconds belong"),
    ):
        text = json.dumps(row_of(BY_TIME, **fields))
        with pytest.raises(UnexpectedRow) as caught:
            read_page(spell(text), BY_TIME)
        assert str(caught.value) == (
            f"/fapi/v1/forceOrders answered a row that cannot be identified ({reason}): {text}"
        )


def test_the_first_and_the_last_instant_and_the_largest_exact_float_are_still_read():
    last = 253_402_300_799_999
    text = json.dumps(row_of(BY_TIME, time=0, updateTime=last, orderId=2.0**53 - 1))
    (row,) = read_page(spell(text), BY_TIME).rows
    assert (row.created_ms, row.updated_ms, row.key[-1]) == (0, last, 2**53 - 1)
    for fields in ({"updateTime": last + 1}, {"orderId": 2.0**53}):
        with pytest.raises(UnexpectedRow):
            read_page(spell(json.dumps(row_of(BY_TIME, **fields))), BY_TIME)


def test_of_a_long_row_the_first_three_hundred_bytes_are_shown():
    text = json.dumps(row_of(BY_TIME, symbol="", remark="x" * 1000))
    with pytest.raises(UnexpectedRow) as caught:
        read_page(spell(text), BY_TIME)
    assert str(caught.value).endswith(f"(no symbol): {text[:300]}")


def test_a_row_that_is_nested_too_deep_is_an_unexpected_row():
    with pytest.raises(UnexpectedRow):
        read_row(
            b'{"symbol":"BTCUSDT","orderId":1,"time":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", BY_TIME
        )


# --- rows of other kinds than orders ------------------------------------------------------------------------


def flow(**fields):
    known = {"id": 1, "timestamp": 1_596_107_620_044, "tranId": 2**60, "asset": "USDT", "symbol": "BTCUSDT"}
    return read_row(json.dumps({**known, "amount": "-0.10", **fields}).encode(), FLOWS)


@pytest.mark.parametrize(
    "alike",
    [{"amount": "-0.1"}, {"amount": -0.1}, {"tranId": str(2**60)}, {"type": "another"}, {"remark": 5}],
)
def test_a_row_that_differs_in_how_numbers_are_spelt_or_in_what_may_change_is_the_same(alike):
    assert flow(**alike).fingerprint == flow().fingerprint


@pytest.mark.parametrize("other", [{name: "7"} for name in FLOWS.kind.unchanging], ids=FLOWS.kind.unchanging)
def test_a_row_that_differs_in_what_never_changes_is_another(other):
    assert flow(**other).fingerprint != flow().fingerprint


def test_a_text_that_is_missing_null_or_empty_says_the_same_and_no_text_runs_into_the_next_one():
    spelled = flow(symbol=None).fingerprint
    assert spelled == flow(symbol="").fingerprint == "1596107620044 1152921504606846976 'USDT' '' -0.1"


def test_of_an_order_that_may_be_updated_its_creation_alone_never_changes():
    order = json.loads(FUTURES_ROW)

    def fingerprints(**fields):
        row = json.dumps({**order, **fields})
        return {
            read_row(row.encode(), BY_TIME).fingerprint,
            *(one.fingerprint for one in read_page(f"[{row}]".encode(), BY_TIME).rows),
        }

    assert fingerprints() == fingerprints(updateTime=order["updateTime"] + 1, status="X", avgPrice="7")
    assert fingerprints() == fingerprints(time=str(order["time"])) != fingerprints(time=order["time"] - 1)
    assert fingerprints(time=None) == {""}


def test_two_rows_of_one_page_that_only_an_id_could_distinguish_are_refused_with_the_key_they_share():
    row, other = (json.dumps(row_of(LOANS, loanCoin=coin)) for coin in ("USDT", "BUSD"))
    assert len(read_page(spell(row, other, endpoint=LOANS), LOANS).rows) == 2
    with pytest.raises(UnexpectedRow) as refused:
        read_page(spell(row, other, row, endpoint=LOANS), LOANS)
    assert str(refused.value) == (
        f"{LOANS.path} answered a row that cannot be identified (another one has the same loanCoin, "
        f"collateralCoin, liquidationStartingTime, and rows have no id): {row}"
    )


@pytest.mark.parametrize(
    ("said", "isolated"),
    [
        (True, True),
        ("true", True),
        ("TRUE", True),
        (False, False),
        ("false", False),
        (None, False),
        ("yes", False),
    ],
)
def test_a_margin_row_is_of_an_isolated_account_only_where_it_says_so(said, isolated):
    row = read_row(json.dumps(row_of(BY_NUMBER, isIsolated=said)).encode(), BY_NUMBER)
    assert (row.isolated, row.symbol, row.is_liquidation, row.fingerprint) == (isolated, "BTCUSDT", True, "")


def test_an_entry_of_a_ledger_is_a_liquidation_unless_it_says_that_it_is_something_else():
    known = FLOWS.restriction
    said = {
        kind: flow(type=kind).is_liquidation for kind in (*known.liquidations, *known.others, "NEW", None)
    }
    assert said == {
        **dict.fromkeys((*known.liquidations, "NEW", None), True),
        **dict.fromkeys(known.others, False),
    }


def test_a_row_without_a_symbol_has_an_empty_one():
    assert read_row(json.dumps(row_of(LOANS)).encode(), LOANS).symbol == ""
    assert [flow(symbol=symbol).symbol for symbol in ("BTCUSDT", None, 5)] == ["BTCUSDT", "", ""]


letters = st.text("\x00\x01\x7fABYZ币")


@example([("A", "", 1), ("AA", "", 0)])
@example([("A\x00", "", 0), ("A", "\x00", 0)])
@given(st.lists(st.tuples(letters, letters, st.integers(0, 2**70)), max_size=8))
def test_keys_sort_as_bytes_as_they_sort_by_code_point_and_by_number(keys):
    assert sorted(keys, key=sort_key) == sorted(keys)
    assert len({sort_key(key) for key in keys}) == len(set(keys))


@pytest.mark.parametrize(
    ("created", "updated", "after"),
    [(1, 1, True), (1, 0, False), (0, 1, False), (1, -1, False), (-1, 1, False)],
)
def test_a_row_is_after_another_one_only_if_it_was_both_created_and_updated_later(created, updated, after):
    one, other = Row((1,), 5, 7, b""), Row((2,), 5 + created, 7 + updated, b"")
    assert other.is_after(one) == after

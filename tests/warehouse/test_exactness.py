"""A value comes out as it went in, digit by digit, or it fails and is named with its row and object.

Every warehouse takes its rows from this one place, so most tests here look at what it makes of them and at
no database: to open one takes longer than to type a row.
"""

from __future__ import annotations

import random
import tempfile
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.lakehouse import Lake, Warehouse, row
from support.typing_rows import Typing

from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.lake.drafts import LONGEST_ROW
from airflow_provider_binance_liq.warehouse.duckdb.exactness import MACROS
from airflow_provider_binance_liq.warehouse.duckdb.typed import in_memory

EIGHTEEN_DECIMALS = "12345678901234567890.123456789012345678"
DECIMALS = [
    EIGHTEEN_DECIMALS,
    "-99999999999999999999.999999999999999999",
    "0.000000000000000001",
    "99999999999999999999",
    "9007199254740993",
    "10913.21000",
    "0.1",
    "0.00000000",
    "0",
    "-0.5",
    "1.100000000000000000000000000000",
    "1e-18",
    "1.5E+2",
    "1.234567890E-9",
    "12345678901234567e-17",
    "1.12345678e-10",
    "1.123456789012345678e0",
    "100.00e-20",
    "1.5e+10",
]
#: text of a JSON value → what the message has to show of it
NO_DECIMALS = {
    '"1.1234567890123456789"': "1.1234567890123456789",
    "1.1234567890123456789": "1.1234567890123456789",
    '"1e-19"': "1e-19",
    # An exponent that ends in zeros, which are none of the digits.
    '"1.123456789e-10"': "1.123456789e-10",
    "1.123456789e-10": "1.123456789e-10",
    '"1.1234567890123456789e0"': "1.1234567890123456789e0",
    '".050950018e-10"': ".050950018e-10",
    '"1e-99999999999"': "1e-99999999999",
    '"100000000000000000000"': "100000000000000000000",
    "100000000000000000000": "100000000000000000000",
    "123456789012345678901234567890123456789012": "123456789012345678901234567890123456789012",
    '"1e400"': "1e400",
    "1e99999999999": "1e99999999999",
    '"cheap"': "cheap",
    '"NaN"': "NaN",
    '"Infinity"': "Infinity",
    "true": "true",
    '"1,5"': "1,5",
    '"1_000"': "1_000",
    '" 1.5"': " 1.5",
    '"0x10"': "0x10",
    '"1.2.3"': "1.2.3",
    '"-"': "-",
    '"null"': "null",
    '" "': " ",
    '{"amount":1}': '{"amount":1}',
    "[1]": "[1]",
}
NO_IDS = {
    "9223372036854775808": "9223372036854775808",
    '"9223372036854775808"': "9223372036854775808",
    "-9223372036854775809": "-9223372036854775809",
    "18446744073709551616": "18446744073709551616",
    "12.5": "12.5",
    "1e3": "1e3",
    '"abc"': "abc",
    '" 12"': " 12",
    "true": "true",
}


@pytest.fixture(scope="module")
def typing():
    with in_memory() as connection:
        yield Typing(connection)


@pytest.fixture
def typed(typing):
    """Give what types rows, with none of an earlier test."""
    typing.empty()
    return typing


@pytest.mark.parametrize("quote", ['"', ""], ids=["as documented, strings", "as numbers"])
def test_decimals_come_out_digit_by_digit(lake, typed, quote):
    rows = [row(index, price=f"{quote}{text}{quote}") for index, text in enumerate(DECIMALS)]
    typed.stage(lake.lay(rows))
    found = [price for (price,) in typed.values("price")]
    assert found == [f"{Decimal(text):.18f}" for text in DECIMALS]


@pytest.mark.parametrize("value", NO_DECIMALS)
def test_what_is_no_such_decimal_fails_with_a_specific_error(lake, typed, value):
    bad = lake.lay([row(1, price=value)])
    with pytest.raises(WarehouseError) as caught:
        typed.stage(lake.lay([row(2)], day=11), bad)
    message = str(caught.value)
    assert f"price is {NO_DECIMALS[value]}, which is no DECIMAL(38, 18)" in message
    assert bad.object.uri in message
    assert '"orderId":1' in message


@pytest.mark.parametrize("form", ["{}", '"{}"'], ids=["as documented, numbers", "as strings"])
def test_order_ids_of_63_bits_come_out_exactly(lake, typed, form):
    ids = [-(2**63), 0, 2**53 + 1, 2**63 - 1]
    typed.stage(lake.lay([row(1, orderId=form.format(one)) for one in ids]))
    assert typed.values("order_id") == [(str(one),) for one in ids]


def test_neighbouring_order_ids_past_2_53_stay_two_rows(lake, typed):
    ids = [2**53, 2**53 + 1, 2**63 - 2, 2**63 - 1]
    # A number with a fraction beside them sends the row through another path.
    rows = [row(one, price=price) for one, price in zip(ids, ["1.5", '"1.5"', "2", "1e0"], strict=True)]
    typed.stage(lake.lay(rows))
    assert typed.values("order_id") == [(str(one),) for one in ids]


@pytest.mark.parametrize("value", NO_IDS)
def test_what_is_no_such_order_id_fails_with_a_specific_error(lake, typed, value):
    with pytest.raises(WarehouseError) as caught:
        typed.stage(lake.lay([row(1, orderId=value)]))
    assert f"orderId is {NO_IDS[value]}, which is no 64-bit integer" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "symbol"),
    [
        ('"币安人生USDT"', "币安人生USDT"),
        ('"\\u5e01\\u5b89USDT"', "币安USDT"),
        ('"\\ud83d\\ude80USDT"', "🚀USDT"),
        ('"1000SATSUSDT"', "1000SATSUSDT"),
        ('"a\\"1.5\\\\"', 'a"1.5\\'),
        ('" X "', " X "),
        ('"null"', "null"),
        ("12345", "12345"),
        ("1.50", "1.50"),
    ],
)
@pytest.mark.parametrize("price", ['"1.50"', "1.50"], ids=["beside strings", "beside a number"])
def test_a_text_comes_out_letter_by_letter(lake, typed, value, symbol, price):
    body = row(symbol=value, price=price)
    typed.stage(lake.lay([body]))
    ((found, amount, raw),) = typed.values("symbol, price, raw")
    assert (found, Decimal(amount), raw) == (symbol, Decimal("1.5"), body)


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        ("true", "true"),
        ("false", "false"),
        ('"true"', "true"),
        ('"FALSE"', "false"),
        ("1", "true"),
        ("0", "false"),
        ("null", None),
        ('""', None),
    ],
)
def test_a_boolean_may_be_written_in_several_ways(lake, typed, value, flag):
    typed.stage(lake.lay([row(reduceOnly=value)]))
    assert typed.values("reduce_only") == [(flag,)]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("reduceOnly", '"yes"', "reduceOnly is yes, which is no boolean"),
        ("reduceOnly", "2", "reduceOnly is 2, which is no boolean"),
        ("time", '"yesterday"', "time is yesterday, which is no 64-bit integer"),
        ("time", "1791590400000.5", "time is 1791590400000.5, which is no 64-bit integer"),
        ("time", "1791590400000000", "time is 1791590400000000, which is no instant in milliseconds"),
        ("time", "9223372036854775807", "time is 9223372036854775807, which is no instant in milliseconds"),
        ("goodTillDate", "253402300800000", "goodTillDate is 253402300800000, which is no instant"),
    ],
)
def test_a_value_of_another_kind_fails_with_a_specific_error(lake, typed, field, value, shown):
    with pytest.raises(WarehouseError) as caught:
        typed.stage(lake.lay([row(**{field: value})]))
    assert shown in str(caught.value)


@pytest.mark.parametrize("value", ["1791590400001", '"1791590400001"', "1791590400001.0"])
def test_an_instant_is_exact_to_the_millisecond(lake, typed, value):
    typed.stage(lake.lay([row(time=value, updateTime="1791590400999", avgPrice="1.5")]))
    assert typed.values("created_at, updated_at") == [
        ("2026-10-10 00:00:00.001+00", "2026-10-10 00:00:00.999+00")
    ]


@pytest.mark.parametrize("value", ["0", '"0"', "0.0", "null", '""'])
def test_a_good_till_date_of_zero_is_none(lake, typed, value):
    typed.stage(lake.lay([row(goodTillDate=value)], endpoint="coinm_futures"))
    assert typed.values("good_till") == [(None,)]


def test_a_good_till_date_is_an_instant(lake, typed):
    typed.stage(lake.lay([row(goodTillDate="1791590400001")], endpoint="coinm_futures"))
    assert typed.values("good_till") == [("2026-10-10 00:00:00.001+00",)]


def test_the_longest_row_that_is_landed_is_taken_whole(lake, typed):
    frame = len(row(note='""'))
    body = row(note='"' + (LONGEST_ROW - frame) * "x" + '"')
    typed.stage(lake.lay([body]))
    assert typed.values("raw") == [(body,)]


# --- whatever the digits ---------------------------------------------------------------------------------


def plain(digits, decimals, sign):
    text = f"{digits:0{decimals + 1}}"
    return sign + (f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text)


def scientific(digits, decimals, sign):
    with localcontext(prec=60):
        return f"{sign}{Decimal(digits).scaleb(-decimals).normalize():e}"


numbers = st.integers(0, 18).flatmap(
    lambda decimals: st.tuples(
        st.integers(0, 10 ** (20 + decimals) - 1), st.just(decimals), st.sampled_from(["", "-"])
    )
)
texts = st.builds(lambda number, form: form(*number), numbers, st.sampled_from([plain, scientific]))
values = st.builds(lambda text, quote: (text, f"{quote}{text}{quote}"), texts, st.sampled_from(['"', ""]))
too_fine = st.tuples(
    st.integers(0, 10**19 - 1).filter(lambda digits: digits % 10), st.integers(19, 40), st.just("")
)


def spelled(draw):
    """Spell a number in any way that a JSON writer may: digits, a point anywhere, zeros, an exponent."""
    digits = "".join(draw.choices("0123456789", [6, *[1] * 9], k=draw.randint(1, 24)))
    point = draw.randint(0, len(digits))
    text = f"{digits[:point]}.{digits[point:]}" if draw.random() < 0.7 else digits
    exponent = draw.choice(["", "e0", "e-10", "E+10", "e-20", "e00", f"e{draw.randint(-40, 40)}"])
    return f"{draw.choice(['', '-'])}{text}{exponent}"


def test_of_any_spelling_what_is_taken_is_the_number_and_nearly_all_that_fits_is_taken():
    draw = random.Random(20261127)
    texts = [spelled(draw) for _ in range(20_000)]
    with in_memory() as connection:
        connection.execute(MACROS)
        query = (
            "SELECT text, CASE WHEN fits_decimal(text) THEN try_cast(text AS DECIMAL(38, 18)) END "
            "FROM (SELECT unnest(?::VARCHAR[]) AS text)"
        )
        found = connection.execute(query, [texts]).fetchall()
    with localcontext(prec=200):
        exact = {text: Decimal(text) for text in texts}
        fitting = {
            text for text, one in exact.items() if one == round(one, 18) and abs(one) < Decimal(10) ** 20
        }
        assert [text for text, taken in found if taken is not None and taken != exact[text]] == []
    taken = {text for text, one in found if one is not None}
    assert taken <= fitting
    assert len(fitting) > 5000
    assert len(taken) > 0.95 * len(fitting)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(values, min_size=1, max_size=200))
def test_any_decimal_that_fits_comes_out_as_it_went_in(given_values):
    with tempfile.TemporaryDirectory() as directory:
        lake, warehouse = Lake(Path(directory) / "lake"), Warehouse(Path(directory) / "w.duckdb")
        warehouse.load(lake.lay([row(index, price=value) for index, (_, value) in enumerate(given_values)]))
        found = [Decimal(price) for (price,) in warehouse.values("price")]
    assert found == [Decimal(text) for text, _ in given_values]


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.builds(lambda number, form: form(*number), too_fine, st.sampled_from([plain, scientific])))
def test_no_decimal_that_is_finer_is_rounded(text):
    with tempfile.TemporaryDirectory() as directory:
        lake, warehouse = Lake(Path(directory) / "lake"), Warehouse(Path(directory) / "w.duckdb")
        with pytest.raises(WarehouseError, match="which is no DECIMAL"):
            warehouse.load(lake.lay([row(price=f'"{text}"')]))

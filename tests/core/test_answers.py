"""The error pages of the exchange as a table: status and code, per family, and what follows from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from airflow_provider_binance_liq.core.answers import Fail, Response, Retry, Wait, classify
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.windows import to_datetime
from airflow_provider_binance_liq.exceptions import (
    BeyondRetention,
    FirewallBlocked,
    KeyRejected,
    LocationRestricted,
    PermanentError,
    RequestRejected,
    SpanRefused,
)

NOW = 1_615_183_512_345
MINUTE = 60_000
DAY = 86_400_000
HTML = b"<html><head><title>ERROR: The request could not be satisfied</title></head></html>"
RETRY, RESYNC, WAIT = "retry", "resync", "wait"
EVERY = tuple(FAMILIES)


def respond(status, body=b"", **headers):
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    fields = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Response(status, fields, body)


def refuse(code, msg="", status=400, **headers):
    return respond(status, {"code": code, "msg": msg}, **headers)


def decide(family, response, **known):
    return classify(family, response, now_ms=NOW, **known)


def summary(verdict):
    """Return the kind of a verdict, as in the tables below."""
    match verdict:
        case Retry(resync=True):
            return RESYNC
        case Retry():
            return RETRY
        case Wait():
            return WAIT
        case Fail(kind=kind):
            return kind
        case None:
            return None


# --- codes, with the status 400 that they come with -----------------------------------------------------

#: families, code, what to do: the table of the facts, row by row
CODES = [
    (EVERY, -1000, RETRY),
    (EVERY, -1001, RETRY),
    (EVERY, -1002, KeyRejected),
    (EVERY, -1003, WAIT),
    (("sapi",), -1004, RETRY),
    (("fapi", "dapi", "papi"), -1004, RequestRejected),
    (EVERY, -1006, RETRY),
    (EVERY, -1007, RETRY),
    (EVERY, -1008, RETRY),
    (EVERY, -1011, KeyRejected),
    (EVERY, -1015, WAIT),
    (("sapi",), -6009, WAIT),
    (("sapi",), -12014, WAIT),
    (("fapi", "dapi", "papi"), -6009, RequestRejected),
    (("fapi", "dapi", "papi"), -12014, RequestRejected),
    (EVERY, -1016, RETRY),
    (EVERY, -1020, RequestRejected),
    (EVERY, -1021, RESYNC),
    (EVERY, -1022, KeyRejected),
    (EVERY, -1023, RequestRejected),
    (EVERY, -1099, KeyRejected),
    *[(EVERY, code, RequestRejected) for code in (*range(-1106, -1099), -1109, -1121, -1130, -1131)],
    (EVERY, -1127, SpanRefused),
    (EVERY, -1128, RequestRejected),
    (EVERY, -2014, KeyRejected),
    (EVERY, -2015, KeyRejected),
    (EVERY, -2017, KeyRejected),
    (EVERY, -3003, RequestRejected),
    (("sapi",), -4047, SpanRefused),
    (("fapi", "dapi", "papi"), -4047, RequestRejected),
    (("dapi",), -4088, SpanRefused),
    (("fapi", "papi", "sapi"), -4088, RequestRejected),
    (EVERY, -4109, RequestRejected),
    (("fapi", "papi"), -4165, SpanRefused),
    (("dapi", "sapi"), -4165, RequestRejected),
    (EVERY, -4166, BeyondRetention),
    (("papi",), -5041, RETRY),
    (("fapi", "dapi", "sapi"), -5041, RequestRejected),
    (("sapi",), -6021, SpanRefused),
    (("fapi", "dapi", "papi"), -6021, RequestRejected),
    (EVERY, -21001, RequestRejected),
    (EVERY, -21015, RequestRejected),
    (EVERY, -99999, RequestRejected),
]
CASES = [(family, code, expected) for families, code, expected in CODES for family in families]


@pytest.mark.parametrize(("family", "code", "expected"), CASES)
def test_a_code_means_what_its_familys_page_says(family, code, expected):
    assert summary(decide(family, refuse(code))) == expected


def test_the_table_of_codes_speaks_of_each_code_once_per_family():
    assert len({(family, code) for family, code, _ in CASES}) == len(CASES)
    assert all(sum(c == code for _, c, _ in CASES) == len(EVERY) for code in {code for _, code, _ in CASES})


@pytest.mark.parametrize(("family", "code", "expected"), CASES)
def test_an_error_object_with_status_200_is_judged_by_its_code_and_never_used(family, code, expected):
    found = summary(decide(family, refuse(code, status=200)))
    # With a status that contradicts it, an unknown code is asked again before it is believed.
    assert found == (RETRY if expected is RequestRejected else expected)


@pytest.mark.parametrize(("family", "code", "expected"), CASES)
def test_a_failure_says_what_came_back(family, code, expected):
    verdict = decide(family, refuse(code, "what the exchange said"))
    assert verdict.detail == f"HTTP 400, code {code}: what the exchange said"
    whole_sentence = decide(family, refuse(code, "what the exchange said."))
    assert whole_sentence.detail == verdict.detail


def test_a_wrong_signature_comes_with_advice_of_its_own():
    signature = decide("fapi", refuse(-1022, "Signature for this request is not valid."))
    assert "password" in signature.advice
    assert "allow-list" not in signature.advice


def test_a_ban_of_days_is_believed_with_either_status():
    until_ms = NOW + 2 * DAY
    for status in (418, 429):
        answer = refuse(-1003, f"Way too many requests; IP banned until {until_ms}.", status=status)
        assert decide("fapi", answer).until_ms == until_ms


def test_a_refused_key_comes_with_what_to_check():
    text = "Invalid API-key, IP, or permissions for action, request ip: 203.0.113.9"
    verdict = decide("papi", refuse(-2015, text, status=401))
    assert verdict.kind is KeyRejected
    assert text.removesuffix(".") in verdict.detail
    assert "allow-list" in verdict.advice
    assert "permission" in verdict.advice


@pytest.mark.parametrize(
    ("family", "code", "text", "longest_ms"),
    [
        ("fapi", -1127, "Lookup interval is too big.", None),
        ("fapi", -1127, "More than 24 hours between startTime and endTime.", DAY),
        ("fapi", -4165, "Invalid time interval", None),
        ("papi", -4165, "Maximum time interval is 7 days.", 7 * DAY),
        ("dapi", -4088, "Maximum time interval is 200 days.", 200 * DAY),
        ("sapi", -4047, "Time interval must be within 0-7 days", 7 * DAY),
        ("sapi", -4047, "Time interval must be within 0-90 days", 90 * DAY),
        ("sapi", -6021, "Query time range too large", None),
        ("fapi", -1127, "More than 0 hours between startTime and endTime.", None),
    ],
)
def test_a_refused_span_reports_the_longest_one_where_the_text_does(family, code, text, longest_ms):
    verdict = decide(family, refuse(code, text))
    assert (verdict.kind, verdict.code, verdict.longest_ms) == (SpanRefused, code, longest_ms)


# --- statuses, without a code ---------------------------------------------------------------------------

STATUSES = {
    400: RequestRejected,
    401: KeyRejected,
    403: FirewallBlocked,
    404: RequestRejected,
    405: RequestRejected,
    408: RETRY,
    410: RequestRejected,
    418: WAIT,
    429: WAIT,
    451: LocationRestricted,
    500: RETRY,
    501: RETRY,
    502: RETRY,
    503: RETRY,
    504: RETRY,
    520: RETRY,
    599: RETRY,
    201: RETRY,
    202: RETRY,
    204: RETRY,
    301: RequestRejected,
    302: RequestRejected,
    303: RequestRejected,
    307: RequestRejected,
    308: RequestRejected,
}
BODIES = {
    "nothing": b"",
    "HTML": HTML,
    "a text": b"Service Unavailable.",
    "null": b"null",
    "a list": b"[]",
    "an object without a code": b'{"message":"no"}',
    "a code that is no number": b'{"code":"BAD","msg":"no"}',
    "bytes that are no text": b"\xff\xfe\x00",
    "a cut-off object": b'{"code":-2015,"ms',
}


@pytest.mark.parametrize("status", STATUSES)
def test_without_a_code_the_status_decides(status):
    for family, (what, body) in product(EVERY, BODIES.items()):
        verdict = decide(family, respond(status, body))
        assert (summary(verdict), family, what) == (STATUSES[status], family, what)


@pytest.mark.parametrize(
    "text",
    [
        "Unknown error, please check your request or try again later.",
        "Service Unavailable.",
        "Internal error; unable to process your request. Please try again.",
    ],
)
def test_each_documented_kind_of_503_is_asked_again(text):
    assert summary(decide("fapi", refuse(-1000, text, status=503))) == RETRY
    assert summary(decide("fapi", respond(503, {"msg": text}))) == RETRY
    assert summary(decide("fapi", respond(503, text.encode()))) == RETRY


def test_a_503_that_throttles_is_asked_again():
    text = "Request throttled by system-level protection. Reduce-only/close-position orders are exempt."
    assert summary(decide("fapi", refuse(-1008, text, status=503))) == RETRY


def test_a_restricted_location_is_named_though_its_code_is_0():
    text = "Service unavailable from a restricted location according to 'b. Eligibility'"
    verdict = decide("fapi", refuse(0, text, status=451))
    assert verdict.kind is LocationRestricted
    assert text.removesuffix(".") in verdict.detail


def test_a_page_of_the_firewall_is_described_and_not_shown():
    verdict = decide("fapi", respond(403, HTML))
    assert verdict.kind is FirewallBlocked
    assert "HTML page" in verdict.detail
    assert "title" not in verdict.detail


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_no_answer_and_says_why_it_was_not_followed(status):
    verdict = decide("fapi", respond(status, b"", Location="https://elsewhere.example/"))
    assert verdict.kind is RequestRejected
    assert "not followed" in verdict.advice


def test_what_a_200_holds_is_used_unless_it_is_an_error_object():
    for body in (b"[]", b"null", HTML, b"", b'{"rows":[],"total":0}', b'{"msg":"no code"}'):
        assert decide("sapi", respond(200, body)) is None


def test_a_long_text_of_the_exchange_is_shown_in_part_only():
    assert len(decide("fapi", refuse(-1130, "x" * 100_000)).detail) < 400


# --- how long to wait -----------------------------------------------------------------------------------

TOO_MANY = (
    "Too many requests; current limit is 2400 requests per minute. Please use the websocket for live updates "
    "to avoid polling the API."
)
#: texts as quoted from the exchange, and the instant they name
TEXTS = {
    "fapi, as documented": (
        (
            "Way too many requests; IP banned until 1615183669840. Please use the websocket for live updates "
            "to avoid bans."
        ),
        1615183669840,
    ),
    "fapi, as seen": ("Way too many requests; IP(1.2.3.4) banned until 1615183669840.", 1615183669840),
    "sapi, as documented": (
        (
            "Way too much request weight used; IP banned until 1615183669840. Please use WebSocket Streams "
            "for live updates to avoid bans."
        ),
        1615183669840,
    ),
}


@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize(("text", "until_ms"), TEXTS.values(), ids=TEXTS)
def test_a_ban_lasts_until_the_instant_in_its_text(status, text, until_ms):
    verdict = decide("fapi", refuse(-1003, text, status=status))
    assert verdict == Wait(until_ms, f"HTTP {status}, code -1003: {text.removesuffix('.')}", banned=True)


@pytest.mark.parametrize(
    ("status", "seconds"),
    [(status, seconds) for status in (418, 429) for seconds in (35, 179, 360, 437, 720, 86_400)]
    + [(418, 259_200)],
)
def test_retry_after_is_obeyed_to_the_second(status, seconds):
    verdict = decide("sapi", refuse(-1003, "Too many requests queued.", status, Retry_After=str(seconds)))
    assert verdict.until_ms == NOW + seconds * 1000
    assert verdict.banned == (status == 418)


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
def test_headers_are_read_whatever_their_case(name):
    response = Response(429, CaseInsensitiveDict({name: "35"}), b"")
    assert decide("sapi", response).until_ms == NOW + 35_000


def test_retry_after_may_be_a_date():
    until = to_datetime(NOW).replace(microsecond=0) + timedelta(seconds=90)
    verdict = decide("sapi", respond(429, b"", Retry_After=format_datetime(until, usegmt=True)))
    assert to_datetime(verdict.until_ms) == until


@pytest.mark.parametrize("seconds", [60, 600])
def test_of_two_instants_the_later_one_counts(seconds):
    text, named_ms = TEXTS["fapi, as seen"]
    verdict = decide("fapi", refuse(-1003, text, 418, Retry_After=str(seconds)))
    assert verdict.until_ms == max(named_ms, NOW + seconds * 1000)


def test_a_429_that_names_no_instant_waits_for_the_next_minute_of_the_count():
    verdict = decide("fapi", refuse(-1003, TOO_MANY, 429))
    assert verdict.until_ms == (NOW // MINUTE + 1) * MINUTE
    assert not verdict.banned


def test_each_further_429_in_a_row_that_names_no_instant_waits_longer():
    waits = [decide("fapi", respond(429), earlier_waits=count).until_ms - NOW for count in range(10)]
    assert waits == sorted(waits)
    assert waits[3] > waits[0] + 5 * MINUTE
    assert max(waits) < 2 * 3_600_000


def test_a_418_that_names_no_instant_waits_for_the_shortest_documented_ban_of_two_minutes():
    assert decide("dapi", respond(418)) == Wait(NOW + 2 * MINUTE, "HTTP 418: an empty body", banned=True)


def test_further_bans_in_a_row_that_name_no_instant_grow_to_the_longest_documented_one_of_three_days():
    waits = [decide("dapi", respond(418), earlier_waits=count).until_ms - NOW for count in (0, 1, 2, 50)]
    assert waits == [2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 3 * DAY]


@pytest.mark.parametrize("past", ["0", format_datetime(datetime(2021, 1, 1, tzinfo=UTC), usegmt=True)])
def test_a_wait_that_is_over_already_still_is_one(past):
    assert NOW < decide("sapi", respond(429, b"", Retry_After=past)).until_ms <= NOW + MINUTE


@pytest.mark.parametrize("status", [200, 400, 403, 503])
def test_too_many_requests_is_a_wait_whatever_its_status(status):
    assert (
        summary(decide("sapi", refuse(-1003, "Too many requests; current request has limited.", status)))
        == WAIT
    )


NONSENSE = ["", " ", "soon", "-5", "3.5", "1e3", "²", "٣", "NaN", "Wed", "32 Foo 2026 25:61:61", "0x10"]


@pytest.mark.parametrize("value", NONSENSE)
def test_a_retry_after_that_is_none_counts_as_absent(value):
    assert decide("fapi", respond(429, b"", Retry_After=value)) == decide("fapi", respond(429, b""))


@given(st.text(max_size=40))
def test_no_retry_after_of_any_kind_breaks_the_wait(value):
    verdict = decide("fapi", respond(429, b"", Retry_After=value))
    assert isinstance(verdict, Wait)
    assert verdict.until_ms > NOW


@pytest.mark.parametrize("value", ["99999999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wait_without_end_is_still_an_instant_that_can_be_waited_for(value):
    assert to_datetime(decide("fapi", respond(418, b"", Retry_After=value)).until_ms) > to_datetime(NOW)


@given(
    st.sampled_from(EVERY),
    st.integers(100, 599),
    st.binary(max_size=40) | st.integers().map(lambda code: json.dumps({"code": code}).encode()),
    st.integers(0, 10**6),
)
def test_every_answer_is_judged(family, status, body, earlier_waits):
    verdict = classify(family, respond(status, body), now_ms=NOW, earlier_waits=earlier_waits)
    if isinstance(verdict, Wait):
        assert NOW < verdict.until_ms <= NOW + (3 * DAY if verdict.banned else DAY)
    elif isinstance(verdict, Fail):
        assert issubclass(verdict.kind, PermanentError)
    else:
        assert isinstance(verdict, Retry) or (verdict is None and status == 200)


# --- what is told, to the letter ------------------------------------------------------------------------

KEY_ADVICE = (
    "check the key, that it may read this account (futures, portfolio margin and margin are separate "
    "permissions), and that its allow-list has this machine's IP address"
)
COUNTRY_ADVICE = "the exchange does not serve this IP address's country"
FIREWALL_ADVICE = (
    "the exchange's firewall refused it; stop sending requests for a while, and check what else runs on this "
    "IP address"
)
REDIRECT_ADVICE = (
    "redirects are not followed, so that the key goes nowhere else; check the host in `base_url`"
)
NO_USE = "the same request would be refused again"
TOLD = [
    (respond(500), Retry("HTTP 500: an empty body")),
    (respond(201, {"code": -99, "msg": "odd"}), Retry("HTTP 201, code -99: odd")),
    (refuse(-1001, "odd"), Retry("HTTP 400, code -1001: odd")),
    (refuse(-1021, "odd"), Retry("HTTP 400, code -1021: odd", resync=True)),
    (respond(400, b"no"), Fail(RequestRejected, "HTTP 400: a body of 2 bytes without an error code", NO_USE)),
    (refuse(-99, "no"), Fail(RequestRejected, "HTTP 400, code -99: no", NO_USE, -99)),
    (
        respond(302, b" \n<p>"),
        Fail(RequestRejected, "HTTP 302: an HTML page of 5 bytes without an error code", REDIRECT_ADVICE),
    ),
    (refuse(-99, "no", 301), Fail(RequestRejected, "HTTP 301, code -99: no", REDIRECT_ADVICE, -99)),
    (refuse(-99, "no", 401), Fail(KeyRejected, "HTTP 401, code -99: no", KEY_ADVICE, -99)),
    (refuse(-99, "no", 403), Fail(FirewallBlocked, "HTTP 403, code -99: no", FIREWALL_ADVICE, -99)),
    (refuse(-99, "no", 451), Fail(LocationRestricted, "HTTP 451, code -99: no", COUNTRY_ADVICE, -99)),
    (refuse(-2015, "no"), Fail(KeyRejected, "HTTP 400, code -2015: no", KEY_ADVICE, -2015)),
    (
        refuse(-4166, "no"),
        Fail(
            BeyondRetention,
            "HTTP 400, code -4166: no",
            "the exchange no longer answers for this window",
            -4166,
        ),
    ),
    (
        refuse(-1127, "at most 7 DAYS"),
        Fail(
            SpanRefused,
            "HTTP 400, code -1127: at most 7 DAYS",
            "a shorter window is needed",
            -1127,
            7 * DAY,
        ),
    ),
    (refuse(-1003, "no"), Wait((NOW // MINUTE + 1) * MINUTE, "HTTP 400, code -1003: no")),
]


@pytest.mark.parametrize(("response", "verdict"), TOLD)
def test_a_verdict_says_all_that_is_known(response, verdict):
    assert decide("fapi", response) == verdict


def test_a_family_without_codes_of_its_own_is_judged_by_those_of_all():
    assert summary(decide("eapi", refuse(-1001))) == RETRY
    assert summary(decide("eapi", refuse(-1127))) == RequestRejected


def test_of_a_long_text_the_first_three_hundred_characters_are_reported():
    assert decide("fapi", refuse(-99, "x" * 299 + "yz")).detail == f"HTTP 400, code -99: {'x' * 299}y"


def test_waits_without_an_instant_double_with_each_that_was_not_enough_up_to_64_minutes():
    waits = [decide("fapi", respond(429), earlier_waits=count).until_ms for count in range(9)]
    begun = NOW // MINUTE
    assert [wait // MINUTE - begun for wait in waits] == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    assert {wait % MINUTE for wait in waits} == {0}


PAST = format_datetime(datetime(2021, 1, 1, tzinfo=UTC), usegmt=True)
ABSURD = {
    "31 years": {"Retry_After": "999999999"},
    "a number of 400 digits": {"Retry_After": "9" * 400},
    "the year 9999": {"Retry_After": "Fri, 31 Dec 9999 23:59:59 GMT"},
    "a week": {"Retry_After": "604800"},
    "no time at all": {"Retry_After": "0"},
    "a day that is over": {"Retry_After": PAST},
    "the year 2286, in the text": {"msg": "Way too many requests; IP banned until 9999999999999."},
    "an instant in microseconds": {"msg": "Way too many requests; IP banned until 1615183669840000."},
    "an instant that is over": {"msg": "Way too many requests; IP(1.2.3.4) banned until 1515183669840."},
}


@pytest.mark.parametrize("known", ABSURD.values(), ids=ABSURD)
@pytest.mark.parametrize("holds", [0, 3])
def test_a_ban_until_an_absurd_instant_is_one_of_unstated_length(known, holds):
    verdict = decide("fapi", refuse(-1003, status=418, **known), earlier_waits=holds)
    assert (verdict.until_ms, verdict.banned) == (NOW + (2 * MINUTE << holds), True)


@pytest.mark.parametrize("value", [known["Retry_After"] for known in ABSURD.values() if "msg" not in known])
def test_a_429_until_an_absurd_instant_waits_for_the_next_minute(value):
    verdict = decide("fapi", refuse(-1003, status=429, Retry_After=value))
    assert verdict.until_ms == (NOW // MINUTE + 1) * MINUTE


def test_beside_an_absurd_instant_a_credible_one_counts():
    text = "Way too many requests; IP banned until 9999999999999."
    assert decide("fapi", refuse(-1003, text, 418, Retry_After="600")).until_ms == NOW + 600_000


def test_leading_zeros_of_a_wait_are_none_of_its_digits():
    assert decide("sapi", respond(429, b"", Retry_After="000000000000035")).until_ms == NOW + 35_000


def test_what_an_answer_echoes_is_redacted_before_it_is_cut():
    verdict = decide(
        "fapi",
        refuse(-1130, "x" * 250 + "0123456789" * 10),
        redact=lambda text: text.replace("0123456789", "*"),
    )
    assert verdict.detail.endswith("x" + "*" * 10)


def test_a_ban_is_read_from_the_text_as_it_came_however_it_is_shown():
    text = "x" * 295 + "IP banned until 1615183669840."
    verdict = decide("fapi", refuse(-1003, text, status=418), redact=lambda _: "nothing")
    assert (verdict.until_ms, verdict.detail) == (1615183669840, "HTTP 418, code -1003: nothing")


@pytest.mark.parametrize("text", ["9" * 5000 + " days", "1234567 hours"])
def test_a_span_of_absurdly_many_digits_is_none(text):
    assert decide("fapi", refuse(-1127, text)).longest_ms is None


def test_headers_are_looked_up_by_the_names_as_the_exchange_writes_them():
    assert decide("sapi", Response(429, {"Retry-After": "35"}, b"")).until_ms == NOW + 35_000


@pytest.mark.parametrize(
    ("status", "advice"),
    [(199, NO_USE), (300, REDIRECT_ADVICE), (399, REDIRECT_ADVICE), (499, NO_USE), (600, NO_USE)],
)
def test_a_kind_of_status_ends_where_it_is_documented_to(status, advice):
    verdict = decide("fapi", respond(status))
    assert (verdict.kind, verdict.advice) == (RequestRejected, advice)
    assert summary(decide("fapi", respond(299))) == RETRY


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (SpanRefused, {"code": -1127, "longest_ms": DAY}),
        (RequestRejected, {"code": -1127}),
        (KeyRejected, {"code": -1127}),
        (FirewallBlocked, {}),
    ],
)
def test_an_error_keeps_what_its_kind_has_of_the_answer(kind, kept):
    error = Fail(kind, "detail", code=-1127, longest_ms=DAY).error("message")
    assert (type(error), error.args[0]) == (kind, "message")
    assert {name: value for name, value in vars(error).items() if name in ("code", "longest_ms")} == kept


@pytest.mark.parametrize("status", [200, 400])
def test_a_code_that_is_spelled_as_text_is_one(status):
    assert isinstance(decide("sapi", respond(status, {"code": "-1003", "msg": "Too many requests"})), Wait)


@pytest.mark.parametrize("msg", [None, 7, ["x"], {}])
def test_a_code_counts_whatever_stands_beside_it(msg):
    assert decide("sapi", respond(400, {"code": -2015, "msg": msg})).kind is KeyRejected


@pytest.mark.parametrize("code", ["000000", "200", "", None, True, 1.5, [], "-" + "1" * 5000])
def test_what_is_no_error_code_is_none(code):
    assert decide("sapi", respond(200, {"code": code, "rows": []})) is None

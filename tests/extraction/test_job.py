"""One job against a strict exchange: every row of its truth once, in order, byte by byte, and a manifest."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from contextlib import closing
from decimal import Decimal

import pytest
from support.covering import covering
from support.rows import numbered_row
from support.running import START, WEEK, probed

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS, get_endpoint
from airflow_provider_binance_liq.core.manifest import from_dict
from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import (
    BeyondRetention,
    ExchangeUnavailable,
    InvalidRequest,
    IpBanned,
    KeyRejected,
    LiquidationsError,
    NotSettled,
    SaturatedInstant,
    StorageError,
    UnexpectedRow,
    UnstablePaging,
)
from airflow_provider_binance_liq.exchange.client import ATTEMPTS, BinanceClient
from airflow_provider_binance_liq.exchange.rate_limit_state import OwnRateLimitState
from airflow_provider_binance_liq.extraction.reader import Filters
from airflow_provider_binance_liq.lake import fetch_object, open_destination
from airflow_provider_binance_liq.simulator import Fault

BY_TIME = [name for name in WITH_ORDERS if ENDPOINTS[name].is_by_time]
BY_NUMBER = [name for name, endpoint in ENDPOINTS.items() if not endpoint.is_by_time]
KEEPS, ORDERS, FILTERS = (
    ("oldest", "newest"),
    ("ascending", "descending", "shuffled", "order_id"),
    ("time", "updateTime"),
)


@pytest.fixture
def measure(record_property, capsys):
    """Keep what an extraction took beside the least that is possible, in the test's own record."""

    def note(endpoint, manifest, what):
        least = max(1, -(-manifest.object.rows // 100))
        found = (manifest.proof.requests, least)
        record_property("requests", f"{endpoint}, {what}: {found[0]} requests, {least} is the least possible")
        return found

    return note


# --- the worst day --------------------------------------------------------------------------------------


def check_cascade(run, endpoint, measure, what):
    window = run.cascade()
    truth = run.truth(endpoint, window)
    manifest = run.run(endpoint, window)
    assert run.rows(manifest) == truth
    assert len(truth) == manifest.object.rows >= 2400
    # Where rows are cut in a strange way, nothing shows that the filters that split an instant come first.
    possible = {"isolated_rows"} if ENDPOINTS[endpoint].asks_isolated_apart else set()
    possible |= {"filter_before_limit"} if manifest.proof.method.startswith("short pages alone") else set()
    assert set(manifest.proof.incomplete_reasons) <= possible
    assert run.exchange.stats.throttled == run.exchange.stats.banned == 0
    assert run.exchange.stats.highest_share <= 0.5
    return measure(endpoint, manifest, what)


@covering("keep, order, filter_by", KEEPS, ORDERS, FILTERS, together=2)
def test_on_the_worst_day_no_row_is_lost_whatever_the_exchange_leaves_undocumented(
    start, measure, keep, order, filter_by
):
    run = start(keep=keep, order=order, filter_by=filter_by)
    requests, least = check_cascade(run, "usdm_futures", measure, f"{keep}, {order}, {filter_by}")
    assert requests <= 2 * least or order in ("shuffled", "order_id")
    assert requests <= 12 * least


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", BY_TIME[1:])
@pytest.mark.parametrize(("keep", "order", "filter_by"), list(itertools.product(KEEPS, ORDERS, FILTERS)))
def test_on_the_worst_day_no_row_is_lost_on_any_endpoint_in_any_setting(
    start, measure, endpoint, keep, order, filter_by
):
    run = start(keep=keep, order=order, filter_by=filter_by)
    check_cascade(run, endpoint, measure, f"{keep}, {order}, {filter_by}")


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", BY_TIME[1:])
@pytest.mark.parametrize(("keep", "filter_by"), [("oldest", "time"), ("newest", "updateTime")])
def test_on_the_worst_day_no_row_is_lost_on_the_other_endpoints(start, measure, endpoint, keep, filter_by):
    run = start(keep=keep, filter_by=filter_by)
    requests, least = check_cascade(run, endpoint, measure, f"{keep}, {filter_by}")
    assert requests <= 2 * least


@covering("endpoint, order", BY_NUMBER, ORDERS)
def test_on_the_worst_day_numbered_pages_take_one_request_more_to_see_that_there_is_no_further_page(
    start, measure, endpoint, order
):
    requests, least = check_cascade(start(order=order), endpoint, measure, order)
    assert requests == least + 1


STRANGE = {
    "another instant sorts than filters": {"filter_by": "time", "sort_by": "updateTime"},
    "... and the other way round": {"filter_by": "updateTime", "sort_by": "time", "keep": "oldest"},
    "equal bounds are refused": {"equal_bounds": "refuse"},
    "six hours at once": {"max_span_hours": 6},
    "seven days at once": {"max_span_hours": 168},
    "numbers where texts are documented": {"numbers_as_strings": True},
    "fields that nobody has documented": {"extra_fields": True},
    "only the fields that matter": {"omit_optional": True},
    "rows of neither close type": {"other_rows": 20, "tie_rows": 80},
}


@pytest.mark.slow
@covering("knobs, endpoint", STRANGE, ["usdm_futures", "margin"])
def test_on_the_worst_day_no_row_is_lost_however_strange_the_exchange(start, measure, endpoint, knobs):
    check_cascade(start(**knobs), endpoint, measure, str(knobs))


@pytest.mark.slow
def test_a_whole_week_holds_each_day_of_it_once(start):
    run = start()
    for endpoint in ENDPOINTS:
        manifest = run.run(endpoint, WEEK)
        truth = run.truth(endpoint, WEEK)
        assert sorted(run.rows(manifest)) == sorted(truth)
        days = [Window(at, at + DAY_MS) for at in range(WEEK.start_ms, WEEK.end_ms, DAY_MS)]
        if endpoint in ("usdm_futures", "margin"):
            apart = [row for day in days for row in run.rows(run.run(endpoint, day))]
            assert sorted(apart) == sorted(truth)


@pytest.mark.parametrize("others", [600, 1500])
def test_beside_others_on_the_address_the_job_takes_longer_and_is_never_throttled(start, others):
    run = start(other_traffic=others)
    manifest = run.run("usdm_futures", run.cascade())
    assert run.rows(manifest) == run.truth("usdm_futures", run.cascade())
    assert run.exchange.stats.throttled == 0


# --- bounds, ties and empty days ------------------------------------------------------------------------


def make(endpoint, number, at, **known):
    symbol = {"symbol": "BTCUSDT"} if ENDPOINTS[endpoint].kind.symbol else {}
    return numbered_row(endpoint, number, at, **{**symbol, **known})


def spell(rows):
    return [json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() for row in rows]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_row_on_the_start_is_inside_and_one_on_the_end_is_not(start, endpoint):
    window = Window(START, START + DAY_MS)
    at = (START - 1, START, window.end_ms - 1, window.end_ms)
    rows = [make(endpoint, number, instant) for number, instant in enumerate(at, 1)]
    run = start({endpoint: rows})
    assert run.rows(run.run(endpoint, window)) == spell(rows[1:3])
    following = Window(window.end_ms, window.end_ms + DAY_MS)
    assert run.rows(run.run(endpoint, following)) == spell(rows[3:])


@covering(
    "endpoint, equal_bounds, count, keep",
    ["usdm_futures", "portfolio_cm", "margin"],
    ["allow", "refuse"],
    [99, 100, 101, 180],
    KEEPS,
    together=2,
)
def test_rows_that_share_one_millisecond_all_come_through(start, endpoint, count, keep, equal_bounds):
    symbol = "BTCUSD_PERP" if endpoint == "portfolio_cm" else "BTCUSDT"
    kinds = ("autoclose-1", "adl_autoclose")
    rows = [
        make(
            endpoint,
            number,
            START + 5000,
            symbol=symbol,
            **({"clientOrderId": kinds[number % 2]} if endpoint in BY_TIME else {}),
        )
        for number in range(count)
    ]
    run = start({endpoint: rows}, keep=keep, equal_bounds=equal_bounds)
    assert run.rows(run.run(endpoint, Window(START, START + DAY_MS))) == spell(rows)


@pytest.mark.parametrize("keep", KEEPS)
def test_a_page_boundary_inside_one_millisecond_loses_nothing(start, keep):
    """Ninety rows, then forty that share a millisecond, then ninety: each limit falls among the forty."""
    at = (
        [START + 10 * n for n in range(90)] + [START + 2000] * 40 + [START + 3000 + 10 * n for n in range(90)]
    )
    rows = [make("usdm_futures", number, instant) for number, instant in enumerate(at)]
    run = start({"usdm_futures": rows}, keep=keep)
    assert run.rows(run.run("usdm_futures", Window(START, START + DAY_MS))) == spell(rows)


def test_an_instant_that_nothing_can_split_fails_with_a_specific_error_and_writes_nothing(start):
    rows = [make("usdm_futures", number, START + 5000) for number in range(130)]
    run = start({"usdm_futures": rows})
    with pytest.raises(SaturatedInstant) as caught:
        run.run("usdm_futures", Window(START, START + DAY_MS))
    assert str(caught.value).startswith("usdm_futures [2026-10-01T00:00:00Z, 2026-10-02T00:00:00Z): ")
    assert not list(run.directory.rglob("*.ndjson*"))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_an_empty_day_is_an_empty_object_and_one_request(start, endpoint, compression):
    run = start({})
    manifest = run.run(endpoint, Window(START, START + DAY_MS), compression=compression)
    assert run.rows(manifest) == []
    assert manifest.object.rows == 0
    row = ENDPOINTS[endpoint]
    reasons = ("isolated_rows",) * row.asks_isolated_apart + ("recorded_by_endpoint",) * bool(row.caveat)
    assert manifest.proof.incomplete_reasons == reasons
    assert manifest.proof.complete == (not reasons)
    assert (manifest.proof.pages, manifest.proof.requests) == (1, 1)
    assert bool(manifest.proof.caveats) == bool(reasons)


def test_order_ids_that_collide_between_symbols_or_exceed_2_to_the_53_are_kept_apart(start):
    ids = (7, 2**53, 2**53 + 1, 8389765612825190229, 2**63 - 1)
    rows = [make("usdm_futures", i, START + 5, symbol=s) for s in ("BTCUSDT", "币安人生USDT") for i in ids]
    run = start({"usdm_futures": rows})
    assert run.rows(run.run("usdm_futures", Window(START, START + 1000))) == spell(rows)


def test_a_row_is_written_exactly_as_it_was_sent(start):
    odd = (
        b'{ "updateTime":1790812800009 ,"price":1.10000000000000000000000001,"new":{"a":[1e-8,null]},'
        b'"symbol":"\\u5e01\\u5b89\\u4eba\\u751fUSDT", "time" : 1790812800005,'
        b'"orderId":"8389765612825190229"}'
    )
    run = start({"usdm_futures": [odd]})
    assert run.rows(run.run("usdm_futures", Window(START, START + 1000))) == [odd]


# --- filters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "symbols", [["BTCUSDT"], ["币安人生USDT", "ETHUSDT"], ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"]]
)
@pytest.mark.parametrize("auto_close_type", [None, "LIQUIDATION", "ADL"])
def test_a_filtered_extraction_holds_exactly_the_rows_that_pass(start, symbols, auto_close_type):
    run = start()
    window = run.cascade()
    manifest = run.run("usdm_futures", window, symbols=symbols, auto_close_type=auto_close_type)
    wanted = {None: ("a", "adl"), "LIQUIDATION": ("autoclose-",), "ADL": ("adl_",)}[auto_close_type]
    assert run.rows(manifest) == [
        body
        for body in run.truth("usdm_futures", window)
        if (row := json.loads(body))["symbol"] in symbols and row["clientOrderId"].startswith(wanted)
    ]
    assert manifest.filters.symbols == tuple(sorted(symbols))
    assert manifest.filters.auto_close_type == auto_close_type
    assert ".filter-" in manifest.object.uri


@pytest.mark.parametrize("symbols", [["BTCUSDT"], ["BTCUSDT", "ETHUSDT"], ["BTCUSDT", "ETHUSDT", "SOLUSDT"]])
def test_symbols_are_asked_for_all_at_once_because_a_filter_may_come_after_the_limit(start, symbols):
    manifest = start({}).run("usdm_futures", WEEK_PART, symbols=symbols)
    assert (manifest.proof.weight, manifest.proof.complete) == (50, True)


@pytest.mark.parametrize(
    ("symbols", "weight"),
    [(["BTCUSDT"], 20), (["BTCUSDT", "ETHUSDT"], 40), (["BTCUSDT"] * 9, 20), (["A", "B", "C"], 50)],
)
def test_where_a_probe_saw_the_filter_come_first_symbols_are_asked_for_as_weighs_less(start, symbols, weight):
    probe = probed(symbol_filter="before_limit")
    manifest = start({}).run("usdm_futures", WEEK_PART, symbols=symbols, probe=probe)
    assert (manifest.proof.weight, manifest.proof.complete) == (weight, True)


def test_what_only_a_probe_has_seen_is_said_to_be_seen_by_it(start):
    probe = probed(symbol_filter="before_limit")
    manifest = start({}).run("usdm_futures", WEEK_PART, symbols=["BTCUSDT"], probe=probe)
    assert StatedPremise("filter_before_limit", "observed", "probe") in manifest.proof.premises


@pytest.mark.parametrize(
    "knobs", [{"equal_bounds": "empty"}, {"start_bound": "exclusive", "end_bound": "exclusive"}]
)
def test_equal_bounds_that_a_probe_saw_work_are_seen_again_before_they_are_relied_on(start, knobs):
    run = start(**knobs)
    manifest = run.run("usdm_futures", run.cascade(), probe=probed(equal_bounds="works"))
    assert run.rows(manifest) == run.truth("usdm_futures", run.cascade())


WEEK_PART = Window(START, START + DAY_MS)


@pytest.mark.parametrize("count", [3, 10])
@pytest.mark.parametrize("keep", KEEPS)
def test_on_the_worst_day_many_symbols_are_asked_for_apart_too(start, count, keep):
    run = start(keep=keep, tie_rows=0)
    window = run.cascade()
    counts = Counter(json.loads(body)["symbol"] for body in run.truth("usdm_futures", window))
    symbols = sorted(symbol for symbol, _ in counts.most_common(count))
    manifest = run.run("usdm_futures", window, symbols=symbols)
    assert manifest.object.rows == sum(counts[symbol] for symbol in symbols)
    pages = sum(3 + -(-counts[symbol] // 90) for symbol in symbols)
    # Six requests for all, until the filter was seen to come first.
    assert manifest.proof.weight <= 6 * 50 + 20 * pages
    assert manifest.proof.weight < 50 * -(-sum(counts.values()) // 100)


@pytest.mark.parametrize("max_span_hours", [None, 5.0])
def test_a_symbol_that_is_no_longer_listed_is_found_among_all(start, max_span_hours):
    run = start(max_span_hours=max_span_hours)
    window = run.cascade()
    known = sorted({json.loads(body)["symbol"] for body in run.truth("usdm_futures", window)})[:2]
    manifest = run.run("usdm_futures", window, symbols=["GONEUSDT", *known])
    expected = [b for b in run.truth("usdm_futures", window) if json.loads(b)["symbol"] in known]
    assert run.rows(manifest) == expected


def test_isolated_symbols_are_asked_for_by_their_own_parameter(start):
    rows = [make("margin", 1, START + 5, isIsolated=True), make("margin", 2, START + 6, isIsolated=False)]
    run = start({"margin": rows})
    assert run.rows(run.run("margin", WEEK_PART, symbols=["BTCUSDT"])) == spell(rows[:1])
    assert run.exchange.requests[-1].params["isolatedSymbol"] == "BTCUSDT"


def test_an_endpoint_without_a_symbol_filter_is_filtered_here(start):
    rows = [make("portfolio_margin", 1, START + 5), make("portfolio_margin", 2, START + 6, symbol="BNBBTC")]
    run = start({"portfolio_margin": rows})
    assert run.rows(run.run("portfolio_margin", WEEK_PART, symbols=["BNBBTC"])) == spell(rows[1:])


@pytest.mark.parametrize(
    ("endpoint", "symbols", "auto_close_type", "message"),
    [
        ("usdm_futures", "BTCUSDT", None, "has to be a list of symbols"),
        ("usdm_futures", ["BTCUSDT", ""], None, "symbols: '' is not a symbol$"),
        ("usdm_futures", ["btcusdt"], None, "'btcusdt' is not a symbol; .* in capitals .* as 'BTCUSDT'$"),
        ("usdm_futures", [" BTCUSDT"], None, "without spaces, such as 'BTCUSDT'$"),
        ("usdm_futures", [7], None, "symbols: 7 is not a symbol$"),
        ("usdm_futures", [None], None, "None is not a symbol$"),
        ("usdm_futures", None, "liquidation", "it takes LIQUIDATION or ADL"),
        ("margin", None, "ADL", "it takes none: it has no such filter"),
        ("portfolio_margin", None, "LIQUIDATION", "it takes none"),
    ],
)
def test_a_filter_that_the_endpoint_does_not_have_is_refused(endpoint, symbols, auto_close_type, message):
    with pytest.raises(InvalidRequest, match=message):
        Filters.of(get_endpoint(endpoint), symbols, auto_close_type)


# --- the manifest ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_manifest_says_what_was_done_and_matches_its_object(start, endpoint, compression, tmp_path):
    run = start()
    manifest = run.run(endpoint, WEEK_PART, compression=compression)
    sent = [request for request in run.exchange.requests if request.endpoint == endpoint]
    stored = open_destination(manifest.object.uri).read_bytes()
    assert (manifest.endpoint, manifest.account) == (endpoint, "desk")
    assert (manifest.window.start, manifest.window.end) == ("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z")
    assert manifest.object.sha256 == hashlib.sha256(stored).hexdigest()
    assert manifest.object.bytes == len(stored)
    assert manifest.proof.requests == len(sent)
    assert manifest.proof.weight == sum(request.weight for request in sent)
    assert manifest.proof.method
    assert manifest.extracted_at.startswith("2026-10-1")
    assert manifest.provider_version == __version__
    assert from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest
    assert fetch_object(manifest, tmp_path).read_bytes().count(b"\n") == manifest.object.rows


def test_a_manifest_says_what_its_rows_are_worth_by_the_rows_of_its_object(start):
    run = start()
    manifest = run.run("usdm_futures", run.cascade())
    rows = [json.loads(line) for line in run.rows(manifest)]
    sums = {
        quote: sum(
            Decimal(row["cumQuote"]) for row in rows if row["symbol"].partition("_")[0].endswith(quote)
        )
        for quote in ("USDC", "USDT")
    }
    assert {unit: Decimal(amount) for unit, amount in manifest.notional.amounts.items()} == {
        quote: amount for quote, amount in sums.items() if amount
    }
    assert manifest.notional.unpriced == 0


def test_running_twice_gives_the_same_key_and_the_same_bytes(start):
    run = start(order="shuffled")
    first = run.run("usdm_futures", run.cascade(), compression="gzip")
    run.world.now_s += 3600
    second = run.run("usdm_futures", run.cascade(), compression="gzip")
    assert first.object == second.object


@pytest.mark.parametrize("other", [{"keep": "oldest"}, {"order": "order_id"}])
def test_the_bytes_do_not_depend_on_how_the_exchange_hands_the_rows_out(start, other):
    one, two = start(), start(**other)
    assert one.run("usdm_futures", one.cascade()).object == two.run("usdm_futures", two.cascade()).object


def test_an_incomplete_reason_is_in_the_manifest_and_makes_it_no_proof(start):
    run = start()
    manifest = run.run("usdm_futures", WEEK_PART, retention_days=1, beyond_retention="extract")
    assert not manifest.proof.complete
    assert manifest.proof.incomplete_reasons == ("within_retention",)
    assert "the 1 day that the exchange keeps (as `retention_days` says; from " in manifest.proof.caveats[0]


@pytest.mark.parametrize("policy", ["fail", "skip"])
def test_a_window_that_grows_too_old_while_it_is_read_is_not_claimed(start, policy):
    run = start()
    run.exchange.add_fault(Fault("http_503_unavailable", endpoint="usdm_futures", times=4))
    run.world.now_s = START / 1000 + 12 * 86_400 - 1  # it is asked again for longer than that
    with pytest.raises(BeyondRetention, match="begins before"):
        run.run("usdm_futures", WEEK_PART, retention_days=12, beyond_retention=policy)
    assert not list(run.directory.rglob("*.json"))


@pytest.mark.parametrize("ahead_s", [600, -600])
def test_whether_a_window_is_over_is_reported_by_the_clock_of_the_exchange(start, ahead_s):
    run = start(clock_offset_ms=-ahead_s * 1000)
    end_ms = int(run.world.clock() * 1000) - 120_000
    window = Window(end_ms - DAY_MS, end_ms)
    if ahead_s < 0:
        assert run.run("usdm_futures", window, settle_ms=60_000).object.rows >= 0
        return
    with pytest.raises(NotSettled) as caught:
        run.run("usdm_futures", window, settle_ms=60_000)
    assert caught.value.retry_at_ms == pytest.approx(end_ms + (ahead_s + 60) * 1000, abs=1000)


def after_a_clock_of_another_task(run, *, behind_s):
    """Return a job for a window that ended two minutes ago by this machine's clock, which was just set wrong.

    What another task had found a minute before, that it is right, is out of date.
    """
    now_ms = int(run.world.clock() * 1000)
    store = OwnRateLimitState()
    with store.open() as state:
        state.clocks["fapi"] = (0, now_ms - 60_000)
    client = BinanceClient(run.reach, store=store, **run.world.arguments)
    window = Window(now_ms - 120_000 - DAY_MS, now_ms - 120_000)
    job = run.job("usdm_futures", window, settle_ms=60_000)
    return job, client, window.end_ms + (behind_s + 60) * 1000


def test_a_window_is_not_claimed_if_the_clock_by_which_it_was_over_turns_out_to_be_wrong(start):
    run = start(clock_offset_ms=-540_000)
    job, client, ready_ms = after_a_clock_of_another_task(run, behind_s=540)
    with closing(client), pytest.raises(NotSettled) as caught:
        job.run(client=client, clock=run.world.clock)
    assert caught.value.retry_at_ms == pytest.approx(ready_ms, abs=1000)
    assert not list(run.directory.rglob("*.json"))


def test_answers_from_before_the_window_was_over_are_not_kept_for_the_time_after_a_ban(start):
    run = start(clock_offset_ms=-540_000)
    run.world.now_s = run.cascade().end_ms / 1000 + 120
    run.exchange.add_fault(Fault("http_418", endpoint="usdm_futures", nth=4))
    job, client, _ = after_a_clock_of_another_task(run, behind_s=540)
    with closing(client), pytest.raises(IpBanned) as caught:
        job.run(client=client, clock=run.world.clock)
    assert caught.value.resume.journal is None


def test_an_empty_answer_of_portfolio_margin_says_that_it_is_no_proof(start):
    manifest = start({}).run("portfolio_margin", WEEK_PART)
    assert "Risk-Based Liquidation Adjustment" in manifest.proof.caveats[-1]


def test_a_job_without_a_client_makes_one_of_its_own_and_closes_it(start, monkeypatch):
    closed = []
    close = BinanceClient.close
    monkeypatch.setattr(BinanceClient, "close", lambda self: closed.append(close(self)))
    run = start({})
    run.job("margin", WEEK_PART).run(clock=run.world.clock)
    assert len(closed) == 1


# --- what fails -----------------------------------------------------------------------------------------


def test_an_environment_without_the_family_is_reported_before_anything_is_sent(start):
    import dataclasses

    run = start({})
    reach = dataclasses.replace(run.reach, origins={"fapi": run.exchange.url})
    with pytest.raises(InvalidRequest, match="environment has no sapi, so no margin"):
        run.job("margin", WEEK_PART, reach=reach).run()
    assert run.exchange.requests == ()


@pytest.mark.parametrize("destination", ["", "lake", "s3://missing_connection@bucket/x"])
def test_a_destination_that_is_none_is_reported_before_any_weight_is_spent(start, destination):
    run = start({})
    with pytest.raises(InvalidRequest, match="destination"):
        run.run("usdm_futures", WEEK_PART, destination=destination)
    assert run.exchange.requests == ()


def test_a_destination_that_cannot_be_written_is_a_storage_error(start):
    run = start({})
    with pytest.raises(StorageError):
        run.run("usdm_futures", WEEK_PART, destination="file:///dev/null/lake")


RECOVERED = [
    "connection_refused", "reset_before_body", "reset_in_body", "truncated_json", "empty_body", "not_json",
    "null_body", "error_object_200", "gzip", "wrong_content_type", "http_400_1021", "http_408", "http_429",
    "http_500", "http_502_html", "http_503_unknown", "http_503_unavailable", "http_503_internal",
    "http_503_throttled", "http_504", "duplicate_rows",
]  # fmt: skip
FATAL = {
    "http_400": LiquidationsError,
    "http_400_1022": KeyRejected,
    "http_401_2015": KeyRejected,
    "http_403_html": LiquidationsError,
    "http_404": LiquidationsError,
    "http_451": LiquidationsError,
    "redirect_same_host": LiquidationsError,
    "redirect_other_host": LiquidationsError,
    "row_outside_window": UnexpectedRow,
    "row_unidentified": UnexpectedRow,
}


@covering("fault, endpoint, nth", RECOVERED, ["usdm_futures", "margin"], [1, 3, 5])
def test_a_fault_on_the_first_a_middle_or_the_last_page_loses_no_row(start, endpoint, fault, nth):
    run = start(cascade_rows=450)
    run.exchange.add_fault(Fault(fault, endpoint=endpoint, nth=nth))
    manifest = run.run(endpoint, run.cascade())
    assert [request.fault for request in run.exchange.requests if request.fault] == [fault]
    assert run.rows(manifest) == run.truth(endpoint, run.cascade())
    assert run.exchange.stats.during_hold == 0


@covering("fault, endpoint, nth", list(FATAL), ["usdm_futures", "margin"], [1, 3, 5])
def test_a_fault_that_nothing_resolves_fails_with_a_specific_error_and_writes_nothing(
    start, endpoint, fault, nth
):
    run = start(cascade_rows=450)
    run.exchange.add_fault(Fault(fault, endpoint=endpoint, nth=nth))
    with pytest.raises(FATAL[fault]) as caught:
        run.run(endpoint, run.cascade())
    assert str(caught.value).startswith(f"{endpoint} [2026-10-0")
    assert not list(run.directory.rglob("*.ndjson*"))
    assert not list(run.directory.rglob("*.json"))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_exchange_that_stays_down_is_asked_a_bounded_number_of_times(start, endpoint):
    run = start()
    run.exchange.add_fault(Fault("http_503_unavailable", times=None))
    with pytest.raises(ExchangeUnavailable):
        run.run(endpoint, WEEK_PART)
    assert sum(request.endpoint == endpoint for request in run.exchange.requests) == ATTEMPTS


@pytest.mark.parametrize("endpoint", BY_NUMBER)
@pytest.mark.parametrize("drift", ["total", "shift", "repeat"])
def test_numbered_pages_that_never_hold_still_fail_with_a_specific_error(start, endpoint, drift):
    run = start(drift=drift, cascade_rows=250)
    with pytest.raises(UnstablePaging):
        run.run(endpoint, run.cascade())
    assert not list(run.directory.rglob("*.ndjson*"))


@pytest.mark.parametrize("endpoint", BY_NUMBER)
@pytest.mark.parametrize("fault", ["total_changes", "rows_shift", "rows_repeat", "row_withheld"])
def test_numbered_pages_that_moved_once_are_read_again(start, endpoint, fault):
    run = start(cascade_rows=250)
    run.exchange.add_fault(Fault(fault, endpoint=endpoint, nth=2))
    manifest = run.run(endpoint, run.cascade())
    assert run.rows(manifest) == run.truth(endpoint, run.cascade())

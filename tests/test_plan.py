"""`binance-liq plan`: what it prints, refuses, and says of itself in `docs/plan.md`."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS

PAGE = (Path(__file__).parents[1] / "docs" / "plan.md").read_text(encoding="utf-8")
FILTERED = "symbols: one request for all symbols (weight 50), filtered by the provider"
NINETY_DAYS = ("--start", "2026-08-03", "--end", "2026-11-01", "--now", "2026-11-01")


class Told:
    """What one run of the command came to."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        self.lines = out.splitlines()
        self.notes = [line for line in self.lines if line.startswith("note ")]

    @property
    def json(self):
        return json.loads(self.out)

    def row(self, name, table=0):
        """The cells of the row that begins with a name, in the first table or a later one."""
        found = [re.split(r"  +", line.strip()) for line in self.lines if line.split(" ")[0] == name]
        return found[table][1:]


@pytest.fixture
def tell(capsys):
    def run(*words):
        try:
            status = main(["plan", *words])
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return Told(status, captured.out, captured.err)

    return run


# --- what is printed ------------------------------------------------------------------------------------


def test_ninety_days_of_six_endpoints_and_two_accounts(tell):
    expected = {
        "usdm_futures": ["180", "180", "9,000", "8"],
        "coinm_futures": ["180", "180", "9,000", "8"],
        "portfolio_um": ["180", "180", "9,000", "3"],
        "portfolio_cm": ["180", "180", "9,000", "3"],
        "portfolio_margin": ["180", "180", "180", "1"],
        "margin": ["180", "180", "180", "1"],
    }
    words = [word for name in expected for word in ("--endpoint", name)]
    told = tell(*words, *NINETY_DAYS, "--accounts", "2")
    assert told.status == 0
    assert told.lines[0].startswith("WARNING: no account has all of these")
    assert told.lines[1] == (
        "90 windows of 1d from 2026-08-03T00:00:00Z to 2026-11-01T00:00:00Z, 2 accounts, a share of 0.5"
    )
    assert {name: told.row(name) for name in expected} == expected
    assert told.row("futures") == ["18,000", "1,200", "15"]
    assert told.row("papi") == ["18,180", "3,000", "7"]
    assert told.row("sapi:margin") == ["180", "6,000", "1"]
    assert told.lines[-1] == (
        "At least 1,080 requests of a weight of 36,360, in 15 minutes: each pool has its own weight"
    )


def test_hours_are_written_where_there_are_some(tell):
    told = tell("--endpoint", "usdm_futures", *NINETY_DAYS, "--every", "1h", "--share", "0.025")
    assert "in 2,160 minutes (36 h 0 min)" in told.lines[-1]


def test_one_of_each_is_written_in_the_singular(tell):
    told = tell("--endpoint", "margin", "--start", "2026-09-01", "--end", "2026-09-02", "--now", "2026-10-01")
    assert "1 window of 1d" in told.lines[0]
    assert "1 account," in told.lines[0]
    assert "At least 1 request of a weight of 1, in 1 minute:" in told.lines[-1]


def test_beyond_retention_is_reported_for_each_endpoint_with_how_it_is_known(tell):
    told = tell(*NINETY_DAYS[:4], "--now", "2026-11-11T12:00:00Z", "--accounts", "2")
    assert {name: told.row(name, 1) for name in WITH_ORDERS} == {
        name: [
            "22",
            "2026-08-13T12:00:00Z",
            f"90 days, {'documented' if ENDPOINTS[name].retention_days else 'assumed'}",
        ]
        for name in WITH_ORDERS
    }


def test_nothing_is_beyond_retention_on_its_last_day(tell):
    told = tell(*NINETY_DAYS, "--json").json
    assert {part["retention"]["windows"] for part in told["endpoints"]} == {0}


@pytest.mark.parametrize("symbols", [1, 2, 3, 10])
def test_symbols_are_filtered_here_because_a_filter_may_come_after_the_limit(tell, symbols):
    words = ["--endpoint", "usdm_futures", *NINETY_DAYS]
    words += [word for number in range(symbols) for word in ("--symbol", f"S{number}USDT")]
    (note,) = tell(*words).notes
    assert "one request for all symbols (weight 50), filtered by the provider" in note
    assert note.endswith("it is not documented whether a symbol filter is applied before the limit")
    told = tell(*words, "--json").json
    assert (told["endpoints"][0]["symbols"], len(told["symbols_given"])) == ("filtered", symbols)


@pytest.mark.parametrize(
    ("endpoint", "way", "says"),
    [
        (
            "portfolio_margin",
            "filtered",
            "(weight 1), filtered by the provider, because the endpoint has no symbol",
        ),
        (
            "margin",
            "apart",
            "one request for each (weight 1), because it is not documented whether one for all",
        ),
    ],
)
def test_what_endpoints_do_with_symbols_in_their_own_way_is_said(tell, endpoint, way, says):
    words = ("--endpoint", endpoint, "--symbol", "BTCUSDT", *NINETY_DAYS)
    (note,) = tell(*words).notes
    assert says in note
    assert tell(*words, "--json").json["endpoints"][0]["symbols"] == way


def test_a_symbol_and_an_endpoint_given_twice_count_once(tell):
    words = ("--endpoint", "margin", "--symbol", "BTCUSDT")
    assert tell(*words, *words, *NINETY_DAYS).out == tell(*words, *NINETY_DAYS).out


def test_a_window_that_is_asked_for_in_spans_is_named(tell):
    told = tell("--endpoint", "usdm_futures", *NINETY_DAYS, "--every", "1w")
    assert told.notes == [
        "note usdm_futures: 13 windows in 25 spans: one request does not span a whole window"
    ]


def test_windows_that_are_not_over_are_named(tell):
    words = ("--endpoint", "usdm_futures", *NINETY_DAYS[:4], "--now", "2026-10-31T00:00:00.001Z")
    (note,) = tell(*words).notes
    assert note.startswith("note 1 of 90 windows end after 2026-10-31T00:00:00.001Z: each has to be over")
    assert tell(*words, "--json").json["not_over"] == 1


def test_both_kinds_of_account_in_one_plan_are_named(tell):
    told = tell("--endpoint", "portfolio_um", "--endpoint", "margin", *NINETY_DAYS)
    # First, since the total at the end is that of no account.
    warning = "WARNING: no account has all of these, but either margin or portfolio_um. With --endpoint"
    assert told.lines[0].startswith(warning)
    assert not told.notes


def test_a_cascade_takes_a_request_for_each_hundred_rows(tell):
    told = tell("--endpoint", "usdm_futures", *NINETY_DAYS, "--rows-per-window", "1001")
    assert told.row("usdm_futures")[:2] == ["90", "990"]


@pytest.mark.parametrize(
    ("every", "windows"),
    [("30m", 48 * 90), ("6h", 360), ("1d", 90), ("2d", 45), ("13d", 7), ("999999999w", 1)],
)
def test_windows_are_as_long_as_asked_for(tell, every, windows):
    told = tell("--endpoint", "margin", *NINETY_DAYS, "--every", every, "--json").json
    assert told["windows"] == windows


def test_an_instant_is_in_utc_unless_it_names_its_zone(tell):
    words = (
        "--endpoint",
        "margin",
        "--start",
        "2026-08-03T02:00",
        "--end",
        "2026-08-04T02:00+02:00",
        "--json",
    )
    told = tell(*words, "--now", "2026-11-01").json
    assert (told["start"], told["end"]) == ("2026-08-03T02:00:00Z", "2026-08-04T00:00:00Z")


@pytest.mark.clock
def test_without_now_retention_is_judged_now(tell, monkeypatch):
    monkeypatch.setattr("airflow_provider_binance_liq.plan.command.time.time", lambda: 1_793_491_200.0)
    assert tell(*NINETY_DAYS[:4], "--json").json["now"] == "2026-11-01T00:00:00Z"


# --- what is refused ------------------------------------------------------------------------------------

RANGE = ("--start", "2026-09-01", "--end", "2026-11-01")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((*RANGE, "--endpoint", "spot"), f"unknown endpoint 'spot'; choose one of {', '.join(ENDPOINTS)}."),
        (("--start", "2026-11-01", "--end", "2026-09-01"), "is not before end 2026-09-01T00:00:00Z"),
        (("--start", "2026-11-01", "--end", "2026-11-01"), "is not before end 2026-11-01T00:00:00Z"),
        (("--start", "tomorrow", "--end", "2026-11-01"), "--start: 'tomorrow' is not an ISO 8601 day"),
        (("--start", "2026-09-01", "--end", "2026-09-31"), "--end: '2026-09-31' is not an ISO 8601"),
        (("--start", "1969-12-31", "--end", "2026-09-01"), "--start: '1969-12-31' is not"),
        (("--start", "0001-01-01T00:00+14:00", "--end", "2026-09-01"), "--start: '0001-01-01T00:00+14:00'"),
        ((*RANGE, "--now", "0001-01-01"), "--now: '0001-01-01' is not"),
        ((*RANGE, "--share", "0.009"), "the share is 0.009; it takes a number from 0.01 to 1"),
        ((*RANGE, "--share", "1.01"), "the share is 1.01; it takes a number from 0.01 to 1"),
        ((*RANGE, "--share", "nan"), "the share is nan; it takes a number from 0.01 to 1"),
        ((*RANGE, "--share", "0.01"), "it takes a share of 0.021 or more"),
        ((*RANGE, "--accounts", "0"), "there are 0 accounts; it takes a number from 1"),
        ((*RANGE, "--rows-per-window", "-1"), "there are -1 rows per window; it takes a number from 0"),
        ((*RANGE, "--every", "0d"), "every is '0d'; it takes the length of a window: 30m, 6h, 1d or 1w"),
        ((*RANGE, "--every", "day"), "every is 'day'; it takes the length of a window"),
        ((*RANGE, "--symbol", "btcusdt"), "symbols: 'btcusdt' is not a symbol; Binance writes"),
        ((*RANGE, "--symbol", ""), "symbols: '' is not a symbol"),
    ],
)
def test_what_is_wrong_is_said_with_status_2(tell, words, says):
    told = tell(*words)
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith("binance-liq plan: ")
    assert told.err.count("\n") == 1
    assert says in told.err
    told = tell(*words, "--json")
    assert (told.status, told.json["status"], told.json["schema_version"]) == (2, 2, 1)
    assert says in told.json["error"]


@pytest.mark.parametrize(
    "words", [(), ("--start", "2026-09-01"), (*RANGE, "--accounts", "two"), (*RANGE, "--share", "half")]
)
def test_what_is_missing_or_no_number_is_said_with_status_2(tell, words):
    told = tell(*words)
    assert (told.status, told.out) == (2, "")
    assert "usage: binance-liq plan" in told.err


# --- the page -------------------------------------------------------------------------------------------


def test_the_pages_example_is_what_is_printed(tell):
    ((command, output),) = re.findall(r"```\n\$ ((?:[^\n]*\\\n)*[^\n]*)\n(.*?)```", PAGE, re.DOTALL)
    assert output.count("\n") > 10
    name, command_name, *words = shlex.split(command.replace("\\\n", " "))
    assert (name, command_name) == ("binance-liq", "plan")
    assert tell(*words).out == output


def members(value, prefix=""):
    """The names of a document's members, those of lists with `[]`."""
    if isinstance(value, list):
        return set().union(*(members(one, f"{prefix}[]") for one in value)) if value else set()
    if not isinstance(value, dict):
        return set()
    named = {f"{prefix}.{name}" if prefix else name: one for name, one in value.items()}
    return set(named).union(*(members(one, name) for name, one in named.items()))


def test_the_page_lists_the_documents_members(tell):
    section = PAGE.split("## The JSON document")[1]
    listed = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    assert listed[:3] == list(tell(*RANGE, "--every", "?", "--json").json)
    assert len(listed) == len(set(listed))
    assert set(listed) == members(tell(*NINETY_DAYS, "--json").json)


def test_the_page_lists_the_options(tell):
    options = set(re.findall(r"^  (--[a-z-]+)", tell("--help").out, re.MULTILINE))
    assert options == set(re.findall(r"^\| `(--[a-z-]+)` \|", PAGE, re.MULTILINE))


def test_the_numbers_of_the_document_are_those_of_its_parts(tell):
    told = tell(*NINETY_DAYS, "--accounts", "2", "--symbol", "BTCUSDT", "--json").json
    for whole in ("requests", "weight"):
        assert told[whole] == sum(part[whole] for part in told["endpoints"])
        assert told[whole] == sum(pool[whole] for pool in told["pools"])
    assert told["windows"] == sum(part["windows"] for part in told["endpoints"])
    assert told["minutes"] == max(pool["minutes"] for pool in told["pools"])
    assert all(part["weight"] == part["requests"] * part["request_weight"] for part in told["endpoints"])


def test_it_needs_neither_airflow_nor_a_client():
    script = (
        "import sys; from airflow_provider_binance_liq.cli import main\n"
        "main(['plan', '--start', '2026-09-01', '--end', '2026-11-01'])\n"
        "print({'airflow', 'requests', 'cryptography'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"

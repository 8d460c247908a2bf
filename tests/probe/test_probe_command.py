"""`binance-liq probe`: states the weight, asks for consent, prints a table and writes a report."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.probe_report import read_report
from airflow_provider_binance_liq.simulator import ExplicitHistory, Settings, Simulator, make_row

pytestmark = pytest.mark.clock
MINUTE_MS = 60_000


@pytest.fixture
def exchange():
    """An exchange in real time, whose account was liquidated lately."""
    import time

    now_ms = int(time.time() * 1000)
    rows = [
        make_row(
            "margin", orderId=number, time=now_ms - (number + 5) * MINUTE_MS, isIsolated=bool(number % 2)
        )
        for number in range(6)
    ]
    with Simulator(
        Settings(seed=3, accounts=("desk",)), history=ExplicitHistory({"margin": rows})
    ) as running:
        yield running


@pytest.fixture
def connection(exchange, set_connection):
    key = exchange.credentials("desk")
    extra = {"base_url": exchange.url, "account": "desk-7"}
    return set_connection(
        "binance_desk", conn_type="binance", login=key.api_key, password=key.secret, extra=extra
    )


def run(*words):
    return main(["probe", "--conn-id", "binance_desk", *words])


def test_the_weight_is_stated_before_anything_is_asked(connection, exchange, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert run("--endpoint", "margin") == 2
    said = capsys.readouterr().err
    assert re.search(r"at a weight of at most [\d,]+ in all", said)
    assert "nothing was asked: agree with --yes, or set --max-weight" in said
    assert exchange.requests == ()


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("yes\n", 0), ("n\n", 2), ("\n", 2), ("", 2)])
def test_a_person_at_a_terminal_is_asked(connection, exchange, capsys, monkeypatch, answer, status):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert run("--endpoint", "margin") == status
    assert "Go on? [y/N]" in capsys.readouterr().err
    assert bool(exchange.requests) == (status == 0)


def test_a_table_is_printed_and_a_report_written(connection, exchange, capsys, tmp_path):
    file = tmp_path / "probe.json"
    assert run("--endpoint", "margin", "--yes", "--report", str(file)) == 0
    printed = capsys.readouterr()
    report = read_report(file.read_bytes(), account="desk-7")
    assert list(report.endpoints) == ["margin"]
    assert report.endpoints["margin"].premises["isolated_rows"].verdict == "observed"
    assert list(report.hosts.values()) == [exchange.url.removeprefix("http://")]
    header = next(line for line in printed.out.splitlines() if "question" in line)
    assert [cell.strip() for cell in header.split("|")] == ["question", "answer", "how it was told"]
    stated = int(re.search(r"at most ([\d,]+) in all", printed.err)[1].replace(",", ""))
    assert exchange.stats.weight <= stated


def test_what_airflow_says_is_kept_out_of_the_table(connection):
    words = ["-m", "airflow_provider_binance_liq.cli", "probe", "--conn-id", connection, "--yes"]
    done = subprocess.run(
        [sys.executable, *words, "--endpoint", "margin"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.startswith("account desk-7, ")


def test_nothing_that_is_printed_or_written_is_a_secret(connection, exchange, capsys, caplog, tmp_path):
    caplog.set_level("DEBUG")
    file = tmp_path / "probe.json"
    assert run("--max-weight", "3000", "--report", str(file)) == 0
    printed = capsys.readouterr()
    key = exchange.credentials("desk")
    signatures = {request.params["signature"] for request in exchange.requests if request.has_key}
    assert len(signatures) > 20
    for text in (printed.out, printed.err, file.read_text(encoding="utf-8"), caplog.text):
        assert not [secret for secret in (key.api_key, key.secret, *signatures) if secret in text]
    assert exchange.stats.weight <= 3000


def test_it_only_reads(connection, exchange):
    assert run("--endpoint", "margin", "--yes") == 0
    assert {request.method for request in exchange.requests} == {"GET"}


def test_a_key_that_is_refused_everywhere_is_an_answer(set_connection, exchange, capsys, tmp_path):
    file = tmp_path / "probe.json"
    set_connection(
        "binance_desk",
        conn_type="binance",
        login="a" * 64,
        password="wrong",
        extra={"base_url": exchange.url},
    )
    assert run("--endpoint", "margin", "--yes", "--report", str(file)) == 0
    assert "margin refuses this key" in capsys.readouterr().out
    assert json.loads(file.read_text(encoding="utf-8"))["endpoints"]["margin"]["access"] == "key_refused"


def test_an_exchange_that_is_not_there_ends_with_status_1(set_connection, capsys):
    extra = {"base_url": "http://127.0.0.1:9"}
    set_connection("binance_desk", conn_type="binance", login="a" * 64, password="b" * 64, extra=extra)
    assert run("--endpoint", "margin", "--yes") == 1
    assert "was not asked to the end" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--endpoint", "spot"],
        ["--days", "0"],
        ["--days", "x"],
        ["--max-weight", "-1"],
        ["--near", "yesterday"],
    ],
)
def test_an_option_that_cannot_be_ends_with_status_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        run(*words)
    assert ended.value.code == 2


def test_a_connection_that_is_missing_or_wrong_ends_with_status_2(set_connection, capsys):
    assert main(["probe", "--conn-id", "no_such_connection", "--yes"]) == 2
    set_connection("binance_desk", conn_type="binance", login="", password="x")
    assert run("--yes") == 2
    assert "the login is empty" in capsys.readouterr().err


def test_an_instant_that_is_given_is_looked_at_first(connection, exchange):
    from datetime import UTC, datetime

    near = datetime.fromtimestamp(exchange.now_ms / 1000 - 600, UTC).isoformat()
    assert run("--endpoint", "margin", "--yes", "--near", near) == 0
    first = next(request for request in exchange.requests if request.endpoint == "margin")
    assert int(first.params["endTime"]) - int(first.params["startTime"]) < 60 * MINUTE_MS + 1

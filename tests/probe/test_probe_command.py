"""`binance-liq probe`: states the weight, asks for consent, prints a table and writes a report."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys

import pytest
from interrupts import interrupt
from support.fixed_days import BEGIN

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.probe_report import read_report
from airflow_provider_binance_liq.simulator import ExplicitHistory, Settings, Simulator, make_row

pytestmark = pytest.mark.clock
MINUTE_MS = 60_000


@pytest.fixture
def exchange(fixed_clock):
    """An exchange whose account was liquidated lately."""
    now_ms = int(BEGIN.timestamp() * 1000)
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
def connection(exchange, connect_to):
    return connect_to(exchange, "binance_desk", account="desk", extra={"account": "desk-7"})


def run(*words):
    return main(["probe", "--conn-id", "binance_desk", *words])


def test_the_weight_is_stated_before_anything_is_asked(connection, exchange, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert run("--endpoint", "margin") == 2
    said = capsys.readouterr().err
    assert re.search(r"at a weight of at most [\d,]+ in all", said)
    assert "no request was sent: agree with --yes, or set --max-weight" in said
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
    assert [cell.strip() for cell in header.split("|")] == ["question", "answer", "what it rests on"]
    stated = int(re.search(r"at most ([\d,]+) in all", printed.err)[1].replace(",", ""))
    assert exchange.stats.weight <= stated


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert "margin refuses this key (-2015: " in capsys.readouterr().out
    assert json.loads(file.read_text(encoding="utf-8"))["endpoints"]["margin"]["access"] == "key_refused"


def test_an_exchange_that_is_not_there_ends_with_status_1(set_connection, capsys):
    extra = {"base_url": "http://127.0.0.1:9"}
    set_connection("binance_desk", conn_type="binance", login="a" * 64, password="b" * 64, extra=extra)
    assert run("--endpoint", "margin", "--yes") == 1
    printed = capsys.readouterr()
    assert "did not answer" in printed.out
    assert "ended early: margin: no usable answer: the connection is refused" in printed.err
    # Once, and not beside each question.
    assert printed.out.count("the connection is refused") == 1
    assert "no question was answered: " in printed.out


def test_a_port_that_speaks_no_tls_is_reported(set_connection, exchange, capsys):
    extra = {"base_url": exchange.url.replace("http:", "https:")}
    set_connection("binance_desk", conn_type="binance", login="a" * 64, password="b" * 64, extra=extra)
    assert run("--endpoint", "margin", "--endpoint", "usdm_futures", "--yes") == 1
    (said,) = [line for line in capsys.readouterr().err.splitlines() if "ended early" in line]
    assert "margin, usdm_futures: no usable answer: TLS cannot be agreed on" in said


def test_a_host_that_is_unknown_is_reported(set_connection, capsys, monkeypatch):
    def unknown(*_words, **_more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    extra = {"base_url": "https://exchange.invalid"}
    set_connection("binance_desk", conn_type="binance", login="a" * 64, password="b" * 64, extra=extra)
    assert run("--endpoint", "margin", "--yes") == 1
    assert "the host name cannot be resolved: check DNS and `base_url`" in capsys.readouterr().err


def test_a_wrong_secret_is_reported_by_its_code(set_connection, exchange, capsys):
    key = exchange.credentials("desk")
    extra = {"base_url": exchange.url}
    set_connection("binance_desk", conn_type="binance", login=key.api_key, password="wrong", extra=extra)
    assert run("--endpoint", "margin", "--yes") == 0
    shown = capsys.readouterr().out
    assert "margin refuses this key (-1022: the signature is wrong: check the connection's password;" in shown
    assert "the exchange did not answer what this key may do" in shown


@pytest.mark.parametrize("weight", ["20", "300", "900"])
def test_questions_for_which_the_weight_does_not_suffice_are_named(connection, exchange, capsys, weight):
    run("--max-weight", weight)
    said = capsys.readouterr().err
    assert f"ended early: a weight of {weight} does not suffice" in said
    assert "--max-weight" in said
    assert exchange.stats.weight <= int(weight)


def test_one_question_for_which_the_weight_does_not_suffice_is_named_alone(connection, exchange, capsys):
    assert run("--endpoint", "margin", "--max-weight", "60") == 0
    said = capsys.readouterr().err
    assert re.search(r"does not suffice for margin \((?!every question)[a-z_, ]+\)\. Give", said)


def test_a_report_that_cannot_be_written_is_found_before_anything_is_asked(
    connection, exchange, capsys, tmp_path
):
    full = tmp_path / "is_a_file"
    full.write_text("kept")
    for file in (tmp_path, tmp_path / "no" / "such" / "directory.json", full / "below.json"):
        assert run("--endpoint", "margin", "--yes", "--report", str(file)) == 2
        assert f"--report '{file}' cannot be written: " in capsys.readouterr().err
    assert exchange.requests == ()
    assert full.read_text() == "kept"


def test_looking_whether_a_report_can_be_written_changes_no_file(connection, exchange, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text("an earlier report")
    assert run("--report", str(old)) == run("--report", str(new)) == 2
    assert old.read_text() == "an earlier report"
    assert not new.exists()


def test_an_interrupt_writes_what_was_learnt_and_says_what_it_cost(connection, capsys, tmp_path, monkeypatch):
    interrupt(monkeypatch, 30)
    file = tmp_path / "probe.json"
    assert run("--endpoint", "margin", "--yes", "--report", str(file)) == 130
    report = read_report(file.read_bytes(), account="desk-7")
    assert report.endpoints["margin"].rows == 6
    spent = report.endpoints["margin"].weight
    assert f"ended early: interrupted; a weight of {spent} was spent" in capsys.readouterr().err


def test_a_connection_that_does_not_exist_is_reported_with_what_to_do(capsys):
    assert main(["probe", "--conn-id", "binance_dsek", "--yes"]) == 2
    said = capsys.readouterr().err
    assert "connection 'binance_dsek' does not exist; create it" in said
    assert "'airflow connections add'" in said


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

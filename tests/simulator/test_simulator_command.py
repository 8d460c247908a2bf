"""`binance-liq simulator`: what it prints is enough to use it, and it ends well."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from urllib.request import urlopen

import pytest

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.simulator import FAULTS, Fault, Settings
from airflow_provider_binance_liq.simulator.command import _documentation, configure, parse_fault
from airflow_provider_binance_liq.simulator.documented import DOCUMENTED

COMMAND = [sys.executable, "-m", "airflow_provider_binance_liq.cli", "simulator"]


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    configure(parser)
    return parser


def test_every_setting_is_documented_and_has_an_option(parser):
    names = {field.name for field in fields(Settings)}
    assert set(_documentation()) == names
    assert names <= {action.dest for action in parser._actions}


def test_every_option_has_a_help_text(parser):
    assert all(action.help for action in parser._actions)


def test_every_fault_is_listed_with_what_it_does(capsys):
    assert main(["simulator", "--list-faults"]) == 0
    printed = capsys.readouterr().out
    for kind in FAULTS.values():
        assert f"{kind.name} " in printed
        assert kind.description in printed


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("http_500", Fault("http_500")),
        ("http_500@margin", Fault("http_500", "margin")),
        ("http_500:3", Fault("http_500", nth=3)),
        ("http_429@margin:2,retry_after=5,times=all", Fault("http_429", "margin", 2, None, retry_after=5)),
        ("http_418,until_in_body=false,seconds=1.5", Fault("http_418", until_in_body=False, seconds=1.5)),
        ("http_400,message=No way,code=-4165", Fault("http_400", message="No way", code=-4165)),
    ],
)
def test_a_fault_is_written_in_a_word(text, fault):
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text", ["", "http_999", "http_500@spot", "http_500,colour=red", "http_500:0", "http_500,code=x"]
)
def test_a_fault_that_cannot_be_is_explained(text):
    with pytest.raises(argparse.ArgumentTypeError):
        parse_fault(text)


def test_the_truth_is_printed_row_by_row(capfdbinary):
    assert main(["simulator", "--seed", "7", "--truth", "usdm_futures", "2020-07-30", "2020-07-31"]) == 0
    printed = capfdbinary.readouterr().out
    assert printed == b"".join(record.body + b"\n" for record in DOCUMENTED["usdm_futures"])


def test_the_truth_that_the_documentation_shows_has_rows(capfdbinary):
    page = (Path(__file__).resolve().parents[2] / "docs/simulator.md").read_text(encoding="utf-8")
    (command,) = [line for line in page.splitlines() if line.startswith("binance-liq") and "--truth" in line]
    assert main(command.split()[1:]) == 0
    assert capfdbinary.readouterr().out.count(b"\n") == 2500


def test_an_option_that_is_wrong_is_not_hidden_by_a_list_of_all_options(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["simulator", "--seed", "seven"])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "explanation"),
    [
        (["--truth", "spot", "2020-07-30", "2020-07-31"], "unknown endpoint 'spot'"),
        (["--truth", "margin", "yesterday", "2020-07-31"], "Invalid isoformat string"),
        (["--truth", "margin", "2026-10-02", "2026-10-01"], "start 2026-10-02 is not before end 2026-10-01"),
        (["--tie-rows", "5000"], "tie_rows has to be 0 to 1000"),
        (["--port", "70000"], "--port 70000: a port is 0 to 65535"),
        (["--public-key", "demo=Key1=/does/not/exist.pem"], "No such file"),
        (["--public-key", "nobody=Key1=/dev/null"], "unknown account 'nobody'"),
    ],
)
def test_a_mistake_ends_with_status_2_and_a_sentence(words, explanation, capsys):
    assert main(["simulator", *words]) == 2
    assert explanation in capsys.readouterr().err


def test_a_port_in_use_is_said_so(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["simulator", "--port", str(port)]) == 2
    assert f"port {port} is in use" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(number):
    words = ["--port", "0", "--account", "desk", "--account", "fund", "--clock-offset-ms", "5"]
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if "Ctrl-C" in line:
            break
    url, seed = re.search(r"at (\S+), seed (\d+)", lines[0]).groups()
    with urlopen(f"{url}/fapi/v1/time", timeout=5) as answer:
        assert json.load(answer)["serverTime"] > 0
    process.send_signal(number)
    assert process.wait(10) == 0
    assert "ended after 1 requests" in process.stdout.read()
    process.stdout.close()
    exports = [line for line in lines if line.startswith("export AIRFLOW_CONN_BINANCE_")]
    names = [line.split()[1].partition("=")[0] for line in exports]
    assert names == ["AIRFLOW_CONN_BINANCE_DEFAULT", "AIRFLOW_CONN_BINANCE_FUND"]
    connection = json.loads(shlex.split(exports[1])[1].partition("=")[2])
    assert connection["conn_type"] == "binance"
    assert connection["extra"] == {"base_url": url, "account": "fund"}
    assert int(seed) >= 0


def test_without_a_seed_each_run_has_its_own():
    assert len({Settings().seed for _ in range(20)}) > 10

"""docs/probe.md lists every option, every premise and everything that is learnt."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from airflow_provider_binance_liq.core.probe_report import EndpointReport, Learnt, ProbeReport
from airflow_provider_binance_liq.probe.command import configure
from airflow_provider_binance_liq.probe.table import QUESTIONS

PAGE = (Path(__file__).parents[2] / "docs/probe.md").read_text(encoding="utf-8")
FIRST_CELLS = {
    name
    for cell in re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE)
    for name in re.findall(r"`([^`]+)`", cell)
}


def test_every_option_is_documented():
    parser = argparse.ArgumentParser()
    configure(parser)
    options = {action.option_strings[-1] for action in parser._actions} - {"--help"}
    assert options == {name.split()[0] for name in FIRST_CELLS if name.startswith("--")}


def test_every_premise_and_every_learnt_value_is_documented():
    assert set(QUESTIONS) | set(Learnt.__struct_fields__) <= FIRST_CELLS


def test_every_member_of_the_report_is_documented():
    assert set(EndpointReport.__struct_fields__) <= FIRST_CELLS
    assert [name for name in ProbeReport.__struct_fields__ if f"`{name}`" not in PAGE] == ["endpoints"]

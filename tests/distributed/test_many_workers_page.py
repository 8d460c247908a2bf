"""docs/many-workers.md says what the fleet of the tests is run with, and what was measured with it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import fields
from pathlib import Path

import pytest
from figures import Figures, lines
from fleet import SETTINGS, dag_settings
from run import OPTIONS
from size import Size

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS

PAGE = Path(__file__).parents[2] / "docs/many-workers.md"
MEASURED = Path(__file__).with_name("measured.json")


@pytest.fixture
def page():
    return PAGE.read_text(encoding="utf-8")


def between(text, mark):
    before, rest = text.split(f"<!-- {mark} -->\n")
    inside, after = rest.split(f"<!-- end of {mark} -->\n")
    return before, inside, after


def table(text):
    """Return the cells of a table's rows."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def test_every_setting_is_reported_with_the_value_that_it_had(page):
    told = {name.strip("`"): value.strip("`") for name, _, value in table(between(page, "settings")[1])}
    assert {name: str(value) for name, value in SETTINGS.items()}.items() <= told.items()


def test_the_variable_is_that_of_the_fleet(page):
    (shown,) = re.findall(r"```json\n(.*?)```", between(page, "variable")[1], re.DOTALL)
    told = json.loads(shown)
    given = [set(connection.pop("endpoints")) for connection in told["connections"]]
    assert told == {name: value for name, value in dag_settings(Size(days=90)).items() if name != "endpoints"}
    assert set.union(*given) == set(dag_settings(Size(days=90))["endpoints"])


def test_no_account_of_the_variable_has_endpoints_of_both_types(page):
    (shown,) = re.findall(r"```json\n(.*?)```", between(page, "variable")[1], re.DOTALL)
    for connection in json.loads(shown)["connections"]:
        assert len({name.startswith("portfolio_") for name in connection["endpoints"]}) == 1


def test_the_room_for_clients_is_reckoned_as_the_bound_says(page):
    share, others = 0.5, Size(days=90).other_traffic
    pools = {endpoint.weight_pool: endpoint for endpoint in ENDPOINTS.values() if endpoint.weight == 50}
    pools["sapi:margin"] = ENDPOINTS["margin"]
    told = {row[0]: row[1:] for row in table(page) if row[0].strip("`") in pools and len(row) == 4}
    assert told == {
        f"`{name}`": [
            f"{endpoint.family.weight_limit:,}",
            str(endpoint.weight),
            f"{int(endpoint.family.weight_limit * (1 - share) - others) // endpoint.weight:,}",
        ]
        for name, endpoint in pools.items()
    }


def test_every_option_of_the_command_is_reported_with_its_meaning_and_default(page):
    defaults = {one.name: one.default for one in fields(Size)} | {"days": 90}
    told = {row[0].strip("`"): row[1:] for row in table(page) if row[0].startswith("`--")}
    assert told == {
        f"--{name.replace('_', '-')}": [meaning, str(defaults[name])] for name, meaning in OPTIONS.items()
    } | {
        "--json": ["write the figures there, as JSON", ""],
        "--directory": [
            "where logs and data are written, and kept",
            "a temporary one, removed if all is well",
        ],
    }


def test_the_figures_are_those_that_were_measured(page):
    figures = Figures.from_dict(json.loads(MEASURED.read_text(encoding="utf-8")))
    before, _, after = between(page, "measured")
    report = "\n".join(lines(figures))
    whole = f"{before}<!-- measured -->\n\n{report}\n\n<!-- end of measured -->\n{after}"
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(whole, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == whole
    assert figures.is_well

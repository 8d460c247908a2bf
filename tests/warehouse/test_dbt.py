"""The dbt package runs as its page shows, on both warehouses, with the answers of the queries."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.dbt_package import MODELS, OPTIONAL, ROOT, TABLES, TESTS
from support.lakehouse import row
from support.other_kinds import FLOWS, LOANS, flow, loan

from airflow_provider_binance_liq.warehouse.queries import QUERIES

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/dbt.md").read_text(encoding="utf-8")
SHELL = re.findall(r"```shell\n(.*?)```", PAGE, re.DOTALL)
PROJECT = "name: desk\nversion: 1.0.0\nconfig-version: 2\nprofile: desk\n"


def listed(heading):
    """Names in the first column of a table."""
    (table,) = re.findall(rf"^\| {heading} \|.*?\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])]


def test_the_page_lists_every_model_test_and_variable():
    files = "".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*") if path.is_file())
    assert set(listed("model")) == set(MODELS)
    assert set(listed("test")) >= {*TESTS, "nothing_is_lost_soon", "unique_key"}
    assert set(listed("variable")) == set(re.findall(r"var\('(\w+)'", files))
    assert set(OPTIONAL.values()) <= set(listed("variable"))


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Install dbt, as the project's group names it, where Airflow is not."""
    environment = tmp_path_factory.mktemp("dbt") / "environment"
    known = os.environ | {"UV_PROJECT_ENVIRONMENT": str(environment)}
    command = ["uv", "sync", "--quiet", "--only-group", "dbt"]
    subprocess.run(command, cwd=REPOSITORY, env=known, check=True, timeout=280)
    return environment / "bin"


class Project:
    """A dbt project that has the package, as a user would."""

    def __init__(self, directory, programs, output):
        self.directory, self.output = directory, output
        directory.mkdir()
        (directory / "dbt_project.yml").write_text(PROJECT)
        (packages,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
        (directory / "packages.yml").write_text(packages)
        profile = {"desk": {"target": "test", "outputs": {"test": output | {"threads": 1}}}}
        (directory / "profiles.yml").write_text(json.dumps(profile))
        self.environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(directory),
            "PYTHONPATH": str(REPOSITORY),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_PROFILES_DIR": str(directory),
        }

    def run(self, script):
        """Run the page's way to the package, then a script; return its exit status and each node's."""
        (found,) = [line for line in SHELL[0].splitlines() if line.startswith("export ")]
        done = subprocess.run(
            ["/bin/sh", "-ec", f"{found}\n{script}"],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        results = self.directory / "target/run_results.json"
        assert results.exists(), done.stdout + done.stderr
        told = json.loads(results.read_text(encoding="utf-8"))["results"]
        return done.returncode, {one["unique_id"].split(".")[2]: one["status"] for one in told}


def output_of(warehouse):
    if hasattr(warehouse, "path"):
        return {"type": "duckdb", "path": str(warehouse.path), "schema": "main"}
    known = {"host": str(warehouse.server.socket), "port": 5432, "user": "tester", "password": "unused"}
    return {"type": "postgres", "dbname": warehouse.database, "schema": "public", **known}


@pytest.fixture(params=["duckdb", "postgres"])
def house(request):
    found = request.getfixturevalue(request.param)
    found.shared = True  # dbt opens the file from a process of its own
    return found


def recent(lake, rows, days_ago, **known):
    """Lay down a day's window, so many days ago; its rows are of an hour after its start."""
    now = datetime.now(UTC)  # alike on any day: the models count back from now, by the database's own clock
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
    instant = round(start.timestamp() * 1000) + 3600_000
    laid = lake.lay([one(instant) for one in rows], **known)
    window = replace(laid.window, start=start.isoformat(), end=(start + timedelta(days=1)).isoformat())
    return replace(laid, window=window)


@pytest.mark.slow  # it installs dbt, which takes seconds to start
@pytest.mark.clock
def test_the_package_builds_as_the_page_shows_and_its_models_answer_as_the_queries_do(
    house, lake, programs, tmp_path
):
    house.load(
        recent(lake, [lambda at: row(1, at, avgPrice='"2"', executedQty='"3"', cumQuote='"6"')], 5, day=1),
        recent(lake, [], 4, day=2),
        recent(lake, [], 2, day=3),
    )
    project = Project(tmp_path / "project", programs, output_of(house))
    status, nodes = project.run(SHELL[1])
    assert status == 0
    assert {*nodes.values()} == {"success", "pass"}
    assert {*MODELS, *TESTS, "nothing_is_lost_soon"} <= set(nodes)
    assert [name for name in nodes if "capital_flows" in name or "loan" in name] == []
    for model, query in MODELS.items():
        found = house.query(f"SELECT * FROM {model}")
        assert found == house.query(QUERIES[query].sql)
        assert found
    states = [state for (state,) in house.query("SELECT state FROM liquidation_days ORDER BY day")]
    assert states == ["proven", "proven", "missing", "proven"]


@pytest.mark.slow  # it installs dbt, which takes seconds to start
@pytest.mark.clock
@pytest.mark.usefixtures("not_held")
def test_its_tests_find_two_labels_losses_that_are_near_rows_that_are_gone_and_old_loads(
    duckdb, lake, programs, tmp_path
):
    duckdb.load(
        recent(lake, [lambda at: row(1, at)], 85),
        recent(lake, [lambda at: row(1, at)], 85, account="fund"),
        recent(lake, [lambda at: row(2, at)], 5, day=11),
        recent(lake, [lambda at: flow(1, timestamp=at)], 5, endpoint=FLOWS),
        recent(lake, [lambda at: loan(1, liquidationStartingTime=at)], 5, endpoint=LOANS),
    )
    duckdb.load(recent(lake, [], 5, day=11, extracted_at="2026-11-12T00:00:00Z"))
    project = Project(tmp_path / "project", programs, output_of(duckdb))
    enabled = json.dumps(dict.fromkeys(OPTIONAL.values(), True) | {"binance_schema": "main"})
    with (project.directory / "dbt_project.yml").open("a") as settings:
        settings.write("models: {binance_liquidations: {+materialized: table}}\n")
    status, nodes = project.run(f"dbt deps; dbt source freshness; dbt build --vars '{enabled}'")
    told = {name: state for name, state in nodes.items() if state not in ("success", "pass")}
    assert status == 1
    assert told == {
        "no_account_has_two_labels": "fail",
        "liquidation_days": "skipped",
        "liquidation_notional": "skipped",
        "nothing_is_lost_soon": "fail",
        "no_kept_row_is_missing": "warn",
    }
    keys = [name for name in nodes if "unique_key" in name]
    assert len(keys) == len(TABLES)
    made = duckdb.query("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'liquidation%'")
    assert made == [("liquidation_coverage",)]
    # It was loaded at the instant of all tests, more than two days ago.
    ages = json.loads((project.directory / "target/sources.json").read_text(encoding="utf-8"))["results"]
    assert [one["status"] for one in ages] == ["warn"]

"""Every block of code on a page is run by what is named here, is generated, or says why it is not run."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from airflow_provider_binance_liq.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
#: no code: what a log, a tree or a command's output looks like
PICTURES = {"text", ""}
HERE = "tests/docs/test_code_blocks.py"
SITE = "tests/docs/test_site.py"
GUIDE = f"{SITE}::test_every_python_and_json_block_of_a_guide_can_be_read_and_python_runs"
READ = f"{HERE}::test_a_command_that_is_only_read_has_options_that_exist"
RUN = f"{HERE}::test_a_command_that_reads_a_lake_runs_on_one"
#: page → for each of its blocks, in order, what runs it: a test, or a file that continuous integration runs
RUNS = {
    "README.md": [
        ".ci/run: uv run binance-liq demo",
        ".ci/run: uv run pytest",
        "tests/docs/test_docs.py::test_the_readmes_connection_can_be_added_as_shown",
    ],
    "CONTRIBUTING.md": [".ci/run: uv run pytest", ".ci/run: uv run ruff check"],
    "docs/assets.md": [
        "tests/dags/test_assets_page.py::test_the_pages_code_is_a_dag_file_of_an_extraction_and_a_load"
    ],
    "docs/clouds.md": ["tests/docs/test_code_blocks.py::test_the_try_out_takes_the_options_that_are_shown"],
    "docs/compatibility.md": [
        ".ci/run: python tests/versions/run.py 3.2.2 --python 3.12",
        ".ci/run: tests/versions/newer-python.sh python tests/versions/run.py 3.3.2 --python 3.14",
    ],
    "docs/coverage.md": ["tests/operators/test_coverage.py::test_the_pages_dag_code_is_code_that_runs", RUN],
    "docs/dbt.md": [
        "tests/warehouse/test_dbt.py: SHELL",
        "tests/warehouse/test_dbt.py: yaml",
        "tests/warehouse/test_dbt.py: SHELL",
    ],
    "docs/guides/alerts.md": [GUIDE],
    "docs/guides/evidence.md": [
        RUN,
        f"{SITE}::test_the_auditors_check_finds_whole_objects_whole_and_a_changed_one_changed",
    ],
    "docs/guides/first-backfill.md": [
        f"{SITE}::test_the_plan_of_the_first_backfill_runs_as_shown",
        f"{SITE}::test_the_options_of_the_backfill_command_exist",
        f"{SITE}::test_the_members_of_the_backfill_request_exist",
        RUN,
    ],
    "docs/guides/install.md": ["tests/package/run.py: uv", "", "tests/package/run.py: providers", ""],
    "docs/guides/kubernetes.md": [GUIDE],
    "docs/guides/recover-a-gap.md": [RUN],
    "docs/guides/several-accounts.md": [
        READ,
        f"{SITE}::test_the_settings_of_several_accounts_are_settings_that_the_sample_dag_takes",
    ],
    "docs/guides/storage.md": [GUIDE, READ],
    "docs/guides/upgrade.md": [f"{HERE}::test_what_is_uninstalled_has_the_name_of_the_package"],
    "docs/iceberg.md": [
        (
            "tests/warehouse_iceberg/test_iceberg_docs.py::"
            "test_what_it_shows_loads_through_the_connection_and_reads_it_back"
        )
    ]
    * 4,
    "docs/many-workers.md": [
        f"{HERE}::test_what_a_page_installs_is_what_the_package_declares",
        READ,
        READ,
        "",
    ],
    "docs/openlineage.md": [
        f"{HERE}::test_what_a_page_installs_is_what_the_package_declares",
        "tests/lineage/test_openlineage_page.py: json",
    ],
    "docs/plan.md": [READ],
    "docs/probe.md": [READ],
    "docs/reliability.md": [""],
    "docs/second-look.md": [f"{HERE}::test_the_operator_of_a_second_look_is_one"],
    "docs/simulator.md": [
        READ,
        "tests/simulator/test_simulator_command.py::test_the_truth_that_the_documentation_shows_has_rows",
    ],
    "docs/tutorial.md": ["tests/walk/run.py: shell"] * 10,
    "docs/verify.md": [RUN],
    "docs/warehouse.md": [
        "tests/docs/test_warehouse_docs.py::test_the_pages_code_is_code_that_runs",
        (
            "tests/warehouse/test_export.py::"
            "test_the_command_writes_what_the_page_says_and_duckdb_copies_it_as_the_page_shows"
        ),
        (
            "tests/warehouse/test_export.py::"
            "test_the_command_writes_what_the_page_says_and_duckdb_copies_it_as_the_page_shows"
        ),
        "tests/docs/test_warehouse_docs.py: blocks",
    ],
}
EXCUSED = re.compile(r"<!-- not run here: [^>]{10,} -->\s*\Z")


def name(page):
    return page.relative_to(ROOT).as_posix()


def written(page):
    """A page without its generated parts, which whatever writes them compares."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"<!-- ([^>]+) -->\n.*?<!-- end of \1 -->\n", "", text, flags=re.DOTALL)


def blocks(page):
    """Each block of code: its language, its text, and whether a comment before it says why it is not run."""
    text = written(page)
    for found in re.finditer(r"^ *```(\w*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE):
        if found[1] not in PICTURES:
            yield found[1], found[2], bool(EXCUSED.search(text[: found.start()]))


def commands(runner):
    """The commands of all blocks that have that runner."""
    for page in PAGES:
        for (_, text, _), by in zip(blocks(page), RUNS.get(name(page), ()), strict=False):
            if by == runner:
                lines = text.replace("\\\n", " ").splitlines()
                yield from (line.strip().removeprefix("$ ") for line in lines if line.strip())


@pytest.mark.parametrize("page", [page for page in PAGES if list(blocks(page))], ids=name)
def test_each_block_is_run_by_what_is_named_or_says_why_not(page):
    found = list(blocks(page))
    by = RUNS.get(name(page), [""] * len(found))
    assert len(by) == len(found), [text for _, text, _ in found]
    for runner, (_, text, excused) in zip(by, found, strict=True):
        assert runner or excused, text
    for runner in filter(None, by):
        file, is_test, test = runner.partition("::")
        if not is_test:
            file, _, test = runner.partition(": ")
        code = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {test}(" in code if is_test else test in code, runner


def test_no_page_is_named_that_has_no_code():
    assert {page for page in RUNS if not list(blocks(ROOT / page))} == set()


# --- what is run here -----------------------------------------------------------------------------------


@pytest.fixture
def lake(start):
    """A lake of one proven day, and its directory."""
    run = start()
    run.run("usdm_futures", run.cascade())
    return run.directory / "lake"


@pytest.mark.parametrize("command", list(commands(RUN)))
def test_a_command_that_reads_a_lake_runs_on_one(command, lake, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [str(lake) if "://" in word else word for word in shlex.split(command)]
    assert words[0] == "binance-liq"
    output = Path(words[words.index(">") + 1]) if ">" in words else None
    status = main(words[1 : words.index(">") if output else None])
    said = capsys.readouterr()
    # 1: the lake has findings, such as days that are lost by now.
    assert status in {0, 1}, said.err
    if output:
        assert json.loads(said.out)["timelines"]
    written_files = [Path(word) for word in words if word in {"coverage.html", "days.csv"}]
    assert all("usdm_futures" in file.read_text(encoding="utf-8") for file in written_files)


def parse(words):
    """Read a command as the program that it calls does; nothing is run."""
    if words[0] == "airflow":
        from airflow.cli.cli_parser import get_parser

        return get_parser().parse_args(words[1:])
    assert words[0] == "binance-liq"
    parser = argparse.ArgumentParser()
    import_module(COMMANDS[words[1]][0]).configure(parser)
    return parser.parse_args(words[2:])


def is_celery(command):
    return command.startswith("airflow celery")


@pytest.mark.parametrize("command", [one for one in commands(READ) if not is_celery(one)])
def test_a_command_that_is_only_read_has_options_that_exist(command):
    assert parse(shlex.split(command))


def test_a_worker_of_celery_is_started_as_the_measurement_starts_it():
    (command,) = filter(is_celery, commands(READ))
    fleet = (ROOT / "tests/distributed/fleet.py").read_text(encoding="utf-8")
    options = re.findall(r"--[\w-]+", command)
    assert [option for option in options if f'"{option}"' not in fleet] == []


def test_the_try_out_takes_the_options_that_are_shown():
    from airflow_provider_binance_liq.warehouse import try_out

    ((_, text, _),) = blocks(ROOT / "docs/clouds.md")
    words = shlex.split(text.replace("\\\n", " "))
    assert words[:3] == ["python", "-m", try_out.__name__]
    given = try_out.parser().parse_args(words[3:])
    assert given.warehouse == "snowflake"


@pytest.mark.parametrize("page", ["docs/many-workers.md", "docs/openlineage.md"])
def test_what_a_page_installs_is_what_the_package_declares(page):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = next(text for _, text, _ in blocks(ROOT / page))
    package, *others = re.findall(r"'([^']+)'", text.partition("\n\n")[0].partition("export")[0])
    extras = re.fullmatch(r"\./airflow_provider_binance_liq-[\d.]+-py3-none-any\.whl\[([\w,]+)\]", package)[1]
    assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"])
    assert set(others) <= set(project["dependency-groups"]["distributed"])


def test_what_is_uninstalled_has_the_name_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ((_, text, _),) = blocks(ROOT / "docs/guides/upgrade.md")
    assert text.split() == ["uv", "pip", "uninstall", project["name"]]


def test_the_operator_of_a_second_look_is_one():
    ((_, text, _),) = blocks(ROOT / "docs/second-look.md")
    names = {}
    exec(compile(text, "second-look.md", "exec"), names)

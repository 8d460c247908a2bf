"""Documentation runs: what the README shows is executed, and what the pages list is complete."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.cli import COMMANDS, main
from airflow_provider_binance_liq.get_provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def page(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def command(begins):
    """The README's command that begins with that."""
    lines = "".join(blocks("shell")).replace("\\\n", " ").splitlines()
    (found,) = [line for line in lines if line.startswith(begins)]
    return found


def listed(text):
    """Names in code font at the beginning of a table's row, or in its first cell."""
    cells = re.findall(r"^\| (.*?) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


# --- the README -----------------------------------------------------------------------------------------


def test_the_readme_gives_the_two_commands_before_anything_else_to_run():
    assert [block.strip() for block in blocks("shell")[:2]] == [
        "pip install uv && uv run binance-liq demo",
        "pip install uv && uv run pytest",
    ]


def test_continuous_integration_runs_the_readmes_commands():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "uv run pytest" in script
    assert "uv run binance-liq demo --exit" in script


def test_the_readme_names_the_versions_that_continuous_integration_runs():
    """`tests/versions/run.py` prints what passed under each, and fails if anything did not."""
    named = dict(re.findall(r"^\| (3\.\d+)(?: \(beta\))? \| (\S+) \|", README, re.MULTILINE))
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    others = re.findall(r"tests/versions/run\.py (\S+)", script)
    resolved = (ROOT / "tests/versions/run.py").read_text(encoding="utf-8")
    assert set(re.findall(r'"([\d.b]+)": "\d{4}-', resolved)) == set(named.values())
    # 3.3 is what every other test runs under, except with another Python.
    assert set(others) == set(named.values()) | {"lowest"}
    assert all(tested.startswith(version) for version, tested in named.items())
    assert {f"| {one} | {two}" for one, two in named.items()} <= {
        row[: len(f"| {one} | {two}")]
        for row in page("compatibility.md").splitlines()
        for one, two in named.items()
    }


def test_the_readme_copies_the_example_with_a_command_that_exists(tmp_path, monkeypatch):
    words = shlex.split(command("binance-liq example"))
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    assert main([os.path.expandvars(word) for word in words[1:]]) == 0
    assert len(list((tmp_path / "dags").glob("*.py"))) == 1


def test_the_readme_installs_an_extra_that_exists():
    (extra,) = re.findall(r"\.whl\)\[(\w+)\]", README)
    assert extra in PROJECT["project"]["optional-dependencies"]


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 90


@pytest.mark.slow  # a metadata database of its own takes ten seconds
def test_the_readmes_connection_can_be_added_as_shown(tmp_path):
    airflow = f"{shlex.quote(sys.executable)} -m airflow"
    add = command("airflow connections add").replace("airflow", airflow, 1)
    environment = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "API_KEY": "a-key",
        "API_SECRET": "a-secret",
        "PATH": str(Path(sys.executable).parent),
    }
    script = f"{airflow} db migrate && {add}"
    done = subprocess.run(
        ["/bin/sh", "-ec", script], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    shown = subprocess.run(
        [sys.executable, "-m", "airflow", "connections", "get", "binance_default", "-o", "json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (connection,) = json.loads(shown.stdout[shown.stdout.index("[") :])
    assert (connection["conn_type"], connection["login"]) == ("binance", "a-key")


def test_the_readmes_links_lead_somewhere():
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert [target for target in targets if not (ROOT / target).exists()] == []


def slug(heading):
    """The anchor of a heading, as hosts of Markdown make it."""
    text = re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@pytest.mark.parametrize(
    "file", [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")], ids=lambda file: file.name
)
def test_every_link_to_a_heading_leads_to_one(file):
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#([^)]+)\)", file.read_text(encoding="utf-8")):
        text = (file.parent / target if target else file).read_text(encoding="utf-8")
        assert anchor in {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}, target


# --- the pages ------------------------------------------------------------------------------------------


def test_every_link_between_the_pages_leads_somewhere():
    for file in (ROOT / "docs").rglob("*.md"):
        targets = re.findall(r"\]\((?!http)([^)#]+)\)", file.read_text(encoding="utf-8"))
        assert [target for target in targets if not (file.parent / target).exists()] == [], file.name


def test_every_field_of_the_connection_is_documented():
    (connection,) = get_provider_info()["connection-types"]
    assert set(connection["conn-fields"]) <= listed(page("connection.md"))


def test_every_dependency_is_given_a_reason():
    reasons = page("dependencies.md")
    names = [re.split(r"[\[><=]", entry)[0] for entry in PROJECT["project"]["dependencies"]]
    assert [name for name in names if f"| {name} |" not in reasons] == []
    assert set(PROJECT["project"]["optional-dependencies"]) <= listed(reasons)


def test_every_command_is_documented():
    text = README + "".join(page(file.name) for file in (ROOT / "docs").glob("*.md"))
    assert [name for name in COMMANDS if f"binance-liq {name}" not in text] == []


def test_the_changelog_begins_with_what_is_not_released_yet_or_with_this_version():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == __version__
    assert "Unreleased" not in headings[1:]


def test_the_changelog_has_the_form_of_keep_a_changelog():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)", text, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
    kinds = set(re.findall(r"^### (.+)", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_guides_name_the_file_of_this_version():
    pages = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "docs").rglob("*.md"))
    assert set(re.findall(r"airflow_provider_binance_liq-([\d.]+)-py3", pages)) == {__version__}


def test_the_comparison_of_documentation_has_a_page_here_for_each_row():
    rows = re.findall(r"^\| (\w[^|]*) \| ([^|]*) \|", page("comparison.md"), re.MULTILINE)
    assert len(rows) > 15
    assert all(re.fullmatch(r"\[Y\]\([^)]+\)", here) for _, here in rows)


def knob_table():
    from airflow_provider_binance_liq.simulator.command import _documentation as documentation
    from airflow_provider_binance_liq.simulator.settings import Settings

    default = Settings(seed=0)
    rows = [f"| `{name}` | {text} | {shown(name, default)} |" for name, text in documentation().items()]
    return "\n".join(["| knob | meaning | default |", "|---|---|---|", *rows])


def shown(name, settings):
    value = getattr(settings, name)
    if name == "seed":
        return "random"
    return "" if value in (None, ()) else f"`{', '.join(value) if isinstance(value, tuple) else value}`"


def fault_table():
    from airflow_provider_binance_liq.simulator.fault_kinds import FAULTS

    rows = [f"| `{kind.name}` | {kind.description} |" for kind in FAULTS.values()]
    return "\n".join(["| fault | what happens |", "|---|---|", *rows])


def test_the_simulators_knobs_and_faults_are_documented_as_they_are():
    text = page("simulator.md")
    assert knob_table() in text
    assert fault_table() in text

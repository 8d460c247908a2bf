"""The site builds without a broken link and loads nothing from elsewhere; its generated parts are current.

`WRITE_DOCS=1` writes those parts anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.generated_pages import check_page

from airflow_provider_binance_liq.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "airflow_provider_binance_liq"
GUIDES = sorted((DOCS / "guides").glob("*.md"))


def text_of(path):
    return path.read_text(encoding="utf-8")


# --- the site -------------------------------------------------------------------------------------------


def build(source, target):
    """Build the site as `.ci/run` does."""
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-c", str(source / "docs")]
    command += [str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("furo", reason="the dependency group `docs` brings it, and `.ci/run` installs it")
    target = tmp_path_factory.mktemp("site")
    done = build(ROOT, target)
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_another_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    loaded = r"<(?:script|img|iframe)\b[^>]*\bsrc=\"(?:https?:)?//|<link\b[^>]*\bhref=\"(?:https?:)?//"
    assert [page.name for page in pages if re.search(loaded, text_of(page))] == []
    styles = "".join(text_of(file) for file in site.rglob("*.css"))
    assert not re.search(r"(?:url\(|@import )[\"']?https?:", styles)


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["[x](nowhere.md)", "[x](glossary.md#nowhere)", "[x](../dags/nowhere.py)"])
def test_a_broken_link_or_anchor_fails_the_build(tmp_path, broken):
    pytest.importorskip("furo", reason="the dependency group `docs` brings it, and `.ci/run` installs it")
    docs = tmp_path / "docs"
    (docs / "static/root").mkdir(parents=True)
    (docs / "images").mkdir()
    (docs / "images/logo.svg").write_text("<svg/>", encoding="utf-8")
    (docs / "static/site.css").write_text("", encoding="utf-8")
    (docs / "conf.py").write_text(text_of(DOCS / "conf.py"), encoding="utf-8")
    (docs / "_toc.yml").write_text("root: docs/index\nentries:\n  - file: docs/glossary\n", encoding="utf-8")
    (docs / "glossary.md").write_text("# Glossary\n\n## Here\n", encoding="utf-8")
    (docs / "index.md").write_text("# A\n\n[x](glossary.md#here)\n", encoding="utf-8")
    assert build(tmp_path, tmp_path / "sound").returncode == 0
    (docs / "index.md").write_text(f"# A\n\n{broken}\n", encoding="utf-8")
    assert build(tmp_path, tmp_path / "broken").returncode != 0


def test_the_first_page_links_every_page_and_the_site_has_the_same_order():
    linked = [
        (DOCS / target).resolve().relative_to(ROOT).with_suffix("").as_posix()
        for target in re.findall(r"\]\(([^)#]+\.md)", text_of(DOCS / "index.md").partition("## Start")[2])
    ]
    listed = re.findall(r"- file: (\S+)", text_of(DOCS / "_toc.yml"))
    assert [name for name in listed if name != "README"] == list(dict.fromkeys(linked))
    pages = {path.relative_to(ROOT).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    assert pages - {"docs/index"} <= set(listed)


def test_every_picture_is_shown_and_says_in_words_what_it_shows():
    pages = [text_of(path) for path in (ROOT / "README.md", *DOCS.rglob("*.md"))]
    shown = re.findall(r"!\[([^\]]*)\]\((?:[\w./]*/)?images/([\w-]+\.\w+)\)", "\n".join(pages))
    assert [name for words, name in shown if len(words) < 10] == []
    there = {path.name for path in (DOCS / "images").iterdir()} - {"logo.svg"}
    assert {name for _, name in shown} <= there


# --- generated parts ------------------------------------------------------------------------------------


def command_help():
    parts = []
    for name in sorted(COMMANDS):
        done = subprocess.run(
            [sys.executable, "-m", "airflow_provider_binance_liq.cli", name, "--help"],
            env=os.environ | {"COLUMNS": "100", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        parts.append(f"## binance-liq {name}\n\n```text\n{done.stdout.rstrip()}\n```")
    return "\n\n".join(parts)


@pytest.mark.slow
@pytest.mark.skipif("sys.version_info[:2] != (3, 11)", reason="argparse words its help otherwise later")
def test_the_page_of_the_commands_has_the_help_of_each():
    check_page(DOCS / "cli.md", {"commands": command_help})


# --- what the guides show -------------------------------------------------------------------------------


def blocks(path, language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text_of(path), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_every_python_and_json_block_of_a_guide_can_be_read_and_python_runs(guide):
    for block in blocks(guide, "json"):
        json.loads(block)
    for block in blocks(guide, "python"):
        exec(compile(block, guide.name, "exec"), {})


def test_the_settings_of_several_accounts_are_settings_that_the_sample_dag_takes():
    from airflow_provider_binance_liq.dag_support.settings import read_settings

    (block,) = blocks(DOCS / "guides/several-accounts.md", "json")
    found = read_settings(json.loads(block), {})
    assert found.destination == "s3://aws_default@bucket/lake"


def test_the_options_of_the_backfill_command_exist():
    command = next(
        block for block in blocks(DOCS / "guides/first-backfill.md", "shell") if "airflow" in block
    )
    from airflow.cli.cli_parser import get_parser

    given = get_parser().parse_args(command.split()[1:])
    assert given.dag_id == "binance_liquidations"
    assert given.max_active_runs == 4


def test_the_members_of_the_backfill_request_exist():
    from airflow.api_fastapi.core_api.datamodels.backfills import BackfillPostBody

    command = next(block for block in blocks(DOCS / "guides/first-backfill.md", "shell") if "curl" in block)
    body = json.loads(re.search(r"--data '(.*)'", command, re.DOTALL)[1])
    assert BackfillPostBody.model_validate(body).dag_id == "binance_liquidations"
    assert set(body) <= set(BackfillPostBody.model_fields)


def test_the_plan_of_the_first_backfill_runs_as_shown(capsys):
    from airflow_provider_binance_liq.cli import main

    command = next(block for block in blocks(DOCS / "guides/first-backfill.md", "shell") if " plan " in block)
    assert main(command.split()[1:]) == 0
    assert "At least" in capsys.readouterr().out


def test_the_auditors_check_finds_whole_objects_whole_and_a_changed_one_changed(tmp_path):
    import hashlib

    (command,) = blocks(DOCS / "guides/evidence.md", "shell")
    folder = tmp_path / "lake" / "margin/account=desk/date=2026-10-01"
    folder.mkdir(parents=True)
    for name, suffix in (("whole", ""), ("packed", ".gz")):
        body = name.encode()
        (folder / f"{name}.ndjson{suffix}").write_bytes(body)
        manifest = {"object": {"sha256": hashlib.sha256(body).hexdigest()}}
        (folder / f"{name}.manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    def check():
        return subprocess.run(
            ["bash", "-ec", command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )

    assert (check().returncode, check().stdout.count(": OK")) == (0, 2)
    (folder / "whole.ndjson").write_bytes(b"changed")
    assert check().returncode != 0


# --- the tutorial ---------------------------------------------------------------------------------------


def test_the_walk_follows_every_command_of_the_tutorial():
    code = {"__name__": "walk", "__file__": str(ROOT / "tests/walk/run.py")}
    exec(compile(text_of(ROOT / "tests/walk/run.py"), "run.py", "exec"), code)
    found = code["commands"]()
    assert len(found) == text_of(DOCS / "tutorial.md").count("```shell")
    assert [block for block in found if block not in code["script"](found)] == []
    assert "tests/walk/run.py" in text_of(ROOT / "docs/tutorial.md")

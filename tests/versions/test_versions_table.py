"""The table of versions is what `run.py` printed, and says so if it is not any more."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from versions.run import BEGINS, ENDS, LOWEST, RESOLVED, count, enough, read, written

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")


def test_the_page_has_a_row_for_each_version_that_can_be_run():
    assert list(dict.fromkeys(version for version, _ in read(PAGE))) == [LOWEST, *RESOLVED]


def test_each_version_of_python_has_been_run_and_is_named_by_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert named == sorted({python for (_, python), cell in read(PAGE).items() if cell.isdecimal()})


def test_what_is_written_is_read_and_the_rest_of_the_page_stays():
    cells = {("3.1.8", "3.11"): "12", ("3.1.8", "3.12"): "", ("3.2.2", "3.11"): "7", ("3.2.2", "3.12"): "8"}
    page = written(f"before\n{BEGINS}\nold\n{ENDS}\nafter", cells)
    assert read(page) == cells
    assert (page.splitlines()[0], page.splitlines()[-1]) == ("before", "after")


def test_a_version_of_python_that_is_new_to_the_page_gets_a_column():
    page = written(f"{BEGINS}\n{ENDS}", {("3.1.8", "3.11"): "12", ("3.2.2", "3.14"): "7"})
    assert read(page)["3.1.8", "3.14"] == ""
    assert read(page)["3.2.2", "3.14"] == "7"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("1 failed, 714 passed, 2 skipped, 27 errors in 557.70s (0:09:17)", (714, 28, 2)),
        ("3 passed in 0.10s", (3, 0, 0)),
        ("INTERNALERROR", (0, 0, 0)),
    ],
)
def test_an_error_counts_as_failed_and_no_last_line_as_nothing_passed(said, found):
    assert tuple(count(said).values()) == found


@pytest.mark.parametrize(
    ("stated", "passed", "ok"), [("500", 500, True), ("500", 475, True), ("500", 474, False), ("", 0, True)]
)
def test_much_fewer_than_the_page_says_is_an_error(stated, passed, ok):
    assert enough(stated, passed) is ok

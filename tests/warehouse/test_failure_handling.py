"""The page's table of failures: every line names tests that there are, of both engines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs/warehouse.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## Failure handling\n")[1].split("\n## ")[0]
LINES = {
    when: re.findall(r"`(test_\w+)`", named)
    for when, named in re.findall(r"^\| (?!when|-)(.+?) \| .+? \| (`.+`) \|$", SECTION, re.MULTILINE)
}


def names_in(directory):
    text = "".join(path.read_text(encoding="utf-8") for path in (TESTS / directory).glob("test_*.py"))
    return set(re.findall(r"^def (test_\w+)\(", text, re.MULTILINE))


def test_the_table_has_lines():
    assert len(LINES) == SECTION.count("\n| ") - 1


@pytest.mark.parametrize("when", LINES)
def test_what_happens_is_tested_for_both_engines(when):
    if len(LINES[when]) == 1:
        assert LINES[when][0] in names_in("warehouse_contract")
        return
    duckdb, postgres = LINES[when]
    assert duckdb in names_in("warehouse")
    assert postgres in names_in("warehouse_postgres")

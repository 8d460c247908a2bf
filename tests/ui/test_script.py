"""The page's modules as one script."""

from __future__ import annotations

import re
from collections import Counter

from airflow_provider_binance_liq.ui.script import MODULES, STATIC, one_script

DECLARED = re.compile(r"^(?:export )?(?:async )?(?:const|function|class) (\w+)", re.MULTILINE)
IMPORTED = re.compile(r'^import .*from "\./([\w.]+)";$', re.MULTILINE)


def test_every_module_is_in_the_script():
    alone = {"plugin.js"}  # it is what Airflow loads, and no other page
    assert {path.name for path in STATIC.glob("*.js")} - alone == set(MODULES)


def test_each_module_comes_after_those_that_it_imports():
    for at, name in enumerate(MODULES):
        assert set(IMPORTED.findall((STATIC / name).read_text())) <= set(MODULES[:at]), name


def test_no_two_modules_declare_the_same_name():
    names = Counter(name for one in MODULES for name in DECLARED.findall((STATIC / one).read_text()))
    assert [name for name, count in names.items() if count > 1] == []


def test_the_script_imports_and_exports_nothing_and_does_not_end_its_element():
    script = one_script()
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    assert "</script" not in script.lower()
    assert "<!--" not in script


def test_the_page_is_small_and_its_files_are_short():
    assert len(one_script().encode()) < 90_000
    assert all(len(path.read_text().splitlines()) < 400 for path in STATIC.glob("*.js"))


def test_the_script_has_no_comment_of_a_line_and_no_indentation():
    lines = one_script().splitlines()
    assert [line for line in lines if line.startswith((" ", "//", "/*"))] == []

"""Troubleshooting goes by the text in the log: what it quotes is written so, and no warning is left out."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "airflow_provider_binance_liq"
PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
PLACEHOLDER = re.compile(r"%[\d.,]*[a-z]")
#: shorter pieces between two placeholders say nothing
TELLING = 8
#: what these texts are about is in the table of errors
BY_NAME = {"Cause:", "What to do:", "Failed:"}


def quoted():
    """The texts in the first column of the page's tables of texts."""
    part = PAGE.partition("## Texts")[2].partition("## The name after")[0]
    cells = re.findall(r"^\| (`.*?`) \| ", part, re.MULTILINE)
    return [text for cell in cells for text in re.findall(r"`([^`]+)`", cell)]


@cache
def modules():
    """The package's modules, apart from what only the demo and the simulator print."""
    files = [path for path in PACKAGE.rglob("*.py") if not {"demo", "simulator"} & set(path.parts)]
    return tuple(ast.parse(path.read_text(encoding="utf-8")) for path in files)


def is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@cache
def literals():
    """Every text in the code, as a program has it: pieces joined, docstrings and comments left out."""
    said = {id(node.value) for tree in modules() for node in ast.walk(tree) if is_docstring(node)}
    return tuple(
        node.value
        for tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
    )


def warnings():
    """What is logged as a warning or an error, unless it is an error's own text."""
    named = {
        target.id: node.value.value
        for tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in [node.target]
        if isinstance(target, ast.Name)
    }
    calls = [
        node
        for tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"warning", "error", "exception"}
        and ast.unparse(node.func.value).rpartition(".")[2] == "log"
    ]
    texts = [
        named[node.args[0].id] if isinstance(node.args[0], ast.Name) else node.args[0].value for node in calls
    ]
    return sorted(
        {text for text in texts if max(map(len, PLACEHOLDER.split(text))) >= TELLING}
        - {text for text in texts for name in BY_NAME if text.startswith(name) and "of this run" not in text}
    )


@pytest.mark.parametrize("text", quoted())
def test_every_text_of_the_log_on_the_page_is_one_that_the_code_writes(text):
    assert [one for one in literals() if text in one]


@pytest.mark.parametrize("text", warnings())
def test_every_warning_that_the_code_logs_is_on_the_page(text):
    pieces = PLACEHOLDER.split(text)
    assert [one for one in quoted() for piece in pieces if one in piece]


def test_no_text_is_listed_twice():
    assert len(quoted()) == len(set(quoted())) > 30

"""The glossary explains words that the pages use, and can be found from where a reader begins."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
PAGES = [path for path in (ROOT / "docs").glob("*.md") if path != GLOSSARY]
TERMS = [
    term
    for cell in re.findall(r"^\| (\*\*.+?) \|", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
    for term in re.findall(r"\*\*(.+?)\*\*", cell)
]


def test_no_term_is_explained_twice():
    assert sorted(set(TERMS)) == sorted(TERMS)


@pytest.mark.parametrize("term", TERMS)
def test_every_term_of_the_glossary_is_used_on_another_page(term):
    used = re.compile(rf"\b{re.escape(term)}(s|es|ed)?\b".replace(r"\ ", r"\s+"), re.IGNORECASE)
    assert any(used.search(page.read_text(encoding="utf-8")) for page in PAGES)


def test_the_readme_and_the_pages_that_begin_with_these_terms_link_to_it():
    assert "(docs/glossary.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    linking = {page.name for page in PAGES if "(glossary.md" in page.read_text(encoding="utf-8")}
    assert linking >= {
        "architecture.md", "completeness.md", "endpoints.md", "manifest.md", "operators.md",
        "second-look.md", "warehouse.md", "weight.md",
    }  # fmt: skip

"""The page on performance is what its figures say, and each extractor on it is measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
import extractors
import growth
import performance_page as page
import pytest

DOCS = Path(__file__).parents[2] / "docs"
FIGURES = json.loads((DOCS / "performance" / "figures.json").read_text(encoding="utf-8"))


def test_the_page_is_written_from_its_figures():
    assert (DOCS / "performance.md").read_text(encoding="utf-8") == page.render(FIGURES)


def test_every_extractor_is_measured_with_either_end_cut():
    for part in ("extraction", "newest"):
        assert [one["contender"] for one in FIGURES[part]] == list(extractors.CONTENDERS)


def test_a_cost_in_proportion_to_its_size_has_the_exponent_1_and_a_fixed_one_0():
    assert growth.exponent([1, 10, 100], [3, 30, 300]) == pytest.approx(1)
    assert growth.exponent([1, 10, 100], [3, 3, 3]) == pytest.approx(0)

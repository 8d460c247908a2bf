"""The dbt package says of tables and queries what the warehouse says.

`WRITE_DOCS=1 pytest tests/docs/test_dbt_package.py` writes its generated files anew.
"""

from __future__ import annotations

import os

import pytest
from support.dbt_package import MODELS, ROOT, TESTS, files

FILES = files()


@pytest.mark.parametrize("name", FILES)
def test_a_generated_file_is_as_it_would_be_made_now(name):
    if os.environ.get("WRITE_DOCS"):
        (ROOT / name).write_text(FILES[name], encoding="utf-8")
    assert (ROOT / name).read_text(encoding="utf-8") == FILES[name]


def test_there_is_no_file_that_nothing_makes():
    by_hand = {"dbt_project.yml", "tests/generic/unique_key.sql", "tests/nothing_is_lost_soon.sql"}
    found = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()}
    assert found == by_hand | set(FILES)
    assert len(MODELS) + len(TESTS) + 2 == len(FILES)

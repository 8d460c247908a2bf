"""Whatever DuckDB's tests say of loading twice, of older after newer and of bad objects holds here too."""

from __future__ import annotations

import pytest
import test_all_or_nothing
import test_idempotence

#: they look at the warehouse's one file, or take it away to begin anew
_OF_ONE_FILE = (
    "test_three_objects_of_one_window_in_one_load_are_as_three_loads",
    "test_where_nothing_changed_no_object_is_fetched_and_the_database_is_not_written",
)

globals().update(
    {
        name: test
        for module in (test_idempotence, test_all_or_nothing)
        for name, test in vars(module).items()
        if name.startswith("test_") and callable(test) and name not in _OF_ONE_FILE
    }
)
pytestmark = pytest.mark.slow


def test_the_specification_is_run_whole():
    assert sum(name.startswith("test_") for name in globals()) > 25

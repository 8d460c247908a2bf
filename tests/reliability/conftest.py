"""One exchange for all runs."""

from __future__ import annotations

import matrix
import pytest


@pytest.fixture(scope="session", autouse=True)
def _exchange_is_stopped():
    yield
    matrix.close()

"""The bounds that the package declares: upper ones where Airflow has them, and no others."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: Airflow itself: the next version is not there to be tested
OURS = {"apache-airflow"}


def upper_bounds(requirements):
    """Name → its upper bound, for those that have one in every environment."""
    plain = [one.partition(";")[0] for one in requirements if "extra ==" not in one]
    found = {re.match(r"[\w.-]+", one)[0]: re.search(r"<(?!=)\s*([\d.]+)", one) for one in plain}
    return {name: bound[1] for name, bound in found.items() if bound}


def test_a_dependency_has_the_upper_bound_that_airflow_gives_it_and_no_other_has_one():
    declared = PROJECT["dependencies"]
    names = {re.match(r"[\w.-]+", one)[0] for one in declared}
    airflow = upper_bounds(requires("apache-airflow-core"))
    ours = {name: bound for name, bound in upper_bounds(declared).items() if name not in OURS}
    assert ours == {name: bound for name, bound in airflow.items() if name in names}

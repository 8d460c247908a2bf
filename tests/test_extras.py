"""A package that is not installed is named with the command that installs it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from airflow_provider_binance_liq.extras import _EXTRAS, _STORES, how_to_reach, missing_package

PROJECT = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("duckdb", "duckdb is not installed on this worker: pip install '{}[duckdb]'"),
        ("pyiceberg.catalog", "pyiceberg is not installed on this worker: pip install '{}[iceberg]'"),
        (
            "airflow.providers.postgres",
            "airflow.providers.postgres is not installed on this worker: pip install '{}[postgres]'",
        ),
    ],
)
def test_a_missing_module_is_named_with_the_command_that_installs_it(module, message):
    found = missing_package(ModuleNotFoundError(f"No module named {module!r}", name=module))
    assert str(found) == message.format(PROJECT["name"])


def test_a_module_that_is_installed_and_does_not_work_is_named_with_what_it_said():
    found = missing_package(ImportError("libc++.so: cannot open", name="duckdb"))
    assert str(found).startswith("duckdb does not work (libc++.so: cannot open) on this worker: pip install")


@pytest.mark.parametrize("module", [None, "duckdb_other", "airflow.providers.amazon", "json"])
def test_any_other_module_is_not_ours_to_explain(module):
    assert missing_package(ModuleNotFoundError("No module", name=module)) is None


def test_every_extra_that_is_named_exists():
    named = {*_EXTRAS.values(), *(name.partition("[")[2][:-1] for name in _STORES.values() if "[" in name)}
    assert named <= set(PROJECT["optional-dependencies"])


def test_a_scheme_without_its_store_is_reported_with_what_to_install():
    unknown = ValueError("No filesystem registered for scheme s3")
    assert how_to_reach("s3", unknown) == f"; for s3:// install '{PROJECT['name']}[amazon]'"
    assert how_to_reach("s3", ImportError("s3fs")) != ""
    assert how_to_reach("s3", ValueError("another reason")) == ""
    assert how_to_reach("nosuch", unknown) == ""

"""One module knows what differs between Airflow's versions; what it hands out is the same in each of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_binance_liq import compat
from airflow_provider_binance_liq.get_provider_info import get_provider_info

ROOT = Path(__file__).resolve().parents[1]
COMPAT = ROOT / "airflow_provider_binance_liq/compat.py"
SOURCES = sorted(
    path
    for folder in ("airflow_provider_binance_liq", "dags")
    for path in (ROOT / folder).rglob("*.py")
    if path != COMPAT
)
#: where a version has it, another has it not, or warns
MOVED = {
    ("airflow.sdk", name) for name in ("CronDataIntervalTimetable", "RetryPolicy", "conf", "PartitionMapper")
}
MOVED_MODULES = (
    "airflow.dag_processing.dagbag",
    "airflow.exceptions",
    "airflow.models",
    "airflow.sdk.exceptions",
    "airflow.sdk.observability",
    "airflow.stats",
    "airflow.timetables",
)
#: what only an older Airflow has
ASKED = {"get_connection_form_widgets", "get_ui_field_behaviour", "storage_options"}
DECLARED = get_provider_info()["connection-types"][0]


def imports(tree):
    """List what a module imports, as (module, name)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, name.name) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from ((name.name, "") for name in node.names)


def catches_import_errors(node):
    """Tell whether a `try` imports something of Airflow, and goes on without it."""
    caught = {
        name.id for handler in node.handlers for name in ast.walk(handler) if isinstance(name, ast.Name)
    }
    return bool(caught & {"ImportError", "ModuleNotFoundError"}) and any(
        module.partition(".")[0] == "airflow" for module, _ in imports(node)
    )


def differences(path):
    """Name what a file knows of the versions of Airflow."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for module, name in imports(tree):
        if (module, name) in MOVED or f"{module}.".startswith(tuple(f"{moved}." for moved in MOVED_MODULES)):
            yield f"{module}.{name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and catches_import_errors(node):
            yield f"try in line {node.lineno}"
        elif isinstance(node, ast.Attribute) and node.attr in ASKED:
            yield node.attr


def test_only_one_module_asks_which_airflow_this_is():
    assert len(SOURCES) > 100
    found = {str(path.relative_to(ROOT)): list(differences(path)) for path in SOURCES}
    assert {path: what for path, what in found.items() if what} == {}


def test_what_that_module_knows_would_be_found_elsewhere():
    assert {"airflow.timetables.interval.CronDataIntervalTimetable", "storage_options"} <= set(
        differences(COMPAT)
    )


@pytest.mark.parametrize(
    ("url", "conn_id"),
    [("s3://aws_lake@bucket/prefix", "aws_lake"), ("s3://bucket/prefix", None), ("file:///lake", None)],
)
def test_the_connection_that_a_url_names_is_known(url, conn_id):
    assert compat.connection_of(ObjectStoragePath(url)) == conn_id


@pytest.fixture(scope="module")
def form():
    """What Airflow's UI asks its API server for, to show the form of a connection."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (ours,) = [hook for hook in HookMetaService.hook_meta_data() if hook.connection_type == "binance"]
    return ours


def test_the_form_has_every_field_that_is_declared_and_no_other(form):
    assert set(form.extra_fields) == set(DECLARED["conn-fields"])
    for name, field in DECLARED["conn-fields"].items():
        shown = form.extra_fields[name]
        assert shown["schema"]["title"] == field["label"]
        assert shown["description"] == field["description"]
        assert "null" in shown["schema"]["type"]
        for rule in ("format", "enum"):
            assert shown["schema"].get(rule) == field["schema"].get(rule)


def test_the_form_names_the_standard_fields_as_declared_and_hides_the_others(form):
    behaviour = DECLARED["ui-field-behaviour"]
    assert form.hook_name == DECLARED["hook-name"]
    for name in ("login", "password", "port"):
        shown = getattr(form.standard_fields, name)
        assert shown.title == behaviour["relabeling"][name]
        assert shown.placeholder == behaviour["placeholders"][name]
    assert form.standard_fields.host.hidden
    assert form.standard_fields.url_schema.hidden

"""What Airflow reads at discovery: valid by both of its schemas, and light."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import jsonschema
import pytest

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.get_provider_info import get_provider_info

INFO = get_provider_info()
CONNECTION_FIELDS = INFO["connection-types"][0]["conn-fields"]


def schema(name):
    import airflow

    return json.loads((Path(airflow.__file__).parent / name).read_text(encoding="utf-8"))


def test_it_is_valid_by_the_schema_that_airflow_checks_at_discovery():
    jsonschema.validate(INFO, schema("provider_info.schema.json"))


def test_its_connection_types_are_valid_by_the_schema_of_provider_yaml():
    whole = schema("provider.yaml.schema.json")
    part = {**whole["properties"]["connection-types"], "definitions": whole.get("definitions", {})}
    jsonschema.validate(INFO["connection-types"], part)


@pytest.mark.parametrize("field", CONNECTION_FIELDS.values(), ids=CONNECTION_FIELDS)
def test_a_field_of_the_form_is_a_valid_schema_that_may_stay_empty(field):
    jsonschema.Draft202012Validator.check_schema(field["schema"])
    assert "null" in field["schema"]["type"]
    jsonschema.validate(None, field["schema"])
    assert field["label"]
    assert field["description"]


def test_the_passphrase_is_typed_unseen():
    assert CONNECTION_FIELDS["private_key_passphrase"]["schema"]["format"] == "password"


def test_every_module_and_class_that_it_names_is_there():
    for kind in ("hooks", "operators"):
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                import_module(module)
    for connection_type in INFO["connection-types"]:
        module, _, name = connection_type["hook-class-name"].rpartition(".")
        assert hasattr(import_module(module), name)


def test_airflow_finds_it_by_its_entry_point():
    (found,) = [
        entry
        for entry in entry_points(group="apache_airflow_provider")
        if entry.value.startswith("airflow_provider_binance_liq")
    ]
    assert found.load() is get_provider_info


def test_two_callers_do_not_share_a_mutable_answer():
    get_provider_info()["hooks"].clear()
    assert get_provider_info() == INFO


HEAVY = (
    "airflow",
    "requests",
    "cryptography",
    "msgspec",
    "pendulum",
    "fsspec",
    "duckdb",
    "urllib3",
    "sqlite3",
)


def imported_by(statement):
    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["airflow_provider_binance_liq", "airflow_provider_binance_liq.get_provider_info"]
)
def test_what_every_component_imports_at_discovery_imports_nothing_heavy(module):
    extra = imported_by(f"import {module}") - imported_by("pass")
    assert extra.isdisjoint(HEAVY)


def test_what_a_dag_file_imports_leaves_the_workers_libraries_for_the_worker():
    extra = imported_by(
        "import airflow.sdk, airflow.providers.standard.triggers.temporal, sys; before = set(sys.modules);"
        "import airflow_provider_binance_liq.operators.liquidations;"
        "import airflow_provider_binance_liq.operators.coverage;"
        "[sys.modules.pop(name, None) for name in before]"
    )
    ours = {name for name in extra if name.partition(".")[0] in (*HEAVY, "airflow_provider_binance_liq")}
    # Airflow's own task SDK stands on msgspec, which takes less than a tenth of a second.
    left = set(HEAVY) - {"airflow", "msgspec"}
    assert not [name for name in ours if name.partition(".")[0] in left]
    assert "airflow_provider_binance_liq.exchange.client" not in ours


@pytest.mark.slow
def test_airflow_providers_list_shows_it():
    command = [sys.executable, "-m", "airflow", "providers", "list", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    listed = json.loads(done.stdout[done.stdout.index("[{") :])
    (ours,) = [row for row in listed if row["package_name"] == INFO["package-name"]]
    assert ours["version"] == __version__
    assert ours["description"]

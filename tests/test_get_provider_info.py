"""What Airflow reads at discovery: valid by both of its schemas, and light."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import walk_packages

import jsonschema
import pytest

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.get_provider_info import get_provider_info

PACKAGE = "airflow_provider_binance_liq"
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


def test_a_choice_is_shown_in_words_and_never_as_null():
    choices = [field["schema"] for field in CONNECTION_FIELDS.values() if "enum" in field["schema"]]
    assert len(choices) == 2
    for schema in choices:
        assert schema["enum"][0] is None
        assert list(schema["values_display"]) == [value or "null" for value in schema["enum"]]
        assert all(" " in text or text.istitle() for text in schema["values_display"].values())


def test_no_number_has_a_bound_that_the_form_would_put_in_its_place_silently():
    bounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    assert not [name for name, field in CONNECTION_FIELDS.items() if bounds & set(field["schema"])]


def test_the_form_has_plain_letters_and_what_is_rarely_needed_last():
    assert all(
        f"{field['label']}{field['description']}{field['schema']}".isascii()
        for field in CONNECTION_FIELDS.values()
    )
    rarely = ["section" in field["schema"] for field in CONNECTION_FIELDS.values()]
    assert rarely == sorted(rarely)


def test_the_passphrase_is_typed_unseen():
    assert CONNECTION_FIELDS["private_key_passphrase"]["schema"]["format"] == "password"


def listed(kind):
    """The modules that the provider lists as having operators, hooks, transfers and so on."""
    entries = INFO.get(kind, [])
    return {
        module for entry in entries for module in entry.get("python-modules", [entry.get("python-module")])
    }


def defining(base, package):
    """The package's modules that define a subclass of `base`."""
    return {
        kind.__module__
        for module in map(import_module, package)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, base) and kind.__module__.startswith(PACKAGE)
    }


def test_every_operator_hook_transfer_sensor_and_trigger_is_listed_and_there_is_no_other():
    from airflow.sdk import BaseHook, BaseOperator, BaseSensorOperator
    from airflow.triggers.base import BaseTrigger

    package = import_module(PACKAGE)
    names = [one.name for one in walk_packages(package.__path__, f"{PACKAGE}.")]
    # Those files are DAGs and plugins of Airflow's, and what imports an extra that may not be there.
    names = [name for name in names if not re.search(r"\.(demo|example_dags|_sample_dags)\b", name)]
    operators = defining(BaseOperator, names)
    assert operators == listed("operators") | listed("transfers") | listed("sensors")
    assert defining(BaseSensorOperator, names) == listed("sensors")
    assert defining(BaseHook, names) == listed("hooks")
    assert defining(BaseTrigger, names) == listed("triggers")
    assert listed("transfers") == {name for name in operators if re.search(r"\.transfers\.\w+_to_", name)}


def test_the_hook_of_the_connection_type_is_there():
    for connection_type in INFO["connection-types"]:
        module, _, name = connection_type["hook-class-name"].rpartition(".")
        assert hasattr(import_module(module), name)


def test_what_it_names_as_integrations_has_modules():
    named = {one["integration-name"] for one in INFO["integrations"]}
    used = {entry["integration-name"] for kind in ("hooks", "operators") for entry in INFO[kind]}
    used |= {entry[f"{end}-integration-name"] for entry in INFO["transfers"] for end in ("source", "target")}
    assert named <= used


def test_the_logo_is_in_the_repository_where_it_says():
    logos = [one["logo"] for one in INFO["integrations"] if "logo" in one]
    assert logos
    assert all((Path(__file__).parents[1] / logo.removeprefix("/")).is_file() for logo in logos)


def test_the_example_is_where_airflow_looks_for_the_examples_of_a_provider():
    """With `load_examples`, it takes the folder `example_dags` of the package named like the distribution."""
    package = import_module(INFO["package-name"].replace("-", "_"))
    (folder,) = [Path(place) / "example_dags" for place in package.__path__]
    assert [path.name for path in folder.glob("example_*.py")] == ["example_binance_liquidations.py"]


OLD_PATHS = {
    "run_plan": ["log_plan"],
    "warehouse.clouds.dag": ["daily", "extract_and_prepare"],
    "warehouse.clouds.operators": ["PrepareLoadOperator", "ReadSettingsOperator"],
    "warehouse.events": ["read_run", "see_all_told"],
    "warehouse.operators": [
        *("LoadOperator", "ObjectStorageToDuckDBOperator"),
        *("ObjectStorageToIcebergOperator", "ObjectStorageToPostgresOperator"),
    ],
    "warehouse.settings": ["read_settings"],
}


@pytest.mark.parametrize("path", OLD_PATHS)
def test_what_dag_files_of_the_first_version_import_is_still_there(path):
    module = import_module(f"{PACKAGE}.{path}")
    assert [name for name in OLD_PATHS[path] if not hasattr(module, name)] == []


def test_airflow_finds_it_by_its_entry_point():
    (found,) = [
        entry
        for entry in entry_points(group="apache_airflow_provider")
        if entry.value.startswith("airflow_provider_binance_liq")
    ]
    assert found.load() is get_provider_info


def test_it_calls_experimental_what_has_not_run_on_its_service_yet():
    assert "BigQuery, ClickHouse, Redshift and Snowflake is experimental" in INFO["description"]


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
    "openlineage",
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


@pytest.mark.slow
def test_what_a_dag_file_imports_leaves_the_workers_libraries_for_the_worker():
    extra = imported_by(
        "import airflow.sdk, airflow.providers.standard.triggers.temporal, sys; before = set(sys.modules);"
        "import airflow_provider_binance_liq.operators.liquidations;"
        "import airflow_provider_binance_liq.operators.coverage;"
        "import airflow_provider_binance_liq.dag_support.tasks;"
        "import airflow_provider_binance_liq.dag_support.cloud_dag;"
        "import airflow_provider_binance_liq.transfers.object_storage_to_warehouse;"
        "import airflow_provider_binance_liq.transfers.object_storage_to_iceberg;"
        # From Python 3.12 on, `sys` that is imported anew is empty.
        "[sys.modules.pop(name, None) for name in before - {'sys'}]"
    )
    ours = {name for name in extra if name.partition(".")[0] in (*HEAVY, "airflow_provider_binance_liq")}
    # Airflow's own task SDK stands on msgspec, which takes less than a tenth of a second.
    left = set(HEAVY) - {"airflow", "msgspec"}
    assert not [name for name in ours if name.partition(".")[0] in left]
    assert "airflow_provider_binance_liq.exchange.client" not in ours


@pytest.mark.slow
def test_a_lake_on_the_local_disk_does_not_cost_the_import_of_every_clouds_libraries(tmp_path):
    extra = imported_by(
        "from airflow_provider_binance_liq.lake import open_destination;"
        f"assert not (open_destination('file://{tmp_path}') / 'none').exists();"
        f"assert not (open_destination('local://{tmp_path}') / 'none').exists();"
        "import sys"
    )
    assert not [name for name in extra if name.startswith(("airflow.providers.amazon.aws", "boto"))]


@pytest.mark.slow
def test_airflow_providers_list_shows_it():
    command = [sys.executable, "-m", "airflow", "providers", "list", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    listed = json.loads(done.stdout[done.stdout.index("[{") :])
    (ours,) = [row for row in listed if row["package_name"] == INFO["package-name"]]
    assert ours["version"] == __version__
    assert ours["description"]

"""The pages of reference are generated from the code: operators, connection, errors, manifest, metrics.

`WRITE_DOCS=1` writes them anew. Endpoints, tables and commands have tests of their own.
"""

from __future__ import annotations

import inspect
import typing
import urllib.parse
from pathlib import Path

import pytest
from support.generated_pages import check_page
from support.reference import field_notes, linked, parameter_table, type_in_words

from airflow_provider_binance_liq import exceptions
from airflow_provider_binance_liq.core import manifest
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.exceptions import LiquidationsError, PermanentError, RetryableError
from airflow_provider_binance_liq.get_provider_info import get_provider_info
from airflow_provider_binance_liq.metrics import METRICS, PREFIX

DOCS = Path(__file__).resolve().parents[2] / "docs"


def table(head, rows):
    columns = head.split(" | ")
    return "\n".join([f"| {head} |", "|---" * len(columns) + "|", *rows])


# --- operators ------------------------------------------------------------------------------------------

OPERATORS = {
    ("operators.md", "parameters"): (
        "operators.liquidations.LiquidationsToObjectStorageOperator",
        {
            "table of endpoints": "endpoints.md",
            "connection": "connection.md",
            "a second look": "second-look.md",
            "`binance-liq probe --report`": "probe.md",
            "codes of premises": "completeness.md#premises",
            "how long one try of the task may wait": "weight.md#maximum-wait",
            "longer waits": "weight.md#waiting",
        },
    ),
    ("coverage.md", "parameters"): ("operators.coverage.LiquidationsCoverageCheckOperator", {}),
    ("iceberg.md", "parameters"): (
        "transfers.object_storage_to_iceberg.ObjectStorageToIcebergOperator",
        {"connection to the catalog": "#the-catalog"},
    ),
    **{
        ("warehouse.md", f"parameters of ObjectStorageTo{name}Operator"): (
            f"transfers.object_storage_to_{name.lower()}.ObjectStorageTo{name}Operator",
            {},
        )
        for name in ("DuckDB", "Postgres", "Warehouse")
    },
    ("clouds.md", "parameters of ReadSettingsOperator"): ("dag_support.cloud_dag.ReadSettingsOperator", {}),
    ("clouds.md", "parameters of PrepareLoadOperator"): (
        "transfers.object_storage_to_cloud_warehouse.PrepareLoadOperator",
        {},
    ),
}


@pytest.mark.parametrize("place", OPERATORS, ids=" ".join)
def test_the_parameters_of_each_operator_are_those_of_its_code(place):
    path, links = OPERATORS[place]
    module, _, name = path.rpartition(".")
    operator = getattr(__import__(f"airflow_provider_binance_liq.{module}", fromlist=[name]), name)
    page, mark = place
    check_page(DOCS / page, {mark: lambda: parameter_table(operator, links)})


def test_no_operator_that_the_provider_lists_is_left_out():
    """What only the sample DAGs use, or what only has others below it, is not for a DAG of one's own."""
    inner = {
        "BaseOperator",
        "ConfiguredExtractOperator",
        "ConfiguredLoadOperator",
        "LoadOperator",
        "ShownOperator",
        "WaitingOperator",
    }
    info = get_provider_info()
    modules = {name for entry in info["operators"] for name in entry["python-modules"]}
    modules |= {entry["python-module"] for entry in info["transfers"]}
    found = {
        name
        for module in modules
        for name, kind in vars(__import__(module, fromlist=["x"])).items()
        if inspect.isclass(kind) and name.endswith("Operator") and not name.startswith("_")
    }
    documented = {path.rpartition(".")[2] for path, _ in OPERATORS.values()}
    page = (DOCS / "operators.md").read_text(encoding="utf-8")
    assert {name for name in found - inner - documented if f"`{name}`" not in page} == set()


# --- the connection -------------------------------------------------------------------------------------


def fields():
    (connection,) = get_provider_info()["connection-types"]
    rows = []
    for name, field in connection["conn-fields"].items():
        schema = field["schema"]
        shown = schema.get("values_display", {})
        choices = "; ".join(text if one == "null" else f"`{one}`: {text}" for one, text in shown.items())
        label = field["label"] + (" (rarely needed)" if "section" in schema else "")
        rows.append(f"| `{name}` | {label} | {field['description']}{f' {choices}' if choices else ''} |")
    return table("extra | in the form | what it is", rows)


def test_the_fields_of_the_connection_are_those_of_its_form():
    check_page(DOCS / "connection.md", {"fields": fields})


# --- hosts ----------------------------------------------------------------------------------------------


def host_of(family):
    return f"`{urllib.parse.urlsplit(FAMILIES[family].origins['production']).hostname}`"


def host_table():
    """For the rows themselves; for the clock, which may be another API's; and for the list of symbols."""
    rows = []
    for one in ENDPOINTS.values():
        always = dict.fromkeys([host_of(one.family.name), host_of(one.family.clock_family)])
        listed = host_of(one.symbols.listed_by) if one.symbols and one.symbols.listed_by else ""
        rows.append(f"| `{one.name}` | {', '.join(always)} | {listed if listed not in always else ''} |")
    return table("endpoint | always | also, where `symbols` is given", rows)


def test_the_hosts_to_allow_are_those_that_each_endpoint_is_read_from():
    check_page(DOCS / "guides/install.md", {"hosts": host_table})


# --- errors ---------------------------------------------------------------------------------------------

LEADING = {"docs/errors.md": "[below](#no-answer)", "SECURITY.md": "[SECURITY.md](../SECURITY.md)"}


def errors(branch=LiquidationsError):
    branches = {LiquidationsError, RetryableError, PermanentError}
    found = (kind for kind in vars(exceptions).values() if inspect.isclass(kind) and issubclass(kind, branch))
    return [kind for kind in found if kind not in branches]


def when(kind):
    return " ".join(inspect.getdoc(kind).partition("\n\n")[0].split()).rstrip(".")


def error_table(branch):
    rows = []
    for kind in errors(branch):
        advice = kind.advice
        for text, link in LEADING.items():
            advice = advice.replace(f"see {text}", f"see {link}")
        rows.append(f"| `{kind.__name__}` | {when(kind)} | {advice} |")
    return table("error | when | what to do", rows)


def test_each_error_is_listed_with_when_it_comes_and_what_to_do():
    parts = {"retryable": RetryableError, "permanent": PermanentError}
    check_page(
        DOCS / "errors.md", {mark: lambda kind=kind: error_table(kind) for mark, kind in parts.items()}
    )


def advice_table():
    rows = [
        f"| `{kind.__name__}` | {kind.advice} | {'yes' if issubclass(kind, RetryableError) else 'no'} |"
        for kind in errors()
    ]
    return table("error | what to do | does Airflow retry it?", rows)


def test_troubleshooting_has_the_advice_of_every_error():
    check_page(DOCS / "troubleshooting.md", {"advice": advice_table})


# --- the manifest ---------------------------------------------------------------------------------------


def members(kind=manifest.Manifest, outer=""):
    hints, notes = typing.get_type_hints(kind, include_extras=True), field_notes(kind)
    names = list(hints)
    if not outer:  # as it is written
        names.insert(0, names.pop(names.index("schema_version")))
    for name in names:
        yield f"| `{outer}{name}` | {type_in_words(hints[name])} | {notes[name]} |"
        inner = [one for one in [hints[name], *typing.get_args(hints[name])] if hasattr(one, "__slots__")]
        for one in inner:
            if one.__module__ == manifest.__name__:
                yield from members(one, f"{outer}{name}.")


def member_table():
    links = {
        "name of the endpoint": "endpoints.md",
        "which argument proves the window": "completeness.md",
        "a second look": "second-look.md",
    }
    return linked(table("member | type | what it is", members()), links)


def test_each_member_of_the_manifest_is_listed_with_its_type_and_meaning():
    check_page(DOCS / "manifest.md", {"members": member_table})


def extracted(run, endpoint):
    """The text of a manifest, as it would be in a bucket."""
    found = run.run(endpoint, run.cascade())
    return f"```json\n{found.to_json()}```".replace(f"file://{run.directory}", "s3://aws_default@bucket")


def test_the_examples_of_manifests_are_what_an_extraction_writes(start):
    examples = {
        "a proven window": extracted(start(), "usdm_futures"),
        "a window that is not complete": extracted(start(isolated_rows="hidden"), "margin"),
    }
    assert all(
        f'"complete": {claim}' in one for claim, one in zip(("true", "false"), examples.values(), strict=True)
    )
    check_page(DOCS / "manifest.md", {mark: lambda one=one: one for mark, one in examples.items()})


# --- metrics --------------------------------------------------------------------------------------------


def metric_table():
    rows = [
        f"| `{PREFIX}.{one.name}` | {one.kind} | {one.unit} | "
        f"{', '.join(f'`{tag}`' for tag in one.tags)} | {one.doc} |"
        for one in METRICS.values()
    ]
    return table("metric | kind | unit | tags | meaning", rows)


def test_each_metric_is_listed_with_its_kind_unit_and_tags():
    check_page(DOCS / "metrics.md", {"metrics": metric_table})

"""What OpenLineage is told, read as strictly as its own classes and this provider's schema allow."""

from __future__ import annotations

import inspect
import json
import pkgutil
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.resources import files
from typing import Any

import jsonschema
from openlineage.client import event_v2, facet_v2, generated
from openlineage.client.serde import Serde
from referencing import Registry, Resource

SCHEMA = json.loads((files("airflow_provider_binance_liq.lineage") / "facets.json").read_text("utf-8"))
NOW = datetime(2026, 10, 12, 9, 30, tzinfo=UTC)
DAY = datetime(2026, 10, 10, tzinfo=UTC)
INTERVAL = {"data_interval_start": DAY, "data_interval_end": DAY + timedelta(days=1)}
#: what OpenLineage's specification asks of every facet
_BASE = {
    "$schema": SCHEMA["$schema"],
    "$id": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
    "$defs": {
        kind: {"type": "object", "required": ["_producer", "_schemaURL"]}
        for kind in ("DatasetFacet", "RunFacet")
    },
}
_REGISTRY = Registry().with_resources([(one["$id"], Resource.from_contents(one)) for one in (SCHEMA, _BASE)])
_CLASSES = {
    kind._get_schema(): kind
    for module in (
        import_module(f"{generated.__name__}.{found.name}")
        for found in pkgutil.iter_modules(generated.__path__)
    )
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, facet_v2.BaseFacet)
}


def plain(item: Any) -> Any:
    """Return a dataset, facet or event as it is sent: absent what is None."""
    return json.loads(Serde.to_json(item))


def check_facet(facet: dict[str, Any]) -> None:
    """Refuse a member that the facet's class or schema does not have, and one that is missing."""
    url = facet["_schemaURL"]
    if url.startswith(SCHEMA["$id"]):
        jsonschema.Draft202012Validator({"$ref": url}, registry=_REGISTRY).validate(facet)
        return
    members = {name: value for name, value in facet.items() if not name.startswith("_")}
    # Airflow's own facets say only that they are some facet of a run.
    if url.partition("#")[0] != _BASE["$id"]:
        _CLASSES[url](**members)


def check_datasets(datasets: list[dict[str, Any]], kind: type) -> None:
    """Check datasets with all of their facets."""
    for one in datasets:
        kind(**one)
        for group in ("facets", "inputFacets", "outputFacets"):
            for facet in (one.get(group) or {}).values():
                check_facet(facet)


def check_event(event: dict[str, Any]) -> None:
    """Check a whole event of a run."""
    run, job = event["run"], event["job"]
    for facet in (*run["facets"].values(), *job["facets"].values()):
        check_facet(facet)
    check_datasets(event["inputs"], event_v2.InputDataset)
    check_datasets(event["outputs"], event_v2.OutputDataset)
    kept = {name: event[name] for name in ("eventTime", "producer", "inputs", "outputs")}
    event_v2.RunEvent(
        run=event_v2.Run(**run),
        job=event_v2.Job(**job),
        eventType=event_v2.RunState(event["eventType"]),
        **kept,
    )


def told(task: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """Ask a task as Airflow does once it has ended; whatever it tells is valid."""
    lineage = plain(task.get_openlineage_facets_on_complete(object()))
    check_datasets(lineage["inputs"], event_v2.InputDataset)
    check_datasets(lineage["outputs"], event_v2.OutputDataset)
    for facet in lineage["run_facets"].values():
        check_facet(facet)
    return lineage["inputs"], lineage["outputs"], lineage["run_facets"]


def names(datasets: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["namespace"], one["name"]) for one in datasets]


def members(facet: dict[str, Any]) -> dict[str, Any]:
    """What a facet says, without who says it."""
    return {name: value for name, value in facet.items() if not name.startswith("_")}

"""What operators tell when a task has ended: datasets with their facets.

A task that failed or was skipped has written nothing, so it tells only what it reads.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client import facet_v2 as standard
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.generated.schema_dataset import SchemaDatasetFacetFields as Field

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.urls import has_credentials
from airflow_provider_binance_liq.core.windows import epoch_ms
from airflow_provider_binance_liq.lineage import facets
from airflow_provider_binance_liq.lineage.names import name_object, name_tables
from airflow_provider_binance_liq.warehouse.schema import DECIMAL_PRECISION, DECIMAL_SCALE
from airflow_provider_binance_liq.warehouse.tables import WINDOWS, row_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.lineage.names import Name
    from airflow_provider_binance_liq.warehouse.load import Engine, Summary
    from airflow_provider_binance_liq.warehouse.schema import Kind, Table

_TYPES: Final[Mapping[Kind, str]] = {
    "text": "VARCHAR",
    "decimal": f"DECIMAL({DECIMAL_PRECISION},{DECIMAL_SCALE})",
    "int64": "BIGINT",
    "boolean": "BOOLEAN",
    "instant": "TIMESTAMPTZ",
    "instant_or_none": "TIMESTAMPTZ",
}


def report_extraction(
    endpoint: str, origin: str | None, manifest: Manifest | None, *, since_ms: int
) -> OperatorLineage[Any, Any]:
    """Tell of an extraction: its endpoint, and the object of its window.

    :param origin: the exchange's; None where the task did not get as far as to know it.
    :param manifest: None where the task failed or was skipped.
    :param since_ms: when the task began; an object that was extracted before stays as it was.
    """
    lineage: OperatorLineage[Any, Any] = OperatorLineage()
    if origin:
        lineage.inputs = [InputDataset(origin, get_endpoint(endpoint).path, facets=_sent_fields(endpoint))]
    if manifest is None or has_credentials(manifest.object.uri):
        return lineage
    stored, name = manifest.object, name_object(manifest.object.uri)
    about, written = _about(manifest), {}
    if epoch_ms(datetime.fromisoformat(manifest.extracted_at)) >= since_ms:
        change = standard.lifecycle_state_change_dataset
        overwritten = change.LifecycleStateChangeDatasetFacet(change.LifecycleStateChange.OVERWRITE)
        about["lifecycleStateChange"] = overwritten
        written = _written(stored.rows, stored.bytes)
    lineage.outputs = [OutputDataset(name.namespace, name.name, facets=about, outputFacets=written)]
    return lineage


def report_load(
    manifests: Sequence[Manifest], engine: Engine | None = None, summary: Summary | None = None
) -> OperatorLineage[Any, Any]:
    """Tell of a load: the objects of its manifests, and the tables that it has loaded them into.

    :param summary: None where nothing was loaded.
    """
    lineage: OperatorLineage[Any, Any] = OperatorLineage()
    lineage.inputs = [_read(one) for one in manifests if not has_credentials(one.object.uri)]
    if engine is None or summary is None:
        return lineage
    of_rows = row_tables(one.endpoint for one in manifests)
    tables = (*of_rows, WINDOWS)
    names = name_tables(engine, [table.name for table in tables])
    lineage.outputs = [_table(table, name) for table, name in zip(tables, names, strict=False)]
    if len(of_rows) == 1 and lineage.outputs:
        # With more tables, the summary counts the rows of all of them together.
        lineage.outputs[0].outputFacets = _written(summary.inserted + summary.updated)
    verdicts: dict[str, int] = Counter(facets.verdict_of(one.proof) for one in manifests)
    lineage.run_facets = {facets.LOAD: facets.BinanceLiqLoadRunFacet(summary.to_dict(), dict(verdicts))}
    return lineage


def _read(manifest: Manifest) -> InputDataset:
    stored, name = manifest.object, name_object(manifest.object.uri)
    statistics = standard.input_statistics_input_dataset.InputStatisticsInputDatasetFacet
    read: dict[str, Any] = {"inputStatistics": statistics(rowCount=stored.rows, size=stored.bytes)}
    return InputDataset(name.namespace, name.name, facets=_about(manifest), inputFacets=read)


def _written(rows: int, size: int | None = None) -> dict[str, Any]:
    statistics = standard.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    return {"outputStatistics": statistics(rowCount=rows, size=size)}


def _about(manifest: Manifest) -> dict[str, Any]:
    return {
        **_sent_fields(manifest.endpoint),
        "version": standard.dataset_version_dataset.DatasetVersionDatasetFacet(manifest.object.sha256),
        facets.EXTRACTION: facets.BinanceLiqExtractionDatasetFacet.of(manifest),
    }


def _sent_fields(endpoint: str) -> dict[str, Any]:
    """Name the fields of the exchange's rows; no document has their types."""
    return _schema(Field(name) for name in get_endpoint(endpoint).fields)


def _schema(fields: Iterable[Field]) -> dict[str, Any]:
    return {"schema": standard.schema_dataset.SchemaDatasetFacet(list(fields))}


def _table(table: Table, name: Name) -> OutputDataset:
    about = _schema(Field(column.name, _TYPES[column.kind], column.doc) for column in table)
    if name.symlink:
        alias = standard.symlinks_dataset.Identifier(*name.symlink[:2], type="TABLE")
        about["symlinks"] = standard.symlinks_dataset.SymlinksDatasetFacet([alias])
    return OutputDataset(name.namespace, name.name, facets=about)

"""The tables in Iceberg's terms: schema, partitions, order and properties.

Rows are partitioned by account and endpoint, with which their key begins: no update moves a row to another
partition, and a merge reads those of its own rows only. Time prunes by the files' bounds, since rows come in
by time and are sorted by it. Files are kept small, because replacing a row rewrites its file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse.schema import DECIMAL_PRECISION, DECIMAL_SCALE, Types

# PyIceberg takes half a second to import: it is imported in the worker.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyiceberg.partitioning import PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.sorting import SortOrder
    from pyiceberg.types import IcebergType

    from airflow_provider_binance_liq.warehouse.schema import Column, Kind, Table

_DECIMAL: Final = f"decimal({DECIMAL_PRECISION}, {DECIMAL_SCALE})"

#: Iceberg has no SQL of its own, so only its types are here.
TYPES: Final[Types] = {
    "text": "string",
    "decimal": _DECIMAL,
    "int64": "long",
    "boolean": "boolean",
    "instant": "timestamptz",
    "instant_or_none": "timestamptz",
}
#: as they are when a table is made; its owner may change them
PROPERTIES: Final = {
    "format-version": "2",
    # In memory; a file on storage is a fraction of it.
    "write.target-file-size-bytes": str(32 * 1024 * 1024),
    # Every load adds a manifest: without merging, readers and loads would open one a day; by default they are
    # merged when there are a hundred.
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "8",
    # Bounds of a whole JSON text prune nothing.
    "write.metadata.metrics.column.raw": "counts",
}


def add_columns(found: IcebergTable, columns: Sequence[Column]) -> None:
    """Add columns to a table of 0.1.0; if another load was faster, the commit fails."""
    if not columns:
        return
    types = _types()
    with found.update_schema() as update:
        for column in columns:
            update.add_column(column.name, types[column.kind], doc=column.doc)


def _types() -> Mapping[Kind, IcebergType]:
    from pyiceberg.types import BooleanType, DecimalType, LongType, StringType, TimestamptzType

    return {
        "text": StringType(),
        "decimal": DecimalType(DECIMAL_PRECISION, DECIMAL_SCALE),
        "int64": LongType(),
        "boolean": BooleanType(),
        "instant": TimestamptzType(),
        "instant_or_none": TimestamptzType(),
    }


def schema_of(table: Table) -> Schema:
    """Return the Iceberg schema of a table: its columns with what they are, its key as identifier fields."""
    from pyiceberg.schema import Schema
    from pyiceberg.types import NestedField

    types = _types()
    fields = [
        NestedField(number, column.name, types[column.kind], required=column.required, doc=column.doc)
        for number, column in enumerate(table, 1)
    ]
    return Schema(*fields, identifier_field_ids=[one.field_id for one in fields if one.name in table.key])


def partitions_of(table: Table, schema: Schema) -> PartitionSpec:
    """Return how files of the table are kept apart."""
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.transforms import IdentityTransform

    return PartitionSpec(
        *(
            PartitionField(schema.find_field(name).field_id, 1000 + number, IdentityTransform(), name)
            for number, name in enumerate(table.partitioned_by)
        )
    )


def order_of(table: Table, schema: Schema) -> SortOrder:
    """Return how rows are sorted in files."""
    from pyiceberg.table.sorting import SortField, SortOrder
    from pyiceberg.transforms import IdentityTransform

    return SortOrder(
        *(SortField(schema.find_field(name).field_id, IdentityTransform()) for name in table.sorted_by)
    )


def properties_of(table: Table) -> dict[str, str]:
    """Return the properties of a table that is created."""
    kept = {
        name: value for name, value in PROPERTIES.items() if not name.endswith(".raw") or "raw" in table.names
    }
    return {**kept, "comment": table.doc}

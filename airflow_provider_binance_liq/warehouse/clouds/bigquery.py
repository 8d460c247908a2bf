"""BigQuery: LOAD DATA from GCS, and MERGE in a multi-statement transaction.

Its operator takes one script and not a list, so the steps are scripts. A script that fails ends its
transaction without a trace; so does one that another transaction has overtaken, and a retry goes on.

What a MERGE reads is billed, so it reads no more of a table than the partitions in which the load's rows may
be. Where the event time is part of the key, they are between the staged ones. Elsewhere a newer version may
have another time than the stored one: so the stored rows are looked up by key first, which reads few bytes a
row, and the MERGE is bounded by the times at which they are stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_binance_liq.warehouse.clouds.loads import quote
from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse
from airflow_provider_binance_liq.warehouse.precedence import same_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load
    from airflow_provider_binance_liq.warehouse.schema import Table


class BigQuery(Warehouse):
    """There is no `via`: who runs the job has the right to read the lake."""

    name = "bigquery"
    schemes = ("gs", "gcs")
    types: ClassVar[Mapping[str, str]] = {
        "text": "STRING",
        "decimal": "BIGNUMERIC(38, 18)",
        "int64": "INT64",
        "boolean": "BOOL",
        "instant": "TIMESTAMP",
    }
    key_suffix = " NOT ENFORCED"
    commit = ("COMMIT TRANSACTION",)

    def create_table(self, table: Table) -> str:
        """`CREATE TABLE`, by months and by what four columns of the key may; one that is there stays."""
        return (
            f"{super().create_table(table)}\nPARTITION BY TIMESTAMP_TRUNC({table.event_time}, MONTH)\n"
            f"CLUSTER BY {', '.join(table.key[:4])}"
        )

    def copy(self, load: Load, table: Table) -> list[str]:
        """Load a file into the load's own table, which this statement makes."""
        url = quote(load.url(table, "gs"))
        files = f"format = 'PARQUET', uris = [{url}], decimal_target_types = ['BIGNUMERIC']"
        return [f"LOAD DATA OVERWRITE {self.staging(load, table)}\nFROM FILES ({files})"]

    def check(self, load: Load) -> str:
        """Fail with what does not fit."""
        query = super().check(load)
        return f"SELECT IF(fits = 1, misfit, error(misfit)) AS misfit FROM (\n{query}\n) AS checked"

    def merge(self, load: Load) -> list[str]:
        """Merge between the instants where the load's rows may be."""
        begin, *rest = ("BEGIN TRANSACTION", *super().merge(load)[1:])
        names = ", ".join(name for table in load.staged_tables for name in _variables(table))
        # Windows come first: that rows are new depends on them.
        bounds = [_set_bounds(load, table) for table in reversed(load.staged_tables)]
        return [f"DECLARE {names} TIMESTAMP", begin, *bounds, *rest]

    def bounds(self, table: Table, prefix: str) -> str:
        """Restrict a join to the partitions between two variables."""
        first, last = _variables(table)
        return f"\n    AND {prefix}.{table.event_time} BETWEEN {first} AND {last}"

    def deliver(self, statements: list[str]) -> Any:
        """Join the statements to one script."""
        return "".join(f"{statement};\n" for statement in statements)


def _variables(table: Table) -> tuple[str, str]:
    name = table.name.removeprefix("binance_")
    return f"first_of_{name}", f"last_of_{name}"


def _set_bounds(load: Load, table: Table) -> str:
    """Set the instants between which a table has all rows that the load may have to replace."""
    fixed = table.event_time in table.key
    found = f"{'source' if fixed else 'target'}.{table.event_time}"
    joined = "" if fixed else f"\n    JOIN {table.name} AS target ON {same_key(table)}"
    return (
        f"SET ({', '.join(_variables(table))}) = (\n"
        f"    SELECT AS STRUCT min({found}), max({found})\n"
        f"    FROM {load.staged(table)} AS source{joined}\n)"
    )

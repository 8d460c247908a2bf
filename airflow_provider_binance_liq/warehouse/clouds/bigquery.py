"""BigQuery: an external table over objects on GCS, and MERGE in a multi-statement transaction.

Its operator takes one script and not a list, so the steps are scripts. A script that fails ends its
transaction without a trace; so does one that another transaction has overtaken, and a retry goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.loads import quote
from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load, Source
    from airflow_provider_binance_liq.warehouse.schema import Kind


class BigQuery(Warehouse):
    """There is no `via`: who runs the job has the right to read the lake."""

    name = "bigquery"
    schemes = ("gs", "gcs")
    types: ClassVar[Mapping[Kind, str]] = {
        "text": "STRING",
        "decimal": "BIGNUMERIC(38, 18)",
        "int64": "INT64",
        "boolean": "BOOL",
        "instant": "TIMESTAMP",
        "instant_or_none": "TIMESTAMP",
    }
    key_suffix = " NOT ENFORCED"
    commit = ("COMMIT TRANSACTION",)

    def begin(self, _load: Load) -> list[str]:
        """Begin a transaction."""
        return ["BEGIN TRANSACTION"]

    def member(self, name: str) -> str:
        """Return a member's text."""
        return f"json_value(parsed, '$.{name}')"

    def matches(self, text: str, pattern: str) -> str:
        """Tell whether a text matches."""
        return f"regexp_contains({text}, r'{pattern}')"

    def instant(self, millis: str) -> str:
        """Make an instant."""
        return f"timestamp_millis({millis})"

    def cast(self, text: str, kind: Kind) -> str:
        """Cast; the precision is the column's, not the cast's."""
        return f"CAST({text} AS {self.types[kind].partition('(')[0]})"

    def copy(self, load: Load) -> list[str]:
        """Read lines by an external table, which has the object of each."""
        plain, packed = (
            [source for source in (load.manifests, *load.objects) if source.compression == compression]
            for compression in (None, "gzip")
        )
        return [*self._copy(load, plain, ""), *self._copy(load, packed, ", compression = 'GZIP'")]

    def _copy(self, load: Load, sources: Sequence[Source], more: str) -> list[str]:
        if not sources:
            return []
        files = f"staged_files_{load.name}"
        uris = ", ".join(quote(_gs(source.url)) for source in sources)
        root = quote(_gs(load.manifests.url.removesuffix(load.manifests.key)))
        options = f"format = 'CSV', field_delimiter = '\\x01', quote = '', uris = [{uris}]{more}"
        key = f"replace(_FILE_NAME, {root}, '')"
        return [
            f"CREATE OR REPLACE EXTERNAL TABLE {files} (line STRING)\nOPTIONS ({options})",
            f"INSERT INTO {load.lines} (object, line)\nSELECT {key}, line FROM {files}",
            f"DROP EXTERNAL TABLE IF EXISTS {files}",
        ]

    def check(self, load: Load) -> str:
        """Fail with what does not fit."""
        query = super().check(load)
        return f"SELECT IF(fits = 1, misfit, error(misfit)) AS misfit FROM (\n{query}\n) AS checked"

    def deliver(self, statements: list[str]) -> Any:
        """Join the statements to one script."""
        return "".join(f"{statement};\n" for statement in statements)

    def check_via(self, via: str) -> None:
        """Refuse any value: BigQuery needs none."""
        if via:
            message = f"via is {via!r}; BigQuery takes none, its connection has the right to read the lake"
            raise InvalidRequest(message)


def _gs(url: str) -> str:
    return f"gs://{url.partition('://')[2]}"

"""dlt as a contender: its merge of what its filesystem source reads, or of Arrow tables."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from loads_contenders import Contender
from loads_objects import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_binance_liq.core.manifest import Manifest

_MB: Final = 1024 * 1024


class Dlt(Contender):
    """dlt's merge of what its filesystem source reads."""

    strategy = "upsert"
    #: what each engine reads fastest; INSERT statements, the default, take several times as long
    formats: Final = {"duckdb": "parquet", "postgres": "csv"}
    table = "benchmark.binance_liquidations"
    content = (
        "symbol, order_id, CAST(avg_price AS numeric(38,18)), CAST(executed_qty AS numeric(38,18)), "
        "update_time"
    )
    columns = ""

    def __init__(self, engine: str, database: str) -> None:
        super().__init__(engine, database)
        import dlt
        import dlt.sources.filesystem

        import_module("pyarrow.json")  # what is imported later would be counted

        url = self.database
        if engine == "postgres":
            name, _, socket = self.database.partition("@")
            # It will not do without a password and a host; the server asks for neither.
            url = f"postgresql://tester:unused@localhost/{name}?host={socket}"
        os.environ["NORMALIZE__WORKERS"] = str(os.cpu_count())
        os.environ["DATA_WRITER__FILE_MAX_ITEMS"] = "100000"
        self.pipeline = dlt.pipeline(
            "benchmark",
            pipelines_dir=os.environ["AIRFLOW_HOME"],
            destination=getattr(dlt.destinations, engine)(url),
            dataset_name="benchmark",
        )

    def load(self, manifest: Manifest) -> None:
        resource = self.read(path_of(manifest))
        disposition = {"disposition": "merge", "strategy": self.strategy}
        resource.apply_hints(write_disposition=disposition, primary_key=("symbol", "orderId"))
        done = self.pipeline.run(
            resource, table_name="binance_liquidations", loader_file_format=self.formats[self.engine]
        )
        done.raise_on_failed_jobs()

    def read(self, path: Path) -> Any:
        from dlt.sources.filesystem import filesystem, read_jsonl

        found = filesystem(bucket_url=path.parent.as_uri(), file_glob=path.name)
        return found | read_jsonl(chunksize=10_000)


class DltArrow(Dlt):
    """dlt's merge of Arrow tables, which spare it the walk over every value."""

    def read(self, path: Path) -> Any:
        import dlt
        from pyarrow import json as arrow_json

        options = arrow_json.ReadOptions(block_size=16 * _MB)

        @dlt.resource
        def liquidations() -> Iterator[Any]:
            with arrow_json.open_json(path, read_options=options) as reader:
                yield from reader

        return liquidations()

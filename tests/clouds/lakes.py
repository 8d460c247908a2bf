"""Objects laid down as an extraction does: in folders, with a suffix for gzip, on a disk or on an S3 API."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import lakehouse

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.manifest import Manifest


REPOSITORY = Path(__file__).parents[2]


@dataclass
class DiskLake(lakehouse.Lake):
    """Lays objects down in a directory."""

    @property
    def destination(self) -> str:
        return f"file://{self.directory}"

    def lay(self, rows: list[str], **more: Any) -> Manifest:
        manifest = super().lay(rows, **more)
        laid = manifest.object.uri.rpartition("/")[2]
        name = f"{manifest.endpoint}/date={manifest.window.start[:10]}/{laid}"
        if manifest.object.compression:
            name += ".gz"
        (self.directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.directory / laid, self.directory / name)
        return replace(manifest, object=replace(manifest.object, uri=self.publish(name)))

    def publish(self, name: str) -> str:
        return f"{self.destination}/{name}"


@dataclass
class BucketLake(DiskLake):
    """Lays objects down in a bucket, by way of a directory."""

    bucket: str = ""
    client: Any = None

    @property
    def destination(self) -> str:
        return f"s3://aws_default@{self.bucket}/lake"

    def publish(self, name: str) -> str:
        self.client.upload_file(str(self.directory / name), self.bucket, f"lake/{name}")
        return super().publish(name)

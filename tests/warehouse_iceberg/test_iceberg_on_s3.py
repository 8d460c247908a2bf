"""Objects and tables on S3: the same rows, and nothing that only a disk would forgive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.icehouse import Icehouse
from support.lakehouse import row

from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError

pytestmark = pytest.mark.slow

FILE_SYSTEMS = {"arrow's": {}, "s3fs": {"py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO"}}


@pytest.fixture(params=["arrow's", pytest.param("s3fs", marks=pytest.mark.slow)])
def on_s3(request, tmp_path, s3, bucket):
    """Tables in a bucket, reached in one of the two ways that PyIceberg has."""
    properties = {
        "warehouse": f"s3://{bucket}/tables",
        "s3.endpoint": s3,
        "s3.access-key-id": "testing",
        "s3.secret-access-key": "testing",
        "s3.region": "us-east-1",
    }
    return Icehouse(tmp_path / "catalog", properties | FILE_SYSTEMS[request.param])


@pytest.fixture
def uploaded(s3, bucket):
    """Put an object into the bucket, as an extraction would have."""
    import boto3

    client = boto3.client("s3", endpoint_url=s3)

    def put(manifest):
        path = Path(manifest.object.uri.removeprefix("file://"))
        client.upload_file(str(path), bucket, f"lake/{path.name}")
        uri = f"s3://aws_default@{bucket}/lake/{path.name}"
        return replace(manifest, object=replace(manifest.object, uri=uri))

    return put


def test_it_is_what_duckdb_has(lake, on_s3, duckdb, uploaded):
    first = [
        uploaded(lake.lay([row(1, price='"0.000000000000000001"'), row(2, symbol='"币安人生USDT"')])),
        uploaded(lake.lay([row(3)], account="a/b c", day=11)),
    ]
    newer = uploaded(lake.lay([row(1, price='"2"'), row(4)], extracted_at="2026-11-12T00:00:00Z"))
    for given in (first, newer, [*first, newer]):
        assert on_s3.load(given) == duckdb.load(given)
    assert on_s3.dump() == duckdb.dump()
    assert all(file.startswith("s3://") for file in on_s3.files())


def test_a_tampered_object_is_refused_and_nothing_is_written(lake, on_s3, uploaded):
    on_s3.load(uploaded(lake.lay([row(1)])))
    before, known = on_s3.dump(), on_s3.snapshots()
    other = uploaded(lake.lay([row(2)], day=11))
    bad = replace(other, object=replace(other.object, sha256="0" * 64))
    with pytest.raises(InconsistentManifest):
        on_s3.load(uploaded(lake.lay([row(3)], day=12)), bad)
    assert (on_s3.dump(), on_s3.snapshots()) == (before, known)


def test_a_bucket_that_is_not_there_is_worth_a_retry(lake, on_s3):
    on_s3.properties["warehouse"] = "s3://nobody-has-this-bucket/tables"
    with pytest.raises(StorageError, match="the Iceberg tables"):
        on_s3.load(lake.lay([row(1)]))

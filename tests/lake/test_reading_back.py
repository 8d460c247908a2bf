"""What lies in a lake is somebody's text: it is read where it may be, and no more of it than was said."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import tracemalloc

import pytest
from support.manifests import DAY, describe

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.manifest import (
    ManifestFilters,
    ManifestObject,
)
from airflow_provider_binance_liq.exceptions import (
    InconsistentManifest,
    InvalidRequest,
    UnexpectedRow,
)
from airflow_provider_binance_liq.lake import draft, fetch_object, locate, open_destination, place
from airflow_provider_binance_liq.lake.drafts import LONGEST_ROW

USDM = get_endpoint("usdm_futures")
MIB = 2**20


@pytest.fixture(params=["file", "s3"])
def lake(request, tmp_path):
    if request.param == "file":
        return open_destination(f"file://{tmp_path}/lake")
    return open_destination(f"s3://aws_default@{request.getfixturevalue('bucket')}/lake")


def describe_at(uri, content=b"", rows=1, compression=None):
    sha256 = hashlib.sha256(content).hexdigest()
    return describe(ManifestObject(uri, rows, len(content), sha256, compression))


def lay(lake, content, rows=1, compression=None):
    """Lay an object down whose manifest is true of its stored bytes."""
    at = place(lake, USDM, "desk", DAY, ManifestFilters(), compression)
    if at.object.protocol == "file":
        at.directory.mkdir(parents=True, exist_ok=True)
    at.object.write_bytes(content)
    return describe_at(str(at.object), content, rows, compression)


# --- no more than was said ------------------------------------------------------------------------------


def test_a_gzip_that_unpacks_to_far_more_than_was_said_is_stopped_early_in_little_memory(lake, tmp_path):
    bomb = gzip.compress(b"\n" * (100 * MIB))
    manifest = lay(lake, bomb, rows=3, compression="gzip")
    tracemalloc.start()
    with pytest.raises(InconsistentManifest, match="more than the 3 rows"):
        fetch_object(manifest, tmp_path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20 * MIB
    assert sum(path.stat().st_size for path in tmp_path.glob("*.ndjson")) <= 2 * MIB


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("rows", [0, 1, 400])
def test_a_line_without_an_end_is_stopped(lake, tmp_path, rows, compression):
    content = b"x" * (5 * MIB)
    stored = gzip.compress(content) if compression else content
    with pytest.raises(InconsistentManifest, match="a line of more than"):
        fetch_object(lay(lake, stored, rows, compression), tmp_path)


def test_an_object_that_is_larger_than_was_said_is_not_copied(lake, tmp_path):
    manifest = lay(lake, b"{}\n" * MIB)
    said = dataclasses.replace(manifest, object=dataclasses.replace(manifest.object, bytes=3))
    with pytest.raises(InconsistentManifest, match=r"bytes, and .* were the most"):
        fetch_object(said, tmp_path)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_the_longest_row_that_is_landed_is_read_back(lake, tmp_path, compression):
    body = b"x" * LONGEST_ROW
    local = draft([body, body], tmp_path, compression)
    manifest = lay(lake, local.path.read_bytes(), 2, compression)
    assert fetch_object(manifest, tmp_path).read_bytes() == body + b"\n" + body + b"\n"


def test_a_row_that_no_reader_would_take_back_is_not_landed(tmp_path):
    with pytest.raises(UnexpectedRow, match="is the most that is stored"):
        draft([b"x" * (LONGEST_ROW + 1)], tmp_path)


# --- only where it may be -------------------------------------------------------------------------------

ROOT = "s3://aws_default@bucket/lake"
KEY = "usdm_futures/account=desk/date=2026-10-10/x.ndjson"


@pytest.fixture
def known(set_connection):
    set_connection("aws_default", conn_type="aws", login="testing", password="testing")
    set_connection("aws_other", conn_type="aws", login="testing", password="testing")


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "file:///etc/x.ndjson",
        "https://elsewhere.example/x.ndjson",
        f"s3://aws_default@other/lake/{KEY}",
        f"s3://aws_default@bucket/lakes/{KEY}",
        f"s3://aws_default@bucket/lake/../secret/{KEY}",
        f"s3://aws_default@bucket/lake/./{KEY}",
        "s3://aws_default@bucket/lake/../x.ndjson",
        f"s3://key:sec/ret@bucket/lake/{KEY}",
        "s3://aws_default@bucket/lake",
        "x.ndjson",
    ],
)
def test_an_object_that_is_not_below_the_allowed_destination_is_refused(known, uri):
    with pytest.raises(InconsistentManifest) as caught:
        locate(describe_at(uri), ROOT)
    assert "ret@" not in str(caught.value)


@pytest.mark.parametrize("conn_id", ["", "aws_default@", "aws_other@", "unknown@"])
def test_an_object_below_it_is_read_by_the_destinations_own_connection(known, conn_id):
    found = locate(describe_at(f"s3://{conn_id}bucket/lake/{KEY}"), ROOT)
    assert str(found) == f"{ROOT}/{KEY}"
    assert found.conn_id == "aws_default"


@pytest.mark.parametrize("destination", ["file:///lake", "/lake", "file:///lake/"])
@pytest.mark.parametrize("uri", ["file:///lake/{}", "/lake/{}", "local:///lake/{}"])
def test_a_local_path_and_its_url_are_the_same(destination, uri):
    assert locate(describe_at(uri.format(KEY)), destination).path == f"/lake/{KEY}"


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "file:///lake/../etc/x.ndjson", "s3://b/a/../x.ndjson"]
)
def test_without_a_destination_an_address_still_has_to_be_an_objects(uri, tmp_path):
    with pytest.raises(InconsistentManifest, match="not the URI of an object"):
        fetch_object(describe_at(uri), tmp_path)


@pytest.mark.parametrize("uri", ["nosuch://x.ndjson", "s3://missing_connection@bucket/x.ndjson"])
def test_an_address_that_is_none_is_refused(uri, tmp_path):
    with pytest.raises((InvalidRequest, InconsistentManifest)):
        fetch_object(describe_at(uri), tmp_path)


@pytest.mark.parametrize("url", ["s3://KEY:sec/ret@bucket", "s3://KEY:sec/ret@bucket/p", "gs://a:b/c/d@e"])
def test_a_secret_with_a_slash_in_a_destination_is_refused_without_repeating_it(url):
    with pytest.raises(InvalidRequest, match="password") as caught:
        open_destination(url)
    assert "ret" not in str(caught.value)


@pytest.mark.parametrize("destination", ["file:///lake/a@b", "s3://aws_default@bucket/account=a@b"])
def test_an_at_sign_in_a_path_is_no_password(known, destination):
    assert open_destination(destination)

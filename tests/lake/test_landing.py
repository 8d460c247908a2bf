"""The laws of commit and of idempotence, on local files and on a real S3 API."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import os

import pytest
from airflow.sdk import ObjectStoragePath
from fsspec.implementations.local import LocalFileSystem
from support.manifests import DAY, describe

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.manifest import (
    ManifestFilters,
    from_json,
)
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest, StorageError
from airflow_provider_binance_liq.lake import (
    commit,
    draft,
    fetch_object,
    find_manifest,
    open_destination,
    place,
    publish,
    read_manifest,
)

USDM = get_endpoint("usdm_futures")
ALL = ManifestFilters()
BODIES = [b'{"orderId":1,"price":"1.10"}', '{"symbol":"币安人生USDT"}'.encode(), b'{"orderId":3}']
CONTENT = b"".join(body + b"\n" for body in BODIES)
STEM = "20261010T000000Z_20261011T000000Z"


@pytest.fixture(params=["file", "s3"])
def lake(request, tmp_path):
    """A destination, empty."""
    if request.param == "file":
        return open_destination(f"file://{tmp_path}/lake with blanks/日本")
    return open_destination(f"s3://aws_default@{request.getfixturevalue('bucket')}/some/prefix")


@pytest.fixture
def local_lake(tmp_path):
    return open_destination(f"file://{tmp_path}/lake")


@pytest.fixture
def scratch(tmp_path):
    path = tmp_path / "scratch"
    path.mkdir()
    return path


def land(lake, scratch, bodies=BODIES, compression=None, filters=ALL):
    at = place(lake, USDM, "desk", DAY, filters, compression)
    manifest = describe(publish(draft(bodies, scratch, compression), at))
    commit(manifest, at, scratch, seen=find_manifest(at))
    return manifest, at


def names(lake):
    """Every key below a destination, hidden ones too."""
    found = lake.fs.find(str(lake.path), withdirs=False)
    return sorted(key.partition("usdm_futures/")[2] for key in found)


# --- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
@pytest.mark.parametrize(("compression", "suffix"), [(None, ".ndjson"), ("gzip", ".ndjson.gz")])
def test_an_object_and_its_manifest_lie_where_the_contract_says(local_lake, endpoint, compression, suffix):
    at = place(local_lake, endpoint, "desk", DAY, ALL, compression)
    directory = f"{local_lake}/{endpoint.name}/account=desk/date=2026-10-10"
    assert str(at.object) == f"{directory}/{STEM}{suffix}"
    assert str(at.manifest) == f"{directory}/{STEM}.manifest.json"


def test_the_date_is_that_of_the_start_in_utc(local_lake):
    window = Window(DAY.end_ms - 1000, DAY.end_ms + 1000)
    at = place(local_lake, USDM, "desk", window, ALL)
    assert "date=2026-10-10/20261010T235959Z_20261011T000001Z.ndjson" in str(at.object)


def test_a_filtered_extraction_has_a_name_of_its_own_and_always_the_same_one(local_lake):
    filters = [
        ManifestFilters(),
        ManifestFilters(("BTCUSDT",)),
        ManifestFilters(("BTCUSDT", "ETHUSDT")),
        ManifestFilters(("BTCUSDT",), "ADL"),
        ManifestFilters((), "ADL"),
        ManifestFilters((), "LIQUIDATION"),
        ManifestFilters(("ADL",)),
        ManifestFilters(("币安人生USDT",)),
    ]
    found = [place(local_lake, USDM, "desk", DAY, each).stem for each in filters]
    assert len(set(found)) == len(filters)
    assert found[0] == STEM
    assert all(name.startswith(f"{STEM}.filter-") for name in found[1:])
    assert found == [place(local_lake, USDM, "desk", DAY, each).stem for each in filters]


def test_the_order_of_symbols_does_not_make_another_extraction(local_lake):
    one, other = ManifestFilters(("A", "B")), ManifestFilters(("B", "A"))
    assert place(local_lake, USDM, "desk", DAY, one) == place(local_lake, USDM, "desk", DAY, other)


def test_many_symbols_do_not_make_a_name_too_long_for_a_file(local_lake):
    many = ManifestFilters(tuple(f"SYMBOL{number}USDT" for number in range(1000)))
    assert len(place(local_lake, USDM, "desk", DAY, many, "gzip").object.name) < 120


# --- landing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_what_was_landed_is_read_back_byte_by_byte(lake, scratch, compression):
    manifest, at = land(lake, scratch, compression=compression)
    stored = at.object.read_bytes()
    assert (gzip.decompress(stored) if compression else stored) == CONTENT
    assert manifest.object.rows == 3
    assert manifest.object.bytes == len(stored)
    assert manifest.object.sha256 == hashlib.sha256(stored).hexdigest()
    assert manifest.object.uri == str(at.object)
    assert read_manifest(at.manifest) == manifest
    assert fetch_object(manifest, scratch).read_bytes() == CONTENT


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_an_empty_window_is_an_empty_object_with_a_manifest(lake, scratch, compression):
    manifest, at = land(lake, scratch, [], compression)
    assert manifest.object.rows == 0
    assert at.object.exists()
    assert at.manifest.exists()
    assert fetch_object(manifest, scratch).read_bytes() == b""
    assert (at.object.stat().st_size == 0) == (compression is None)


def test_nothing_lies_there_but_the_object_and_its_manifest(lake, scratch):
    land(lake, scratch)
    assert names(lake) == [
        f"account=desk/date=2026-10-10/{STEM}.manifest.json",
        f"account=desk/date=2026-10-10/{STEM}.ndjson",
    ]


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.clock
def test_the_same_rows_give_the_same_key_and_the_same_bytes(lake, scratch, compression, time_machine_travel):
    first, at = land(lake, scratch, compression=compression)
    before = at.object.read_bytes()
    time_machine_travel()
    second, again = land(lake, scratch, compression=compression)
    assert again.object == at.object
    assert at.object.read_bytes() == before
    assert first.object == second.object


@pytest.fixture
def time_machine_travel(monkeypatch):
    """Let a day pass, for what would write the time into a file."""

    def travel():
        import time

        real = time.time
        monkeypatch.setattr("time.time", lambda: real() + 86_400)

    return travel


def test_gzip_holds_neither_a_name_nor_a_time(scratch):
    packed = draft(BODIES, scratch, "gzip").path.read_bytes()
    assert packed[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"


@pytest.mark.parametrize(("before", "after"), [(None, "gzip"), ("gzip", None)])
def test_one_window_is_one_object_though_its_compression_changes(lake, scratch, before, after):
    land(lake, scratch, compression=before)
    _, at = land(lake, scratch, compression=after)
    assert len(names(lake)) == 2
    assert at.object.exists()
    assert fetch_object(read_manifest(at.manifest), scratch).read_bytes() == CONTENT


def test_another_answer_replaces_the_object_and_its_manifest(lake, scratch):
    land(lake, scratch)
    manifest, at = land(lake, scratch, BODIES[:1])
    assert read_manifest(at.manifest) == manifest
    assert fetch_object(manifest, scratch).read_bytes() == BODIES[0] + b"\n"


def test_filtered_and_whole_extractions_lie_side_by_side(lake, scratch):
    land(lake, scratch)
    land(lake, scratch, BODIES[:1], filters=ManifestFilters(("BTCUSDT",)))
    assert len(names(lake)) == 4


@pytest.mark.slow
def test_a_large_object_is_uploaded_in_parts_and_still_whole(bucket, scratch):
    lake = open_destination(f"s3://aws_default@{bucket}/large")
    rows = [json.dumps({"orderId": n, "x": "y" * 1000}).encode() for n in range(60_000)]
    manifest, at = land(lake, scratch, rows)
    assert at.object.stat().st_size == manifest.object.bytes > 50 * 2**20
    assert read_manifest(at.manifest).object.rows == 60_000


# --- the order of things --------------------------------------------------------------------------------


class Watched(LocalFileSystem):
    """A file system that notes what is visible after each step, and may fail at one."""

    cachable = False

    def __init__(self, root, fail_at=None):
        super().__init__()
        self.root, self.fail_at = root, fail_at
        self.steps, self.seen = [], []

    def _step(self, name):
        self.look()
        self.steps.append(name)
        if len(self.steps) - 1 == self.fail_at:
            raise OSError(28, "No space left on device")

    def look(self):
        visible = {}
        for path in self.root.rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                visible[path.name] = path.read_bytes()
        self.seen.append(visible)

    def put_file(self, path1, path2, **known):
        self._step("put")
        super().put_file(path1, path2, **known)

    def mv(self, path1, path2, **known):
        self._step("mv")
        super().mv(path1, path2, **known)

    def rm_file(self, path):
        self._step("rm")
        super().rm_file(path)


def consistent(visible, scratch_hashes):
    """Whether each visible object is a whole one, and each visible manifest describes what lies beside it."""
    for name, content in visible.items():
        if name.endswith(".manifest.json"):
            said = from_json(content).object
            beside = visible.get(said.uri.rpartition("/")[2])
            if beside is None or hashlib.sha256(beside).hexdigest() != said.sha256:
                return False
        elif hashlib.sha256(content).hexdigest() not in scratch_hashes:
            return False
    return True


@pytest.fixture
def watch(monkeypatch, local_lake, tmp_path):
    """Let every access to the destination go through a watched file system."""

    def start(fail_at=None):
        watched = Watched(tmp_path / "lake", fail_at)
        monkeypatch.setattr(ObjectStoragePath, "fs", property(lambda _: watched))
        return watched

    return start


FIRST, SECOND = BODIES, [*BODIES, b'{"orderId":4}']
HASHES = {hashlib.sha256(b"".join(body + b"\n" for body in rows)).hexdigest() for rows in (FIRST, SECOND)}


def test_at_no_moment_is_a_manifest_visible_beside_an_object_that_it_does_not_describe(
    watch, local_lake, scratch
):
    watched = watch()
    for rows in (FIRST, SECOND, FIRST):
        land(local_lake, scratch, rows)
    watched.look()
    assert len(watched.steps) >= 8
    assert all(consistent(visible, HASHES) for visible in watched.seen)


@pytest.mark.parametrize("fail_at", range(9))
def test_a_store_that_fails_at_any_step_leaves_nothing_half_done_and_a_rerun_repairs_it(
    watch, local_lake, scratch, fail_at
):
    watched = watch(fail_at)
    failures = []
    for rows in (FIRST, SECOND, SECOND):
        try:
            land(local_lake, scratch, rows)
        except StorageError as error:
            failures.append(str(error))
    watched.look()
    assert all("No space left" in said and "then retry" in said for said in failures)
    assert len(failures) == (fail_at < len(watched.steps))
    assert all(consistent(visible, HASHES) for visible in watched.seen)
    assert sorted(watched.seen[-1]) == [f"{STEM}.manifest.json", f"{STEM}.ndjson"]
    hidden = [path.name for path in watched.root.rglob(".*")]
    assert hidden == []


# --- a store that refuses -------------------------------------------------------------------------------


def test_a_destination_below_a_file_is_a_storage_error(tmp_path, scratch):
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(StorageError, match="Check the disk, its free space and the permissions; then retry"):
        land(open_destination(f"file://{tmp_path}/lake"), scratch)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to the superuser")
def test_a_read_only_directory_is_a_storage_error(tmp_path, scratch):
    (tmp_path / "lake").mkdir(mode=0o500)
    with pytest.raises(StorageError, match=r"[Pp]ermission"):
        land(open_destination(f"file://{tmp_path}/lake"), scratch)


def test_a_device_that_takes_nothing_is_a_storage_error(scratch):
    with pytest.raises(StorageError):
        land(open_destination("file:///dev/null/lake"), scratch)


def test_a_bucket_that_does_not_exist_is_a_storage_error_and_is_not_made(bucket, s3, scratch):
    import boto3

    with pytest.raises(StorageError, match=r"bucket does not exist|NoSuchBucket|not exist"):
        land(open_destination("s3://aws_default@no-such-bucket-here/prefix"), scratch)
    known = {each["Name"] for each in boto3.client("s3", endpoint_url=s3).list_buckets()["Buckets"]}
    assert "no-such-bucket-here" not in known


def test_a_store_that_cannot_be_reached_is_a_storage_error(set_connection, scratch):
    extra = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 1}}}
    set_connection("aws_gone", conn_type="aws", login="testing", password="testing", extra=extra)
    advice = r"Check the network and the connection in the URL, as in s3://CONN_ID@bucket/prefix; then retry"
    with pytest.raises(StorageError, match=advice):
        land(open_destination("s3://aws_gone@bucket/prefix"), scratch)


def test_a_local_disk_that_is_full_is_a_storage_error(tmp_path, monkeypatch):
    def failing():
        yield BODIES[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left"):
        draft(failing(), tmp_path)


# --- destinations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ("", "destination is empty; give a URL such as"),
        (None, "destination is empty"),
        ("   ", "destination is empty"),
        ("lake", "is relative"),
        ("./lake", "is relative"),
        ("../lake", "is relative"),
        ("file://lake/here", "is relative|three slashes"),
        ("nosuch://lake", "cannot be used"),
        (
            "s3://missing_connection@bucket/prefix",
            "'missing_connection', which does not exist; .* anonymously",
        ),
    ],
)
def test_a_destination_that_is_none_is_refused_before_anything_is_done(destination, message):
    with pytest.raises(InvalidRequest, match=message):
        open_destination(destination)


@pytest.mark.parametrize("destination", ["file:///lake", "/lake", "file:///lake/"])
def test_a_local_destination_may_be_a_url_or_an_absolute_path(destination):
    assert str(open_destination(destination) / "x").rstrip("/").endswith("/lake/x")
    assert open_destination(destination).protocol == "file"


# --- tampering ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored",
    [CONTENT[:-1], CONTENT + b"\n", CONTENT.replace(b"1.10", b"1.11"), b""],
    ids=["shorter", "longer", "another digit", "emptied"],
)
def test_an_object_that_was_tampered_with_is_refused(lake, scratch, stored):
    manifest, at = land(lake, scratch)
    at.object.write_bytes(stored)
    with pytest.raises(InconsistentManifest, match="does not match its manifest"):
        fetch_object(manifest, scratch)


@pytest.mark.parametrize("member", [{"rows": 2}, {"bytes": 1}, {"sha256": "00" * 32}])
def test_a_manifest_that_was_tampered_with_is_refused(lake, scratch, member):
    manifest, _ = land(lake, scratch, compression="gzip")
    said = dataclasses.replace(manifest, object=dataclasses.replace(manifest.object, **member))
    with pytest.raises(InconsistentManifest):
        fetch_object(said, scratch)


def test_an_object_that_is_no_gzip_although_its_manifest_matches_is_an_error(lake, scratch):
    manifest, _ = land(lake, scratch)
    said = dataclasses.replace(manifest, object=dataclasses.replace(manifest.object, compression="gzip"))
    with pytest.raises(InconsistentManifest, match="is not the gzip"):
        fetch_object(said, scratch)


def test_an_object_or_a_manifest_that_is_gone_is_a_storage_error(lake, scratch):
    manifest, at = land(lake, scratch)
    at.object.unlink()
    with pytest.raises(StorageError):
        fetch_object(manifest, scratch)
    at.manifest.unlink()
    with pytest.raises(StorageError):
        read_manifest(at.manifest)


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"schema_version": 2}'])
def test_what_lies_there_and_is_no_manifest_is_refused(lake, scratch, text):
    _, at = land(lake, scratch)
    at.manifest.write_bytes(text.encode())
    with pytest.raises(InconsistentManifest):
        read_manifest(at.manifest)


def test_a_rerun_over_what_is_no_manifest_repairs_it(lake, scratch):
    _, at = land(lake, scratch)
    at.manifest.write_bytes(b"not json")
    manifest, _ = land(lake, scratch)
    assert read_manifest(at.manifest) == manifest


# --- two runs at once -----------------------------------------------------------------------------------


def test_two_runs_with_different_answers_never_end_with_a_manifest_that_lies(lake, tmp_path):
    at = place(lake, USDM, "desk", DAY, ALL)
    spaces = [tmp_path / "one", tmp_path / "two"]
    for space in spaces:
        space.mkdir()
    one = describe(publish(draft(FIRST, spaces[0]), at))
    two = describe(publish(draft(SECOND, spaces[1]), at))
    with pytest.raises(StorageError, match="another run"):
        commit(one, at, spaces[0], seen=None)
    assert not at.manifest.exists()
    commit(two, at, spaces[1], seen=None)
    assert fetch_object(read_manifest(at.manifest), tmp_path).read_bytes().count(b"\n") == len(SECOND)


def test_two_runs_with_the_same_answer_do_not_disturb_each_other(lake, tmp_path):
    at = place(lake, USDM, "desk", DAY, ALL)
    one = describe(publish(draft(FIRST, tmp_path), at))
    two = describe(publish(draft(FIRST, tmp_path), at))
    commit(one, at, tmp_path, seen=None)
    commit(two, at, tmp_path, seen=find_manifest(at))
    assert fetch_object(read_manifest(at.manifest), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["s3://key:hunter2@bucket/p", "ftp://:hunter2@host/p", "S3://a:hunter2@b"])
def test_a_destination_with_a_password_is_refused_without_repeating_it(url, caplog, capfd):
    with pytest.raises(InvalidRequest, match="password") as caught:
        open_destination(url)
    said = capfd.readouterr()
    assert "hunter2" not in f"{caught.value!r}{caught.value}{caplog.text}{said.out}{said.err}"

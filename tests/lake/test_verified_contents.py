"""Every damage to an object, its rows or its manifest is found and named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil

import pytest
from support.covering import covering
from verifying import DIRECTORY, HOUR_MS, START, STEM, day, everywhere, flipped, packed, row

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.lake import fetch_object

# --- the bytes ------------------------------------------------------------------------------------------


DAMAGES = {
    "a byte flipped": flipped,
    "cut off": lambda content: content[:-1],
    "emptied": lambda _: b"",
    "a byte more": lambda content: content + b"\n",
    "another file": lambda _: b"\x00" * 100,
}


@covering("damage, compression, either", DAMAGES, [None, "gzip"], ["file", "s3"], indirect=["either"])
def test_an_object_whose_bytes_are_not_those_of_its_manifest_is_named(either, compression, damage):
    either.extract(window=day(0), compression=compression)
    either.object.write_bytes(damage(either.object.read_bytes()))
    assert either.wrong() == {("mismatch", f"{DIRECTORY}/{STEM}.manifest.json")}
    assert "sha256: the manifest says" in either.message("mismatch")


@pytest.mark.parametrize(
    "change", [lambda rows: rows[1:], lambda rows: [*rows, rows[0]], lambda rows: rows[::-1]]
)
def test_lines_that_were_removed_added_or_swapped_are_a_mismatch(lake, change):
    lake.extract(window=day(0))
    lines = lake.object.read_bytes().split(b"\n")[:-1]
    assert len(lines) > 1
    lake.object.write_bytes(b"".join(line + b"\n" for line in change(lines)))
    assert lake.wrong() == {("mismatch", f"{DIRECTORY}/{STEM}.manifest.json")}


@pytest.mark.parametrize("member", [{"rows": 1_000_000}, {"bytes": 1}, {"sha256": "0" * 64}])
def test_a_manifest_whose_numbers_are_not_those_of_its_object_is_a_mismatch(lake, member):
    lake.extract()
    lake.edit(lambda plain: plain["object"].update(member))
    assert lake.wrong() == {("mismatch", f"{DIRECTORY}/{STEM}.manifest.json")}


@everywhere
@packed
def test_an_object_that_is_gone_is_named(either, compression):
    either.extract(compression=compression)
    either.object.unlink()
    assert either.wrong() == {("missing-object", f"{DIRECTORY}/{STEM}.manifest.json")}


@pytest.mark.parametrize("damage", [lambda packed: packed[:-4], flipped, lambda _: b"no gzip"])
def test_a_gzip_that_matches_its_manifest_and_cannot_be_unpacked_is_named(lake, damage):
    lake.extract(window=day(0, 7), compression="gzip")
    (path,) = (each for each in lake.at(DIRECTORY).iterdir() if each.name.endswith(".gz"))
    stored = damage(path.read_bytes())
    path.write_bytes(stored)
    (manifest,) = (each for each in lake.at(DIRECTORY).iterdir() if each.name.endswith(".json"))
    plain = json.loads(manifest.read_bytes())
    plain["object"] |= {"bytes": len(stored), "sha256": hashlib.sha256(stored).hexdigest()}
    manifest.write_bytes(json.dumps(plain).encode())
    assert {kind for kind, _ in lake.wrong()} == {"mismatch"}


def test_a_last_line_without_an_end_is_named(lake):
    lake.land([row(1), row(2)])
    lake.forge(b"\n".join)
    assert lake.wrong() == {("undecodable", f"{DIRECTORY}/{STEM}.manifest.json")}


# --- the rows -------------------------------------------------------------------------------------------

FORGED = {
    "of another day": (
        lambda lines: [*lines, row(99, START + DAY_MS)],
        "outside-window",
        "1 row outside of the window; the first: line 4, row BTCUSDT 99 of 2026-10-02T00:00:00Z",
    ),
    "of the day before": (
        lambda lines: [row(99, START - 1), *lines],
        "outside-window",
        "line 1, row BTCUSDT 99 of 2026-09-30T23:59:59.999Z",
    ),
    "twice": (
        lambda lines: [lines[0], lines[0], *lines[1:]],
        "repeated-key",
        "1 row with a key that was there before; the first: line 2, row BTCUSDT 1, as line 1",
    ),
    "twice, at other instants": (
        lambda lines: [*lines, row(1, START + 2 * HOUR_MS), row(2, START + 2 * HOUR_MS)],
        "repeated-key",
        "2 rows with a key that was there before; the first: line 4, row BTCUSDT 1, as line 1",
    ),
    "swapped": (
        lambda lines: [lines[1], lines[0], lines[2]],
        "out-of-order",
        "1 row not behind the one before; the first: line 2, row BTCUSDT 1",
    ),
    "no row": (lambda lines: [*lines, b"[]"], "unreadable-row", "line 4, "),
    "an empty line": (lambda lines: [b"", *lines], "unreadable-row", "line 1, "),
    "without an order id": (lambda lines: [*lines, b'{"symbol":"A","time":1}'], "unreadable-row", "line 4, "),
}


@pytest.mark.parametrize(("change", "kind", "said"), FORGED.values(), ids=FORGED)
def test_a_row_that_does_not_belong_is_found_although_the_manifest_matches(lake, change, kind, said):
    lake.land([row(1), row(2), row(3)])
    lake.forge(change)
    assert lake.wrong() == {(kind, f"{DIRECTORY}/{STEM}.manifest.json")}
    assert said in lake.message(kind)


def test_a_gzip_that_was_forged_is_found_as_well(lake):
    lake.extract(compression="gzip")
    lake.forge(lambda lines: [*lines, lines[0]])
    assert {kind for kind, _ in lake.wrong()} == {"repeated-key", "out-of-order"}


def test_a_key_that_is_repeated_far_away_is_found_with_both_lines(lake):
    rows = [row(number, START + number) for number in range(1, 3501)]
    lake.land([*rows, row(17, START + 4000)])
    assert "line 3501, row BTCUSDT 17, as line 17" in lake.message("repeated-key")


def test_the_same_order_id_of_another_symbol_is_no_repetition(lake):
    lake.land([row(1, symbol="BTCUSDT"), row(1, symbol="ETHUSDT")])
    assert lake.wrong() == set()


@pytest.mark.parametrize(
    ("filters", "stranger", "said"),
    [
        (ManifestFilters(("BTCUSDT",)), row(9, symbol="ETHUSDT"), "only BTCUSDT were asked for"),
        (ManifestFilters((), "ADL"), row(9, client="autoclose-7"), "only ADL was asked for"),
        (
            ManifestFilters((), "LIQUIDATION"),
            row(9, client="adl_autoclose"),
            "only LIQUIDATION was asked for",
        ),
    ],
)
def test_a_row_that_does_not_pass_the_filters_is_named(lake, filters, stranger, said):
    at = lake.land([stranger], filters=filters)
    assert {kind for kind, _ in lake.wrong()} == {"filtered-out"}
    assert said in lake.message("filtered-out")
    assert at.stem.startswith(STEM)


@pytest.mark.parametrize("client", ["settlement_autoclose-1", None, 7])
def test_a_row_of_neither_close_type_is_the_exchanges_to_place(lake, client):
    lake.land([row(1, client=client)], filters=ManifestFilters((), "LIQUIDATION"))
    assert lake.wrong() == set()


# --- the manifests --------------------------------------------------------------------------------------


@covering(
    "text, either",
    [b"", b"{}", b"[]", b"\xff\xfe", b'{"schema_version": 2}', None],
    ["file", "s3"],
    indirect=["either"],
)
def test_a_manifest_that_is_cut_off_or_none_is_named(either, text):
    either.extract()
    content = either.manifest.read_bytes()
    either.manifest.write_bytes(content[: len(content) // 2] if text is None else text)
    assert either.wrong() == {("invalid-manifest", f"{DIRECTORY}/{STEM}.manifest.json")}
    assert either.report()["notes"] == []


def test_a_directory_within_the_lake_is_reported_with_the_destination_that_was_meant(lake, capsys):
    lake.extract()
    above = lake.url.rstrip("/")
    assert main(["verify", f"{above}/usdm_futures"]) == 1
    assert f"Is the destination {above}?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("member", "value"),
    [
        (("window", "start"), "yesterday"),
        (("window", "start"), 7),
        (("window", "end"), "2026-10-02T00:00:00"),
        (("window", "end"), "2026-10-01T00:00:00Z"),
        (("window", "start"), "0001-01-01T00:00:00Z"),
        (("object", "sha256"), "A" * 64),
        (("object", "sha256"), None),
        (("object", "rows"), -1),
        (("object", "rows"), True),
        (("object", "bytes"), "12"),
        (("object", "uri"), None),
        (("object", "compression"), "zstd"),
        (("object", "compression"), ["gzip"]),
        (("filters", "symbols"), [1]),
        (("filters", "symbols"), None),
        (("filters", "auto_close_type"), "adl"),
        (("filters", "auto_close_type"), {}),
        (("proof", "complete"), "yes"),
        (("endpoint",), ["usdm_futures"]),
        (("account",), 7),
        (("window",), "today"),
        (("object",), None),
    ],
)
def test_a_manifest_with_an_impossible_value_is_named(lake, member, value):
    lake.extract()

    def change(plain):
        for name in member[:-1]:
            plain = plain[name]
        plain[member[-1]] = value

    lake.edit(change)
    assert lake.wrong() == {("invalid-manifest", f"{DIRECTORY}/{STEM}.manifest.json")}


OTHER_PLACES = {
    "another day": f"usdm_futures/account=desk/date=2026-10-02/{STEM}",
    "another account": f"usdm_futures/account=other/date=2026-10-01/{STEM}",
    "another endpoint": f"margin/account=desk/date=2026-10-01/{STEM}",
    "another window": f"{DIRECTORY}/20261001T000000Z_20261003T000000Z",
    "a filter's": f"{DIRECTORY}/{STEM}.filter-0123456789ab",
    "above": STEM,
    "deeper": f"{DIRECTORY}/more/{STEM}",
    "an endpoint from the future": f"options/account=desk/date=2026-10-01/{STEM}",
}


@pytest.mark.parametrize("other", OTHER_PLACES.values(), ids=OTHER_PLACES)
@pytest.mark.parametrize("together", [False, True])
def test_a_manifest_that_was_moved_contradicts_its_path(lake, other, together):
    lake.extract()
    moved = {lake.manifest: lake.at(f"{other}.manifest.json")}
    if together:
        moved[lake.object] = lake.at(f"{other}.ndjson")
    for old, new in moved.items():
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(str(new.path))
    assert lake.wrong() == {("misplaced", f"{other}.manifest.json")}
    assert f"belongs at {DIRECTORY}/{STEM}.manifest.json" in lake.message("misplaced")
    assert lake.notes("leftover") == ([] if together else [f"{DIRECTORY}/{STEM}.ndjson"])


@pytest.mark.parametrize(
    ("member", "value"),
    [
        (("endpoint",), "margin"),
        (("endpoint",), "options"),
        (("account",), "other"),
        (("account",), "../../other"),
        (("window", "end"), "2026-10-03T00:00:00Z"),
        (("filters", "symbols"), ["BTCUSDT"]),
        (("filters", "auto_close_type"), "ADL"),
    ],
)
def test_a_manifest_whose_words_were_changed_contradicts_its_path(lake, member, value):
    lake.extract()

    def change(plain):
        for name in member[:-1]:
            plain = plain[name]
        plain[member[-1]] = value

    lake.edit(change)
    assert lake.wrong() == {("misplaced", f"{DIRECTORY}/{STEM}.manifest.json")}


def test_a_window_that_is_spelled_otherwise_is_the_same_window(lake):
    lake.extract()
    lake.edit(lambda plain: plain["window"].update(start="2026-10-01T02:00:00+02:00"))
    assert lake.wrong() == set()


def test_a_manifest_that_names_another_object_than_the_one_beside_it_is_named(lake):
    lake.extract()
    lake.extract(window=day(1))
    other = f"{lake.url}/usdm_futures/account=desk/date=2026-10-02/20261002T000000Z_20261003T000000Z.ndjson"
    lake.edit(lambda plain: plain["object"].update(uri=other))
    assert lake.wrong() == {("misplaced", f"{DIRECTORY}/{STEM}.manifest.json")}


@everywhere
def test_several_manifests_of_one_window_are_named(either):
    either.extract()
    copy = either.at(f"{DIRECTORY}/copy.manifest.json")
    copy.write_bytes(either.manifest.read_bytes())
    assert {kind for kind, _ in either.wrong()} == {"misplaced", "duplicate"}
    said = either.message("duplicate")
    assert f"{DIRECTORY}/copy.manifest.json" in said
    assert f"{DIRECTORY}/{STEM}.manifest.json" in said
    assert either.notes("overlap") == []


def test_a_lake_that_was_copied_is_wrong_until_that_is_allowed(lake, tmp_path):
    lake.extract()
    lake.extract("margin")
    shutil.copytree(tmp_path / "lake", tmp_path / "copy")
    lake.url = f"file://{tmp_path}/copy"
    assert {kind for kind, _ in lake.wrong()} == {"moved"}
    assert lake.wrong("--allow-moved") == set()
    (tmp_path / "copy" / DIRECTORY / f"{STEM}.ndjson").write_bytes(b"damaged")
    assert {kind for kind, _ in lake.wrong("--allow-moved")} == {"mismatch"}


def test_the_same_bucket_through_another_connection_has_not_moved(begin, bucket, s3, set_connection):
    lake = begin(f"s3://aws_default@{bucket}/p")
    lake.extract()
    extra = {"endpoint_url": s3}
    set_connection("aws_auditor", conn_type="aws", login="testing", password="testing", extra=extra)
    lake.url = f"s3://aws_auditor@{bucket}/p"
    assert lake.wrong() == set()


# --- what has no manifest -------------------------------------------------------------------------------


@everywhere
@packed
def test_an_object_without_a_manifest_is_a_leftover_and_not_wrong(either, compression):
    either.extract(window=day(0))
    kept = either.extract(window=day(1), compression=compression)
    name = kept.object.uri.rpartition("/")[2]
    path = f"usdm_futures/account=desk/date=2026-10-02/{name}"
    either.at(f"{path.partition('.ndjson')[0]}.manifest.json").unlink()
    assert either.command()[0] == 0
    assert either.notes("leftover") == [path]


def test_an_object_of_another_compression_is_a_leftover(lake):
    lake.extract()
    lake.at(f"{DIRECTORY}/{STEM}.ndjson.gz").write_bytes(b"")
    assert lake.wrong() == set()
    assert lake.notes("leftover") == [f"{DIRECTORY}/{STEM}.ndjson.gz"]


def test_a_temporary_file_is_a_leftover_even_of_a_manifest(lake):
    lake.extract()
    names = [f".{STEM}.ndjson.0123.tmp", f".{STEM}.manifest.json.0123.tmp"]
    for name in names:
        lake.at(f"{DIRECTORY}/{name}").write_bytes(b"half")
    assert lake.wrong() == set()
    assert sorted(lake.notes("leftover")) == sorted(f"{DIRECTORY}/{name}" for name in names)


@everywhere
def test_what_is_nobodys_is_named(either):
    either.extract()
    either.at("README.md").write_bytes(b"about")
    either.at(f"{DIRECTORY}/_SUCCESS").write_bytes(b"")
    assert either.command()[0] == 0
    assert either.notes("foreign") == ["README.md", f"{DIRECTORY}/_SUCCESS"]


def test_many_notes_of_a_kind_are_counted_for_a_person_and_listed_for_a_program(lake):
    lake.extract()
    for number in range(25):
        lake.at(f"file-{number:02}").write_bytes(b"")
    out = lake.command()[1]
    assert out.count("note foreign file-") == 20
    assert "note foreign: and 5 more, all of which --json lists" in out
    assert len(lake.notes("foreign")) == 25


@everywhere
def test_an_endpoint_from_the_future_is_named_and_its_bytes_are_checked(either):
    either.extract("usdm_futures")
    path = f"options/account=desk/date=2026-10-01/{STEM}"
    plain = json.loads(either.manifest.read_bytes())
    plain["endpoint"], plain["object"]["uri"] = "options", f"{either.url}/{path}.ndjson"
    if not either.url.startswith("s3"):
        either.at(path).parent.mkdir(parents=True)
    either.at(f"{path}.ndjson").write_bytes(either.object.read_bytes())
    either.at(f"{path}.manifest.json").write_bytes(json.dumps(plain).encode())
    assert either.wrong() == {("unknown-endpoint", f"{path}.manifest.json")}
    assert either.notes("unknown-directory") == ["options"]
    assert either.timeline(endpoint="options")["windows"] == 1
    either.at(f"{path}.ndjson").write_bytes(b"damaged")
    assert either.wrong() == {("mismatch", f"{path}.manifest.json")}


def test_a_directory_that_is_no_endpoints_is_named_and_not_wrong_in_itself(lake):
    lake.extract()
    lake.at("exports").mkdir()
    lake.at("exports/table.parquet").write_bytes(b"")
    assert lake.command()[0] == 0
    assert lake.notes("unknown-directory") == ["exports"]


def test_an_object_stores_mark_of_a_directory_is_nothing(begin, bucket, s3):
    import boto3

    lake = begin(f"s3://aws_default@{bucket}/p")
    lake.extract()
    for key in ("p/", f"p/{DIRECTORY}/"):
        boto3.client("s3", endpoint_url=s3).put_object(Bucket=bucket, Key=key, Body=b"")
    assert lake.command()[0] == 0


def test_keys_with_two_slashes_are_named_and_do_not_lead_in_circles(begin, bucket, s3):
    import boto3

    lake = begin(f"s3://aws_default@{bucket}/p")
    lake.extract()
    boto3.client("s3", endpoint_url=s3).put_object(Bucket=bucket, Key="p//odd", Body=b"x")
    assert lake.command()[0] == 0
    assert len(lake.notes("foreign")) == 1


def test_a_link_that_leads_back_comes_to_an_end(lake, tmp_path):
    lake.extract()
    (tmp_path / "lake" / "usdm_futures" / "again").symlink_to(tmp_path / "lake", target_is_directory=True)
    assert {kind for kind, _ in lake.wrong()} == {"misplaced", "duplicate", "unreadable"}


def test_what_is_no_file_is_named_and_not_opened(lake, tmp_path):
    lake.extract()
    os.mkfifo(tmp_path / "lake" / DIRECTORY / "pipe.manifest.json")
    (tmp_path / "lake" / DIRECTORY / "nowhere.manifest.json").symlink_to("/nowhere/at/all")
    assert lake.command()[0] == 0
    assert lake.notes("foreign") == [
        f"{DIRECTORY}/nowhere.manifest.json",
        f"{DIRECTORY}/pipe.manifest.json",
    ]


def test_of_a_lake_no_more_than_one_object_is_on_the_local_disk_at_a_time_also_after_a_damaged_one(
    lake, monkeypatch
):
    for number in range(3):
        lake.extract(window=day(number))
    lake.object.write_bytes(b"damaged")
    left = []

    def fetch(manifest, directory, at):
        left.append(list(directory.iterdir()))
        return fetch_object(manifest, directory, at)

    monkeypatch.setattr("airflow_provider_binance_liq.lake.verify.lake.fetch_object", fetch)
    lake.report()
    assert len(left) >= 3
    assert not any(left)

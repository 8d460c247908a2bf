"""Verification: a lake that jobs wrote is well, and every damage to it is found and named."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.scripted import Time

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.endpoints import DAY_MS, ENDPOINTS, FAMILIES, get_endpoint
from airflow_provider_binance_liq.core.manifest import (
    Manifest,
    ManifestFilters,
    ManifestWindow,
    Proof,
)
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.exceptions import StorageError
from airflow_provider_binance_liq.exchange.client import BinanceClient
from airflow_provider_binance_liq.exchange.client import Settings as Reach
from airflow_provider_binance_liq.exchange.connection import Account
from airflow_provider_binance_liq.extraction.job import Job
from airflow_provider_binance_liq.extraction.reader import Filters
from airflow_provider_binance_liq.lake import commit, draft, open_destination, place, publish
from airflow_provider_binance_liq.lake.verify import lake as lake_module
from airflow_provider_binance_liq.lake.verify.command import Progress
from airflow_provider_binance_liq.lake.verify.findings import NOTES, PROBLEMS, redact
from airflow_provider_binance_liq.lake.verify.lake import verify
from airflow_provider_binance_liq.simulator import Settings, Simulator

START = 1_790_812_800_000  # 2026-10-01
PAGE = (Path(__file__).parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")
STEM = "20261001T000000Z_20261002T000000Z"
DIRECTORY = "usdm_futures/account=desk/date=2026-10-01"
HOUR_MS = DAY_MS // 24


def day(number, days=1):
    return Window(START + number * DAY_MS, START + (number + days) * DAY_MS)


class Lake:
    """A destination that is written to by jobs, or by hand, and verified by the command."""

    def __init__(self, url, exchange, world, scratch, capsys):
        self.url, self.exchange, self.world = url, exchange, world
        self.scratch, self.capsys = scratch, capsys
        self.path = open_destination(url)
        key = exchange.credentials()
        signer = HmacSigner(key.secret)
        origins = dict.fromkeys(FAMILIES, exchange.url)
        self.reach = Reach(api_key=key.api_key, signer=signer, origins=origins)

    def extract(
        self, endpoint="usdm_futures", window=None, *, account="desk", symbols=None, kind=None, **known
    ):
        row = get_endpoint(endpoint)
        job = Job(
            row,
            window or day(0),
            Filters.of(row, symbols, kind),
            Account(account, self.reach),
            self.url,
            **known,
        )
        client = BinanceClient(self.reach, **self.world.arguments)
        try:
            return job.run(client=client, clock=self.world.clock)
        finally:
            client.close()

    def land(self, rows, window=None, *, filters=None, account="desk", complete=True):
        """Land rows, whatever they are, under a manifest that matches them."""
        window, filters = window or day(0), filters or ManifestFilters()
        at = place(self.path, ENDPOINTS["usdm_futures"], account, window, filters)
        stored = publish(draft(rows, self.scratch), at)
        manifest = Manifest(
            endpoint="usdm_futures",
            account=account,
            window=ManifestWindow(iso(window.start_ms), iso(window.end_ms)),
            filters=filters,
            object=stored,
            proof=Proof(complete=complete, pages=1, requests=1, weight=50, method="by hand"),
            extracted_at="2026-10-20T00:00:00Z",
            provider_version="0",
        )
        commit(manifest, at, self.scratch)
        return at

    def at(self, relative):
        return self.path / relative

    @property
    def manifest(self):
        return self.at(f"{DIRECTORY}/{STEM}.manifest.json")

    @property
    def object(self):
        (found,) = [each for each in self.manifest.parent.iterdir() if each.name.startswith(f"{STEM}.ndjson")]
        return found

    def edit(self, change):
        """Change the manifest's JSON."""
        plain = json.loads(self.manifest.read_bytes())
        change(plain)
        self.manifest.write_bytes(json.dumps(plain).encode())

    def forge(self, change, path=None):
        """Change the object's lines, and let the manifest match what comes of it."""
        path = path or self.object
        packed = path.name.endswith(".gz")
        content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
        lines = content.split(b"\n")[:-1]
        changed = change(lines)
        content = changed if isinstance(changed, bytes) else b"".join(line + b"\n" for line in changed)
        stored = gzip.compress(content, mtime=0) if packed else content
        path.write_bytes(stored)
        said = {"rows": content.count(b"\n"), "bytes": len(stored)}
        said["sha256"] = hashlib.sha256(stored).hexdigest()
        self.edit(lambda plain: plain["object"].update(said))

    def command(self, *options):
        self.capsys.readouterr()
        status = main(["verify", self.url, *options])
        return status, *self.capsys.readouterr()

    def report(self, *options):
        status, out, _ = self.command("--json", *options)
        report = json.loads(out)
        assert report["status"] == status
        return report

    def wrong(self, *options):
        """Name what is wrong: kind → paths."""
        return {(each["kind"], each["path"]) for each in self.report(*options)["problems"]}

    def message(self, kind):
        (found,) = [each for each in self.report()["problems"] if each["kind"] == kind]
        return found["message"]

    def notes(self, kind):
        return [each["path"] or each["message"] for each in self.report()["notes"] if each["kind"] == kind]

    def timeline(self, **wanted):
        (found,) = [
            each
            for each in self.report()["timelines"]
            if all(each[name] == value for name, value in wanted.items())
        ]
        return found


@pytest.fixture
def begin(tmp_path, capsys):
    """Start an empty lake at a URL."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with ExitStack() as running:

        def start(url):
            world = Time((START + 12 * DAY_MS) / 1000)
            settings = Settings(seed=16, cascade_rows=300)
            exchange = running.enter_context(Simulator(settings, clock=world.clock))
            return Lake(url, exchange, world, scratch, capsys)

        yield start


@pytest.fixture
def lake(begin, tmp_path):
    """An empty lake on local files."""
    (tmp_path / "lake").mkdir()
    return begin(f"file://{tmp_path}/lake")


@pytest.fixture
def either(begin, request, tmp_path):
    """An empty lake, on local files and on S3 in turn."""
    if request.param == "file":
        (tmp_path / "a lake" / "日本").mkdir(parents=True)
        return begin(f"file://{tmp_path}/a lake/日本")
    return begin(f"s3://aws_default@{request.getfixturevalue('bucket')}/some/prefix")


everywhere = pytest.mark.parametrize("either", ["file", "s3"], indirect=True)
packed = pytest.mark.parametrize("compression", [None, "gzip"])


def row(order_id, at=START + HOUR_MS, symbol="BTCUSDT", update=None, price="1.10", client="autoclose-1"):
    plain = {
        "orderId": order_id,
        "symbol": symbol,
        "clientOrderId": client,
        "price": price,
        "time": at,
        "updateTime": at if update is None else update,
    }
    return json.dumps(plain, ensure_ascii=False).encode()


# --- what is well ---------------------------------------------------------------------------------------


@everywhere
def test_a_lake_that_jobs_wrote_is_well(either):
    found = [
        either.extract(endpoint, day(number), compression=compression)
        for endpoint, compression in (("usdm_futures", None), ("margin", "gzip"), ("portfolio_cm", "gzip"))
        for number in range(3)
    ]
    report = either.report()
    assert report["status"] == 0
    assert report["problems"] == report["notes"] == []
    assert report["manifests"] == report["sound"] == 9
    assert report["rows"] == sum(each.object.rows for each in found) > 0
    assert report["bytes"] == sum(each.object.bytes for each in found)
    assert [each["endpoint"] for each in report["timelines"]] == ["margin", "portfolio_cm", "usdm_futures"]
    assert {(each["start"], each["end"], each["windows"]) for each in report["timelines"]} == {
        ("2026-10-01T00:00:00Z", "2026-10-04T00:00:00Z", 3)
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_week_with_a_cascade_is_well_on_every_endpoint(lake, endpoint):
    assert lake.extract(endpoint, day(0, 7)).object.rows >= 100
    # No entry of a ledger says that it is of an isolated account, or that there is none.
    unproven = {"unproven"} if endpoint == "margin_capital_flow" else set()
    assert {kind for kind, _ in lake.wrong()} == unproven


@pytest.mark.parametrize("kind", [None, "LIQUIDATION", "ADL"])
def test_filtered_extractions_are_well_beside_whole_ones(lake, kind):
    lake.extract(window=day(0, 7))
    lake.extract(window=day(0, 7), symbols=["ETHUSDT", "BTCUSDT"], kind=kind)
    assert lake.wrong() == set()
    whole, filtered = lake.report()["timelines"]
    assert (whole["symbols"], whole["auto_close_type"]) == ([], None)
    assert (filtered["symbols"], filtered["auto_close_type"]) == (["BTCUSDT", "ETHUSDT"], kind)
    assert lake.notes("overlap") == []


def test_an_empty_window_is_well(lake):
    lake.land([])
    assert lake.wrong() == set()


def test_a_row_is_inside_by_either_of_its_instants(lake):
    inside, before, after = START + HOUR_MS, START - 1, START + DAY_MS
    lake.land([row(1, before, update=inside), row(2, inside, update=after)])
    assert lake.wrong() == set()


def test_order_ids_are_ordered_as_numbers_and_symbols_by_their_letters(lake):
    keys = [("BTCUSDT", 9), ("BTCUSDT", 10), ("BTCUSDT", 2**63), ("币安人生USDT", 9)]
    lake.land([row(order_id, symbol=symbol) for symbol, order_id in keys])
    assert lake.wrong() == set()


def test_a_person_is_told_so_in_lines(lake):
    lake.extract(window=day(0))
    status, out, err = lake.command()
    assert status == 0
    series, last = out.splitlines()
    assert series.startswith("usdm_futures of desk: 2026-10-01T00:00:00Z to 2026-10-02T00:00:00Z, 1 window, ")
    assert last.startswith(f"All is well in {lake.url}: 1 of 1 manifest match")
    assert err == ""


def test_quiet_says_only_what_is_wrong(lake):
    lake.extract(window=day(0))
    assert lake.command("--quiet") == (0, "", "")
    lake.object.unlink()
    status, out, _ = lake.command("--quiet")
    assert status == 1
    assert out.splitlines()[0].startswith(f"WRONG missing-object {DIRECTORY}/{STEM}.manifest.json: ")
    assert out.splitlines()[1].startswith("1 problem in ")


@pytest.mark.parametrize("options", [(), ("--json",), ("--quiet",)])
def test_the_same_lake_gives_the_same_words(lake, options):
    for number in (0, 2, 5):
        lake.extract(window=day(number))
        lake.extract("margin", day(number))
    lake.object.unlink()
    assert lake.command(*options)[:2] == lake.command(*options)[:2]


def test_what_loads_into_clouds_have_handed_on_is_no_part_of_the_lake(lake, tmp_path):
    lake.extract()
    before = lake.report()
    (tmp_path / "lake" / "_loads").mkdir()
    (tmp_path / "lake" / "_loads" / "one.jsonl").write_text("{}")
    assert lake.report() == before


def test_a_local_path_may_be_plain_and_relative(lake, monkeypatch, tmp_path):
    lake.extract()
    monkeypatch.chdir(tmp_path)
    for destination in ("lake", "./lake/", str(tmp_path / "lake"), f"{lake.url}/"):
        assert main(["verify", destination]) == 0


def test_nothing_is_changed_at_the_destination(lake, tmp_path):
    lake.extract()
    lake.object.write_bytes(b"damaged")

    def state():
        return {
            path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
            for path in (tmp_path / "lake").rglob("*")
        }

    before = state()
    assert lake.command()[0] == 1
    assert state() == before


# --- the bytes ------------------------------------------------------------------------------------------


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = {
    "a byte flipped": flipped,
    "cut off": lambda content: content[:-1],
    "emptied": lambda _: b"",
    "a byte more": lambda content: content + b"\n",
    "another file": lambda _: b"\x00" * 100,
}


@everywhere
@packed
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
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


@everywhere
@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff\xfe", b'{"schema_version": 2}', None])
def test_a_manifest_that_is_cut_off_or_none_is_named(either, text):
    either.extract()
    content = either.manifest.read_bytes()
    either.manifest.write_bytes(content[: len(content) // 2] if text is None else text)
    assert either.wrong() == {("invalid-manifest", f"{DIRECTORY}/{STEM}.manifest.json")}
    assert either.report()["notes"] == []


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


# --- the windows ----------------------------------------------------------------------------------------


@everywhere
def test_a_gap_is_wrong_until_it_is_allowed(either):
    for number in (0, 1, 4):
        either.extract(window=day(number))
    assert either.wrong() == {("gap", "")}
    span = {"start": "2026-10-03T00:00:00Z", "end": "2026-10-05T00:00:00Z"}
    assert either.timeline(endpoint="usdm_futures")["gaps"] == [span]
    assert either.message("gap") == (
        "usdm_futures of desk: no manifest covers [2026-10-03T00:00:00Z, 2026-10-05T00:00:00Z)"
    )
    allowed = either.report("--allow-gaps")
    assert allowed["status"] == 0
    assert [each["kind"] for each in allowed["notes"]] == ["gap"]


def test_gaps_are_looked_for_in_each_endpoint_account_and_filter_apart(lake):
    for number in (0, 1, 2):
        lake.extract("usdm_futures", day(number))
        if number != 1:
            lake.extract("margin", day(number))
            lake.extract("usdm_futures", day(number), account="other")
            lake.extract("usdm_futures", day(number), symbols=["BTCUSDT"])
    assert sorted(each["message"].partition(":")[0] for each in lake.report()["problems"]) == [
        "margin of desk",
        "usdm_futures of desk, only BTCUSDT",
        "usdm_futures of other",
    ]


def test_a_gap_of_a_millisecond_is_one(lake):
    lake.land([], Window(START, START + HOUR_MS))
    lake.land([], Window(START + HOUR_MS + 1, START + 2 * HOUR_MS))
    assert "[2026-10-01T01:00:00Z, 2026-10-01T01:00:00.001Z)" in lake.message("gap")


def test_a_window_whose_manifest_is_damaged_leaves_a_gap(lake):
    for number in range(3):
        lake.extract(window=day(number))
    path = "usdm_futures/account=desk/date=2026-10-02/20261002T000000Z_20261003T000000Z.manifest.json"
    lake.at(path).write_bytes(b"")
    assert lake.wrong() == {("invalid-manifest", path), ("gap", "")}


@everywhere
def test_overlaps_are_notes_where_their_rows_agree(either):
    either.extract(window=day(0, 3))
    either.extract(window=day(2, 2))
    either.extract("margin", window=day(3, 2))
    assert either.wrong() == set()
    assert either.notes("overlap") == [
        "usdm_futures of desk: several windows cover [2026-10-03T00:00:00Z, 2026-10-04T00:00:00Z)"
    ]
    assert either.timeline(endpoint="usdm_futures")["overlaps"] == [
        {"start": "2026-10-03T00:00:00Z", "end": "2026-10-04T00:00:00Z"}
    ]


def test_rows_of_one_key_and_update_with_other_bytes_contradict_each_other(lake):
    lake.land([row(1), row(2, price="1.10")], day(0, 2))
    lake.land([row(1), row(2, price="1.11")], day(0))
    assert {kind for kind, _ in lake.wrong()} == {"contradiction"}
    assert lake.message("contradiction") == (
        "1 row with other bytes than in an overlapping window; the first: "
        "row BTCUSDT 2, updated 2026-10-01T01:00:00Z"
    )


def test_an_order_that_was_updated_in_between_contradicts_nothing(lake):
    lake.land([row(1, update=START + 2 * HOUR_MS)], day(0, 2))
    lake.land([row(1, update=START + 3 * HOUR_MS, price="1.2")], day(0))
    assert lake.wrong() == set()


def test_rows_of_windows_that_only_touch_are_not_compared(lake):
    spanning = {"at": START + DAY_MS - 1, "update": START + DAY_MS}
    lake.land([row(1, **spanning, price="1.10")], day(0))
    lake.land([row(1, **spanning, price="1.11")], day(1))
    assert lake.wrong() == set()


@everywhere
def test_a_window_that_is_not_proven_is_wrong_until_that_is_allowed(either):
    either.extract(retention_days=1, beyond_retention="extract")
    assert either.wrong() == {("unproven", f"{DIRECTORY}/{STEM}.manifest.json")}
    assert "the exchange keeps 1 days" in either.message("unproven")
    assert either.report("--allow-unproven")["status"] == 0
    assert either.timeline(endpoint="usdm_futures")["unproven"] == [
        {"start": "2026-10-01T00:00:00Z", "end": "2026-10-02T00:00:00Z"}
    ]


# --- how old it is --------------------------------------------------------------------------------------


def at(number, hours=0):
    """The option that sets the clock: so many days after the first."""
    return f"--now={iso(START + number * DAY_MS + hours * HOUR_MS)}"


def test_a_history_that_ended_too_long_ago_is_wrong_where_its_age_is_limited(lake):
    lake.extract(window=day(0))
    lake.extract("margin", window=day(0, 7))
    assert lake.wrong(at(115)) == set()
    assert lake.wrong("--max-age=2d", at(8)) == {("stale", "")}
    status, out, _ = lake.command("--max-age=2d", at(115))
    assert status == 1
    assert (
        "WRONG stale: usdm_futures of desk: its newest complete window ended 114 days ago, at "
        "2026-10-02T00:00:00Z, more than the 2 days that are allowed\n" in out
    )
    assert "WRONG stale: margin of desk: its newest complete window ended 108 days ago" in out


@pytest.mark.parametrize(("late_ms", "kinds"), [(0, set()), (1, {("stale", "")})])
def test_an_age_is_too_old_by_the_millisecond(lake, late_ms, kinds):
    lake.land([])
    assert lake.wrong("--max-age=36h", f"--now={iso(START + DAY_MS + 36 * HOUR_MS + late_ms)}") == kinds


def test_a_window_that_is_not_complete_is_not_the_newest_complete_one(lake):
    lake.land([])
    lake.land([], day(1), complete=False)
    options = ("--allow-unproven", at(3))
    assert lake.wrong("--max-age=2d", *options) == set()
    assert lake.wrong("--max-age=47h", *options) == {("stale", "")}
    assert lake.timeline()["proven_until"] == "2026-10-02T00:00:00Z"


def test_a_window_that_fetching_again_would_not_prove_is_as_new_as_a_complete_one(lake):
    lake.land([], complete=False)
    lake.edit(lambda plain: plain["proof"].update(incomplete_reasons=["isolated_rows"]))
    assert lake.wrong("--allow-unproven", "--max-age=2d", at(3)) == set()
    lake.edit(lambda plain: plain["proof"].update(incomplete_reasons=["isolated_rows", "two_types"]))
    assert lake.wrong("--allow-unproven", "--max-age=2d", at(3)) == {("stale", "")}
    assert "not proven complete: isolated_rows, two_types" in lake.message("unproven")


def test_a_history_without_any_complete_window_is_stale_whatever_its_age(lake):
    lake.land([], complete=False)
    assert lake.wrong("--allow-unproven", "--max-age=9999d", at(2)) == {("stale", "")}
    assert lake.timeline()["proven_until"] is None


def test_without_a_limit_the_last_line_tells_how_old_the_newest_complete_window_is(lake):
    lake.land([])
    assert lake.command(at(115))[1].endswith("; the newest complete window ended 114 days ago\n")
    assert lake.command(at(2, 12))[1].endswith("; the newest complete window ended 36 hours ago\n")
    lake.land([], day(4), account="fund")
    told = "; the newest complete windows of each history ended between 2 days and 6 days ago\n"
    assert lake.command(at(7))[1].endswith(told)


@pytest.mark.parametrize(
    ("text", "seconds"), [("2d", 172_800), ("36h", 129_600), ("1d12h", 129_600), ("90m", 5400), ("5s", 5)]
)
def test_an_age_is_written_in_days_hours_minutes_and_seconds(lake, text, seconds):
    lake.land([])
    assert lake.report("--max-age", text, at(1))["max_age_s"] == seconds


@pytest.mark.parametrize("text", ["", "2", "two days", "12h1d", "-1d", "1w", "٣d"])
def test_an_age_that_is_none_is_refused(lake, text, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["verify", lake.url, f"--max-age={text}"])
    assert caught.value.code == 2
    assert "is no length of time" in capsys.readouterr().err


def test_what_is_allowed_allows_nothing_else(lake):
    lake.extract(window=day(0), retention_days=1, beyond_retention="extract")
    lake.extract(window=day(2))
    assert {kind for kind, _ in lake.wrong("--allow-gaps")} == {"unproven"}
    assert {kind for kind, _ in lake.wrong("--allow-unproven")} == {"gap"}
    assert lake.command("--allow-gaps", "--allow-unproven")[0] == 0


# --- a lake that is written to meanwhile ----------------------------------------------------------------


def test_an_object_that_is_replaced_while_it_is_read_is_looked_at_again(lake, monkeypatch):
    lake.land([row(1)])
    real, replaced = lake_module.read_manifest, []

    def read(path):
        said = real(path)
        if not replaced:
            replaced.append(lake.land([row(1), row(2)]))
        return said

    monkeypatch.setattr(lake_module, "read_manifest", read)
    report = lake.report()
    assert (report["status"], report["rows"]) == (0, 2)


def test_a_manifest_that_vanishes_after_it_was_listed_is_a_note(lake, monkeypatch):
    lake.extract(window=day(0))
    lake.extract("margin")
    real = lake_module.read_manifest

    def read(path):
        if "usdm_futures" in str(path):
            path.unlink(missing_ok=True)
        return real(path)

    monkeypatch.setattr(lake_module, "read_manifest", read)
    report = lake.report()
    assert report["status"] == 0
    assert [each["kind"] for each in report["notes"]] == ["vanished"]


# --- what cannot be read --------------------------------------------------------------------------------


@everywhere
def test_a_destination_with_nothing_in_it_is_not_well(either):
    status, out, _ = either.command()
    assert status == 1
    assert "there is no manifest" in out
    assert either.wrong() == {("no-manifest", "")}


def test_a_destination_with_objects_only_is_not_well(lake):
    lake.extract()
    lake.manifest.unlink()
    assert lake.wrong() == {("no-manifest", "")}
    assert lake.notes("leftover") == [f"{DIRECTORY}/{STEM}.ndjson"]


def test_an_empty_bucket_is_empty_and_one_that_does_not_exist_cannot_be_read(bucket, capsys):
    assert main(["verify", f"s3://aws_default@{bucket}"]) == 1
    assert main(["verify", f"s3://aws_default@{bucket}/nothing/here"]) == 1
    capsys.readouterr()
    for destination in ("no-such-bucket-here", "no-such-bucket-here/prefix"):
        assert main(["verify", f"s3://aws_default@{destination}"]) == 2
        assert "bucket does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ("/no/such/directory/here", "cannot be read: FileNotFoundError"),
        (__file__, "it is a file; give the directory"),
        ("", "destination is empty"),
        ("file://two/slashes", "three slashes"),
        ("nosuch://lake", "cannot be used"),
        ("s3://missing_connection@bucket/prefix", "'missing_connection', which does not exist"),
    ],
)
def test_a_destination_that_cannot_be_read_is_another_status(destination, said, capsys):
    assert main(["verify", destination, "--json"]) == 2
    out, err = capsys.readouterr()
    assert said in err
    report = json.loads(out)
    assert report["status"] == 2
    assert said in report["error"]
    assert report["problems"] == []


def test_a_store_that_cannot_be_reached_cannot_be_read(set_connection, capsys):
    extra = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 1}}}
    set_connection("aws_gone", conn_type="aws", login="testing", password="testing", extra=extra)
    assert main(["verify", "s3://aws_gone@bucket/prefix"]) == 2
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["/lake", "--no-such-option"], ["/lake", "/another"]])
def test_wrong_arguments_are_status_2(words):
    with pytest.raises(SystemExit) as caught:
        main(["verify", *words])
    assert caught.value.code == 2


def refuse(monkeypatch, store, below):
    """Let a directory refuse to be listed, also to the superuser."""
    listing = type(store).ls

    def ls(self, path, *known, **more):
        if str(path).endswith(below):
            raise PermissionError(13, "Permission denied", path)
        return listing(self, path, *known, **more)

    monkeypatch.setattr(type(store), "ls", ls)


def test_a_directory_that_cannot_be_listed_is_named_and_the_others_are_verified(lake, monkeypatch):
    lake.extract("usdm_futures")
    lake.extract("margin")
    refuse(monkeypatch, lake.path.fs, "account=desk/date=2026-10-01")
    report = lake.report()
    assert report["status"] == 1
    kinds = {(each["kind"], each["path"]) for each in report["problems"]}
    assert kinds >= {("unreadable", DIRECTORY), ("unreadable", "margin/account=desk/date=2026-10-01")}
    refuse(monkeypatch, lake.path.fs, "/lake")
    assert lake.command()[0] == 2


@pytest.mark.parametrize("name", ["read_manifest", "fetch_object"])
def test_an_object_or_a_manifest_that_cannot_be_read_is_named_and_the_others_are_verified(
    lake, monkeypatch, name
):
    lake.extract("usdm_futures")
    lake.extract("margin")
    real = getattr(lake_module, name)

    def refuse(what, *known):
        if "usdm_futures" in str(what):
            message = "running again repairs it"
            raise StorageError(message) from PermissionError(13, "Permission denied")
        return real(what, *known)

    monkeypatch.setattr(lake_module, name, refuse)
    report = lake.report()
    assert (report["status"], report["sound"]) == (1, 1)
    assert lake.wrong() == {("unreadable", f"{DIRECTORY}/{STEM}.manifest.json")}
    assert "PermissionError: [Errno 13] Permission denied" in lake.message("unreadable")
    assert "running again" not in lake.message("unreadable")


def test_a_local_disk_that_keeps_no_keys_is_no_verdict(lake, monkeypatch):
    lake.extract()

    class Full:
        def __init__(self):
            message = "the rows cannot be kept on the worker's local disk"
            raise StorageError(message)

    monkeypatch.setattr(lake_module, "Spool", Full)
    assert lake.command()[0] == 2


# --- secrets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["hunter2", "hun/ter2", "hun ter2", "hun@ter2", "hun:ter2"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_password_in_the_destination_is_refused_and_never_shown(password, options, capfd):
    assert main(["verify", f"s3://user:{password}@bucket/prefix", *options]) == 2
    said = "".join(capfd.readouterr())
    assert password not in said
    assert "ter2" not in said
    assert "holds a password" in said


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_password_in_a_manifest_is_never_shown(lake, options):
    lake.extract()
    lake.edit(lambda plain: plain["object"].update(uri="s3://user:hunter2@bucket/x"))
    status, out, err = lake.command(*options)
    assert status == 1
    assert "hunter2" not in out + err
    assert "s3://user:***@bucket/x" in out


def test_redacting_leaves_what_is_no_password():
    for text in ("s3://aws_default@bucket/a:b@c", "file:///lake/a:b@c", "a:b@c", "http://127.0.0.1:9/x"):
        assert redact(text) == text


def test_names_that_a_terminal_would_obey_are_shown_as_escapes(lake, tmp_path):
    lake.extract()
    (tmp_path / "lake" / "a\x1b[2J\nb").write_bytes(b"")
    out = lake.command()[1]
    assert "\x1b" not in out
    assert r"a\x1b[2J\nb" in out


# --- the command ----------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def __init__(self, *, tty):
        super().__init__()
        self.tty = tty

    def isatty(self):
        return self.tty


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("tty", [False, True])
def test_a_short_run_shows_no_progress(tty):
    clock, stream = Clock(), Terminal(tty=tty)
    progress = Progress(stream, clock=clock)
    for clock.now in (0.0, 0.5, 1.9):
        progress("manifest 1 of 9")
    progress.end()
    assert stream.getvalue() == ""


def test_a_long_run_shows_a_line_now_and_then_where_there_is_no_terminal():
    clock, stream = Clock(), Terminal(tty=False)
    progress = Progress(stream, clock=clock)
    for clock.now in range(30):
        progress(f"at {clock.now}")
    progress.end()
    assert stream.getvalue() == "at 2\nat 12\nat 22\n"


def test_a_long_run_moves_one_line_on_a_terminal_and_gives_it_back():
    clock, stream = Clock(), Terminal(tty=True)
    progress = Progress(stream, clock=clock)
    for clock.now in range(5):
        progress(f"at {clock.now}" * 100)
    progress.end()
    written = stream.getvalue()
    assert "\n" not in written
    assert [part[:4] for part in written.split("\r\x1b[K")] == ["", "at 2", "at 3", "at 4", ""]


def test_quiet_shows_no_progress():
    clock, stream = Clock(), Terminal(tty=False)
    progress = Progress(stream, quiet=True, clock=clock)
    clock.now = 100
    progress("at 100")
    assert stream.getvalue() == ""


def test_progress_says_where_it_is(lake):
    lake.extract()
    said = []
    verify(lake.path, said.append, now_ms=START)
    assert said[0].startswith("listing: 0 files so far")
    assert f"manifest 1 of 1: {DIRECTORY}/{STEM}.manifest.json" in said


def test_a_run_that_is_interrupted_says_so_and_is_no_verdict(lake, monkeypatch):
    from airflow_provider_binance_liq.lake.verify import command

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "verify", interrupt)
    status, out, err = lake.command()
    assert (status, out, err) == (130, "", "binance-liq verify: interrupted\n")


def alone(lake, tmp_path, *options):
    """Run the command as a process of its own, where Airflow is imported by nobody else."""
    return subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_binance_liq.cli", "verify", lake.url, *options],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(240)
def test_the_command_alone_prints_one_document_and_keeps_airflow_out_of_it(begin, bucket, tmp_path):
    lake = begin(f"s3://aws_default@{bucket}/p")
    lake.extract()
    process = alone(lake, tmp_path, "--json", "--quiet")
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert json.loads(out)["sound"] == 1


@pytest.mark.slow  # airflow takes seconds to import in a process of its own
@pytest.mark.timeout(240)
def test_a_reader_that_leaves_early_is_not_told_that_all_is_well(lake, tmp_path):
    lake.extract()
    process = alone(lake, tmp_path, "--quiet", "--json")
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "BrokenPipe" not in err
    assert "Traceback" not in err


# --- documentation --------------------------------------------------------------------------------------


def test_every_kind_is_documented_with_its_meaning():
    for kind, meaning in {**PROBLEMS, **NOTES}.items():
        assert f"| `{kind}` | {meaning} |" in PAGE


def test_every_member_of_the_document_is_documented(lake):
    for number in (0, 2):
        lake.extract(window=day(number))
    report = lake.report()
    (timeline,) = report["timelines"]
    members = [*report, *(f"timelines[].{name}" for name in timeline)]
    members += [f"problems[].{name}" for name in report["problems"][0]]
    assert [name for name in members if f"`{name}`" not in PAGE] == []


# --- size -----------------------------------------------------------------------------------------------


@pytest.mark.slow  # 200,000 rows are read twice, under the eyes of tracemalloc
@pytest.mark.timeout(240)
def test_memory_stays_flat_however_many_rows_an_object_has(lake):
    def peak():
        tracemalloc.start()
        try:
            assert verify(lake.path, now_ms=START).status() == 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    lake.land(row(number, START + number // 4) for number in range(2_000))
    few = peak()
    lake.land(row(number, START + number // 4) for number in range(200_000))
    many = peak()
    assert many < few + 4 * 2**20

"""A lake that jobs write to, or a test by hand, and that the command verifies."""

from __future__ import annotations

import gzip
import hashlib
import json

import pytest
from support.running import reach_of

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, get_endpoint
from airflow_provider_binance_liq.core.manifest import (
    Manifest,
    ManifestFilters,
    ManifestWindow,
    Proof,
)
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.exchange.client import BinanceClient
from airflow_provider_binance_liq.exchange.connection import Account
from airflow_provider_binance_liq.extraction.job import Job
from airflow_provider_binance_liq.extraction.reader import Filters
from airflow_provider_binance_liq.lake import commit, draft, find_manifest, open_destination, place, publish

START = 1_790_812_800_000  # 2026-10-01
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
        self.reach = reach_of(exchange)

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
        commit(manifest, at, self.scratch, seen=find_manifest(at))
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


everywhere = pytest.mark.parametrize(
    "either", ["file", pytest.param("s3", marks=pytest.mark.slow)], indirect=True
)
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


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]

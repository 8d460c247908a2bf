"""What it costs to check a lake of many manifests, and to keep rows in either form."""

from __future__ import annotations

import json
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import open_coverage

if TYPE_CHECKING:
    from collections.abc import Iterator


def _with_place(url: str, manifests: int) -> Iterator[tuple[str, bytes]]:
    """Yield the lake's files, with manifests that say where they are."""
    for path, content in open_coverage.files(manifests):
        yield path, content.replace(b"s3://bucket/lake", url.encode())


def _fill(destination: Any, url: str, manifests: int) -> None:
    root = str(destination.path)
    some: dict[str, bytes] = {}
    for path, content in _with_place(url, manifests):
        if url.startswith("file:"):
            target = Path(root) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        else:
            some[f"{root}/{path}"] = content
        if len(some) >= 500:
            destination.fs.pipe(some)
            some = {}
    if some:
        destination.fs.pipe(some)


@contextmanager
def _server() -> Iterator[None]:
    """Run moto in a process of its own, and point Airflow's connection to it."""
    import boto3

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        endpoint = f"http://127.0.0.1:{port}"
        extra = {"endpoint_url": endpoint, "region_name": "us-east-1"}
        known = {"conn_type": "aws", "login": "testing", "password": "testing", "extra": extra}
        os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(known)
        store = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        store.create_bucket(Bucket="lake")
        yield
    finally:
        process.kill()
        process.wait()


def _timed(call: Any) -> tuple[Any, float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def check(url: str, manifests: int, where: str) -> dict[str, Any]:
    """Fill a lake, then run the coverage check over it, and verify it."""
    from airflow_provider_binance_liq.lake import open_destination
    from airflow_provider_binance_liq.lake.verify.coverage import CoverageReport, Expectation
    from airflow_provider_binance_liq.lake.verify.holdings import read_holdings
    from airflow_provider_binance_liq.lake.verify.lake import verify

    now_ms = open_coverage.START_MS
    destination = open_destination(url)
    _fill(destination, url.replace("aws_default@", ""), manifests)
    expected = Expectation(now_ms=now_ms)
    report, check_cpu_s, check_s = _timed(
        lambda: CoverageReport.of(read_holdings(destination), expected, 14.0)
    )
    verified, verify_cpu_s, verify_s = _timed(lambda: verify(destination, now_ms=now_ms))
    assert report.manifests == verified.sound == manifests
    return {
        "where": where, "manifests": manifests, "check_cpu_s": check_cpu_s, "check_s": check_s,
        "verify_cpu_s": verify_cpu_s, "verify_s": verify_s,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def lakes(sizes: tuple[int, ...], stored: int) -> list[dict[str, Any]]:
    """Check local lakes of these sizes, and one of `stored` manifests in an object store."""
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as directory:
            found.append(check(f"file://{directory}", size, "local"))
    with _server():
        found.append(check("s3://aws_default@lake/lake", stored, "S3 (moto)"))
    return found


def _rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield rows as the exchange documents them, with amounts and ids that differ."""
    rng = random.Random(5)
    for number in range(count):
        at_ms, price = open_coverage.START_MS + number * 7, rng.uniform(100, 90_000)
        yield {
            "orderId": 10**11 + rng.randrange(10**10), "status": "FILLED", "price": f"{price:.2f}",
            "symbol": rng.choice(("BTCUSDT", "ETHUSDT", "XRPUSDT")), "avgPrice": f"{price * 1.005:.5f}",
            "clientOrderId": f"autoclose-{rng.randrange(10**16)}",
            "origQty": f"{rng.uniform(0, 5):.3f}",
            "executedQty": f"{rng.uniform(0, 5):.3f}", "cumQuote": f"{rng.uniform(0, 90_000):.5f}",
            "timeInForce": "IOC", "type": "LIMIT", "reduceOnly": False, "closePosition": False,
            "side": rng.choice(("BUY", "SELL")), "positionSide": "BOTH", "stopPrice": "0",
            "workingType": "CONTRACT_PRICE", "origType": "LIMIT", "time": at_ms, "updateTime": at_ms + 5,
        }  # fmt: skip


def _read(stored: Path, plain: Path, rows: int, *, packed: bool) -> None:
    from airflow_provider_binance_liq.lake.storage import sha256_of
    from airflow_provider_binance_liq.lake.unpacking import Bounds, unpack_object

    sha256_of(stored)
    unpack_object(stored, plain, Bounds(rows), "the object", packed=packed)


def forms(rows: int, runs: int) -> list[dict[str, Any]]:
    """Write and read the object of one window in each form."""
    from airflow_provider_binance_liq.lake.drafts import draft
    from airflow_provider_binance_liq.lake.unpacking import local_files

    lines = [json.dumps(row, separators=(",", ":")).encode() for row in _rows(rows)]
    found = []
    for form in (None, "gzip"):
        writes, reads, size = [], [], 0
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as directory:
                space = Path(directory)
                made, write_s, _ = _timed(partial(draft, lines, space, form))
                size = made.path.stat().st_size
                stored, plain = local_files(space)
                made.path.replace(stored)
                read = partial(_read, stored, plain, rows, packed=form is not None)
                reads.append(_timed(read)[1])
                writes.append(write_s)
        found.append(
            {"form": form or "plain", "rows": rows, "runs": runs, "bytes": size,
             "write_cpu_s": median(writes), "read_cpu_s": median(reads)}
        )  # fmt: skip
    return found


def stored(rows: int, runs: int) -> list[dict[str, Any]]:
    """Publish the object of one window in an object store in each form, and fetch it as a reader does."""
    from airflow_provider_binance_liq.lake import open_destination

    lines = [json.dumps(row, separators=(",", ":")).encode() for row in _rows(rows)]
    found: dict[str, list[dict[str, float]]] = {"plain": [], "gzip": []}
    with _server():
        destination = open_destination("s3://aws_default@lake/lake")
        for number in range(runs):
            for form, times in found.items():
                times.append(_store(destination, f"desk{number}", lines, form))
    return [
        {"form": form, "rows": rows, "runs": runs}
        | {name: median(one[name] for one in times) for name in times[0]}
        for form, times in found.items()
    ]


def _store(destination: Any, account: str, lines: list[bytes], form: str) -> dict[str, float]:
    from airflow_provider_binance_liq.core.endpoints import get_endpoint
    from airflow_provider_binance_liq.core.manifest import ManifestFilters
    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.lake import draft, place, publish
    from airflow_provider_binance_liq.lake.unpacking import local_files

    window = Window(open_coverage.START_MS, open_coverage.START_MS + open_coverage.DAY_MS)
    packed = form == "gzip"
    endpoint, compression = get_endpoint("usdm_futures"), "gzip" if packed else None
    at = place(destination, endpoint, account, window, ManifestFilters(), compression)
    with tempfile.TemporaryDirectory() as directory:
        made = draft(lines, Path(directory), compression)
        there, plain = local_files(Path(directory))

        def read() -> None:
            at.object.fs.get_file(str(at.object.path), str(there))
            _read(there, plain, len(lines), packed=packed)

        return {
            "bytes": made.bytes,
            "write_s": _timed(partial(publish, made, at))[2],
            "read_s": _timed(read)[2],
        }

"""How fast the coverage page opens: a lake of many manifests, with and without its index.

    uv run python tests/benchmarks/open_coverage.py --manifests 1000 10000 100000
    uv run python tests/benchmarks/open_coverage.py --manifests 1000 10000 --s3

The manifests are of days of 50 accounts, every 97th day missing. With `--s3` they are in a server of moto on
loopback, which answers more slowly than an object store, and without its network.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import logging
import os
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

ACCOUNTS = 50
GAP = 97
START_MS = 1_790_812_800_000
DAY_MS = 86_400_000
EMPTY = hashlib.sha256(b"").hexdigest()


def files(manifests):
    """Yield the paths and contents of manifests and their empty objects."""
    from airflow_provider_binance_liq.core.manifest import (
        Manifest,
        ManifestFilters,
        ManifestObject,
        ManifestWindow,
        Proof,
    )
    from airflow_provider_binance_liq.core.premises import StatedPremise
    from airflow_provider_binance_liq.core.windows import compact, iso

    made = day = 0
    while made < manifests:
        day += 1
        if day % GAP == 0:
            continue
        start_ms = START_MS - day * DAY_MS
        start, end = iso(start_ms), iso(start_ms + DAY_MS)
        for number in range(min(ACCOUNTS, manifests - made)):
            made += 1
            stem = f"{compact(start_ms)}_{compact(start_ms + DAY_MS)}"
            path = f"usdm_futures/account=desk{number}/date={start[:10]}/{stem}"
            manifest = Manifest(
                endpoint="usdm_futures",
                account=f"desk{number}",
                window=ManifestWindow(start, end),
                filters=ManifestFilters(),
                object=ManifestObject(f"s3://bucket/lake/{path}.ndjson", 0, 0, EMPTY),
                proof=Proof(
                    complete=True,
                    pages=1,
                    requests=1,
                    weight=50,
                    method="each page proves the one before it",
                    premises=(
                        StatedPremise("within_retention", "assumed"),
                        StatedPremise("two_types", "documented"),
                    ),
                ),
                extracted_at=end,
                provider_version="0",
            )
            yield f"{path}.ndjson", b""
            yield f"{path}.manifest.json", manifest.to_json().encode()


def fill(destination, manifests, *, local):
    if local:
        for path, content in files(manifests):
            target = Path(str(destination.path)) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return
    root = str(destination.path)
    some = {}
    for path, content in files(manifests):
        some[f"{root}/{path}"] = content
        if len(some) == 500:
            destination.fs.pipe(some)
            some = {}
    destination.fs.pipe(some)


@contextmanager
def measured(name, found):
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    found[name] = (time.perf_counter() - wall, time.process_time() - cpu)


def measure(url, manifests, *, local):
    import msgspec

    from airflow_provider_binance_liq.lake import open_destination
    from airflow_provider_binance_liq.lake.verify.coverage import Expectation
    from airflow_provider_binance_liq.ui.document import Shown, document
    from airflow_provider_binance_liq.ui.snapshots import Snapshots

    destination = open_destination(url)
    fill(destination, manifests, local=local)
    found = {}
    ticks = itertools.count(START_MS)

    def clock():
        return next(ticks)

    def text(snapshot):
        expected = Expectation(now_ms=START_MS)
        return msgspec.json.encode(document(snapshot.entries.values(), expected, Shown("", START_MS, 14)))

    with measured("without an index", found):
        text(Snapshots(clock).of(url))
    opening = Snapshots(clock)
    with measured("open", found):
        size = len(text(opening.of(url)))
    with measured("open again", found):
        text(opening.of(url))
    with measured("list", found):
        snapshot = opening.of(url, refresh=True)
    assert len(snapshot.entries) == manifests
    stored = destination.fs.size(f"{destination.path}/_index/manifests.json.gz")
    return found, stored, size


def show(where, manifests, found, stored, size):
    cells = [f"{wall:.2f} ({cpu:.2f})" for wall, cpu in found.values()]
    sizes = [f"{stored / 1e6:.1f}", f"{size / 1e6:.1f}"]
    sys.stdout.write(f"| {' | '.join([where, f'{manifests:,}', *cells, *sizes])} |\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifests", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--s3", action="store_true")
    given = parser.parse_args()
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        if given.s3:
            import boto3
            from moto.server import ThreadedMotoServer

            logging.getLogger("werkzeug").setLevel(logging.ERROR)
            server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
            server.start()
            stack.callback(server.stop)
            host, port = server.get_host_and_port()
            endpoint = f"http://{host}:{port}"
            extra = {"endpoint_url": endpoint, "region_name": "us-east-1"}
            os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(
                {"conn_type": "aws", "login": "testing", "password": "testing", "extra": extra}
            )
            store = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        for manifests in given.manifests:
            if given.s3:
                store.create_bucket(Bucket=f"lake-{manifests}")
                url, where = f"s3://aws_default@lake-{manifests}/lake", "S3 (moto)"
            else:
                directory = stack.enter_context(tempfile.TemporaryDirectory())
                url, where = f"file://{directory}", "local"
            show(where, manifests, *measure(url, manifests, local=not given.s3))


if __name__ == "__main__":
    main()

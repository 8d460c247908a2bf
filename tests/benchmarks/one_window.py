"""Extract and land one window of so many rows, in a process of its own; prints its peak memory and time.

The rows come from an exchange that is a formula, one page at a time, so that nothing else holds them.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.manifest import Manifest, ManifestFilters, ManifestWindow, Proof
from airflow_provider_binance_liq.core.rows import read_page
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.extraction.reader import Filters, extract
from airflow_provider_binance_liq.lake import commit, draft, fetch_object, open_destination, place, publish
from airflow_provider_binance_liq.lake.spool import Spool

START = 1_791_590_400_000
WINDOW = Window(START, START + DAY_MS)


class Formula:
    """Row i is created at an instant that i gives, two to a millisecond; it keeps the oldest of a page."""

    def __init__(self, rows):
        self.rows = rows

    def body(self, number):
        at = START + number * (DAY_MS - 1) // self.rows
        return (
            f'{{"orderId":{8_389_765_612_825_000_000 + number},"symbol":"BTCUSDT","status":"FILLED",'
            f'"clientOrderId":"autoclose-{at}000000","price":"10871.09","avgPrice":"10913.21000",'
            f'"origQty":"0.001","executedQty":"0.001","cumQuote":"10.91321","timeInForce":"IOC","type":"LIMIT",'
            f'"reduceOnly":false,"closePosition":false,"side":"SELL","positionSide":"BOTH","stopPrice":"0",'
            f'"workingType":"CONTRACT_PRICE","origType":"LIMIT","time":{at},"updateTime":{at}}}'
        )

    def fetch(self, endpoint, ask):
        first = -(-(ask.first_ms - START) * self.rows // (DAY_MS - 1))
        bodies = []
        for number in range(max(0, first - 2), self.rows):
            at = START + number * (DAY_MS - 1) // self.rows
            if at > ask.last_ms or len(bodies) == endpoint.pager.page_size:
                break
            if at >= ask.first_ms:
                bodies.append(self.body(number))
        return read_page(f"[{','.join(bodies)}]".encode(), endpoint)

    def symbols(self, _):
        return frozenset({"BTCUSDT"})


def main(rows):
    endpoint = get_endpoint("usdm_futures")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory, Spool() as spool:
        at = place(open_destination(f"file://{directory}"), endpoint, "desk", WINDOW, ManifestFilters())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        reading = extract(endpoint, WINDOW, Filters(), exchange=Formula(rows), spool=spool)
        stored = publish(draft(spool.bodies(), spool.path), at)
        manifest = Manifest(
            endpoint=endpoint.name,
            account="desk",
            window=ManifestWindow(iso(WINDOW.start_ms), iso(WINDOW.end_ms)),
            filters=ManifestFilters(),
            object=stored,
            proof=Proof(complete=True, pages=reading.pages, requests=0, weight=0, method=reading.method),
            extracted_at=iso(WINDOW.end_ms),
            provider_version="0",
        )
        commit(manifest, at, spool.path, seen=None)
        fetch_object(manifest, Path(directory))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(
        json.dumps({"rows": stored.rows, "mb_before": before // 1024, "mb": peak // 1024, "seconds": seconds})
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))

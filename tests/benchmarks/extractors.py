"""Extractors of one day's rows, each to be run in a process of its own; prints what it took and obtained.

    python tests/benchmarks/extractors.py ours '{"url": …, "api_key": …, "secret": …, "start_ms": …}'

What is imported is imported before the clock starts. The loops are what a careful engineer writes first: ask
from the last row's instant on, until a page is short. They keep rows in memory, and prove nothing. Every
client signs its requests, and reuses its connection.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import resource
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from airflow_provider_binance_liq.core.units import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    #: does the work, and returns the identity of each row that it has
    Work = Callable[[], Iterable[tuple[str, int]]]
    Given = dict[str, Any]

PATH: Final = "/fapi/v1/forceOrders"
PAGE: Final = 100


def ours(given: Given, directory: Path) -> Work:
    """This provider: an object with its manifest, proven complete."""
    from airflow_provider_binance_liq.core.endpoints import get_endpoint
    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.exchange.connection import Fields, read_account
    from airflow_provider_binance_liq.extraction.job import Job
    from airflow_provider_binance_liq.extraction.reader import Filters
    from airflow_provider_binance_liq.lake import open_destination

    open_destination("file:///")  # a task has imported Airflow long before it extracts
    extra = {
        "base_url": given["url"],
        "account": "desk",
        "weight_share": 1,
        "futures_weight_limit": 1_000_000,
    } | given.get("extra", {})
    extra = {name: value for name, value in extra.items() if value is not None}
    account = read_account(Fields("benchmark", given["api_key"], given["secret"], json.dumps(extra)))
    window = Window(given["start_ms"], given["start_ms"] + DAY_MS)
    endpoint = get_endpoint("usdm_futures")
    job = Job(endpoint, window, Filters.of(endpoint, None, None), account, f"file://{directory}")

    def work() -> Iterable[tuple[str, int]]:
        manifest = job.run()
        given["requests"], given["complete"] = manifest.proof.requests, manifest.proof.complete
        return (_identity(json.loads(line)) for line in Path(manifest.object.uri[7:]).open("rb"))

    return work


def _loop(given: Given, load: Callable[[bytes], Any]) -> list[dict[str, Any]]:
    """Ask from the last instant on, until a page is short."""
    import requests

    session, rows = requests.Session(), []
    session.headers["X-MBX-APIKEY"] = given["api_key"]
    start_ms, secret, given["requests"] = given["start_ms"], given["secret"].encode(), 0
    while True:
        query = urlencode(
            {
                "startTime": start_ms,
                "endTime": given["start_ms"] + DAY_MS - 1,
                "limit": PAGE,
                "timestamp": int(time.time() * 1000),  # any day: the exchange here has the same clock
            }
        )
        signature = hmac.new(secret, query.encode(), hashlib.sha256).hexdigest()
        answer = session.get(f"{given['url']}{PATH}?{query}&signature={signature}", timeout=10)
        answer.raise_for_status()
        given["requests"] += 1
        page = load(answer.content)
        rows += page
        if len(page) < PAGE:
            return rows
        start_ms = page[-1]["time"] + 1


def loop_json(given: Given, _: Path) -> Work:
    """A loop over `requests` with the standard library's json."""
    import_module("requests")

    return lambda: map(_identity, _loop(given, json.loads))


def loop_orjson(given: Given, _: Path) -> Work:
    """A loop over `requests` with orjson."""
    import orjson

    import_module("requests")

    return lambda: map(_identity, _loop(given, orjson.loads))


def loop_file(given: Given, directory: Path) -> Work:
    """The loop with json, that writes the rows to a file, as an extraction has to."""
    import_module("requests")

    def work() -> Iterable[tuple[str, int]]:
        rows = _loop(given, json.loads)
        with (directory / "rows.ndjson").open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(row, separators=(',', ':'))}\n" for row in rows)
        return map(_identity, rows)

    return work


def _pages(given: Given, ask: Callable[[int, int], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The same loop, over a client's method."""
    rows: list[dict[str, Any]] = []
    start_ms, end_ms, given["requests"] = given["start_ms"], given["start_ms"] + DAY_MS - 1, 0
    while True:
        page = ask(start_ms, end_ms)
        given["requests"] += 1
        rows += page
        if len(page) < PAGE:
            return rows
        start_ms = max(row["time"] for row in page) + 1


def ccxt(given: Given, _: Path) -> Work:
    """ccxt: its unified method, which returns one page, called in a loop."""
    import ccxt as library

    client = library.binanceusdm(
        {"apiKey": given["api_key"], "secret": given["secret"], "enableRateLimit": False}
    )
    for name, url in client.urls["api"].items():
        if isinstance(url, str) and name.startswith("fapi"):
            client.urls["api"][name] = given["url"] + "/" + url.split("/", 3)[3]

    def ask(start_ms: int, end_ms: int) -> list[dict[str, Any]]:
        return list(
            client.fapiPrivateGetForceOrders({"startTime": start_ms, "endTime": end_ms, "limit": PAGE})
        )

    def asked(start_ms: int, end_ms: int) -> list[dict[str, Any]]:
        return [row | {"time": int(row["time"])} for row in ask(start_ms, end_ms)]

    return lambda: map(_identity, _pages(given, asked))


def official_sdk(given: Given, _: Path) -> Work:
    """The exchange's own SDK, which returns one page, called in a loop."""
    from binance_common.configuration import ConfigurationRestAPI
    from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
        DerivativesTradingUsdsFutures,
    )

    client = DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(
            api_key=given["api_key"], api_secret=given["secret"], base_path=given["url"]
        )
    )

    def ask(start_ms: int, end_ms: int) -> list[dict[str, Any]]:
        answer = client.rest_api.users_force_orders(start_time=start_ms, end_time=end_ms, limit=PAGE)
        return [
            {"symbol": row.symbol, "orderId": row.order_id, "time": int(row.time)} for row in answer.data()
        ]

    return lambda: map(_identity, _pages(given, ask))


def python_binance(given: Given, _: Path) -> Work:
    """python-binance, which returns one page, called in a loop."""
    from binance.client import Client

    client = Client(given["api_key"], given["secret"], ping=False)
    client.FUTURES_URL = given["url"] + "/fapi"

    def ask(start_ms: int, end_ms: int) -> list[dict[str, Any]]:
        return list(client.futures_liquidation_orders(startTime=start_ms, endTime=end_ms, limit=PAGE))

    return lambda: map(_identity, _pages(given, ask))


def dlt(given: Given, directory: Path) -> Work:
    """dlt's REST source, with a cursor of its own: the last instant; rows go to files, as our object does."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    import dlt as library
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import BasePaginator

    secret, end_ms = given["secret"].encode(), given["start_ms"] + DAY_MS - 1

    def sign(parameters: dict[str, Any]) -> dict[str, Any]:
        now_ms = int(time.time() * 1000)  # any day: the exchange here has the same clock
        stamped = parameters | {"timestamp": now_ms}
        query = urlencode({name: value for name, value in stamped.items() if name != "signature"})
        return stamped | {"signature": hmac.new(secret, query.encode(), hashlib.sha256).hexdigest()}

    first = {"startTime": given["start_ms"], "endTime": end_ms, "limit": PAGE}

    class ByTime(BasePaginator):
        def update_state(self, _response: Any, data: Any = None) -> None:
            given["requests"] = given.get("requests", 0) + 1
            self._has_next_page = len(data or ()) == PAGE
            self.start_ms = data[-1]["time"] + 1 if data else 0

        def update_request(self, request: Any) -> None:
            request.params = sign(first | {"startTime": self.start_ms})

    client = RESTClient(given["url"], headers={"X-MBX-APIKEY": given["api_key"]})

    @library.resource(name="liquidations")
    def liquidations() -> Any:
        yield from client.paginate(PATH, params=sign(first), paginator=ByTime())

    pipeline = library.pipeline(
        "benchmark",
        pipelines_dir=str(directory / "pipelines"),
        destination=library.destinations.filesystem(f"file://{directory}/lake"),
        dataset_name="rows",
    )

    def work() -> Iterable[tuple[str, int]]:
        pipeline.run(liquidations(), loader_file_format="jsonl").raise_on_failed_jobs()
        files = sorted((directory / "lake").rglob("liquidations/*.jsonl"))
        rows = (json.loads(line) for file in files for line in file.read_text().splitlines())
        return ((row["symbol"], int(row["order_id"])) for row in rows)

    return work


CONTENDERS: Final[dict[str, Callable[[Given, Path], Work]]] = {
    "ours": ours,
    "loop-json": loop_json,
    "loop-orjson": loop_orjson,
    "loop-file": loop_file,
    "ccxt": ccxt,
    "official-sdk": official_sdk,
    "python-binance": python_binance,
    "dlt": dlt,
}


def _identity(row: dict[str, Any]) -> tuple[str, int]:
    return row["symbol"], int(row["orderId"])


def measure(name: str, given: Given) -> dict[str, Any]:
    """Let one of them work; its rows are counted after the clock has stopped."""
    with tempfile.TemporaryDirectory(prefix="extractor-") as directory:
        work = CONTENDERS[name](given, Path(directory))
        spent, began = _processor_s(), time.perf_counter()
        found = work()
        seconds, cpu_s = time.perf_counter() - began, _processor_s() - spent
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        obtained = list(found)
    return {
        "seconds": seconds,
        "cpu_s": cpu_s,
        "rows": len(set(obtained)),
        "repeated": len(obtained) - len(set(obtained)),
        "requests": given["requests"],
        "mb": peak_mb,
    }


def _processor_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(measure(sys.argv[1], json.loads(sys.argv[2]))) + "\n")

"""What is loaded: objects of USD-M rows of one day, with their manifests, one for each scenario."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.manifest import (
    Manifest,
    ManifestFilters,
    ManifestObject,
    ManifestWindow,
    Proof,
)
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.lake import draft
from airflow_provider_binance_liq.simulator import Amount, make_row
from airflow_provider_binance_liq.simulator.symbols import LASTING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: what each object is, in the order in which they are loaded
SCENARIOS: Final = {
    "first load": "every row is new",
    "unchanged": "the very object again: nothing is read, nothing written",
    "reload": "the same rows and one more, extracted later",
    "replacement": "the same rows, each with a newer update and other content",
}
START_MS: Final = 1_791_590_400_000


def rows(count: int, *, update: int = 0) -> Iterator[str]:
    """Spell USD-M rows of one day as the simulator does; each `update` is one second and other amounts."""
    draw = random.Random(7)
    for number in range(count):
        market = draw.choice(LASTING["um"])
        price, qty = market.price * draw.uniform(0.97, 1.03), draw.randint(1, 90_000) / 1000 + update
        adl, at = draw.random() < 0.12, START_MS + number * (DAY_MS - 60_000) // count
        row = make_row(
            "usdm_futures",
            orderId=market.first_order_id + 17 * number,
            symbol=market.symbol,
            pair=market.pair,
            clientOrderId="adl_autoclose" if adl else f"autoclose-{at}{draw.randrange(10**6):06}",
            price=Amount(f"{price:.5f}"),
            avgPrice=Amount(f"{price * 1.001:.7f}"),
            origQty=Amount(f"{qty:.3f}"),
            executedQty=Amount(f"{qty:.3f}"),
            cumQuote=Amount(f"{price * 1.001 * qty:.6f}"),
            cumBase=Amount(f"{qty:.3f}"),
            side=draw.choice(("SELL", "BUY")),
            time=at,
            updateTime=at + draw.randrange(60) + 1000 * update,
        )
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def lay(directory: Path, name: str, bodies: Iterator[str], extracted_at: str) -> Manifest:
    """Write an object and its manifest."""
    written = draft(map(str.encode, bodies), directory)
    path = written.path.rename(directory / f"{name}.ndjson")
    manifest = Manifest(
        endpoint="usdm_futures",
        account="desk",
        window=ManifestWindow("2026-10-10T00:00:00Z", "2026-10-11T00:00:00Z"),
        filters=ManifestFilters(),
        object=ManifestObject(f"file://{path}", written.rows, written.bytes, written.sha256),
        proof=Proof(complete=True, pages=1, requests=1, weight=50, method="a page shorter than 100"),
        extracted_at=extracted_at,
        provider_version="0",
    )
    path.with_suffix(".manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def lay_all(directory: Path, count: int) -> dict[str, Manifest]:
    """Lay down what each scenario loads."""
    directory.mkdir()
    first = lay(directory, "first", rows(count), "2026-10-11T00:05:00Z")
    return {
        "first load": first,
        "unchanged": first,
        "reload": lay(directory, "reload", _and_one_more(count), "2026-10-12T00:05:00Z"),
        "replacement": lay(directory, "replacement", rows(count, update=1), "2026-10-13T00:05:00Z"),
    }


def _and_one_more(count: int) -> Iterator[str]:
    yield from rows(count)
    at = START_MS + DAY_MS - 1
    yield json.dumps(make_row("usdm_futures", orderId=1, time=at), separators=(",", ":"))


def path_of(manifest: Manifest) -> Path:
    """Return where its object is."""
    return Path(manifest.object.uri.removeprefix("file://"))

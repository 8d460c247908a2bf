"""What an extraction announces: its manifest, and on Airflow 3.3 and later each day that it proved.

The law kept here: a day is announced only where all of it is proven complete, of all symbols and types. A DAG
that waits for a month of such days runs when the month is whole, and never before.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import Asset, AssetAlias

from airflow_provider_binance_liq.compat import HAS_PARTITIONS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import epoch_ms, iso

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator

#: members of an asset's `extra` that say whose it is, and that its events are of proven days alone
CONNECTION: Final = "binance_conn_id"
ENDPOINT: Final = "endpoint"
PROVEN_DAYS: Final = "proven_days"


def extraction_assets(prefix: str, conn_id: str, endpoint: str) -> list[Asset]:
    """Make the assets of one connection's endpoint: each extraction; from Airflow 3.3 on, each proven day."""
    name, group = f"{prefix}_{conn_id}_{endpoint}", f"{prefix}_{conn_id}"
    whose: dict[str, Any] = {CONNECTION: conn_id, ENDPOINT: endpoint}
    found = [Asset(name, group=group, extra=whose)]
    if HAS_PARTITIONS:
        found.append(Asset(f"{name}_proven_days", group=group, extra=whose | {PROVEN_DAYS: True}))
    return found


def announced(
    task: LiquidationsToObjectStorageOperator, manifest: Manifest, context: Context
) -> dict[str, Any]:
    """Put the manifest into the event of each asset among the outlets.

    A task that is mapped has the assets of all its instances among its outlets. Those of other connections
    and endpoints get no event: the outlets are narrowed here, on the worker.

    :returns: the manifest, as plain values.
    """
    plain, days = manifest.to_dict(), proven_days(manifest)
    task.outlets = [one for one in task.outlets if _concerns(one, task, days)]
    for outlet in task.outlets:
        if isinstance(outlet, Asset):
            event: Any = context["outlet_events"][outlet]
            event.extra = plain
            if outlet.extra.get(PROVEN_DAYS):
                event.add_partitions(days)
        elif isinstance(outlet, AssetAlias):
            asset = Asset(f"{outlet.name}_{task.endpoint}", group=outlet.group)
            context["outlet_events"][outlet].add(asset, extra=plain)
    return plain


def proven_days(manifest: Manifest) -> list[str]:
    """Name the UTC days that a manifest proves whole; none, where it is not complete or has a filter."""
    filters = manifest.filters
    if not manifest.proof.complete or filters.symbols or filters.auto_close_type:
        return []
    window = manifest.window
    start_ms, end_ms = (epoch_ms(datetime.fromisoformat(one)) for one in (window.start, window.end))
    first_ms = -(-start_ms // DAY_MS) * DAY_MS
    return [iso(day_ms)[:10] for day_ms in range(first_ms, end_ms - DAY_MS + 1, DAY_MS)]


def _concerns(outlet: Any, task: LiquidationsToObjectStorageOperator, days: list[str]) -> bool:
    """Whether this task has an event for an outlet."""
    if not isinstance(outlet, Asset):
        return True
    whose = {CONNECTION: task.binance_conn_id, ENDPOINT: task.endpoint}
    is_its = all(outlet.extra.get(name, value) == value for name, value in whose.items())
    return is_its and (bool(days) or not outlet.extra.get(PROVEN_DAYS))

"""The metrics, sent through Airflow's own Stats: to StatsD, Datadog or OpenTelemetry.

Law: a metric that cannot be sent fails nothing, and no name, value or tag has a secret. Without Airflow,
nothing is sent.
"""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

PREFIX: Final = "binance_liquidations"
#: other characters in a name or a tag become underscores: some of them separate StatsD's fields
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its kind, its unit, and the tags it comes with."""

    name: str
    kind: Literal["counter", "gauge"]
    unit: str
    tags: tuple[str, ...]
    #: its meaning
    doc: str


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric(
                "rows_extracted",
                "counter",
                "rows",
                ("endpoint", "account"),
                "Rows of the windows that were extracted.",
            ),
            Metric(
                "windows_extracted",
                "counter",
                "windows",
                ("endpoint", "account", "complete"),
                "Windows that were extracted; `complete` is `true` or `false`.",
            ),
            Metric(
                "weight_spent",
                "counter",
                "weight",
                ("endpoint", "account"),
                "Weight of the requests for those windows.",
            ),
            Metric(
                "weight_used",
                "gauge",
                "weight",
                ("pool",),
                "Weight that all programs on the IP address have used in the exchange's current minute.",
            ),
            Metric("weight_limit", "gauge", "weight", ("pool",), "The limit of `weight_used`."),
            Metric(
                "waited",
                "counter",
                "seconds",
                ("pool", "reason"),
                "Seconds that requests had to wait, in a worker or deferred; `reason` is `banned` or "
                "`throttled`.",
            ),
            Metric(
                "days_until_loss",
                "gauge",
                "days",
                ("endpoint", "account"),
                "Days until the exchange deletes rows that are missing or not proven; its retention, where "
                "there are none. Sent by the coverage check.",
            ),
        )
    }
)


def extracted(*, endpoint: str, account: str, rows: int, weight: int, complete: bool) -> None:
    """Count a window that was extracted."""
    _send("rows_extracted", rows, endpoint=endpoint, account=account)
    _send("windows_extracted", 1, endpoint=endpoint, account=account, complete=str(complete).lower())
    _send("weight_spent", weight, endpoint=endpoint, account=account)


def weighed(pool: str, used: int, limit: int) -> None:
    """Send the used weight and its limit."""
    _send("weight_used", used, pool=pool)
    _send("weight_limit", limit, pool=pool)


def waited(pool: str, seconds: float, *, banned: bool) -> None:
    """Count the seconds of a wait, before it begins."""
    _send("waited", max(0, round(seconds)), pool=pool, reason="banned" if banned else "throttled")


def until_loss(*, endpoint: str, account: str, days: float) -> None:
    """Send the days that are left."""
    _send("days_until_loss", days, endpoint=endpoint, account=account)


def _send(name: str, value: float, **tags: str) -> None:
    metric = METRICS[name]
    fit = {tag: _UNFIT.sub("_", tags[tag]) for tag in metric.tags}
    try:
        stats = _stats()
        if stats is None:
            return
        send = stats.gauge if metric.kind == "gauge" else stats.incr
        send(f"{PREFIX}.{name}", value, tags=fit)
        # As Airflow does: a StatsD without tags would mix the values of all of them.
        send(".".join((PREFIX, name, *fit.values())), value)
    # StatsD, Datadog and OpenTelemetry raise errors of their own, and none of them may fail the task.
    except Exception:
        log.debug("%s could not be sent", name, exc_info=True)


def _stats() -> Any:
    """Return Airflow's interface; None without Airflow, which takes seconds to import."""
    if "airflow" not in sys.modules:
        return None
    # At the top of the module, this would import Airflow.
    return import_module("airflow_provider_binance_liq.compat").task_stats()

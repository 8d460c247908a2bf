"""What is measured, and told to Airflow's own Stats: StatsD, Datadog or OpenTelemetry, as Airflow is set up.

Law: to measure never fails what is measured, and no name, value or tag holds a secret. Where no Airflow
runs, nothing is told.
"""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

PREFIX: Final = "binance_liquidations"
#: what stands in a name or a tag; the rest becomes an underscore, since StatsD's fields end at some of it
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its kind, its unit, and the tags it comes with."""

    name: str
    kind: Literal["counter", "gauge"]
    unit: str
    tags: tuple[str, ...]
    #: what it tells
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
                "What is used of the limit in the exchange's current minute, by everybody on the IP address.",
            ),
            Metric("weight_limit", "gauge", "weight", ("pool",), "The limit that it is used of."),
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
                "Days until the exchange forgets something that is missing or not proven; what it keeps, "
                "where nothing is. Told by the coverage check.",
            ),
        )
    }
)


def extracted(*, endpoint: str, account: str, rows: int, weight: int, complete: bool) -> None:
    """Count a window that was extracted."""
    _tell("rows_extracted", rows, endpoint=endpoint, account=account)
    _tell("windows_extracted", 1, endpoint=endpoint, account=account, complete=str(complete).lower())
    _tell("weight_spent", weight, endpoint=endpoint, account=account)


def weighed(pool: str, used: int, limit: int) -> None:
    """Tell what is used of a limit."""
    _tell("weight_used", used, pool=pool)
    _tell("weight_limit", limit, pool=pool)


def waited(pool: str, seconds: float, *, banned: bool) -> None:
    """Count the seconds of a wait; as many as it is going to take."""
    _tell("waited", max(0, round(seconds)), pool=pool, reason="banned" if banned else "throttled")


def until_loss(*, endpoint: str, account: str, days: float) -> None:
    """Tell how many days are left."""
    _tell("days_until_loss", days, endpoint=endpoint, account=account)


def _tell(name: str, value: float, **tags: str) -> None:
    metric = METRICS[name]
    fit = {tag: _UNFIT.sub("_", tags[tag]) for tag in metric.tags}
    try:
        stats = _stats()
        if stats is None:
            return
        tell = stats.gauge if metric.kind == "gauge" else stats.incr
        tell(f"{PREFIX}.{name}", value, tags=fit)
        # As Airflow's own: a StatsD without tags would take the values of all of them for one.
        tell(".".join((PREFIX, name, *fit.values())), value)
    except Exception as error:  # noqa: BLE001 - whatever it is, what is measured goes on
        log.debug("%s could not be told: %s", name, error)


def _stats() -> Any:
    """Return Airflow's interface; None without Airflow, which takes seconds to import."""
    if "airflow" not in sys.modules:
        return None
    from airflow_provider_binance_liq.compat import task_stats  # noqa: PLC0415 - see above

    return task_stats()

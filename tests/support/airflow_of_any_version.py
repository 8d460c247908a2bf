"""What only the tests take from Airflow, and what is elsewhere in an older one."""

from __future__ import annotations

from airflow_provider_binance_liq.compat import AIRFLOW, BEFORE_3_2, task_stats

if BEFORE_3_2:
    from airflow.models.dagbag import DagBag
else:
    from airflow.dag_processing.dagbag import DagBag

__all__ = ["DagBag", "tell_metrics_to"]


def tell_metrics_to(*, statsd: bool) -> None:
    """Let what tasks tell go to StatsD as Airflow's configuration has it, or nowhere."""
    stats = task_stats()
    if BEFORE_3_2:
        from airflow.metrics import base_stats_logger, statsd_logger

        kind = type(stats)
        kind.factory = statsd_logger.get_statsd_logger if statsd else base_stats_logger.NoStatsLogger
        stats.instance = None
        return
    from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
    from airflow.sdk.observability.metrics import statsd_logger

    legacy = {"export_legacy_names": True} if AIRFLOW >= (3, 3) else {}
    stats.initialize(factory=statsd_logger.get_statsd_logger if statsd else NoStatsLogger, **legacy)

"""What only the tests take from Airflow, and what is elsewhere in an older one."""

from __future__ import annotations

from airflow_provider_binance_liq.compat import BEFORE_3_2

if BEFORE_3_2:
    from airflow.models.dagbag import DagBag
else:
    from airflow.dag_processing.dagbag import DagBag

__all__ = ["DagBag"]

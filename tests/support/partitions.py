"""Marks of tests that need an Airflow with, or without, partitions of assets."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.compat import HAS_PARTITIONS

with_partitions = pytest.mark.skipif(not HAS_PARTITIONS, reason="Airflow has partitions of assets since 3.3")
without_partitions = pytest.mark.skipif(HAS_PARTITIONS, reason="for Airflow before 3.3")

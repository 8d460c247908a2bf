"""An exchange to extract from and a lake to load from, for each test its own."""

from __future__ import annotations

import pytest
import time_machine
from support.lakehouse import Lake
from support.lineage import DAY, NOW
from support.rows import numbered_row

from airflow_provider_binance_liq.core.windows import epoch_ms
from airflow_provider_binance_liq.simulator import ExplicitHistory, Settings, Simulator


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake of [objects]")


@pytest.fixture
def now():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def exchange(now):
    rows = {"usdm_futures": [numbered_row("usdm_futures", 1, epoch_ms(DAY))]}
    with Simulator(Settings(seed=5), history=ExplicitHistory(rows)) as running:
        yield running


@pytest.fixture
def extract(exchange, connect_to, tmp_path):
    from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator

    def make(**given):
        connect_to(exchange, extra={"account": "desk", "timeout_s": 2})
        known = {"endpoint": "usdm_futures", "destination": f"file://{tmp_path}/lake"}
        return LiquidationsToObjectStorageOperator(task_id="extract", **(known | given))

    return make

"""The command for who may not create backfills: Airflow's own parser reads of it what the button asks for."""

from __future__ import annotations

from datetime import date

import pytest
from support.commands import backfill_of

from airflow_provider_binance_liq.dag_support.coverage_settings import CoverageSettings
from airflow_provider_binance_liq.lake.verify.claims import Series
from airflow_provider_binance_liq.ui.estimates import estimate_days
from airflow_provider_binance_liq.ui.lakes import Lake

DAYS = [date(2026, 10, 2), date(2026, 10, 3), date(2026, 10, 5)]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
@pytest.mark.parametrize("odd", ["", """it's "$HOME" `id` \\ ; & * ! 日本 #"""])
def test_the_command_is_what_the_button_asks_for(zone, odd, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", zone)
    conn_id, conf = f"desk{odd}", {"destination": f"file:///lake{odd}"}
    lake = Lake("file:///lake", 14, "binance_liquidations", {conn_id: ("margin",)}, conf, CoverageSettings())
    found = estimate_days(Series("margin", "desk"), DAYS, lake, conn_id, 0.5)
    assert [backfill_of(line) for line in found["command"].splitlines()] == [
        # As `createBackfill` of the page's `server.js` sends it.
        {"dag_id": "binance_liquidations", "run_backwards": False, "reprocess_behavior": "completed", **one}
        for one in found["backfills"]
    ]
    assert found["backfills"][0]["dag_run_conf"] == {
        "connections": [conn_id],
        "endpoints": ["margin"],
        **conf,
    }

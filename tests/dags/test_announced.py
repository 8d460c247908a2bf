"""What an extracting task announces: its manifest, on its outlets, deferred or not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.fixed_days import recent_day
from support.sample_dags import connect

from airflow_provider_binance_liq.simulator.settings import Settings
from airflow_provider_binance_liq.simulator.simulator import Simulator

pytestmark = pytest.mark.clock


@pytest.fixture(autouse=True)
def exchange(monkeypatch, fixed_clock):
    with Simulator(Settings(seed=7)) as simulator:
        connect(monkeypatch, simulator, "binance_demo")
        yield simulator


@pytest.fixture
def extract(tmp_path):
    """Make an extracting operator, and the context that it runs in."""
    from airflow.sdk.execution_time.context import OutletEventAccessors

    from airflow_provider_binance_liq.operators.liquidations import MarginLiquidationsOperator

    def make(*outlets):
        operator = MarginLiquidationsOperator(
            task_id="extract",
            destination=f"file://{tmp_path / 'lake'}",
            binance_conn_id="binance_demo",
            outlets=list(outlets),
        )
        day = recent_day()
        interval = {"data_interval_start": day, "data_interval_end": day + timedelta(days=1)}
        return operator, interval | {"outlet_events": OutletEventAccessors()}

    return make


@pytest.mark.parametrize("method", ["execute", "resume"])
def test_the_manifest_is_the_extra_of_the_event_of_every_asset(extract, method):
    from airflow.sdk import Asset

    assets = [Asset("margin"), Asset("all", uri="x-lake://all")]
    operator, context = extract(*assets)
    manifest = getattr(operator, method)(context)
    assert manifest["endpoint"] == "margin"
    assert [context["outlet_events"][asset].extra for asset in assets] == [manifest, manifest]


def test_an_alias_announces_on_the_asset_of_the_endpoint_and_on_no_other(extract):
    from airflow.sdk import AssetAlias

    alias = AssetAlias("desk", group="binance")
    operator, context = extract(alias)
    manifest = operator.execute(context)
    (event,) = context["outlet_events"][alias].asset_alias_events
    assert (event.dest_asset_key.name, event.extra) == ("desk_margin", manifest)


def test_without_outlets_nothing_is_needed_of_the_context_but_the_data_interval(extract):
    operator, context = extract()
    del context["outlet_events"]
    assert operator.execute(context)["endpoint"] == "margin"

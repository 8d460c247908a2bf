"""Metrics: told to Airflow's own Stats, by its StatsD client, to a listener on loopback."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from importlib import import_module

import pytest

from airflow_provider_binance_liq import metrics


class Listener:
    """Takes what a StatsD client sends."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)

    @property
    def port(self):
        return self.socket.getsockname()[1]

    def take(self, number):
        return [self.socket.recv(2048).decode() for _ in range(number)]


@pytest.fixture
def listener(monkeypatch):
    """Set Airflow up as its configuration would, and what it is told goes to a listener."""
    from support.airflow_of_any_version import tell_metrics_to

    found = Listener()
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_HOST", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PORT", str(found.port))
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_PREFIX", "airflow")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "True")
    tell_metrics_to(statsd=True)
    yield found
    tell_metrics_to(statsd=False)
    found.socket.close()


def test_an_extraction_reports_its_rows_its_windows_and_its_weight(listener):
    metrics.extracted(endpoint="usdm_futures", account="desk", rows=2500, weight=1300, complete=True)
    assert listener.take(6) == [
        "airflow.binance_liquidations.rows_extracted,endpoint=usdm_futures,account=desk:2500|c",
        "airflow.binance_liquidations.rows_extracted.usdm_futures.desk:2500|c",
        "airflow.binance_liquidations.windows_extracted,endpoint=usdm_futures,account=desk,complete=true:1|c",
        "airflow.binance_liquidations.windows_extracted.usdm_futures.desk.true:1|c",
        "airflow.binance_liquidations.weight_spent,endpoint=usdm_futures,account=desk:1300|c",
        "airflow.binance_liquidations.weight_spent.usdm_futures.desk:1300|c",
    ]


def test_weight_waits_and_days_are_reported_with_what_they_are_of(listener):
    metrics.weighed("sapi:margin", 60, 12_000)
    metrics.waited("futures", 119.6, banned=True)
    metrics.until_loss(endpoint="margin", account="desk", days=13.5)
    assert listener.take(8)[::2] == [
        "airflow.binance_liquidations.weight_used,pool=sapi_margin:60|g",
        "airflow.binance_liquidations.weight_limit,pool=sapi_margin:12000|g",
        "airflow.binance_liquidations.waited,pool=futures,reason=banned:120|c",
        "airflow.binance_liquidations.days_until_loss,endpoint=margin,account=desk:13.5|g",
    ]


@pytest.mark.parametrize("account", ["a,b=c:1|g", "币安\n", "desk one", "a.b"])
def test_what_an_account_is_called_cannot_make_another_metric(listener, account):
    metrics.until_loss(endpoint="margin", account=account, days=1)
    for sent in listener.take(2):
        assert re.fullmatch(r"[\w.,=-]+:1\|g", sent, re.ASCII)
        assert sent.count(":") == 1


@pytest.fixture
def told(monkeypatch):
    """What is told, by the name of the function."""
    found = []
    for name in ("extracted", "weighed", "waited"):
        monkeypatch.setattr(
            metrics, name, lambda *given, _name=name, **fields: found.append((_name, *given, fields))
        )
    return found


def operator(monkeypatch, extract):
    from airflow_provider_binance_liq.operators.liquidations import UsdmFuturesLiquidationsOperator

    monkeypatch.setattr(UsdmFuturesLiquidationsOperator, "_extract", extract)
    window = {"start": "2026-10-01T00:00:00Z", "end": "2026-10-02T00:00:00Z"}
    return UsdmFuturesLiquidationsOperator(task_id="extract", destination="file:///lake", **window)


def test_an_extraction_reports_what_it_extracted_and_spent(start, told):
    run = start()
    manifest = run.run("usdm_futures", run.cascade())
    counts = {"rows": manifest.object.rows, "weight": manifest.proof.weight, "complete": True}
    extracted = [one for one in told if one[0] == "extracted"]
    assert extracted == [("extracted", {"endpoint": "usdm_futures", "account": "desk"} | counts)]


def test_a_window_that_is_proven_already_is_not_counted_as_extracted_again(start, told):
    run = start()
    run.run("usdm_futures", run.cascade())
    told.clear()
    run.run("usdm_futures", run.cascade(), keep_proven=True)
    assert told == []


def test_the_operator_reports_for_how_long_it_gives_its_slot_back(monkeypatch, told):
    from airflow.providers.common.compat.sdk import TaskDeferred

    from airflow_provider_binance_liq.exceptions import IpBanned
    from airflow_provider_binance_liq.operators import liquidations, waiting

    now_ms = 1_792_000_000_000
    for module in (liquidations, waiting):
        monkeypatch.setattr(module, "_now_ms", lambda: now_ms)
    monkeypatch.setattr(waiting.WaitingOperator, "_jitter", lambda _: 0.0)

    def ban(*_):
        raise IpBanned("banned", now_ms + 600_000)

    with pytest.raises(TaskDeferred):
        operator(monkeypatch, ban).execute({})
    assert told == [("waited", "futures", 600.0, {"banned": True})]


def test_each_answer_reports_what_is_used_of_the_limit_and_each_wait_how_long_it_is(start, told):
    run = start(cascade_rows=2500)
    run.run("usdm_futures", run.cascade())
    weighed = [one for one in told if one[0] == "weighed"]
    assert {(pool, limit) for _, pool, _, limit, _ in weighed} == {("futures", 2400)}
    assert 0 < max(used for _, _, used, _, _ in weighed) <= 1200
    ((pool, seconds, why),) = [one[1:] for one in told if one[0] == "waited"]
    assert (pool, why) == ("futures", {"banned": False})
    assert 0 < seconds <= 60


def test_what_cannot_be_determined_fails_nothing(monkeypatch):
    class Broken:
        def gauge(self, *_, **__):
            raise RuntimeError("no")

    monkeypatch.setattr(metrics, "_stats", Broken)
    metrics.weighed("futures", 1, 2)


def test_where_what_airflow_has_for_it_is_not_available_nothing_is_reported_and_nothing_fails(monkeypatch):
    import_module("airflow")
    for name in ("airflow.sdk.observability.stats", "airflow.stats"):
        monkeypatch.setitem(sys.modules, name, None)
    logged = []
    monkeypatch.setattr(metrics.log, "debug", lambda text, *values, **_: logged.append(text % values))
    metrics.weighed("futures", 1, 2)
    assert logged
    assert all("could not be sent" in line for line in logged)


def test_without_airflow_nothing_of_it_is_imported():
    code = (
        "from airflow_provider_binance_liq import metrics; import sys; metrics.weighed('futures', 1, 2);"
        "assert not any(name.partition('.')[0] == 'airflow' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

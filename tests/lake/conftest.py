"""Lakes to be verified."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from support.scripted import Time
from support.seeded import seeded
from verifying import START, Lake

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.simulator import Settings, Simulator


@pytest.fixture
def begin(tmp_path, capsys):
    """Start an empty lake at a URL."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with ExitStack() as running:

        def start(url):
            world = Time((START + 12 * DAY_MS) / 1000)
            settings = Settings(seed=16, cascade_rows=300)
            exchange = running.enter_context(Simulator(settings, clock=world.clock, history=seeded(settings)))
            return Lake(url, exchange, world, scratch, capsys)

        yield start


@pytest.fixture
def lake(begin, tmp_path):
    """An empty lake on local files."""
    (tmp_path / "lake").mkdir()
    return begin(f"file://{tmp_path}/lake")


@pytest.fixture
def either(begin, request, tmp_path):
    """An empty lake, on local files and on S3 in turn."""
    if request.param == "file":
        (tmp_path / "a lake" / "日本").mkdir(parents=True)
        return begin(f"file://{tmp_path}/a lake/日本")
    return begin(f"s3://aws_default@{request.getfixturevalue('bucket')}/some/prefix")

"""Airflow reads its environment when it is first imported, so it is set here, before any test."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import tempfile
import uuid
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from support.examples import register_profiles
from support.sample_dags import bundles

#: fixtures of warehouses, for several folders
pytest_plugins = ["support.warehouses"]
REPOSITORY = Path(__file__).resolve().parent.parent
# Its name is short: sockets are made below it, and their paths may have 103 bytes. A worker's lies beside the
# place for temporary files that it was given, not below it.
_place = Path(tempfile.gettempdir()).parent if "PYTEST_XDIST_WORKER" in os.environ else None
_home = tempfile.TemporaryDirectory(prefix="w" if _place else "liq-", dir=_place)
HOME = Path(_home.name)
# As /tmp itself: PostgreSQL's user goes through it to the directories of servers.
HOME.chmod(0o711)
# What tests that are killed leave is removed with it. What pytest keeps of the last runs is not in it.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
(HOME / "tmp").mkdir()
tempfile.tempdir = os.environ["TMPDIR"] = str(HOME / "tmp")

# `dag.test` reads and stores all of the bundle that has the DAG: each of them is one file here.
BUNDLES = HOME / "bundles"
for _file in REPOSITORY.glob("dags/**/*.py"):
    (BUNDLES / _file.stem).mkdir(parents=True)
    (BUNDLES / _file.stem / _file.name).symlink_to(_file)
# For a test that writes a file of its own: Airflow 3.4 reads this setting once in a process.
(BUNDLES / "own").mkdir()

_SETTINGS = ("AIRFLOW__", "AIRFLOW_CONN_", "AIRFLOW_VAR_", "OPENLINEAGE_")
for _name in [name for name in os.environ if name.startswith(_SETTINGS)]:
    del os.environ[_name]
if sys.dont_write_bytecode and not Path(cache_from_source(pytest.__file__)).exists():
    # Each of the tests' processes would compile Airflow anew, which takes longer than to import it.
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(REPOSITORY / ".pytest_cache/bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundles(*sorted(BUNDLES.iterdir())),
    "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    "AIRFLOW__CORE__FERNET_KEY": "",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME / 'airflow.db'}",
    # Object stores are reached on loopback, never by whatever credentials this machine has.
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
for _name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
    os.environ.pop(_name, None)

register_profiles()
# Airflow takes its level from whoever imports it first, and a command imports it to log errors alone.
logging.getLogger("airflow_provider_binance_liq").setLevel(logging.INFO)


@pytest.fixture
def set_connection(monkeypatch):
    """Define an Airflow connection for one test, as JSON in the environment."""

    def define(conn_id, **fields):
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        return conn_id

    return define


@pytest.fixture
def connect_to(set_connection):
    """Define a connection to a simulated exchange's account; what is given overrides fields and extras."""

    def define(exchange, conn_id="binance_default", *, account="demo", extra=(), **fields):
        credentials = exchange.credentials(account)
        known = {"conn_type": "binance", "login": credentials.api_key, "password": credentials.secret}
        extras = {"base_url": exchange.url, **dict(extra)}
        return set_connection(conn_id, **{**known, "extra": extras, **fields})

    return define


@pytest.fixture
def start(tmp_path):
    """Begin exchanges of chosen strangeness, each with a client that lives in its time, and a destination."""
    from contextlib import ExitStack

    from support.running import NOW_S, Run
    from support.scripted import Time
    from support.seeded import seeded

    from airflow_provider_binance_liq.simulator import ExplicitHistory, Settings, Simulator

    with ExitStack() as running:

        def begin(rows=None, **knobs):
            world = Time(NOW_S)
            settings = Settings(**{"seed": 11, **knobs})
            history = seeded(settings) if rows is None else ExplicitHistory(rows)
            exchange = running.enter_context(Simulator(settings, clock=world.clock, history=history))
            return Run(exchange, world, tmp_path)

        yield begin


@pytest.fixture
def fixed_clock():
    """Let the test live at an instant that is the same on every day; see `fixed_days`."""
    from support.fixed_days import travel

    with travel():
        yield


@pytest.fixture(scope="session")
def airflow_database():
    """A migrated metadata database, for the tests that run whole DAGs."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def s3():
    """A real S3 API on loopback."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3, set_connection):
    """A bucket of its own, and the connection that reaches it."""
    import boto3

    name = f"lake-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", endpoint_url=s3).create_bucket(Bucket=name)
    set_connection(
        "aws_default", conn_type="aws", login="testing", password="testing", extra={"endpoint_url": s3}
    )
    return name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Run the quick tests in one process more than there are cores: those that wait leave a core idle."""
    quick = config.option.markexpr == "not slow"
    return (os.cpu_count() or 1) + 1 if quick else None


def pytest_unconfigure():
    """Collect nothing at the end: msgspec may crash where it frees Airflow's classes."""
    gc.freeze()

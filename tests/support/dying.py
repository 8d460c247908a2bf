"""Processes that die while they land a window; each is forked from a server that has it all imported."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
from multiprocessing import forkserver
from pathlib import Path

from support.manifests import DAY, describe

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.core.rows import read_row
from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.extraction.comparison import compare_with_earlier
from airflow_provider_binance_liq.lake import commit, draft, lock, open_destination, place, publish
from airflow_provider_binance_liq.lake.spool import Spool

USDM = get_endpoint("usdm_futures")

#: what Python tells its auditors before it is done; any of them may be the last thing that a process does
_STEPS = ("open", "os.", "shutil.", "fcntl.", "tempfile.")

context = multiprocessing.get_context("forkserver")


def start_server():
    """Start the server that forks, with everything imported; it finds this module by the path alone."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), before]))
    try:
        context.set_forkserver_preload(["support.dying_warm", "s3fs", "airflow.providers.amazon.aws.fs.s3"])
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


def at(destination, compression=None):
    return place(open_destination(destination), USDM, "desk", DAY, ManifestFilters(), compression)


def body(number):
    return b'{"symbol":"BTCUSDT","orderId":%d,"time":%d,"updateTime":%d}' % (
        (number,) + (DAY.start_ms + number,) * 2
    )


def extracted(minute):
    """Return the instant of an extraction: so many minutes after the first."""
    return f"2026-10-12T00:{minute:02}:00Z"


def land(destination, numbers, minute=0, compression=None):
    """What a job does once it has its rows."""
    here = at(destination, compression)
    with Spool() as spool, lock(here):
        spool.keep([read_row(body(number), USDM) for number in numbers])
        local = draft(spool.bodies(), spool.path, compression)
        found = compare_with_earlier(local, here, spool, USDM, (), "keep")
        if found.merged:
            local = draft(spool.bodies(), spool.path, compression)
        stored = publish(local, here)
        manifest = describe(stored, extracted_at=extracted(minute), differences=found.differences)
        commit(manifest, here, spool.path, seen=found.earlier)
    return manifest


def _die_before_step(number, only_in, error=None):
    """SIGKILL this process just before the nth thing that it does to a file, or let that fail."""
    steps = 0

    def audit(event, arguments):
        nonlocal steps
        if event.startswith(_STEPS) and any(only_in in str(argument) for argument in arguments):
            steps += 1
            if steps == number and error:
                _tell_struck()
                raise error
            if steps == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audit)


def _tell_struck():
    """Leave word that the fault came to pass: not everything that fails is told of."""
    Path(tempfile.gettempdir(), "struck").touch()


def _die_at_call(number, *, after, error=None):
    """SIGKILL this process before or after the nth call of S3, or let that call fail."""
    from s3fs import S3FileSystem

    call, calls = S3FileSystem._call_s3, 0

    async def counted(self, *given, **known):
        nonlocal calls
        calls += 1
        mine = calls
        if mine == number and error:
            _tell_struck()
            raise error
        if mine == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return await call(self, *given, **known)
        finally:
            if mine == number and after:
                os.kill(os.getpid(), signal.SIGKILL)

    S3FileSystem._call_s3 = counted


def _dying(destination, numbers, how, environment, done, compression):
    os.environ.update(environment)
    tempfile.tempdir = environment["TMPDIR"]
    kind, number, *rest = how
    if kind in ("step", "step fails"):
        _die_before_step(number, rest[0], OSError(5, "Input/output error") if kind == "step fails" else None)
    elif kind == "full":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (number, resource.RLIM_INFINITY))
    else:
        _die_at_call(number, after=kind == "after", error=OSError("no answer") if kind == "fails" else None)
    said = "done"
    try:
        land(destination, numbers, 1, compression)
    except LiquidationsError as error:
        said = f"{type(error).__name__}: {error}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    Path(done).write_text(said)


def run_until_death(destination, numbers, how, directory, environment, compression=None):
    """Land in a process that is to die; returns its exit code and what it could still say."""
    said = directory / "said"
    said.unlink(missing_ok=True)
    (directory / "struck").unlink(missing_ok=True)
    environment = {**environment, "TMPDIR": str(directory)}
    arguments = (destination, numbers, how, environment, str(said), compression)
    process = context.Process(target=_dying, args=arguments)
    process.start()
    process.join(60)
    if process.is_alive():
        process.kill()
        message = "the process neither died nor ended"
        raise TimeoutError(message)
    return process.exitcode, said.read_text() if said.exists() else ""

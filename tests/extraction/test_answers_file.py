"""A local disk that does not take the answers fails no extraction: after a wait, they are requested again."""

from __future__ import annotations

import errno
import os

import pytest
from support.running import WEEK

from airflow_provider_binance_liq.exceptions import IpBanned
from airflow_provider_binance_liq.extraction import resume
from airflow_provider_binance_liq.extraction.answers_file import AnswersFile
from airflow_provider_binance_liq.simulator import Fault

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
SAID = "The answers cannot be kept, and would be requested again after a wait"


class FullDisk:
    """A file on a disk that is full from the nth write on, also for what is flushed or closed then."""

    def __init__(self, nth):
        self.left = nth

    def write(self, _):
        self.left -= 1
        self.flush()

    def flush(self):
        if self.left <= 0:
            raise FULL

    close = flush


@pytest.fixture(params=["opened", 1, 3, "flushed"])
def full(request, monkeypatch):
    """Let the disk be full when the file is opened, at a write, or only when it is flushed."""

    class OnFullDisk(AnswersFile):
        def __init__(self, path):
            super().__init__(path / "absent" if request.param == "opened" else path)
            if request.param != "opened":
                self._file.close()
                self._file = FullDisk(99 if request.param == "flushed" else request.param)

        def is_whole(self):
            if request.param == "flushed":
                self._file.left = 0
            return super().is_whole()

    monkeypatch.setattr(resume, "AnswersFile", OnFullDisk)


@pytest.mark.usefixtures("full")
def test_the_window_is_extracted_all_the_same(start):
    run = start(cascade_rows=400)
    window = run.cascade()
    manifest = run.run("usdm_futures", window)
    assert manifest.proof.complete
    assert run.rows(manifest) == run.truth("usdm_futures", window)


@pytest.mark.usefixtures("full")
def test_a_wait_keeps_no_journal_and_is_reported_as_the_wait(start, caplog):
    run = start(cascade_rows=400)
    run.exchange.add_fault(Fault("http_418", endpoint="usdm_futures", nth=4, seconds=600))
    with pytest.raises(IpBanned) as caught:
        run.run("usdm_futures", WEEK)
    assert caught.value.resume.journal is None
    assert list(run.directory.rglob("*.journal*")) == []
    assert caplog.text.count(SAID) == 1


def test_all_answers_are_there_once_they_are_asked_for(tmp_path):
    kept = AnswersFile(tmp_path / "answers")
    assert not kept.is_whole(), "there are none"
    kept.add(b"1")
    kept.add(b"2")
    assert kept.is_whole()
    assert kept.path.read_bytes() == b"1\n2\n"
    kept.close()
    kept.close()
    assert not kept.is_whole()

"""What the demo says, on a terminal and into a file."""

from __future__ import annotations

import io
import os
import re

import pytest

from airflow_provider_binance_liq.demo import console as module
from airflow_provider_binance_liq.demo.console import Console, labelled


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Closed(io.StringIO):
    """A pipe that its reader left."""

    writes = 0

    def write(self, _text):
        self.writes += 1
        raise BrokenPipeError


def test_labels_are_a_column():
    assert labelled("Airflow", "starts") == "Airflow      starts"
    assert labelled("PostgreSQL", "starts") == "PostgreSQL   starts"


def test_lines_stay():
    stream = io.StringIO()
    Console(stream).say("one")
    Console(stream).say()
    assert stream.getvalue() == "one\n\n"


def test_a_file_gets_a_line_of_progress_now_and_then_and_no_control_characters(monkeypatch):
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    stream = io.StringIO()
    console = Console(stream)
    for second in range(12):
        now = 100.0 + second
        console.progress(f"{second} of 12")
    assert stream.getvalue() == "0 of 12\n5 of 12\n10 of 12\n"


def test_the_same_progress_is_said_once(monkeypatch):
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    stream = io.StringIO()
    console = Console(stream)
    for second in (0, 60, 120):
        now = 100.0 + second
        console.progress("waiting")
    assert stream.getvalue() == "waiting\n"


def test_on_a_terminal_progress_moves_in_one_line_that_what_stays_replaces():
    stream = Terminal()
    console = Console(stream)
    console.progress("1 of 2")
    console.progress("2 of 2")
    console.say("done")
    console.say("more")
    assert stream.getvalue() == "\r\x1b[K1 of 2\r\x1b[K2 of 2\r\x1b[Kdone\nmore\n"


def test_progress_never_wraps_on_a_narrow_terminal(monkeypatch):
    monkeypatch.setattr(module.shutil, "get_terminal_size", lambda: os.terminal_size((20, 5)))
    stream = Terminal()
    Console(stream).progress("x" * 100)
    assert stream.getvalue() == "\r\x1b[K" + "x" * 19


def test_a_phase_says_what_came_of_it_and_how_long_it_took():
    stream = io.StringIO()
    with Console(stream).phase("Exchange", "starting") as outcome:
        outcome.append("simulated")
    begun, ended = stream.getvalue().splitlines()
    assert begun == "Exchange     starting ..."
    assert re.fullmatch(r"Exchange     simulated  \(\d+\.\d s\)", ended)


def test_a_phase_that_fails_claims_nothing():
    stream = io.StringIO()

    def fail():
        with Console(stream).phase("Exchange", "starting") as outcome:
            outcome.append("simulated")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert "simulated" not in stream.getvalue()


def test_a_reader_that_left_ends_the_demo_once_and_does_not_disturb_its_end():
    stream = Closed()
    console = Console(stream)
    with pytest.raises(BrokenPipeError):
        console.say("one")
    console.say("two")
    console.progress("three")
    assert stream.writes == 1

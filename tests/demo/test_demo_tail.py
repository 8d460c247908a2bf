"""The end of a log, for a person."""

from __future__ import annotations

import json

import pytest

from airflow_provider_binance_liq.demo.tail import tail


@pytest.fixture
def log(tmp_path):
    def write(*lines):
        path = tmp_path / "some.log"
        path.write_bytes(
            b"".join(line if isinstance(line, bytes) else f"{line}\n".encode() for line in lines)
        )
        return path

    return write


def test_the_last_lines_are_what_is_shown(log):
    assert tail(log(*range(100)), 3) == ["97", "98", "99"]


def test_a_short_log_is_shown_whole_its_unfinished_line_too(log):
    assert tail(log("one", b"two"), 3) == ["one", "two"]


def test_json_lines_are_shown_as_level_and_event(log):
    line = json.dumps({"timestamp": "2026-10-10T00:00:00Z", "level": "error", "event": "Task failed", "a": 1})
    assert tail(log(line)) == ["error    Task failed"]


def test_an_exception_of_a_json_line_is_shown_below_it(log):
    error = {"exc_type": "AccessDenied", "exc_value": "-2015: invalid key", "frames": []}
    line = json.dumps({"level": "error", "event": "Task failed", "error_detail": [error]})
    assert tail(log(line)) == ["error    Task failed", "         AccessDenied: -2015: invalid key"]


def test_lines_that_only_look_like_json_are_shown_as_they_are(log):
    lines = ['{"unfinished": ', "[1, 2]", '{"message": "no event"}', "17"]
    assert tail(log(*lines)) == lines


def test_no_more_lines_are_shown_than_asked_for_even_where_one_has_many_errors(log):
    errors = [{"exc_type": "E", "exc_value": number} for number in range(9)]
    line = json.dumps({"level": "error", "event": "failed", "error_detail": errors})
    assert tail(log("before", line), 2) == ["         E: 7", "         E: 8"]


def test_a_line_without_end_is_cut(log):
    assert [len(line) for line in tail(log("x" * 100_000))] == [400]


def test_bytes_that_are_no_text_do_not_hide_the_rest(log):
    assert tail(log(b"\xff\xfe broken\n", "whole")) == ["�� broken", "whole"]


def test_where_there_is_no_log_nothing_is_shown(tmp_path):
    assert tail(tmp_path / "missing.log") == []
    assert tail(tmp_path) == []

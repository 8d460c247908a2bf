"""The page on performance is what its figures say, and each extractor on it is measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
import extractors
import growth
import performance_page as page
import profiling
import pytest

DOCS = Path(__file__).parents[2] / "docs"
FIGURES = json.loads((DOCS / "performance" / "figures.json").read_text(encoding="utf-8"))


def test_the_page_is_written_from_its_figures():
    assert (DOCS / "performance.md").read_text(encoding="utf-8") == page.render(FIGURES)


def test_every_extractor_is_measured_with_either_end_cut():
    for part in ("extraction", "newest"):
        assert [one["contender"] for one in FIGURES[part]] == list(extractors.CONTENDERS)


def test_a_cost_in_proportion_to_its_size_has_the_exponent_1_and_a_fixed_one_0():
    assert growth.exponent([1, 10, 100], [3, 30, 300]) == pytest.approx(1)
    assert growth.exponent([1, 10, 100], [3, 3, 3]) == pytest.approx(0)


def test_every_part_of_the_profile_is_measured_for_the_provider_and_for_the_floor():
    assert {name: tuple(parts) for name, parts in FIGURES["profile"]["cpu_s"].items()} == {
        "ours": profiling.PARTS,
        "loop-json": profiling.PARTS,
    }


@pytest.mark.parametrize(
    ("calls", "part"),
    [
        (["http/client.py:send", "exchange/transport.py:get", "exchange/client.py:_send"], profiling.HTTP),
        (["http/client.py:send", "requests/sessions.py:get", "extractors.py:_loop"], profiling.HTTP),
        (["core/rows.py:_rows", "core/rows.py:read_page", "exchange/client.py:_get"], profiling.JSON),
        (["json/decoder.py:decode", "json/__init__.py:loads", "extractors.py:_loop"], profiling.JSON),
        (["lake/runs.py:_settle", "lake/spool.py:keep", "extraction/reader.py:_answer"], profiling.SPOOL),
        (["core/paging/blocks.py:unseen", "extraction/reader.py:follow"], profiling.PAGING),
        (["core/signing.py:sign", "exchange/client.py:_signed_query"], profiling.REQUEST),
        (["extraction/resume.py:_write", "extraction/resume.py:fetch"], profiling.JOURNAL),
        (["core/notional.py:_add", "core/notional.py:watch", "lake/drafts.py:draft"], profiling.AMOUNTS),
        (["lake/runs.py:bodies", "lake/spool.py:bodies", "core/notional.py:watch"], profiling.OBJECT),
        (["lake/storage.py:stored_sha256", "lake/publication.py:publish"], profiling.OBJECT),
        (["extraction/progress.py:page", "extraction/reader.py:_answer"], profiling.REST),
    ],
)
def test_a_sample_counts_for_the_innermost_call_that_is_known(calls, part):
    stack = [(f"/somewhere/{file}", function) for file, _, function in (one.partition(":") for one in calls)]
    assert profiling.part_of(stack) == part


def test_the_calls_that_a_profile_knows_are_still_there():
    package = Path(profiling.__file__).parents[2] / "airflow_provider_binance_liq"
    for place, functions, _ in profiling._CALLS:
        if (package / place.partition("/")[0]).exists():
            text = "" if place.endswith("/") else (package / place).read_text(encoding="utf-8")
            assert all(f"def {name}(" in text for name in functions)


def test_what_takes_processor_time_is_sampled():
    found = profiling.sampled(lambda: [json.loads("[" + "1," * 9_999 + "1]") for _ in range(300)])
    assert tuple(found) == profiling.PARTS
    assert found[profiling.JSON] > found[profiling.SPOOL] == 0

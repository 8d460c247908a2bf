"""Where the processor time of an extraction goes, beside that of the loop over `requests` with `json`.

    python tests/benchmarks/profiling.py ours '{"url": …, "api_key": …, "secret": …, "start_ms": …}'

A timer of processor time interrupts the main thread, whose stack says what it does: the innermost call that
is listed below. A call into C is interrupted at its end, so each sample counts for the processor time of the
thread since the one before, and not for one tick.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import extraction
import local_exchange
from extractors import CONTENDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import FrameType

#: processor seconds between two samples; a system with a slower clock takes fewer
EVERY_S: Final = 0.001
HTTP: Final = "HTTP"
JSON: Final = "a page's JSON into rows"
SPOOL: Final = "keeping each row once, on disk"
PAGING: Final = "paging and proof"
REQUEST: Final = "weight, signing, waits"
JOURNAL: Final = "answers for a later run"
AMOUNTS: Final = "adding up amounts"
OBJECT: Final = "ordering, writing and hashing the object"
REST: Final = "rest"
PARTS: Final = (HTTP, JSON, SPOOL, PAGING, REQUEST, JOURNAL, AMOUNTS, OBJECT, REST)
#: the end of a file's name, functions in it (none: all of them), and the part that they are
_CALLS: Final[tuple[tuple[str, frozenset[str], str], ...]] = (
    ("exchange/transport.py", frozenset(), HTTP),
    ("requests/sessions.py", frozenset({"get"}), HTTP),
    ("core/rows.py", frozenset({"read_page"}), JSON),
    ("json/__init__.py", frozenset({"loads"}), JSON),
    ("lake/spool.py", frozenset({"keep", "keep_only", "__init__"}), SPOOL),
    ("lake/spool.py", frozenset({"bodies"}), OBJECT),
    ("core/paging/", frozenset(), PAGING),
    ("extraction/resume.py", frozenset({"_write"}), JOURNAL),
    ("core/answers.py", frozenset(), REQUEST),
    ("exchange/client.py", frozenset(), REQUEST),
    ("core/notional.py", frozenset({"_add"}), AMOUNTS),
    ("lake/drafts.py", frozenset(), OBJECT),
    ("lake/publication.py", frozenset(), OBJECT),
)


def part_of(calls: Iterable[tuple[str, str]]) -> str:
    """Tell what is done, by the files and functions of a stack, the innermost first."""
    for file, function in calls:
        for place, functions, part in _CALLS:
            inside = f"/{place}" in file if place.endswith("/") else file.endswith(f"/{place}")
            if inside and (not functions or function in functions):
                return part
    return REST


def sampled(work: Callable[[], Any]) -> dict[str, float]:
    """Do the work; return the processor seconds of the main thread, by part."""
    spent: Counter[str] = Counter(dict.fromkeys(PARTS, 0))
    since = time.thread_time()

    def sample(_: int, frame: FrameType | None) -> None:
        nonlocal since
        now = time.thread_time()
        spent[part_of(_stack(frame))] += now - since
        since = now

    before = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    try:
        work()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return dict(spent)


def _stack(frame: FrameType | None) -> Iterable[tuple[str, str]]:
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_code.co_name
        frame = frame.f_back


def profile(rows: int, runs: int, contenders: Sequence[str] = ("ours", "loop-json")) -> dict[str, Any]:
    """Sample these extractors of one day, in turn; medians of each part."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    with local_exchange.running(rows) as exchange:
        for _ in range(runs):
            for name in contenders:
                found[name].append(extraction.run(name, exchange, program=Path(__file__).name))
    return {
        "rows": rows,
        "runs": runs,
        "load": f"The load of the machine was {os.getloadavg()[0]:.1f} at the end.",
        "cpu_s": {
            name: {part: median(one[part] for one in reports) for part in PARTS}
            for name, reports in found.items()
        },
    }


def main(name: str, given: dict[str, Any]) -> None:
    """Sample one extractor, and print what it took."""
    with tempfile.TemporaryDirectory(prefix="extractor-") as directory:
        work = CONTENDERS[name](given, Path(directory))
        sys.stdout.write("\n" + json.dumps(sampled(work)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))

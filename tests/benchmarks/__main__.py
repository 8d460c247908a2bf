"""Measures everything on `docs/performance.md`, draws its plots, and writes it.

uv run --group peers --group benchmarks python tests/benchmarks
uv run --group peers --group benchmarks python tests/benchmarks --parts growth,memory
uv run --group peers --group benchmarks python tests/benchmarks --render
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import backfills
import extraction
import growth
import lakes
import performance_page as page
import profiling

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DOCS: Final = Path(__file__).parents[2] / "docs"
FIGURES: Final = DOCS / "performance" / "figures.json"


def _in_a_directory(measure: Callable[[int, Path], Any], runs: int) -> Any:
    with tempfile.TemporaryDirectory() as directory:
        return measure(runs, Path(directory))


def parts(rows: int, runs: int, before: Path | None = None) -> dict[str, Callable[[], Any]]:
    """Name what is measured, and how."""
    return {
        "extraction": lambda: [asdict(line) for line in extraction.benchmark(rows, runs)],
        "profile": lambda: profiling.profile(rows, runs),
        **({"faster": lambda: extraction.before_and_after(rows, runs, before)} if before else {}),
        "newest": lambda: [asdict(line) for line in extraction.benchmark(2_500, 1, keep="newest")],
        "growth": lambda: growth.growth((1_000, 10_000, 100_000), runs),
        "memory": lambda: growth.memory((1_000, 100_000, 1_000_000)),
        "limited": lambda: growth.limited(10_000),
        "lakes": lambda: lakes.lakes((1_000, 10_000, 100_000), 1_000),
        "forms": lambda: lakes.forms(min(rows, 20_000), runs),
        "stored": lambda: lakes.stored(min(rows, 20_000), runs),
        "imports": lambda: _in_a_directory(growth.imports, runs),
        "first_request": lambda: _in_a_directory(growth.first_request, runs),
        "backfills": lambda: backfills.backfills(10, 3),
    }


def main(arguments: Sequence[str]) -> None:
    """Measure the parts that are asked for, keep the others, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--parts", default=",".join(parts(0, 0)))
    parser.add_argument("--before", type=Path, help="an earlier working tree, for the part `faster`")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    given = parser.parse_args(arguments)
    figures: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    measured = parts(given.rows, given.runs, given.before)
    load = f"load of {os.getloadavg()[0]:.1f} before the first run"
    for name in [] if given.render else given.parts.split(","):
        figures[name] = measured[name]()
        figures["machine"] = f"{os.cpu_count()} cores, Python {platform.python_version()}, {load}"
        FIGURES.parent.mkdir(exist_ok=True)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    page.draw(figures, FIGURES.parent)
    (DOCS / "performance.md").write_text(page.render(figures), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

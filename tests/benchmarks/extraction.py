"""How fast an extraction is, beside loops and clients of others, on one local exchange in one run.

    uv run --group peers --group fidelity python tests/benchmarks/extraction.py --rows 100000 --runs 5

Each extractor runs in a process of its own; they take turns, so that a machine that slows down slows all of
them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import local_exchange
from extractors import CONTENDERS

if TYPE_CHECKING:
    from collections.abc import Sequence

#: where these programs are in a working tree
HERE: Final = Path("tests/benchmarks")
#: seconds that one run may take
LONGEST_S = 600


@dataclass(frozen=True)
class Line:
    """What one extractor took, over all runs: medians, and the shortest and longest."""

    contender: str
    runs: int
    true: int
    rows: int
    repeated: int
    requests: int
    seconds: float
    shortest_s: float
    longest_s: float
    cpu_s: float
    shortest_cpu_s: float
    longest_cpu_s: float
    mb: int

    @property
    def rows_per_cpu_s(self) -> float:
        """Rows obtained for each second of processor time."""
        return self.rows / self.cpu_s

    @property
    def rows_per_s(self) -> float:
        """Rows obtained for each second that passed."""
        return self.rows / self.seconds


def run(
    name: str,
    exchange: local_exchange.Exchange,
    extra: dict[str, Any] | None = None,
    program: str = "extractors.py",
    tree: Path | None = None,
) -> dict[str, Any]:
    """Let one extractor work, in a process of its own; returns what the program says of it.

    :param tree: another working tree, whose provider and program are used.
    """
    given = exchange.__dict__ | {"extra": extra or {}}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__")}
    with tempfile.TemporaryDirectory(prefix="extraction-") as home:
        place = tree / HERE if tree else Path(__file__).parent
        ran = subprocess.run(
            [sys.executable, str(place / program), name, json.dumps(given)],
            env=kept | {"AIRFLOW_HOME": home} | ({"PYTHONPATH": str(tree)} if tree else {}),
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    if ran.returncode:
        message = f"{name} failed: {ran.stderr[-2000:]}"
        raise RuntimeError(message)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def benchmark(
    rows: int, runs: int, contenders: Sequence[str] = tuple(CONTENDERS), *, keep: Any = "oldest"
) -> list[Line]:
    """Let everybody extract the same day, in turn."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    with local_exchange.running(rows, keep=keep) as exchange:
        for _ in range(runs):
            for name in contenders:
                found[name].append(run(name, exchange))
                sys.stderr.write(f"{name}: {found[name][-1]}\n")
    return [_line(name, rows, reports) for name, reports in found.items()]


def before_and_after(rows: int, runs: int, before: Path) -> dict[str, Any]:
    """Compare this provider with that of another working tree, and with the floor, in turn."""
    found: dict[str, list[dict[str, Any]]] = {"before": [], "after": [], "loop-json": []}
    with local_exchange.running(rows) as exchange:
        for _ in range(runs):
            for name, reports in found.items():
                contender, tree = (
                    name if name == "loop-json" else "ours",
                    before if name == "before" else None,
                )
                reports.append(run(contender, exchange, tree=tree))
    lines = [_line(name, rows, reports) for name, reports in found.items()]
    return {line.contender: asdict(line) for line in lines}


def _line(name: str, true: int, reports: list[dict[str, Any]]) -> Line:
    seconds, cpu_s = [one["seconds"] for one in reports], [one["cpu_s"] for one in reports]
    return Line(
        name,
        len(reports),
        true,
        *(min(one[field] for one in reports) for field in ("rows", "repeated", "requests")),
        *(median(seconds), min(seconds), max(seconds)),
        *(median(cpu_s), min(cpu_s), max(cpu_s)),
        max(one["mb"] for one in reports),
    )


def table(lines: Sequence[Line], *, floor: str = "loop-json") -> str:
    """Write the figures as Markdown, with ratios to the floor."""
    head = (
        "| extractor | runs | rows obtained | of | lost | requests | s (min..max) "
        "| processor s (min..max) "
        "| rows per processor s | to the floor | peak MB |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    base = next((line.rows_per_cpu_s for line in lines if line.contender == floor), float("nan"))
    return head + "".join(
        f"| {one.contender} | {one.runs} | {one.rows:,} | {one.true:,} | {one.true - one.rows:,} "
        f"| {one.requests:,} | {one.seconds:.2f} ({one.shortest_s:.2f}..{one.longest_s:.2f}) "
        f"| {one.cpu_s:.2f} ({one.shortest_cpu_s:.2f}..{one.longest_cpu_s:.2f}) "
        f"| {one.rows_per_cpu_s:,.0f} | {one.rows_per_cpu_s / base:.2f} | {one.mb} |\n"
        for one in lines
    )


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--keep", choices=("oldest", "newest"), default="oldest")
    given = parser.parse_args(arguments)
    lines = benchmark(given.rows, given.runs, given.contenders.split(","), keep=given.keep)
    sys.stdout.write(table(lines))


if __name__ == "__main__":
    main(sys.argv[1:])

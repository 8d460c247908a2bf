"""What came out: medians over all runs, ratios to this provider, and the table of the page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from loads_objects import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

    Report = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """What one contender took for one scenario, over all runs; seconds, and ratios to ours per row."""

    engine: str
    scenario: str
    contender: str
    rows: int
    rows_per_s: int
    seconds: float
    shortest: float
    longest: float
    cpu_s: float
    #: of `cpu_s`, what the server took
    server_cpu_s: float
    ratio: float
    cpu_ratio: float
    mb: int
    server_mb: int


def summarize(reports: Sequence[Report]) -> list[Line]:
    """Take the medians."""
    lines: list[Line] = []
    names = {(one["engine"], one["contender"]): None for one in reports}
    for engine in dict.fromkeys(engine for engine, _ in names):
        for scenario in SCENARIOS:
            own = [_line(reports, engine, name, scenario) for of, name in names if of == engine]
            lines += _compared([line for line in own if line is not None])
    return lines


def _line(reports: Sequence[Report], engine: str, contender: str, scenario: str) -> Line | None:
    mine = [one for one in reports if (one["engine"], one["contender"]) == (engine, contender)]
    figures = [one["figures"][scenario] for one in mine if scenario in one["figures"]]
    if not figures:
        return None
    seconds, count = [one["seconds"] for one in figures], mine[0]["count"]
    return Line(
        engine=engine,
        scenario=scenario,
        contender=contender,
        rows=count,
        rows_per_s=round(count / median(seconds)),
        seconds=median(seconds),
        shortest=min(seconds),
        longest=max(seconds),
        cpu_s=median(one["cpu"] for one in figures),
        server_cpu_s=median(one["server_cpu"] for one in figures),
        ratio=1,
        cpu_ratio=1,
        mb=max(one["mb"] for one in mine),
        server_mb=max(one["server_mb"] for one in mine),
    )


def _compared(lines: list[Line]) -> list[Line]:
    """Say how much longer each takes for a row than the first of them."""
    if not lines:
        return []
    wall, cpu = (lines[0].seconds / lines[0].rows, lines[0].cpu_s / lines[0].rows)
    return [
        Line(
            **asdict(line)
            | {"ratio": line.seconds / line.rows / wall, "cpu_ratio": line.cpu_s / line.rows / cpu}
        )
        for line in lines
    ]


def table(lines: Sequence[Line]) -> str:
    """Write the figures as Markdown."""
    head = (
        "| engine | scenario | contender | rows | rows/s | s (min..max) | processor s (server's) "
        "| time per row to ours | processor to ours | peak MB (+ server) |\n"
        "|---|---|---|---:|---:|---:|---:|---:|---:|---:|\n"
    )
    return head + "".join(
        f"| {one.engine} | {one.scenario} | {one.contender} | {one.rows:,} | {one.rows_per_s:,} "
        f"| {one.seconds:.1f} ({one.shortest:.1f}..{one.longest:.1f}) "
        f"| {one.cpu_s:.1f} ({one.server_cpu_s:.1f}) | {one.ratio:.2f} "
        f"| {one.cpu_ratio:.2f} | {one.mb} + {one.server_mb} |\n"
        for one in lines
    )

"""The page on performance, from its figures: the same figures give the same page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from extraction import Line, table
from growth import exponent
from profiling import HTTP, JSON, PARTS

if TYPE_CHECKING:
    from pathlib import Path

COMMAND: Final = "uv run --group peers --group benchmarks python tests/benchmarks"
_CONTENDERS: Final = {
    "ours": "this provider: an object with its manifest, ordered, hashed, proven complete",
    "loop-json": "the floor: a loop over `requests` with `json`; rows stay in memory, nothing is proven",
    "loop-orjson": "the same loop with orjson",
    "loop-file": "the loop with `json`, and the rows written to a file",
    "ccxt": "ccxt's method for one page, in the same loop",
    "official-sdk": "the exchange's own SDK, in the same loop; its models check each row",
    "python-binance": "python-binance's method for one page, in the same loop",
    "dlt": "dlt's REST client with a cursor, and its pipeline to files",
}


def render(figures: dict[str, Any]) -> str:
    """Write the page."""
    parts = {
        "extraction": _extraction,
        "profile": _profile,
        "faster": _faster,
        "newest": _newest,
        "growth": _growth,
        "limited": _limit,
        "lakes": _lakes,
        "forms": _forms,
        "stored": _stored,
        "imports": _imports,
        "first_request": _first_request,
        "backfills": _backfills,
    }
    missing = [name for name in parts if name not in figures]
    written = [part(figures) for name, part in parts.items() if name in figures]
    named = ", ".join(f"`--parts {name}`" for name in missing)
    left = f"## What is not measured yet\n\nThese parts have no figures: {named}.\n" if missing else ""
    return "\n".join([_head(figures), *written, _LEFT_OUT, left]).rstrip("\n") + "\n"


def _head(figures: dict[str, Any]) -> str:
    return f"""# How fast it extracts

An extraction proves its window, orders the rows and hashes them. This page shows what that costs, beside loops that prove
nothing and beside clients of others, on one [local exchange](simulator.md) in one run. What loads cost is on
[another page](benchmarks.md).

<!-- not run here: it takes most of an hour, on a machine that does nothing else -->

```console
$ {COMMAND}
```

It measures, draws the plots, and writes this page; `--render` writes it from the figures of the last run, in
`docs/performance/figures.json`. Compare ratios rather than seconds, and processor time rather than elapsed time.

Machine: {figures["machine"]}.
"""


def _lines(reports: list[dict[str, Any]]) -> list[Line]:
    return [Line(**report) for report in reports]


def _extraction(figures: dict[str, Any]) -> str:
    lines = _lines(figures["extraction"])
    ours = next(line for line in lines if line.contender == "ours")
    floor = next(line for line in lines if line.contender == "loop-json")
    ratio = ours.rows_per_cpu_s / floor.rows_per_cpu_s
    names = "\n".join(f"| **{name}** | {meaning} |" for name, meaning in _CONTENDERS.items())
    met = "The goal of 1.00 is met." if ratio >= 1 else f"The goal is 1.00, so it is **not met**: {_WHY}"
    return f"""## Beside a loop, and beside others

One day of {ours.true:,} rows of USDⓈ-M futures, 100 to a page, three rows to a millisecond, from an exchange that
returns the oldest rows first. Medians; the extractors take turns, each run in a process of its own, and
imports are done before the clock starts.

| extractor | what it does |
|---|---|
{names}

{table(lines)}
*To the floor* compares rows per second of processor time with **loop-json**. This provider has {ratio:.2f} of the floor.
{met} The loops ask from one millisecond after the last row on, and so lose the rows that share that millisecond
with the last row of a page: the column *lost*.

![Rows for each second of processor time](performance/extraction.svg)
"""


_WHY: Final = "[the profile](#where-the-processor-time-goes) says why."


def _profile(figures: dict[str, Any]) -> str:
    found = figures["profile"]
    ours, floor = found["cpu_s"]["ours"], found["cpu_s"]["loop-json"]
    thousands = found["rows"] / 1000
    lines = "".join(
        f"| {part} | {ours[part]:.2f} | {1000 * ours[part] / thousands:.1f} | {floor[part]:.2f} |\n"
        for part in PARTS
    )
    total, floors_total = sum(ours.values()), sum(floor.values())
    shared = ours[HTTP] + ours[JSON], floor[HTTP] + floor[JSON]
    return f"""## Where the processor time goes

Both extractors on the same day of {found["rows"]:,} rows, in turn; medians of {found["runs"]} runs of each part. A timer of processor time
interrupts the main thread, and its stack says what it does. {found["load"]}

| part | this provider, s | ms per 1,000 rows | loop-json, s |
|---|---:|---:|---:|
{lines}| **all** | **{total:.2f}** | **{1000 * total / thousands:.1f}** | **{floors_total:.2f}** |

HTTP and JSON take {shared[0]:.2f} s here and {shared[1]:.2f} s in the loop, which has hardly anything else to do. The rest is what an
extraction is for: {total - shared[0]:.2f} s to keep each row once on disk, prove each page by its neighbours, count weight, sign, add
amounts up, and write the object in order with its checksum.
"""


def _faster(figures: dict[str, Any]) -> str:
    found = {name: Line(**report) for name, report in figures["faster"].items()}
    floor = found["loop-json"].rows_per_cpu_s
    lines = "".join(
        f"| {name} | {line.cpu_s:.2f} ({line.shortest_cpu_s:.2f}..{line.longest_cpu_s:.2f}) | {line.requests:,} "
        f"| {line.rows_per_cpu_s / floor:.2f} |\n"
        for name, line in found.items()
    )
    ratio = found["after"].cpu_s / found["before"].cpu_s
    return f"""In an earlier version, each row went into an index, each check walked over the rows of a page, amounts were added up one by one, and
answers were kept where no later run could use them. The same day before and after, in turn, medians of {found["after"].runs} runs each under
the same load; it takes {ratio:.2f} of the processor time:

| | processor s (min..max) | requests | rows per processor s to the loop's |
|---|---:|---:|---:|
{lines}"""


def _newest(figures: dict[str, Any]) -> str:
    rows = "".join(
        f"| {line.contender} | {line.rows:,} | {line.true:,} | {line.true - line.rows:,} | {line.requests:,} |\n"
        for line in _lines(figures["newest"])
    )
    return f"""## If the newest rows are returned

Which end of an interval is cut is not documented. The same extractors, on an exchange that returns the newest rows:

| extractor | rows obtained | of | lost | requests |
|---|---:|---:|---:|---:|
{rows}
No loop reports an error: the first page ends the loop.
"""


def _growth(figures: dict[str, Any]) -> str:
    sizes = figures["growth"]
    rows = [one["rows"] for one in sizes]
    slopes = {name: exponent(rows, [one[name] for one in sizes]) for name in ("cpu_s", "requests")}
    lines = "".join(
        f"| {one['rows']:,} | {one['requests']:,} | {one['cpu_s']:.2f} | {one['seconds']:.2f} | {one['mb']} |\n"
        for one in sizes
    )
    memory = "".join(f"| {one['rows']:,} | {one['mb']} |\n" for one in figures.get("memory", []))
    peaks = [one["mb"] for one in figures.get("memory", [])] or [0]
    return f"""## How cost grows

This provider, median of so many runs: {sizes[0]["runs"]}. A figure that grows in proportion to the rows has the exponent 1;
below 1, a fixed part is spread over more rows. Processor time has {slopes["cpu_s"]:.2f}, requests {slopes["requests"]:.2f}.

| rows | requests | processor s | s | peak MB |
|---:|---:|---:|---:|---:|
{lines}
![Processor time by rows](performance/growth.svg)

Peak memory of one window, Airflow included, with an exchange that keeps no row. From the smallest to the
largest it grows by {max(peaks) - min(peaks)} MB.

| rows | peak MB |
|---:|---:|
{memory}"""


def _limit(figures: dict[str, Any]) -> str:
    found = figures["limited"]
    least = found["requests"] / 48
    return f"""## What bounds a real account

USDⓈ-M and COIN-M futures allow a weight of 2,400 a minute and IP address, and a page costs 50: **48 pages a minute**. By the
default share of one half it is 24. The provider reads a page in a few milliseconds of processor time, so the limit decides, not
the program. One IP address serves, in an hour and with the whole weight:

| | each window | in an hour |
|---|---|---:|
| quiet days of an account and endpoint | 1 page | 2,880 windows |
| accounts with two futures endpoints, yesterday each | 2 pages | 1,440 accounts |
| accounts with two futures endpoints, 90 days each | 180 pages | 16 accounts |
| days with 2,500 rows | 29 pages | 99 days |

[`binance-liq plan`](plan.md) estimates this for a range. Checked against a simulated run with a minute of five seconds:
{found["rows"]:,} rows took {found["requests"]:,} requests and {found["minutes"]:.1f} of the exchange's minutes; the limit
allows no less than {least:.1f}, less the part of a minute with which a run begins.
"""


def _lakes(figures: dict[str, Any]) -> str:
    found = figures["lakes"]
    local = [one for one in found if one["where"] == "local"]
    sizes = [one["manifests"] for one in local]
    slopes = [exponent(sizes, [one[name] for one in local]) for name in ("check_cpu_s", "verify_cpu_s")]
    lines = "".join(
        f"| {one['where']} | {one['manifests']:,} | {one['check_cpu_s']:.2f} | {one['verify_cpu_s']:.2f} "
        f"| {one.get('mb', '')} |\n"
        for one in found
    )
    return f"""## Checking a lake

Processor seconds over a lake of that many manifests of days without rows, one run each, and the most memory that the process
had, Airflow and the making of the lake included. The coverage check reads the manifests, `verify` their objects too. The exponents
are {slopes[0]:.2f} and {slopes[1]:.2f}. Memory grows, because what is found is kept until all of it was read. The check lists the
lake once, `verify` each directory. In an object store the check reads 500 manifests at once, and `verify` checks eight.

| where | manifests | coverage check | `verify` | peak MB |
|---|---:|---:|---:|---:|
{lines}"""


def _forms(figures: dict[str, Any]) -> str:
    found = figures["forms"]
    lines = "".join(
        f"| {one['form']} | {one['bytes'] / 1e6:.1f} | {one['bytes'] / found[0]['bytes']:.2f} "
        f"| {one['write_cpu_s']:.2f} | {one['read_cpu_s']:.2f} |\n"
        for one in found
    )
    return f"""## What a compressed object costs

An object of {found[0]["rows"]:,} rows on the local disk, median of {found[0]["runs"]} runs: to write it with its checksum, and to read it back
checked and unpacked. Each reader of the lake takes both forms; zstd is not offered.

| form | MB | to plain | processor s, written | read |
|---|---:|---:|---:|---:|
{lines}"""


def _stored(figures: dict[str, Any]) -> str:
    found = figures["stored"]
    lines = "".join(
        f"| {one['form']} | {one['bytes'] / 1e6:.1f} | {one['write_s']:.2f} | {one['read_s']:.2f} |\n"
        for one in found
    )
    return f"""An object of as many rows in an object store (moto on this machine, so without a network), elapsed time, median of {found[0]["runs"]} runs: to
publish it and read it back to check it, and to fetch it, check it and unpack it.

| form | MB | s, published | fetched |
|---|---:|---:|---:|
{lines}"""


def _imports(figures: dict[str, Any]) -> str:
    empty = next((one["cpu_s"] for one in figures["imports"] if one["file"] == "empty.py"), None)
    lines = "".join(
        f"| `{one['file']}` | {one['cpu_s']:.2f} | {one['cpu_s'] / empty:.2f} |\n"
        for one in figures["imports"]
        if empty and one["file"] != "empty.py"
    )
    table_ = (
        f"Processor time of importing each sample DAG file in a new process, Airflow included, beside a file of empty\n"
        f"tasks ({empty:.2f} s).\n\n| file | processor s | to empty tasks |\n|---|---:|---:|\n{lines}"
        if empty
        else "The import of DAG files is not measured yet.\n"
    )
    return f"""## What it adds to Airflow

{table_}"""


def _first_request(figures: dict[str, Any]) -> str:
    found = figures["first_request"]
    return f"""An extracting task with a local lake takes {found["first_cpu_s"]:.2f} s of processor time until its first request, in a worker
that has Airflow in memory: {found["dag_cpu_s"]:.2f} s to read its DAG file, the rest mostly to import requests and its signing.
Median of {found["runs"]} runs.
"""


#: less processor time is noise
_WORTH_NAMING_S: Final = 0.5


def _backfills(figures: dict[str, Any]) -> str:
    found = figures["backfills"]
    ours, empty = found["ours"], found["empty"]
    parts = [name for name, used in ours["processor_s"].items() if used >= _WORTH_NAMING_S]
    lines = [(name, ours["processor_s"][name], empty["processor_s"][name]) for name in parts]
    lines.append(("all of them", sum(one[1] for one in lines), sum(one[2] for one in lines)))
    table = "\n".join(
        f"| {name} | {one:.1f} | {other:.1f} | {_ratio(one, other)} |" for name, one, other in lines
    )
    return f"""A backfill of {found["days"]} days with {found["tasks"]} tasks each, in a real Airflow that works on four tasks at once, beside a backfill of
a DAG with as many tasks that do nothing; the exchange has no limit. Medians of {found["rounds"]} each, in turn. It takes
{ours["s"]:.0f} s beside {empty["s"]:.0f} s, {_ratio(ours["s"], empty["s"])} times as long. Processor time, by the parts of Airflow:

| part | `binance_liquidations`, s | empty tasks, s | to empty tasks |
|---|---:|---:|---:|
{table}

The goal of 1.15 is **not met**: to extract has to read the exchange, to write and to load, and an extracting task calls
Airflow's API nine times more than an empty one: four times for its links, twice for its name among the mapped ones, and
once each for its progress, the events of its assets, and its arguments as the UI shows them.
"""


def _ratio(ours: float, other: float) -> str:
    return f"{ours / other:.2f}" if other else "-"


_LEFT_OUT: Final = """## What is measured elsewhere

The coverage page over 1,000, 10,000 and 100,000 manifests is [on the page about loads](benchmarks.md#opening-the-coverage-page).
What each window costs in weight beside the least that one walk costs, and what the extra requests prove, is [on the page about
weight](weight.md#what-the-extra-requests-prove).
"""


def draw(figures: dict[str, Any], directory: Path) -> None:
    """Draw the plots; without dates, so that the same figures give the same files."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "performance"
    from matplotlib import pyplot as plt

    lines = _lines(figures["extraction"])
    plot, axes = plt.subplots(figsize=(7, 3))
    axes.barh([one.contender for one in lines][::-1], [one.rows_per_cpu_s for one in lines][::-1])
    axes.set_xlabel("rows for each second of processor time")
    _save(plot, directory / "extraction.svg")
    if "growth" not in figures:
        return
    plot, axes = plt.subplots(figsize=(7, 3))
    sizes = figures["growth"]
    axes.loglog([one["rows"] for one in sizes], [one["cpu_s"] for one in sizes], marker="o")
    axes.loglog(
        [one["rows"] for one in sizes],
        [one["requests"] / 48 * 60 for one in sizes],
        marker="o",
        linestyle="--",
    )
    axes.legend(["processor time", "what the limit of 48 pages a minute allows"])
    axes.set_xlabel("rows")
    axes.set_ylabel("seconds")
    _save(plot, directory / "growth.svg")


def _save(plot: Any, path: Path) -> None:
    plot.tight_layout()
    plot.savefig(path, metadata={"Date": None})

"""Each state and mark of a day, forced with the simulated exchange, and its cell in the browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.coverage_cells import cell_of, style_of
from support.coverage_site import RUNS
from support.pictures import keep
from support.running import START

from airflow_provider_binance_liq.core.units import DAY_MS, HOUR_MS
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.lake import index, open_destination
from airflow_provider_binance_liq.lake.verify.coverage import Expectation
from airflow_provider_binance_liq.ui.document import Shown, document
from airflow_provider_binance_liq.ui.snapshots import Snapshots

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ENDPOINT, CONNECTION = "usdm_futures", "desk_key"
#: days after the first one; the exchange is taken to keep 90
TODAY = 96
NOW = START + TODAY * DAY_MS + 6 * HOUR_MS
FIRST, LOST, URGENT, MISSING, PARTLY, DOUBTED, DAMAGED, CAVEAT, RUNNING = 0, 1, 9, 20, 30, 40, 50, 60, 70

#: state or mark: the class of its cell or box, and how docs/coverage.md says that it is forced
FORCED = {
    "missing": ("s-m", "no window is extracted"),
    "missing, under 7 days left": ("s-urgent", "no window, 87 days ago"),
    "not proven": ("s-u", "extracted with `retention_days` 1, three days later, as `extract`"),
    "partly covered": ("s-h", "a window from 00:00 to 12:00"),
    "failed verification": ("s-f", "a byte is added to the object after its extraction"),
    "lost": ("s-l", "no window, 95 days ago"),
    "proven": ("s-p", "a window of a day with rows"),
    "proven empty": ("s-e", "a window of a day without a row"),
    "not due": ("s-n", "yesterday, before `settle_days`"),
    "running": ("runs", "a run of Airflow for a missing day"),
    "caveat or unusual assumption": ("caveat", "a second look without a first"),
    "not yet loaded": ("waits", "a load leaves a receipt; another window follows"),
}


def window(number, hours=24):
    return Window(START + number * DAY_MS, START + number * DAY_MS + hours * HOUR_MS)


def extract(run, number, *, later_hours=25, hours=24, **known):
    """Extract a day as a schedule does: an hour after its end."""
    run.world.now_s = max(run.world.now_s, window(number).start_ms / 1000 + later_hours * 3600)
    return run.run(ENDPOINT, window(number, hours), **known)


@pytest.fixture
def days(run):
    """The lake, and the day of each state: `FORCED` says how each came about."""
    run.world.now_s = START / 1000
    truth = [len(run.truth(ENDPOINT, window(day))) for day in range(TODAY)]
    empty, few, many = (
        next(day for day, rows in enumerate(truth) if 2 < day < URGENT - 1 and wanted(rows))
        for wanted in (lambda rows: rows == 0, lambda rows: 0 < rows < 10, lambda rows: rows >= 100)
    )
    lake = open_destination(f"file://{run.directory}/lake")
    manifest = extract(run, FIRST)
    path = "/".join(manifest.object.uri.split("/")[-4:])
    index.leave(lake, "DuckDB", {path: manifest.object.sha256}, START + 2 * DAY_MS)
    for day in sorted({empty, few, many}):
        extract(run, day)
    extract(run, PARTLY, hours=12)
    extract(run, DOUBTED, later_hours=96, retention_days=1, beyond_retention="extract")
    damaged = Path(extract(run, DAMAGED).object.uri.removeprefix("file://"))
    damaged.write_bytes(damaged.read_bytes() + b"\n")
    extract(run, CAVEAT, second_look=True)
    return {
        "missing": MISSING,
        "missing, under 7 days left": URGENT,
        "not proven": DOUBTED,
        "partly covered": PARTLY,
        "failed verification": DAMAGED,
        "lost": LOST,
        "proven": many,
        "proven empty": empty,
        "not due": TODAY - 1,
        "running": RUNNING,
        "caveat or unusual assumption": CAVEAT,
        "not yet loaded": few,
    }


@pytest.fixture
def page(run, days, serve, visit):
    """The page of that lake; Airflow has one run at work."""
    destination = f"file://{run.directory}/lake"
    snapshots = Snapshots(lambda: NOW)
    found = snapshots.of(destination, refresh=True)
    shown = Shown(
        destination="s3://desk-lake/binance",
        as_of_ms=NOW,
        warn_days=14,
        dag_id="binance_liquidations",
        connections={"desk": CONNECTION},
        loads=snapshots.loads(destination),
    )
    site = serve(document(found.entries.values(), Expectation(now_ms=NOW), shown))
    at_work = {"dag_run_id": "backfill__1", "state": "running", "conf": {}}
    for name, day in (("data_interval_start", RUNNING), ("data_interval_end", RUNNING + 1)):
        at_work[name] = iso(START + day * DAY_MS)
    site.give(RUNS, {"dag_runs": [at_work], "total_entries": 1})
    opened = visit(site.page)
    opened.locator(".c.runs").wait_for()
    return opened


def cell(page, number):
    page.locator(".scroller").evaluate("(one, x) => one.scrollTo(x * one.scrollWidth, 0)", number / TODAY)
    found = cell_of(page, 0, iso(START + number * DAY_MS)[:10])
    found.wait_for()
    return found


def look_of(box):
    """What tells a state from another: its fill, and its glyph."""
    fill = (style_of(box, name) for name in ("background-color", "background-image"))
    glyph = (style_of(box, name, "::before") for name in ("mask-image", "clip-path", "background-image"))
    return *fill, *glyph


def test_each_state_is_forced_and_has_its_cell(page, days, tmp_path):
    classes, looks = {}, {}
    for state, number in days.items():
        found = cell(page, number)
        box = found.locator(".box")
        classes[state] = {*found.get_attribute("class").split(), *box.get_attribute("class").split()}
        looks[state] = look_of(box)
    assert {state: one for state, (one, _) in FORCED.items() if one not in classes[state]} == {}
    # Marks are on days that are in some state beside.
    states = [state for state, (one, _) in FORCED.items() if one.startswith("s-")]
    assert len({looks[state] for state in states}) == len(states)
    page.locator(".scroller").evaluate("one => one.scrollTo(0, 0)")
    page.mouse.move(1, 1)
    keep(page.locator("main").screenshot(), "coverage-states", tmp_path)


def test_the_documentation_says_how_each_is_forced():
    text = (Path(__file__).parents[3] / "docs" / "coverage.md").read_text(encoding="utf-8")
    rows = dict.fromkeys(FORCED)
    for line in text.splitlines():
        cells = [one.strip() for one in line.split("|")[1:-1]]
        if len(cells) == 4 and cells[0] in rows:
            rows[cells[0]] = cells[3]
    assert rows == {state: how for state, (_, how) in FORCED.items()}

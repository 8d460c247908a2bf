"""A second look whose store fails once, or whose process is killed once, at each single step; then a retry.

The first look has rows that the exchange does not answer any more, the second one adds some, and the retry is
answered the fewest: whatever only the lake knows would be lost if one step depended on another.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from support import dying

from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.lake import fetch_object, find_manifest

FIRST, SECOND, RETRY = range(1, 6), range(4, 9), range(8, 9)
#: what the first look, and the later ones, are compressed with
FORMS = ((None, None), (None, "gzip"), ("gzip", None), ("gzip", "gzip"))
LOCAL = {"killed before": "step", "fails": "step fails"}
S3 = {"killed before": "before", "killed after": "after", "fails": "fails"}
#: far more than a landing takes
_MOST_STEPS = 400


@dataclass
class Outcome:
    """What came of a fault at every step of one second look."""

    faults: int = 0
    #: rows that a look had landed or the retry was answered, and that are not in the lake afterwards
    lost: int = 0
    #: manifests whose object is another than they say
    lies: int = 0
    #: what the reader saw between the fault and the retry
    seen: set = field(default_factory=set)
    retries_failed: int = 0
    #: hidden files that a retry left
    left: int = 0


@cache
def strike(url, how, before, after):
    """Let a fault of one kind strike each step in turn."""
    outcome, step = Outcome(), 0
    with tempfile.TemporaryDirectory() as space:
        directory = Path(space)
        (directory / "worker").mkdir()
        while True:
            step += 1
            mark = f"{how}-{before}-{after}".replace(" ", "-")
            destination = f"{url or f'file://{directory}'}/{mark}/lake-{step}"
            if not _strike_once(outcome, destination, directory, (how, step), (before, after)):
                return outcome
            assert step < _MOST_STEPS


def _strike_once(outcome, destination, directory, how, forms):
    kind, step = how
    dying.land(destination, FIRST, 0, forms[0])
    given = {name: value for name, value in os.environ.items() if name.startswith(("AIRFLOW", "AWS_"))}
    code, said = dying.run_until_death(
        destination, SECOND, (kind, step, f"lake-{step}/"), directory / "worker", given, forms[1]
    )
    found = _read(outcome, destination, directory)
    outcome.seen.add({None: "nothing", _rows(FIRST): "the first look"}.get(found, "the second look"))
    assert code in (0, -9), said
    struck = code == -9 or (directory / "worker" / "struck").exists()
    outcome.faults += struck
    try:
        dying.land(destination, RETRY, 2, forms[1])
    except LiquidationsError:
        outcome.retries_failed += 1
    after = set(_read(outcome, destination, directory) or ())
    outcome.lost += len({*_rows(FIRST), *_rows(RETRY), *(found or ())} - after)
    outcome.left += _hidden(destination)
    return struck


def _rows(numbers):
    return tuple(dying.body(number) for number in numbers)


def _read(outcome, destination, scratch):
    """What a careful reader finds: nothing, or rows that a manifest vouches for."""
    manifest = find_manifest(dying.at(destination))
    if manifest is None:
        return None
    try:
        path = fetch_object(manifest, scratch)
    except LiquidationsError:
        outcome.lies += 1
        return None
    return tuple(path.read_bytes().splitlines())


def _hidden(destination):
    """Count the notes that a later run would have to finish; what else is hidden, age sweeps away."""
    directory = dying.at(destination).directory
    directory.fs.invalidate_cache()
    return sum(name.endswith(".pending.tmp") for name in directory.fs.find(str(directory.path)))


def render(text, s3_url):
    """Fill in what was measured of every kind of fault on every store."""
    begin, end = "<!-- lake -->\n", "<!-- end of lake -->\n"
    before, rest = text.split(begin)
    stores = {"a disk": (None, LOCAL), "S3": (s3_url, S3)}
    rows = [
        _row(store, kind, url, how) for store, (url, kinds) in stores.items() for kind, how in kinds.items()
    ]
    return f"{before}{begin}\n" + "\n".join([*_HEAD, *rows]) + f"\n\n{end}{rest.split(end)[1]}"


_COLUMNS = (
    "store",
    "at each step, once",
    "rows lost",
    "manifests that lie",
    "retries that failed",
    "what a reader finds before the retry",
)
_HEAD = (f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|")


def _row(store, kind, url, how):
    outcomes = [strike(url, how, before, after) for before, after in FORMS]
    told = [sum(getattr(one, name) for one in outcomes) for name in ("lost", "lies", "retries_failed")]
    *some, last = sorted(set().union(*(one.seen for one in outcomes)), key=_SEEN.index)
    seen = f"{', '.join(some)} or {last}" if some else last
    return f"| {store} | {kind} | {' | '.join(map(str, told))} | {seen} |"


_SEEN = ("nothing", "the first look", "the second look")

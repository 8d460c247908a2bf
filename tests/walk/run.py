"""Follow the tutorial word by word: every shell command of the page, in order, in an empty folder.

    python tests/walk/run.py

It prints one line: `Tutorial: 10 blocks, 93 s to the first row in the warehouse, 140 s in all`. `PATH` has
to have `uv`; the environment is made by the page itself, and removed with the folder. With `--bare`, uv has
nothing in its cache, as on a machine that never had it: every package is downloaded.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
#: what the page says before the first row is in the warehouse
FIRST_ROW = "Loaded 3 windows:"
#: seconds; what takes longer has got stuck
LONGEST_S = 1500
#: variables of whoever runs this that would lead the commands elsewhere
FOREIGN = re.compile(r"AIRFLOW|VIRTUAL_ENV|PYTHONPATH|UV_PROJECT")


def commands() -> list[str]:
    """Return the page's blocks of shell commands."""
    return re.findall(r"^```shell\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def script(blocks: list[str]) -> str:
    """Join the blocks to one script that says when the first row is there, and stops at the first failure."""
    marked = [block + ("echo first-row-at $SECONDS\n" if FIRST_ROW in block else "") for block in blocks]
    return "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "\n".join(marked)


def main() -> int:
    """Walk, and say how long it took."""
    parser = argparse.ArgumentParser(description="Follow the tutorial word by word, in an empty folder.")
    parser.add_argument("--bare", action="store_true", help="with nothing in uv's cache")
    given = parser.parse_args()
    blocks = commands()
    clean = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="tutorial-") as folder,
        tempfile.TemporaryDirectory(prefix="cache-") as cache,
    ):
        clean |= {"UV_CACHE_DIR": cache} if given.bare else {}
        done = subprocess.run(
            ["bash", "-c", script(blocks)],
            cwd=folder, env=clean | {"CLONE": str(ROOT)}, capture_output=True, text=True, check=False,
            timeout=LONGEST_S,
        )  # fmt: skip
        if done.returncode:
            logs = [path.read_text(encoding="utf-8")[-3000:] for path in sorted(Path(folder).glob("*.txt"))]
            print(*logs, done.stdout, done.stderr, sep="\n")
            return done.returncode
    first = re.search(r"^first-row-at (\d+)$", done.stdout, re.MULTILINE)
    if first is None:
        print("The page does not say when the first row is loaded")
        return 1
    took = time.monotonic() - begun
    print(
        f"Tutorial: {len(blocks)} blocks, {first[1]} s to the first row in the warehouse, {took:.0f} s in all"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

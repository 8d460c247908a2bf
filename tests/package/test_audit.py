"""The audit fails for what this package declares, lists the rest, and never takes silence for health."""

from __future__ import annotations

import pytest
from package.audit import NOT_ASKED, judge

SKIPPED = {"name": "requests", "skip_reason": "Dependency not found on PyPI and could not be audited"}
CLEAN = {"name": "tenacity", "version": "9.1", "vulns": []}


def part(name, fixed=("2.1",)):
    return {"name": name, "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": list(fixed)}]}


def test_a_vulnerability_of_what_is_declared_fails():
    status, lines = judge({"dependencies": [CLEAN, part("urllib3")]}, {"urllib3"})
    assert status == 1
    assert lines[0] == "urllib3 2.0: PYSEC-1, mended in 2.1"


def test_one_of_what_those_bring_is_listed_and_fails_nothing():
    status, lines = judge({"dependencies": [CLEAN, part("jinja2", fixed=())]}, {"urllib3"})
    assert status == 0
    assert lines[0] == "jinja2 2.0: PYSEC-1, mended in no version"


def test_an_index_without_advisories_is_not_taken_for_health():
    status, (line,) = judge({"dependencies": [SKIPPED, SKIPPED]}, {"requests"})
    assert status == NOT_ASKED
    assert line == "Not audited: the index has no advisories on any of 2 packages"


def test_how_many_were_asked_about_is_said():
    _, (line,) = judge({"dependencies": [CLEAN, SKIPPED]}, set())
    assert line.startswith("Audited 1 of 2 packages: 0 known vulnerabilities")


def test_what_is_no_danger_here_is_accepted_by_either_of_its_names(monkeypatch):
    report = {"dependencies": [part("urllib3")]}
    report["dependencies"][0]["vulns"][0]["aliases"] = ["CVE-2026-1"]
    for name in ("PYSEC-1", "CVE-2026-1"):
        monkeypatch.setattr("package.audit.ACCEPTED", {name: "it is not called"})
        assert judge(report, {"urllib3"})[0] == 0


@pytest.mark.parametrize("name", ["requests", "apache-airflow", "duckdb"])
def test_what_is_declared_is_read_from_the_package(name):
    from package.run import declared

    assert name in declared()

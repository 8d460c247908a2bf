"""What every module of the package keeps to."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "airflow_provider_binance_liq"
LONGEST = 300


def test_no_module_is_longer_than_300_lines():
    lines = {
        str(path.relative_to(PACKAGE)): path.read_text("utf-8").count("\n") for path in PACKAGE.rglob("*.py")
    }
    assert len(lines) > 100
    assert {name: many for name, many in lines.items() if many > LONGEST} == {}

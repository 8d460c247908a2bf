"""`binance-liq example`: the example to edit, and never over a file that somebody has edited."""

from __future__ import annotations

from pathlib import Path

import airflow_provider_binance_liq
from airflow_provider_binance_liq.cli import main

NAME = "example_binance_liquidations.py"
EXAMPLE = Path(airflow_provider_binance_liq.__file__).parent / "example_dags" / NAME


def test_it_copies_the_example_and_says_what_to_edit(tmp_path, capsys):
    assert main(["example", str(tmp_path / "dags")]) == 0
    assert (tmp_path / "dags" / NAME).read_bytes() == EXAMPLE.read_bytes()
    assert "ACCOUNTS, LAKE and WAREHOUSE" in capsys.readouterr().out


def test_it_never_replaces_a_file(tmp_path, capsys):
    (tmp_path / NAME).write_text("edited", encoding="utf-8")
    assert main(["example", str(tmp_path)]) == 2
    assert (tmp_path / NAME).read_text(encoding="utf-8") == "edited"
    assert "is there already" in capsys.readouterr().err


def test_a_directory_that_cannot_be_made_is_said_in_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["example", str(tmp_path / "file" / "dags")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_names_that_it_says_to_edit_are_in_the_example():
    text = EXAMPLE.read_text(encoding="utf-8")
    assert [name for name in ("ACCOUNTS", "LAKE", "WAREHOUSE") if f"\n{name} = " not in text] == []

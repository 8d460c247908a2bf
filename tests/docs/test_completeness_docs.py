"""The page on completeness lists every premise, from the table; `WRITE_DOCS=1` writes it anew."""

from __future__ import annotations

from pathlib import Path

from support.generated_pages import check_page

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.premise_table import BY_NUMBER, BY_TIME, PREMISES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "completeness.md"
GROUPS = {tuple(ENDPOINTS): "all", BY_TIME: "those that page by time", BY_NUMBER: "those that page by number"}


def names(endpoints):
    return GROUPS.get(endpoints) or ", ".join(f"`{name}`" for name in endpoints)


def table():
    parts = []
    for premise in PREMISES.values():
        documented = f"; documented for {names(premise.documented_for)}" if premise.documented_for else ""
        parts.append(
            f"### `{premise.code}`\n\n{premise.sentence}\n\n"
            f"- **Endpoints**: {names(premise.endpoints)}\n"
            f"- **Source**: {premise.source.removesuffix('.')}{documented}\n"
            f"- **At stake**: {premise.at_stake}\n"
            f"- **How it is checked**: {premise.check}"
        )
    return "\n\n".join(parts)


def test_the_page_reports_every_premise_as_the_table_has_it():
    check_page(PAGE, {"premises": table})


def test_every_premise_says_what_is_at_stake_where_it_comes_from_and_how_it_is_checked():
    for code, premise in PREMISES.items():
        assert code == premise.code
        assert all((premise.sentence, premise.source, premise.at_stake, premise.check, premise.endpoints))
        assert set(premise.documented_for) <= set(premise.endpoints) <= set(ENDPOINTS)

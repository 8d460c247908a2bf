"""The pages on endpoints and operators have their tables; `WRITE_DOCS=1` writes them anew."""

from __future__ import annotations

from pathlib import Path

from support.generated_pages import check_page

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "endpoints.md"
ACCOUNTS = {"classic": "classic", "portfolio_margin": "portfolio margin", "any": "any"}


def table():
    lines = [
        "| endpoint | request | account | operator | weight | pages | key | kept | table |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(line, ENDPOINTS.values())])


def line(endpoint):
    weights = dict.fromkeys((endpoint.weight, endpoint.request_weight(symbol=True)))
    cells = (
        f"[`{endpoint.name}`]({endpoint.documentation})",
        f"`GET {endpoint.path}`",
        ACCOUNTS[endpoint.account_type],
        f"`{endpoint.operator_name}`",
        ", ".join(map(str, weights)) + (" with a symbol" if len(weights) > 1 else ""),
        f"by {endpoint.pager.by}, {endpoint.pager.page_size:,}",
        ", ".join(f"`{field.name}`" for field in endpoint.kind.key),
        f"{endpoint.retention_days} days" if endpoint.retention_days else "not documented",
        f"`{endpoint.kind.table}`",
    )
    return f"| {' | '.join(cells)} |"


def test_the_page_lists_every_endpoint_as_the_table_has_it():
    check_page(PAGE, {"endpoints": table})


def operators():
    lines = ["| operator | endpoint | request |", "|---|---|---|"]
    lines += [f"| `{e.operator_name}` | `{e.name}` | `GET {e.path}` |" for e in ENDPOINTS.values()]
    return "\n".join(lines)


def test_the_page_of_operators_lists_that_of_every_endpoint():
    check_page(PAGE.with_name("operators.md"), {"operators": operators})


def test_every_type_of_a_liquidation_is_named():
    text = PAGE.read_text(encoding="utf-8")
    for endpoint in filter(lambda one: one.restriction, ENDPOINTS.values()):
        assert [kind for kind in endpoint.restriction.liquidations if f"`{kind}`" not in text] == []

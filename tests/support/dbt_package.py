"""What the dbt package has of `tables.py` and the queries: sources with descriptions, models and tests."""

from __future__ import annotations

import json
import re
from pathlib import Path

from airflow_provider_binance_liq.warehouse.comments import describe
from airflow_provider_binance_liq.warehouse.queries import QUERIES
from airflow_provider_binance_liq.warehouse.tables import (
    CAPITAL_FLOWS,
    LIQUIDATIONS,
    LOAN_LIQUIDATIONS,
    ROW_TABLES,
    WINDOWS,
)

ROOT = Path(__file__).resolve().parents[2] / "airflow_provider_binance_liq/dbt"
TABLES = (*ROW_TABLES.values(), WINDOWS)
#: model → query
MODELS = {
    "liquidation_coverage": "coverage",
    "liquidation_days": "days",
    "liquidation_notional": "daily_notional",
}
#: test → query that has no rows where all is well, and whether rows fail the test
TESTS = {
    "no_account_has_two_labels": ("relabelled", "error"),
    "no_kept_row_is_missing": ("missing_rows", "warn"),
}
#: tables that only some have: variable that enables them
OPTIONAL = {CAPITAL_FLOWS: "binance_capital_flows", LOAN_LIQUIDATIONS: "binance_loans"}
VALUES = {"close_type": ["LIQUIDATION", "ADL", "OTHER"], "quantity_unit": ["BASE", "CONTRACT"]}
NOTE = "generated from the provider's tables and queries; not to be edited"


def files():
    """Return every generated file: path below the package → text."""
    return {
        "models/sources.yml": sources(),
        "models/models.yml": models(),
        **{f"models/{name}.sql": f"-- {NOTE}\n{of_sources(query)}\n" for name, query in MODELS.items()},
        **{f"tests/{name}.sql": singular(*known) for name, known in TESTS.items()},
    }


def of_sources(query):
    names = "|".join(table.name for table in TABLES)
    return re.sub(rf"\b({names})\b", r"{{ source('binance', '\1') }}", QUERIES[query].sql)


def singular(query, severity):
    return f"-- {NOTE}\n{{{{ config(severity='{severity}') }}}}\n{of_sources(query)}\n"


def models():
    lines = [f"# {NOTE}", "models:"]
    for name, query in MODELS.items():
        lines += [
            f"  - name: {name}",
            f"    description: {json.dumps(QUERIES[query].answers, ensure_ascii=False)}",
        ]
    return "\n".join(lines) + "\n"


def sources():
    lines = [
        f"# {NOTE}",
        "sources:",
        "  - name: binance",
        "    description: The tables that loads of airflow-provider-binance-liq make.",
        "    database: \"{{ var('binance_database', target.database) }}\"",
        "    schema: \"{{ var('binance_schema', target.schema) }}\"",
        "    tables:",
    ]
    return "\n".join([*lines, *(line for table in TABLES for line in _table(table))]) + "\n"


def _table(table):
    yield f"      - name: {table.name}"
    yield f"        description: {json.dumps(table.doc, ensure_ascii=False)}"
    if table in OPTIONAL:
        yield "        config:"
        yield f"          enabled: \"{{{{ var('{OPTIONAL[table]}', false) }}}}\""
    if table is WINDOWS:
        yield "        config:"
        yield "          loaded_at_field: loaded_at"
        yield "          freshness:"
        yield "            warn_after: {count: 2, period: day}"
    yield "        data_tests:"
    yield "          - unique_key:"
    yield "              arguments:"
    yield f"                columns: [{', '.join(table.key)}]"
    yield "        columns:"
    for column in table:
        yield f"          - name: {column.name}"
        yield f"            description: {json.dumps(describe(table, column), ensure_ascii=False)}"
        yield from _column_tests(table, column)


def _column_tests(table, column):
    if not column.required:
        return
    yield "            data_tests:"
    yield "              - not_null"
    if table is LIQUIDATIONS and column.name in VALUES:
        yield "              - accepted_values:"
        yield "                  arguments:"
        yield f"                    values: [{', '.join(VALUES[column.name])}]"

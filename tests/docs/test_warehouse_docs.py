"""The page of the warehouse says what the tables, the statements and the queries are.

`WRITE_DOCS=1 pytest tests/docs/test_warehouse_docs.py` writes its generated parts anew.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from support.generated_pages import check_page

from airflow_provider_binance_liq.warehouse import duckdb, postgres, sql
from airflow_provider_binance_liq.warehouse.queries import NOTIONALS, QUERIES
from airflow_provider_binance_liq.warehouse.tables import (
    CAPITAL_FLOWS,
    IN_CONTRACTS,
    LIQUIDATIONS,
    LOAN_LIQUIDATIONS,
    ORDERS,
    RECORDS,
    ROW_TABLES,
    WINDOWS,
    endpoints_of,
    filled_by,
)

_CLASSES = sql.class_rows(LIQUIDATIONS, "rowid", stored="rowid")
_MERGES = (
    f"CREATE TEMP TABLE {sql.classed(LIQUIDATIONS)} AS\n{_CLASSES}",
    sql.confirm_rows(LIQUIDATIONS, "rowid", stored="rowid"),
    sql.replace_rows(LIQUIDATIONS, "rowid", stored="rowid"),
    sql.insert_rows(LIQUIDATIONS, "rowid"),
    sql.merge_windows(),
)
PAGE = Path(__file__).parents[2] / "docs/warehouse.md"
SQL = Path(__file__).parents[2] / "docs/sql/warehouse.md"
GROUPS = {ORDERS: "futures", RECORDS: "margin records"}
ORIGINS = {"manifest": "of the manifest", "load": "of the load"}


def endpoints_table():
    lines = [
        "| endpoint | group | `orig_qty` and `executed_qty` count | notional in the quote asset |",
        "|---|---|---|---|",
    ]
    for name in endpoints_of(LIQUIDATIONS):
        group = GROUPS[ORDERS if name in ORDERS else RECORDS]
        counted = "contracts" if name in IN_CONTRACTS else "the base asset"
        lines.append(f"| `{name}` | {group} | {counted} | `{NOTIONALS[name]}` |")
    return "\n".join(lines)


def columns_of(table):
    """Write a table's columns; those of the windows are all of the manifest."""
    heads = ("column", "DuckDB", "PostgreSQL", "unit", "what it is", "endpoints", "exchange's field")
    rows = [heads, *(cells(column, table) for column in table)]
    shown = [index for index in range(len(heads)) if table is not WINDOWS or index < 5]
    lines = ["| " + " | ".join(row[index] for index in shown) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(shown), *lines[1:]])


def with_doc(table):
    return f"{table.doc}\n\n{columns_of(table)}"


def cells(column, table):
    return (
        f"`{column.name}`{' 🔑' if column.name in table.key else ''}",
        f"`{duckdb.TYPES[column.kind]}`",
        f"`{postgres.TYPES[column.kind]}`",
        column.unit,
        column.doc,
        filling(column, table),
        read_from(column),
    )


def filling(column, table):
    """Name the endpoints that fill a column, or their group."""
    names = filled_by(table, column) if table in ROW_TABLES.values() else ()
    if names == endpoints_of(table):
        return "all"
    return GROUPS.get(names) or ", ".join(f"`{name}`" for name in names)


def read_from(column):
    if column.name == "raw":
        return "the whole row"
    if column.origin in ORIGINS:
        return ORIGINS[column.origin]
    fields = ", else ".join(f"`{field}`" for field in column.fields)
    if column.origin == "row":
        return fields
    return f"computed of {fields}" if fields else "computed"


def folded(title, *statements):
    blocks = "\n\n".join(f"```sql\n{statement}\n```" for statement in statements)
    return f"<details>\n<summary>{title}</summary>\n\n{blocks}\n\n</details>"


def statements():
    tables = (LIQUIDATIONS, WINDOWS)
    parts = [
        folded(f"CREATE TABLE, {name}", *(f"{sql.create_table(table, dialect)};" for table in tables))
        for name, dialect in (("DuckDB", duckdb.TYPES), ("PostgreSQL", postgres.TYPES))
    ]
    merges = (f"{merge};" for merge in _MERGES)
    return "\n\n".join([*parts, folded("The merge, in DuckDB; in PostgreSQL with ctid for rowid", *merges)])


def queries():
    return "\n\n".join(
        f"### {query.name}\n\n{query.answers}\n\n{folded(f'The SELECT behind {query.view}', query.sql + ';')}"
        for query in QUERIES.values()
    )


PARTS = {
    "endpoints": endpoints_table,
    "liquidations": lambda: columns_of(LIQUIDATIONS),
    "capital flows": lambda: with_doc(CAPITAL_FLOWS),
    "loan liquidations": lambda: with_doc(LOAN_LIQUIDATIONS),
    "windows": lambda: columns_of(WINDOWS),
    "queries": queries,
}


def page():
    return PAGE.read_text(encoding="utf-8")


def test_the_page_says_what_the_code_does():
    check_page(PAGE, PARTS)
    check_page(SQL, {"statements": statements})


def test_no_cell_of_a_table_breaks_its_row():
    lines = [line for line in page().splitlines() if line.startswith("|")]
    assert [line for line in lines if not line.endswith("|")] == []
    for table in (*ROW_TABLES.values(), WINDOWS):
        rows = columns_of(table).splitlines()
        assert len({row.count("|") for row in rows}) == 1
        assert len(rows) == len(table.columns) + 2


def parameters_of(operator):
    """The page's table of this operator's parameters: name → marked as templated?"""
    section = page().split(f"### `{operator}`")[1].split("\n#")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {re.findall(r"`(\w+)`", cell)[0]: "ⓣ" in cell for cell in cells}


@pytest.mark.parametrize("name", ["ObjectStorageToDuckDBOperator", "ObjectStorageToPostgresOperator"])
def test_every_parameter_of_the_operators_is_documented(name):
    from airflow_provider_binance_liq.warehouse import operators

    operator = getattr(operators, name)
    taken = {
        parameter
        for kind in (operators.LoadOperator, operator)
        for parameter in inspect.signature(kind.__init__).parameters
    } - {"self", "kwargs"}
    documented = parameters_of(name)
    assert set(documented) == taken
    assert {parameter for parameter, marked in documented.items() if marked} == set(operator.template_fields)


def test_every_number_of_the_summary_is_documented():
    from airflow_provider_binance_liq.warehouse.load import Summary

    section = page().split("## What a load returns")[1].split("\n#")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(Summary.__slots__)


def test_the_pages_code_is_code_that_runs():
    from airflow.sdk import DAG

    blocks = re.findall(r"```python\n(.*?)```", page(), re.DOTALL)
    assert len(blocks) == 2
    manifests = [{"a": "manifest"}]
    with DAG("shown", schedule=None) as dag:
        exec(blocks[0], {"manifests": manifests})
    assert sorted(dag.task_ids) == ["load", "load_into_postgres"]


def test_the_page_shows_how_to_make_the_views(tmp_path, monkeypatch):
    import duckdb as library

    monkeypatch.chdir(tmp_path)
    with library.connect("liquidations.duckdb") as connection:
        for table in (*ROW_TABLES.values(), WINDOWS):
            connection.execute(sql.create_table(table, duckdb.TYPES))
    block = re.findall(r"```python\n(.*?)```", page(), re.DOTALL)[1]
    exec(block, {})
    with library.connect("liquidations.duckdb") as connection:
        views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert {name for (name,) in views} == {query.view for query in QUERIES.values()}

"""The statements that type staged lines: the quick one for plain rows, and the exact one.

Matching each value of each row takes longer than all the rest of the parsing, so the values of a row are
matched at once, and where all rows are plain, they are only cast. Where one is not, the rows are typed value
by value, by functions that name what does not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.postgres.exactness import DIALECT, PLAIN, fields_of
from airflow_provider_binance_liq.warehouse.precedence import newest_first
from airflow_provider_binance_liq.warehouse.schema import DECIMAL_SCALE

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.schema import Table

#: a line with another character for each escape of U+0000, not for what an escaped backslash stands before
WITHOUT_NUL: Final = r"regexp_replace(line, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')"


def lines_of(table: Table) -> str:
    """Name the table of a table's lines as they were copied."""
    return f"staged_lines_of_{table.name}"


def objects_of(table: Table) -> str:
    """Name the table of the objects that a table's lines are of."""
    return f"staged_objects_of_{table.name}"


def exact(table: Table, line: str) -> str:
    """Type the rows value by value."""
    return _typed(table, DIALECT, line)


def plain(table: Table) -> str:
    """Type the rows that are plain."""
    return f"{_typed(table, PLAIN, 'line')}\nWHERE {_is_plain(table)}"


def _typed(table: Table, dialect: sql.Dialect, line: str) -> str:
    return (
        f"CREATE TEMP TABLE {sql.staged(table)} ON COMMIT DROP AS\n"
        f"WITH {sql.PARSED} AS (\n"
        "    SELECT fields.*, line AS raw, objects.*\n"
        f"    FROM {lines_of(table)} JOIN {objects_of(table)} AS objects USING (object)\n"
        f"    CROSS JOIN LATERAL {fields_of(table, line)}\n"
        f")\n{sql.typed_rows(table, dialect)}"
    )


def _is_plain(table: Table) -> str:
    """Say that a row has digits and points alone, and no more of them than the scale and a point.

    A value that has the separator in it fails to be cast. One search for what does not belong takes a fifth
    of the time of a full match.
    """
    cast = dict.fromkeys(
        f'"{field}"'
        for column in table.of("row")
        if column.kind not in ("text", "boolean")
        for field in column.fields
    )
    return (
        f"greatest({', '.join(f'length({field})' for field in cast)}) <= {DECIMAL_SCALE + 1}\n"
        f"AND concat_ws('|', {', '.join(cast)}) !~ '[^0-9.|]'"
    )


def count_keys(table: Table) -> str:
    """Count the keys of the staged rows."""
    return f"SELECT count(*) FROM (SELECT DISTINCT {', '.join(table.key)} FROM {sql.staged(table)}) AS keys"


def keep_newest(table: Table) -> str:
    """Keep one staged row per key; by bytes, as other warehouses compare, whatever the collation is."""
    key, staged = ", ".join(table.key), sql.staged(table)
    newest = ", ".join(
        f'{name} COLLATE "C" DESC' if name == "raw" else f"{name} DESC" for name in newest_first(table)
    )
    return (
        "CREATE TEMP TABLE newest_rows ON COMMIT DROP AS\n"
        f"SELECT DISTINCT ON ({key}) * FROM {staged} ORDER BY {key}, {newest};\n"
        f"DROP TABLE {staged};\n"
        f"ALTER TABLE newest_rows RENAME TO {staged}"
    )

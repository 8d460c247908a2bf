"""The query that checks a staged load: every object whole, every value such that its cast is exact.

Casts round silently, and some even wrap around; so what is cast was checked before, digit by digit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse.clouds.loads import first_sent
from airflow_provider_binance_liq.warehouse.schema import DECIMAL_PRECISION, DECIMAL_SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.clouds.dialect import CloudDialect
    from airflow_provider_binance_liq.warehouse.clouds.loads import Load
    from airflow_provider_binance_liq.warehouse.schema import Column, Kind, Table

_WHOLE: Final = DECIMAL_PRECISION - DECIMAL_SCALE
#: what a text has to be, so that its cast is exact; instants are the 13 digits up to the year 2286
_FITTING: Final[Mapping[Kind, str]] = {
    "decimal": f"^-?[0-9]{{1,{_WHOLE}}}([.][0-9]{{1,{DECIMAL_SCALE}}}0*)?$",
    "int64": "^-?[0-9]{1,18}$",
    "instant": "^[0-9]{1,13}$",
    "instant_or_none": "^[0-9]{1,13}$",
}
_MEANT: Final[Mapping[Kind, str]] = {
    "decimal": f"decimal of {_WHOLE} digits before the point and {DECIMAL_SCALE} after it",
    "int64": "64-bit integer",
    "boolean": "boolean",
    "instant": "instant in milliseconds",
    "instant_or_none": "instant in milliseconds",
}
_GREATEST_INT64: Final = 2**63 - 1


def check(dialect: CloudDialect, load: Load) -> str:
    """Ask for one row: whether everything fits (1 or 0), and what does not."""
    parts = [
        _miscounted(dialect, load),
        _unstaged(dialect, load),
        *(_misfits(dialect, load, table) for table in load.tables),
    ]
    return (
        "SELECT CASE WHEN count(*) = 0 THEN 1 ELSE 0 END AS fits,\n"
        "    coalesce(min(misfit), 'everything fits') AS misfit\nFROM (\n"
        + "\nUNION ALL\n".join(parts)
        + f"\n) AS misfits{dialect.query_suffix}"
    )


def _miscounted(dialect: CloudDialect, load: Load) -> str:
    text = dialect.types["text"]
    staged = "\n            UNION ALL ".join(
        f"SELECT object FROM {load.fields(table)}" for table in load.tables
    )
    return (
        f"SELECT object_uri || ' has ' || CAST(staged AS {text}) || ' rows where its manifest says '\n"
        f"    || CAST(object_rows AS {text}) AS misfit\nFROM (\n"
        "    SELECT windows.object_uri, windows.object_rows,\n"
        "        coalesce(max(counted.rows_staged), 0) AS staged\n"
        f"    FROM {load.windows} AS windows LEFT JOIN (\n"
        f"        SELECT object, count(*) AS rows_staged FROM (\n{staged}\n        ) AS every_row\n"
        "        GROUP BY object\n"
        "    ) AS counted ON counted.object = windows.object\n"
        "    GROUP BY windows.object_uri, windows.object_rows\n"
        ") AS each_object\nWHERE staged <> object_rows"
    )


def _unstaged(dialect: CloudDialect, load: Load) -> str:
    counted = f"CAST(staged AS {dialect.types['text']}) || ' manifests where {load.count} were written'"
    return (
        f"SELECT 'there are ' || {counted} AS misfit\n"
        f"FROM (SELECT count(*) AS staged FROM {load.windows}) AS manifests\n"
        f"WHERE staged <> {load.count}"
    )


def _misfits(dialect: CloudDialect, load: Load, table: Table) -> str:
    whens = [when for column in table for when in _whens(dialect, column)]
    return (
        "SELECT misfit || '; a row of ' || object_uri || ': ' || substr(line, 1, 300) AS misfit\nFROM (\n"
        "    SELECT windows.object_uri, fields.line, CASE\n"
        + "\n".join(f"        {when}" for when in [*dialect.refusals(table, "fields.line"), *whens])
        + f"\n        END AS misfit\n    FROM {load.fields(table)} AS fields\n"
        f"    JOIN {load.windows} AS windows ON windows.object = fields.object\n"
        ") AS each_row\nWHERE misfit IS NOT NULL"
    )


def _whens(dialect: CloudDialect, column: Column) -> list[str]:
    """Say when a row has no fitting value for a column, and what is wrong with it."""
    if column.origin != "row":
        return []
    text, named = first_sent(column, "fields."), " or ".join(column.fields)
    whens = [f"WHEN {text} IS NULL THEN 'a row has no {named}'"] if column.required else []
    unfit = _unfit(dialect, column.kind, text)
    if unfit:
        reason = f"'{named} is ' || {text} || ', which is no {_MEANT[column.kind]}'"
        whens.append(f"WHEN {unfit} THEN {reason}")
    return whens


def _unfit(dialect: CloudDialect, kind: Kind, text: str) -> str:
    if kind == "text":
        return ""
    if kind == "boolean":
        return f"lower({text}) NOT IN ('true', '1', 'false', '0')"
    unfit = f"NOT {dialect.matches(text, _FITTING[kind])}"
    if kind != "int64":
        return unfit
    # Of 19 digits, as texts compare.
    great = f"{dialect.matches(text, '^[0-9]{19}$')} AND {text} <= '{_GREATEST_INT64}'"
    return f"{unfit} AND NOT ({great})"

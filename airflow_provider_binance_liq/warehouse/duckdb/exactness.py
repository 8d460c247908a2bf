"""How DuckDB reads a value exactly, or fails: its types, and the macros that type a row's texts.

Its JSON reader takes number tokens through double precision, and its casts round. Both would lose digits in
silence. So numbers with a fraction are quoted before the reader sees them, and a text is cast only when it
fits the type digit by digit. `tests/warehouse/test_exactness.py` checks it with 18 decimals and 2^63.

Matching each value of each row would take longer than all the rest, so the numbers of a row are matched at
once. In a row that `fits` they are the casts themselves; only in another one is each value matched by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import CLIENT_ORDER_ID_PREFIXES
from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.schema import DECIMAL_PRECISION, DECIMAL_SCALE, Types
from airflow_provider_binance_liq.warehouse.tables import IN_CONTRACTS, RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_binance_liq.warehouse.schema import Column, Table

#: the years 1 to 9999, which all readers have
_MILLIS: Final = "BETWEEN -62135596800000 AND 253402300799999"
_DECIMAL: Final = f"DECIMAL({DECIMAL_PRECISION}, {DECIMAL_SCALE})"

TYPES: Final[Types] = {
    "text": "VARCHAR",
    "decimal": _DECIMAL,
    "int64": "BIGINT",
    "boolean": "BOOLEAN",
    "instant": "TIMESTAMP WITH TIME ZONE",
    "instant_or_none": "TIMESTAMP WITH TIME ZONE",
}


def _in(names: Iterable[str]) -> str:
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"endpoint IN ({quoted})"


#: how the columns that are no field of the exchange's are computed
_RULES: Final = {
    "close_type": (
        f"CASE WHEN {_in(RECORDS)} THEN 'LIQUIDATION' "
        + " ".join(
            f"WHEN starts_with(\"clientOrderId\", '{prefix}') THEN '{close_type}'"
            for close_type, prefix in CLIENT_ORDER_ID_PREFIXES.items()
        )
        + " ELSE 'OTHER' END"
    ),
    "quantity_unit": f"CASE WHEN {_in(IN_CONTRACTS)} THEN 'CONTRACT' ELSE 'BASE' END",
    "raw": "raw",
}
#: Expanded in place by DuckDB.
MACROS: Final = (
    r"""
CREATE OR REPLACE TEMP MACRO misfit(kind, text, field, uri, raw) AS
    error(concat(field, ' is ', text, ', which is no ', kind, '; a row of ', uri, ': ', left(raw, 300)));

CREATE OR REPLACE TEMP MACRO required(value, field, uri, raw) AS
    CASE WHEN value IS NOT NULL THEN value
    ELSE error(concat('a row of ', uri, ' has no ', field, ': ', left(raw, 300))) END;

CREATE OR REPLACE TEMP MACRO exact_text(text, plain, field, uri, raw) AS nullif(text, '');

-- Without the exponent, which may end in zeros of its own.
CREATE OR REPLACE TEMP MACRO mantissa_of(text) AS regexp_extract(text, '^[^eE]*');

-- One that no integer can hold is taken for one that no scale can hold.
CREATE OR REPLACE TEMP MACRO exponent_of(text) AS
    CASE WHEN regexp_matches(text, '[eE]')
    THEN coalesce(try_cast(regexp_extract(text, '[eE]([+-]?[0-9]+)$', 1) AS INTEGER), -1000)
    ELSE 0 END;

-- What the scale has to hold: digits after the point, less zeros at the end and the exponent; 0 needs none.
CREATE OR REPLACE TEMP MACRO decimals_of(text) AS
    CASE WHEN NOT regexp_matches(mantissa_of(text), '[1-9]') THEN 0
    ELSE length(regexp_extract(mantissa_of(text), '[.]([0-9]*)', 1))
        - length(replace(regexp_extract(mantissa_of(text), '(0[0.]*)$', 1), '.', ''))
        - exponent_of(text) END;

-- A cast alone would also take white space around the digits and underscores between them.
CREATE OR REPLACE TEMP MACRO fits_decimal(text) AS
    regexp_full_match(text, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?')
    AND decimals_of(text) <= $SCALE;

CREATE OR REPLACE TEMP MACRO exact_decimal(text, plain, field, uri, raw) AS
    CASE WHEN text IS NULL OR text = '' THEN NULL
    WHEN (plain OR fits_decimal(text)) AND try_cast(text AS $DECIMAL) IS NOT NULL
    THEN try_cast(text AS $DECIMAL)
    ELSE misfit('$DECIMAL', text, field, uri, raw) END;

CREATE OR REPLACE TEMP MACRO exact_int64(text, plain, field, uri, raw) AS
    CASE WHEN text IS NULL OR text = '' THEN NULL
    WHEN ((plain AND NOT contains(text, '.')) OR regexp_full_match(text, '-?[0-9]+([.]0*)?'))
        AND try_cast(text AS BIGINT) IS NOT NULL
    THEN try_cast(text AS BIGINT)
    ELSE misfit('64-bit integer', text, field, uri, raw) END;

CREATE OR REPLACE TEMP MACRO exact_boolean(text, plain, field, uri, raw) AS
    CASE WHEN text IS NULL OR text = '' THEN NULL
    WHEN lower(text) IN ('true', '1') THEN true
    WHEN lower(text) IN ('false', '0') THEN false
    ELSE misfit('boolean', text, field, uri, raw) END;

CREATE OR REPLACE TEMP MACRO instant_of(millis, text, field, uri, raw) AS
    CASE WHEN millis IS NULL THEN NULL
    WHEN millis $MILLIS THEN make_timestamptz(millis * 1000)
    ELSE misfit('instant in milliseconds', text, field, uri, raw) END;

CREATE OR REPLACE TEMP MACRO exact_instant(text, plain, field, uri, raw) AS
    instant_of(exact_int64(text, plain, field, uri, raw), text, field, uri, raw);

CREATE OR REPLACE TEMP MACRO exact_instant_or_none(text, plain, field, uri, raw) AS
    instant_of(nullif(exact_int64(text, plain, field, uri, raw), 0), text, field, uri, raw);

-- A string is taken whole, so that only numbers outside of strings are quoted. The end matches once, too,
-- or else the search would go on inside the last string; what that adds is cut off again.
CREATE OR REPLACE TEMP MACRO quote_numbers(line) AS
    regexp_replace(line, '((?:"(?:[^"\\]|\\.)*"|[^"0-9-])*)(-?[0-9][0-9.eE+-]*|$)', '\1"\2"', 'g')[:-3];

-- That the pattern begins with the colon itself saves three quarters of the time; few rows have an array.
CREATE OR REPLACE TEMP MACRO has_fraction(line) AS
    regexp_matches(line, ':\s*-?[0-9]+[.eE]')
    OR (contains(line, '[') AND regexp_matches(line, '[,\[]\s*-?[0-9]+[.eE]'));
""".replace("$SCALE", str(DECIMAL_SCALE))
    .replace("$DECIMAL", _DECIMAL)
    .replace("$MILLIS", _MILLIS)
)


def is_plain(table: Table) -> str:
    """Say that the numbers of a row are digits, signs and points alone, and too few for the scale to cut.

    What stands between them here fails to be cast, should it be in one of them.
    """
    numbers = _numbers(table)
    fields = dict.fromkeys(f'"{field}"' for column in numbers for field in column.fields)
    decimals = dict.fromkeys(
        f'strlen("{field}")' for column in numbers if column.kind == "decimal" for field in column.fields
    )
    return (
        f"greatest({', '.join(decimals)}) <= {DECIMAL_SCALE + 1}\n"
        f"        AND NOT regexp_matches(concat_ws('|', {', '.join(fields)}), '[^0-9.|-]')"
    )


def casts(table: Table) -> str:
    """Select the number of every column that is one, as DuckDB casts it: exact in a row that `fits`."""
    return sql.lines_of(
        f"        try_cast({_first(column.fields)} AS {_cast_to(column)}) AS {_cast(column)}"
        for column in _numbers(table)
    )


def fits(table: Table) -> str:
    """Say that a row is plain, that no integer has a point, and that each number is there that should be."""
    whole = dict.fromkeys(
        f'"{field}"' for one in _numbers(table) if one.kind != "decimal" for field in one.fields
    )
    return "\n        AND ".join(
        ["is_plain", f"NOT contains(concat({', '.join(whole)}), '.')", *map(_fits, _numbers(table))]
    )


def _fits(column: Column) -> str:
    there = f"{_cast(column)} {_MILLIS}" if _is_instant(column) else f"{_cast(column)} IS NOT NULL"
    return there if column.required else f"({there} OR coalesce({_first(column.fields)}, '') = '')"


def _numbers(table: Table) -> list[Column]:
    return [column for column in table.of("row") if column.kind not in ("text", "boolean")]


def _is_instant(column: Column) -> bool:
    return column.kind in ("instant", "instant_or_none")


def _cast_to(column: Column) -> str:
    return TYPES["int64" if _is_instant(column) else column.kind]


def _cast(column: Column) -> str:
    return f"cast_{column.name}"


def typed_values(table: Table, *, spelled: bool = False) -> str:
    """Select every column of the table from the fields of a row as text.

    :param spelled: whether decimals stay text: that of a row that `fits` has plain digits, and not too many.
    """
    return sql.lines_of(f"    {_value(column, spelled=spelled)} AS {column.name}" for column in table)


def _value(column: Column, *, spelled: bool) -> str:
    if column.origin in ("manifest", "load"):
        return column.name
    if column.origin == "rule":
        return _RULES[column.name]
    field = f"'{' or '.join(column.fields)}'"
    value = f"exact_{column.kind}({_first(column.fields)}, is_plain, {field}, object_uri, raw)"
    if column.required:
        value = f"required({value}, {field}, object_uri, raw)"
    if column.kind in ("text", "boolean"):
        return value
    if column.kind == "decimal" and spelled:
        return f"CASE WHEN fits THEN nullif({_first(column.fields)}, '') ELSE {value}::VARCHAR END"
    return f"CASE WHEN fits THEN {_of_cast(column)} ELSE {value} END"


def _of_cast(column: Column) -> str:
    if not _is_instant(column):
        return _cast(column)
    millis = f"nullif({_cast(column)}, 0)" if column.kind == "instant_or_none" else _cast(column)
    return f"make_timestamptz({millis} * 1000)"


def _first(fields: tuple[str, ...]) -> str:
    """Take the first field that is there and not empty."""
    if len(fields) == 1:
        return f'"{fields[0]}"'
    return "coalesce(" + ", ".join(f"nullif(\"{field}\", '')" for field in fields) + ")"

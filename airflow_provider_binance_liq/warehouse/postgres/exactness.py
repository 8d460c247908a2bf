"""How PostgreSQL reads a value exactly, or fails: its types, and the functions that type a row's texts.

A row's text is taken apart by the server's `json` type, which keeps the digits of a number as they were
written; `jsonb` would rewrite them. A cast to `numeric(38,18)` rounds silently, so a text is cast only when
it fits the type digit by digit. The tests compare every value with what DuckDB makes of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse import sql
from airflow_provider_binance_liq.warehouse.schema import DECIMAL_PRECISION, DECIMAL_SCALE

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.schema import Table

_DECIMAL: Final = f"numeric({DECIMAL_PRECISION},{DECIMAL_SCALE})"

#: types as `format_type` spells them, so that they can be compared with what is there
DIALECT: Final = sql.Dialect(
    name="postgres",
    types={
        "text": "text",
        "decimal": _DECIMAL,
        "int64": "bigint",
        "boolean": "boolean",
        "instant": "timestamp with time zone",
        "instant_or_none": "timestamp with time zone",
    },
    functions={
        "text": "pg_temp.exact_text",
        "decimal": "pg_temp.exact_decimal",
        "int64": "pg_temp.exact_int64",
        "boolean": "pg_temp.exact_boolean",
        "instant": "pg_temp.exact_instant",
        "instant_or_none": "pg_temp.exact_instant_or_none",
    },
    required="pg_temp.required",
)
#: for rows whose numbers and instants `staging` has checked
PLAIN: Final = replace(
    DIALECT,
    functions={
        **DIALECT.functions,
        "decimal": "pg_temp.plain_decimal",
        "int64": "pg_temp.plain_int64",
        "instant": "pg_temp.plain_instant",
        "instant_or_none": "pg_temp.plain_instant_or_none",
    },
)

#: Those in SQL are expanded in place by the planner, as long as they use no costly argument twice; nearly
#: every text takes their first branch. What is rare, and what fails, is left to those in PL/pgSQL.
_FUNCTIONS: Final = r"""
CREATE OR REPLACE FUNCTION pg_temp.misfit(kind text, value text, field text, uri text, line text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    RAISE EXCEPTION USING ERRCODE = 'data_exception', MESSAGE =
        concat(field, ' is ', value, ', which is no ', kind, '; a row of ', uri, ': ', left(line, 300));
END $$;

CREATE OR REPLACE FUNCTION pg_temp.missing(field text, uri text, line text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    RAISE EXCEPTION USING ERRCODE = 'data_exception', MESSAGE =
        concat('a row of ', uri, ' has no ', field, ': ', left(line, 300));
END $$;

CREATE OR REPLACE FUNCTION pg_temp.required(value text, field text, uri text, line text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(value, pg_temp.missing(field, uri, line)) $$;

CREATE OR REPLACE FUNCTION pg_temp.required(value bigint, field text, uri text, line text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(value, pg_temp.missing(field, uri, line)::bigint) $$;

CREATE OR REPLACE FUNCTION pg_temp.required(value numeric, field text, uri text, line text) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(value, pg_temp.missing(field, uri, line)::numeric) $$;

CREATE OR REPLACE FUNCTION pg_temp.required(value timestamptz, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT coalesce(value, pg_temp.missing(field, uri, line)::timestamptz) $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_text(value text, field text, uri text, line text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT nullif(value, '') $$;

-- A cast alone would also take white space around the digits, underscores between them, NaN and 0x1F.
CREATE OR REPLACE FUNCTION pg_temp.fitted_decimal(value text, field text, uri text, line text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE number numeric; BEGIN
    IF length(value) <= 1000 AND value ~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,4})?$' THEN
        number := value::numeric;
        IF min_scale(number) <= $SCALE AND abs(number) < 1e$WHOLE THEN RETURN number; END IF;
    END IF;
    RETURN pg_temp.misfit('$DECIMAL', value, field, uri, line);
END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_decimal(value text, field text, uri text, line text) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value ~ '^[0-9]{1,$WHOLE}([.][0-9]{0,$SCALE})?$' THEN value::$DECIMAL
    WHEN value <> '' THEN pg_temp.fitted_decimal(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.fitted_int64(value text, field text, uri text, line text) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE number numeric; BEGIN
    IF length(value) <= 1000 AND value ~ '^-?[0-9]+([.]0*)?$' THEN
        number := split_part(value, '.', 1)::numeric;
        IF number BETWEEN -9223372036854775808 AND 9223372036854775807 THEN RETURN number; END IF;
    END IF;
    RETURN pg_temp.misfit('64-bit integer', value, field, uri, line);
END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_int64(value text, field text, uri text, line text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value ~ '^[0-9]{1,18}$' THEN value::bigint
    WHEN value <> '' THEN pg_temp.fitted_int64(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_boolean(value text, field text, uri text, line text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN lower(value) IN ('true', '1') THEN true
    WHEN lower(value) IN ('false', '0') THEN false
    WHEN value <> '' THEN pg_temp.misfit('boolean', value, field, uri, line)::boolean END $$;

-- By days and the rest of a day: milliseconds times an interval would go through double precision.
CREATE OR REPLACE FUNCTION pg_temp.instant_of(millis bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$ SELECT timezone('UTC', timestamp '1970-01-01 00:00:00'
    + make_interval(days => (millis / 86400000)::int, secs => (millis % 86400000)::float8 / 1000)) $$;

-- The years 1 to 9999 are those that all readers have.
CREATE OR REPLACE FUNCTION pg_temp.fitted_instant(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE millis bigint; BEGIN
    millis := pg_temp.fitted_int64(value, field, uri, line);
    IF millis BETWEEN -62135596800000 AND 253402300799999 THEN RETURN pg_temp.instant_of(millis); END IF;
    RETURN pg_temp.misfit('instant in milliseconds', value, field, uri, line);
END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_instant(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value ~ '^[0-9]{1,14}$' THEN pg_temp.instant_of(value::bigint)
    WHEN value <> '' THEN pg_temp.fitted_instant(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.exact_instant_or_none(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value <> '' AND pg_temp.exact_int64(value, field, uri, line) <> 0
    THEN pg_temp.exact_instant(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.plain_decimal(value text, field text, uri text, line text) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$ SELECT value::numeric $$;

CREATE OR REPLACE FUNCTION pg_temp.plain_int64(value text, field text, uri text, line text) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT value::bigint $$;

CREATE OR REPLACE FUNCTION pg_temp.plain_instant(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN length(value) > 14 THEN pg_temp.fitted_instant(value, field, uri, line)
    ELSE pg_temp.instant_of(value::bigint) END $$;

CREATE OR REPLACE FUNCTION pg_temp.plain_instant_or_none(value text, field text, uri text, line text)
RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT CASE
    WHEN value::bigint <> 0 THEN pg_temp.plain_instant(value, field, uri, line) END $$;

CREATE OR REPLACE FUNCTION pg_temp.unreadable(line text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE reason text; detail text; BEGIN
    PERFORM * FROM $FIELDS;
    RETURN NULL;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    IF SQLSTATE = '22023' THEN RETURN 'is no JSON object'; END IF;
    RETURN concat('cannot be read: ', concat_ws(': ', reason, nullif(detail, '')));
END $$;
"""


def fields_of(table: Table, line: str) -> str:
    """Take a line apart, once: each field as text, a number as it was written."""
    columns = ", ".join(f'"{field}" text' for field in table.fields)
    return f"json_to_record({line}::json) AS fields({columns})"


def functions_for(table: Table) -> str:
    """Return the statements that make the functions, in the session's own schema."""
    return (
        _FUNCTIONS.replace("$SCALE", str(DECIMAL_SCALE))
        .replace("$WHOLE", str(DECIMAL_PRECISION - DECIMAL_SCALE))
        .replace("$DECIMAL", _DECIMAL)
        .replace("$FIELDS", fields_of(table, "line"))
    )

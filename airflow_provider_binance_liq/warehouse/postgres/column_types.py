"""PostgreSQL's types, as `format_type` spells them, so that they can be compared with what is there."""

from __future__ import annotations

from typing import Final

from airflow_provider_binance_liq.warehouse.schema import DECIMAL_PRECISION, DECIMAL_SCALE, Types

TYPES: Final[Types] = {
    "text": "text",
    "decimal": f"numeric({DECIMAL_PRECISION},{DECIMAL_SCALE})",
    "int64": "bigint",
    "boolean": "boolean",
    "instant": "timestamp with time zone",
    "instant_or_none": "timestamp with time zone",
}

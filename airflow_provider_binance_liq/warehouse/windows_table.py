"""The table of windows, one for all endpoints: what was extracted, and how far it is proven."""

from __future__ import annotations

from typing import Final

from airflow_provider_binance_liq.warehouse.schema import Table
from airflow_provider_binance_liq.warehouse.shared_columns import LOADED_AT, codes, of_manifest

WINDOWS: Final = Table(
    name="binance_liquidation_windows",
    doc="One row per window loaded, so that `no rows` and `not fetched` differ.",
    key=("account", "endpoint", "window_start", "window_end", "symbols", "auto_close_type"),
    event_time="window_start",
    selective="window_start",
    # Windows are few, and a load has some of every account and endpoint: no partition is worth its files.
    partitioned_by=(),
    columns=(
        of_manifest("account", "text", "Label of the account."),
        of_manifest("endpoint", "text", "Name of the endpoint."),
        of_manifest("window_start", "instant", "First instant of the window.", "UTC"),
        of_manifest("window_end", "instant", "First instant after the window.", "UTC"),
        of_manifest("symbols", "text", "Symbols it was restricted to, joined by commas; empty: all."),
        of_manifest("auto_close_type", "text", "Type it was restricted to; empty: all."),
        of_manifest("complete", "boolean", "Proven: every row of the window is in the object."),
        of_manifest("pages", "int64", "Pages read."),
        of_manifest("requests", "int64", "Requests sent, repeated ones included."),
        of_manifest("weight", "int64", "Weight spent, by the documented costs."),
        of_manifest("method", "text", "The argument of the proof."),
        of_manifest("caveats", "text", "What the proof does not cover, one a line; empty: nothing known."),
        of_manifest("object_uri", "text", "The object."),
        of_manifest("object_rows", "int64", "Rows in it; 0 is a result too."),
        of_manifest("object_bytes", "int64", "Its size as stored.", "bytes"),
        of_manifest("object_sha256", "text", "SHA-256 of its stored bytes."),
        of_manifest("extracted_at", "instant", "When these bytes were last extracted.", "UTC"),
        of_manifest("provider_version", "text", "Version that extracted it."),
        LOADED_AT,
        # Behind all others, where ALTER TABLE puts them: all tables have one order, whenever they were made.
        codes("premises", "Codes of what the proof rests on, joined by commas; see completeness.md."),
        codes(
            "observed_premises", "Those of them that the answers of this very extraction have shown to hold."
        ),
        codes("incomplete_reasons", "Codes because of which it is not complete; empty where it is."),
    ),
)

"""Columns that several tables of the warehouse have, whatever the kind of their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.warehouse.schema import Column

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.schema import Kind


def codes(name: str, doc: str) -> Column:
    """Make a column of the manifest's codes, which tables of earlier releases gain."""
    return Column(name, "text", doc, origin="manifest", added=True)


def of_manifest(name: str, kind: Kind, doc: str, unit: str = "") -> Column:
    """Make a column that is read from the manifest."""
    return Column(name, kind, doc, unit=unit, required=True, origin="manifest")


ACCOUNT: Final = of_manifest(
    "account", "text", "Label of the account: the connection's `account`, or else its id."
)
ENDPOINT: Final = of_manifest("endpoint", "text", "Name of the endpoint that the row comes from.")
RAW: Final = Column(
    "raw", "text", "The row as the exchange sent it.", required=True, origin="rule", unit="JSON"
)
OBJECT_SHA256: Final = of_manifest("object_sha256", "text", "The latest object that has the row.")
EXTRACTED_AT: Final = of_manifest("extracted_at", "instant", "When that object was extracted.", "UTC")
LOADED_AT: Final = Column(
    "loaded_at",
    "instant",
    "When the content of this row came into the warehouse; loading the same again does not change it.",
    required=True,
    origin="load",
    unit="UTC",
)

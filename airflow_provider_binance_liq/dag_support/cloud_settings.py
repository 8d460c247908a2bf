"""The settings of the sample DAGs for clouds' warehouses: what their Variables may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from airflow_provider_binance_liq.dag_support.extraction_settings import (
    Extraction,
    Text,
    Url,
    read_members,
    show,
)
from airflow_provider_binance_liq.exceptions import InvalidRequest

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse as CloudWarehouse


class CloudSettings(Extraction, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the Variable of a DAG for ClickHouse, Redshift or Snowflake may have."""

    destination: Url
    #: how the warehouse gets at the lake
    via: str = ""
    #: to the warehouse; by default the usual one of its provider
    conn_id: Text | None = None


class BigQuerySettings(CloudSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the Variable of the DAG for BigQuery may have: its connection does not say where tables are."""

    project: Text
    dataset: Text


def read_cloud_settings(warehouse: CloudWarehouse, variable: object) -> CloudSettings:
    """Read the Variable of a DAG for a cloud's warehouse.

    :raises InvalidRequest: a member is unknown, missing or not what it has to be; the message names it.
    """
    kind = BigQuerySettings if warehouse.name == "bigquery" else CloudSettings
    settings = read_members(kind, variable)
    if settings.destination.partition("://")[0] not in warehouse.schemes:
        schemes = ", ".join(warehouse.schemes)
        message = f"destination is {show(settings.destination)}; {warehouse.name} reads {schemes}"
        raise InvalidRequest(message)
    warehouse.check_via(settings.via)
    usual = "google_cloud_default" if warehouse.name == "bigquery" else f"{warehouse.name}_default"
    return replace(settings, conn_id=settings.conn_id or usual)

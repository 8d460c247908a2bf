"""What Airflow reads at discovery, in every one of its components: plain data, nothing imported."""

from __future__ import annotations

from typing import Any

_PACKAGE = "airflow_provider_binance_liq"
#: what is loaded into, by the name that Airflow's own providers give it, and by which module
_TRANSFERS = (
    ("DuckDB", "duckdb"),
    ("PostgreSQL", "postgres"),
    ("Iceberg", "iceberg"),
    ("DuckDB", "warehouse"),
    ("PostgreSQL", "warehouse"),
    ("Google BigQuery", "cloud_warehouse"),
    ("ClickHouse", "cloud_warehouse"),
    ("Amazon Redshift", "cloud_warehouse"),
    ("Snowflake", "cloud_warehouse"),
)


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description, by Airflow's `provider_info.schema.json`."""
    return {
        "package-name": "airflow-provider-binance-liq",
        "name": "Binance liquidations",
        "description": (
            "An account's own liquidations from Binance. Every window ends proven complete, with what the "
            "proof rests on; marked not complete, with the reason; or failed with a specific error. Loading "
            "into BigQuery, ClickHouse, Redshift and Snowflake is experimental: it has not run there yet."
        ),
        # PostgreSQL and the clouds' warehouses are integrations of their own providers.
        "integrations": [
            {
                "integration-name": "Binance",
                "external-doc-url": "https://developers.binance.com/docs",
                "tags": ["service"],
            },
            {
                "integration-name": "Object storage",
                "external-doc-url": (
                    "https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/objectstorage.html"
                ),
                "tags": ["protocol"],
            },
            {
                "integration-name": "DuckDB",
                "external-doc-url": "https://duckdb.org/docs",
                "tags": ["software"],
            },
        ],
        "hooks": [
            {"integration-name": "Binance", "python-modules": [f"{_PACKAGE}.hooks.binance"]},
        ],
        "operators": [
            {
                "integration-name": "Binance",
                "python-modules": [
                    f"{_PACKAGE}.operators.liquidations",
                    f"{_PACKAGE}.operators.coverage",
                    f"{_PACKAGE}.operators.shown",
                    f"{_PACKAGE}.operators.waiting",
                    f"{_PACKAGE}.dag_support.cloud_dag",
                    f"{_PACKAGE}.dag_support.operators",
                ],
            },
            {"integration-name": "Object storage", "python-modules": [f"{_PACKAGE}.transfers.base"]},
        ],
        "transfers": [
            {
                "source-integration-name": "Object storage",
                "target-integration-name": target,
                "python-module": f"{_PACKAGE}.transfers.object_storage_to_{module}",
            }
            for target, module in _TRANSFERS
        ],
        "extra-links": [
            f"{_PACKAGE}.operators.links.{name}Link"
            for name in ("Object", "Manifest", "Coverage", "Documentation")
        ],
        "connection-types": [
            {
                "connection-type": "binance",
                "hook-class-name": f"{_PACKAGE}.hooks.binance.BinanceHook",
                "hook-name": "Binance",
                "ui-field-behaviour": {
                    "hidden-fields": ["host", "port", "schema", "extra"],
                    "relabeling": {"login": "API key", "password": "Secret or private key (PEM)"},
                    "placeholders": {
                        "login": "the API key, which may be read-only",
                        "password": "HMAC secret, or RSA / Ed25519 private key",
                    },
                },
                "conn-fields": _CONN_FIELDS,
            }
        ],
    }


_CONN_FIELDS: dict[str, Any] = {
    "account": {
        "label": "Account label",
        "description": "Names the account in object keys and tables. Default: the connection id.",
        "schema": {"type": ["string", "null"]},
    },
    "environment": {
        "label": "Environment",
        "description": "Demo has USDⓈ-M and COIN-M futures only. Default: production.",
        "schema": {"type": ["string", "null"], "enum": ["production", "demo", None]},
    },
    "private_key_path": {
        "label": "Private key file",
        "description": "Path of a PEM file on the worker, instead of pasting the key.",
        "schema": {"type": ["string", "null"]},
    },
    "private_key_passphrase": {
        "label": "Private key passphrase",
        "description": "If the private key is encrypted.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "weight_share": {
        "label": "Weight share",
        "description": (
            "Share of the IP address's request weight that all programs on it may use before this provider "
            "waits. Default: 0.5."
        ),
        "schema": {"type": ["number", "null"], "minimum": 0.01, "maximum": 1},
    },
    **{
        f"{pool}_weight_limit": {
            "label": f"Weight limit, {title}",
            "description": (
                f"Weight per minute and IP address, if it is not {what}. The share is of this limit."
            ),
            "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000},
        }
        for pool, title, what in (
            ("futures", "futures", "what exchangeInfo says"),
            ("papi", "portfolio margin", "the documented 6000"),
            ("sapi", "margin", "the documented 12000"),
        )
    },
    "coordinate": {
        "label": "Other tasks use the same IP address",
        "description": (
            "Share the rate limit state and bans of the IP address with other tasks. Default: yes, except "
            "for a base URL on this machine."
        ),
        "schema": {"type": ["boolean", "null"]},
    },
    "recv_window_ms": {
        "label": "recvWindow (ms)",
        "description": "How long a signed request stays valid. Default: 5000.",
        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 60000},
    },
    "timeout_s": {
        "label": "Timeout (s)",
        "description": "To connect, and to wait for more of an answer. Default: 10.",
        "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 300},
    },
    "base_url": {
        "label": "Base URL",
        "description": "One origin for every API, for a proxy or the simulator. https, or http to loopback.",
        "schema": {"type": ["string", "null"]},
    },
}

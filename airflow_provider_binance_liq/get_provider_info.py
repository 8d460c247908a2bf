"""What Airflow reads at discovery, in every one of its components: plain data, nothing imported."""

from __future__ import annotations

from typing import Any, Final

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
                "logo": "/docs/images/logo.svg",
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
                    f"{_PACKAGE}.dag_support.linked",
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
                    # The port is not used. But the button "Test" of Airflow 3.3 needs one to be stored.
                    "hidden-fields": ["host", "schema", "extra"],
                    "relabeling": {
                        "login": "API key",
                        "password": "Secret or private key (PEM)",
                        "port": "Port: enter 0",
                    },
                    "placeholders": {
                        "login": "the API key, which may be read-only",
                        "password": "HMAC secret, or RSA / Ed25519 private key",
                        "port": "0: Airflow 3.3 tests no saved connection without a port",
                    },
                },
                "conn-fields": _CONN_FIELDS,
            }
        ],
    }


#: of the form: below the fields that most people need
_RARELY: Final = "Rarely needed"


def _field(label: str, description: str, kind: str = "string", **schema: Any) -> dict[str, Any]:
    """Describe one field of the form, which may stay empty.

    A number has no bounds here: the form would replace one beyond them by the bound, silently. The hook
    refuses it, and says so.
    """
    return {"label": label, "description": description, "schema": {"type": [kind, "null"], **schema}}


def _choice(label: str, description: str, shown: dict[str | None, str], **schema: Any) -> dict[str, Any]:
    """Describe a field with a list to choose from: value -> what the list shows."""
    names = {str(value or "null"): text for value, text in shown.items()}
    return _field(label, description, enum=list(shown), values_display=names, **schema)


# In the order of the form. What a new choice stores has 5 characters or more: Airflow's masker warns about
# every shorter value.
_CONN_FIELDS: dict[str, Any] = {
    "account": _field(
        "Account label",
        "Name of the account in object keys and tables. Empty: the connection id.",
    ),
    "environment": _choice(
        "Environment",
        "Which of Binance's environments the key is for.",
        {
            None: "Production (default)",
            "production": "Production",
            "demo": "Demo: USD-M and COIN-M futures only",
        },
    ),
    "private_key_path": _field(
        "Private key file", "Path of a PEM file on every worker, instead of the field Secret."
    ),
    "private_key_passphrase": _field(
        "Passphrase of the private key", "Only if the private key is encrypted.", format="password"
    ),
    "weight_share_percent": _field(
        "Weight share, in percent",
        "How much of the IP address's request weight per minute may be used, by all programs on it, before "
        "this provider waits. From 1 to 100. Empty: 50.",
        "number",
    ),
    "coordinate": _choice(
        "Do other tasks use the same IP address?",
        "If so, tasks share what is known about its used weight and its bans.",
        {
            None: "Default: yes, unless the base URL is on this machine",
            "shared": "Yes, share with them",
            "alone": "No, this connection is alone",
        },
    ),
    "recv_window_ms": _field(
        "recvWindow, in milliseconds",
        "How long a signed request stays valid. From 1 to 60000. Empty: 5000.",
        "integer",
        section=_RARELY,
    ),
    "timeout_s": _field(
        "Timeout, in seconds",
        "To connect, and to wait for more of an answer. From 0.1 to 300. Empty: 10.",
        "number",
        section=_RARELY,
    ),
    "base_url": _field(
        "Base URL",
        "One origin for every API: a proxy, or the simulator. https, or http to this machine.",
        section=_RARELY,
    ),
    **{
        f"{pool}_weight_limit": _field(
            f"Weight limit of {title}",
            f"Weight per minute and IP address, if it is not {what}. The share is taken of it.",
            "integer",
            section=_RARELY,
        )
        for pool, title, what in (
            ("futures", "USD-M and COIN-M futures", "the one in exchangeInfo"),
            ("papi", "portfolio margin", "the documented 6000"),
            ("sapi", "margin and loans", "the documented 12000"),
        )
    },
}

"""Which package a worker lacks, and the command that installs it: a retry would find it missing again."""

from __future__ import annotations

from typing import Final

from airflow_provider_binance_liq.exceptions import MissingPackage

_DISTRIBUTION: Final = "airflow-provider-binance-liq"
#: module → the extra of this package that installs it
_EXTRAS: Final = {
    "duckdb": "duckdb",
    "pyarrow": "iceberg",
    "pyiceberg": "iceberg",
    "airflow.providers.postgres": "postgres",
    "psycopg2": "postgres",
    "psycopg": "postgres",
}
#: scheme of a store's URL → what installs the store
_STORES: Final = {
    "s3": f"{_DISTRIBUTION}[amazon]",
    "gs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
    "wasb": "apache-airflow-providers-microsoft-azure",
}


def missing_package(error: ImportError) -> MissingPackage | None:
    """Say what to install where a module of an extra cannot be imported; None for any other module."""
    for module, extra in _EXTRAS.items():
        if f"{error.name}.".startswith(f"{module}."):
            failed = (
                "is not installed" if isinstance(error, ModuleNotFoundError) else f"does not work ({error})"
            )
            command = f"pip install '{_DISTRIBUTION}[{extra}]'"
            return MissingPackage(f"{module} {failed} on this worker: {command}")
    return None


def how_to_reach(scheme: str, error: Exception) -> str:
    """Say what to install where an error says that there is no store of this scheme; else nothing."""
    package = _STORES.get(scheme)
    is_missing = isinstance(error, ImportError) or "No filesystem registered" in str(error)
    return f"; for {scheme}:// install '{package}'" if package and is_missing else ""

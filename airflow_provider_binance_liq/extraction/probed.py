"""What a probe has found of the exchange with this account's rows, read from where its report is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.probe_report import read_report
from airflow_provider_binance_liq.exceptions import InvalidProbeReport, PermanentError, StorageError
from airflow_provider_binance_liq.lake import open_destination

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.probe_report import ProbeReport
    from airflow_provider_binance_liq.exchange.connection import Account


def read_probe_report(url: str | None, account: Account, now: datetime | None = None) -> ProbeReport | None:
    """Read the report at `url`; None where none is named.

    :raises StorageError: it cannot be read.
    :raises InvalidProbeReport: it is no report, or not one of this account, of its hosts and of these days.
    """
    if not url:
        return None
    try:
        text = open_destination(url).read_bytes()
        hosts = account.settings.origins
        return read_report(text, account=account.label, hosts=hosts, now=now or datetime.now(UTC))
    except FileNotFoundError:
        message = f"probe_report {url!r} does not exist; give the URL of a report of `binance-liq probe`"
        raise StorageError(message) from None
    except OSError as error:
        message = f"probe_report {url!r} cannot be read: {type(error).__name__}"
        raise StorageError(message) from error
    except PermanentError as error:
        message = f"probe_report {url!r}: {str(error).removeprefix('destination ')}"
        raise InvalidProbeReport(message) from error

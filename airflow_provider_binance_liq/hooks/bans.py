"""Bans that all tasks of an Airflow installation know of, on whatever worker they run.

Every request during a ban lengthens it, so a task that starts should not have to find out by asking. Airflow
has one place that any task on any worker can read and write: its Variables. The Variable is there for a
person too, who sees why tasks wait, and may delete it where the workers have got another IP address.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airflow.sdk import Variable

from airflow_provider_binance_liq.core.windows import epoch_ms, iso
from airflow_provider_binance_liq.exceptions import IpBanned, LiquidationsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_binance_liq.client import Settings

log = logging.getLogger(__name__)

_PREFIX: Final = "binance_ip_banned_until"
_DESCRIPTION: Final = "Tasks that ask this host wait until then: every request during a ban lengthens it"


@contextmanager
def heeding_bans(
    settings: Settings, now_ms: int, holds: int = 0, journal: dict[str, str] | None = None
) -> Iterator[None]:
    """Do what asks the exchange, unless another task has met a ban; tell the others of one met here.

    Instants are epoch ms on this machine's clock. `holds` and `journal` are what a wait is to carry on.

    :raises IpBanned: the ban that another task told of has not ended.
    """
    if not settings.coordinate:
        yield
        return
    name = variable_name(settings.origins)
    until_ms = read_ban(name)
    if until_ms > now_ms:
        message = f"another task has met a ban of this IP address until {iso(until_ms)}; nothing was asked"
        error = IpBanned(message, until_ms, holds)
        error.journal = journal
        raise error
    try:
        yield
    except IpBanned as error:
        if error.retry_at_ms > read_ban(name):
            _tell_ban(name, error.retry_at_ms)
        raise


def variable_name(origins: Mapping[str, str]) -> str:
    """Name the Variable: after the host that is asked, since a ban there says nothing of others."""
    hosts = sorted(urlsplit(origin).netloc for origin in origins.values())
    return f"{_PREFIX}:{hosts[0]}"


def read_ban(name: str) -> int:
    """When the ban ends that was told last, in epoch ms; 0 where none is known, or it cannot be read."""
    try:
        return epoch_ms(datetime.fromisoformat(Variable.get(name, default=None) or ""))
    except (ValueError, LiquidationsError):
        return 0
    except Exception as error:  # noqa: BLE001 - Airflow's secrets backends raise whatever they like
        log.info("Whether others have met a ban cannot be read: %s", type(error).__name__)
        return 0


def _tell_ban(name: str, until_ms: int) -> None:
    try:
        Variable.set(name, iso(until_ms), description=_DESCRIPTION)
    except Exception as error:  # noqa: BLE001 - as above; the exchange tells them as well
        log.info("The others cannot be told of the ban: %s", type(error).__name__)

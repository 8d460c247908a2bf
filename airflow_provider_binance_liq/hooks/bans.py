"""A ban that all tasks of an Airflow installation know, on any worker.

Every request during a ban makes it longer, so a task should know of it before it sends one. Airflow has one
place that all tasks can read and write: its Variables. A person can see there why tasks wait, and delete the
Variable where the workers have a new IP address.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airflow.sdk import Variable

from airflow_provider_binance_liq.core.waits import credible
from airflow_provider_binance_liq.core.windows import epoch_ms, iso
from airflow_provider_binance_liq.exceptions import LiquidationsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

_PREFIX: Final = "binance_ip_banned_until"
_DESCRIPTION: Final = (
    "Tasks wait until then to send requests to this host: each one during a ban makes it longer"
)


class SharedBan:
    """The ban of clients of `origins`; instants are epoch ms on this machine's clock.

    Where Airflow cannot read or write it, that is logged: the exchange reports a ban as well.
    """

    def __init__(self, origins: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        hosts = sorted(urlsplit(origin).netloc for origin in origins.values())
        #: name of the Variable: with the host, since a ban is that of one host
        self.name = f"{_PREFIX}:{hosts[0]}"

    def until_ms(self) -> int:
        """Return when the ban ends that was written last; 0 where there is none, or an absurd one."""
        try:
            until_ms = epoch_ms(datetime.fromisoformat(Variable.get(self.name, default=None) or ""))
        except (ValueError, OverflowError, LiquidationsError):
            return 0
        # Airflow's secrets backends raise any error, and its text may have addresses and tokens.
        except Exception as error:  # noqa: BLE001
            log.info("The ban that other tasks met cannot be read (%s)", type(error).__name__)
            return 0
        return credible(until_ms, int(self._clock() * 1000), banned=True)

    def set(self, until_ms: int) -> None:
        """Write the ban for the other tasks; a longer one stays."""
        if until_ms <= self.until_ms():
            return
        try:
            Variable.set(self.name, iso(until_ms), description=_DESCRIPTION)
        # What keeps Variables raises any error as well.
        except Exception as error:  # noqa: BLE001
            log.info("The ban cannot be written for the other tasks (%s)", type(error).__name__)

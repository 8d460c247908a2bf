"""A ban that all tasks of an Airflow installation know of, on whatever worker they run.

Every request during a ban lengthens it, so a task should not have to find out by asking. Airflow has one
place that any task on any worker can read and write: its Variables. The Variable is there for a person too,
who sees why tasks wait, and may delete it where the workers have got another IP address.
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
_DESCRIPTION: Final = "Tasks that ask this host wait until then: every request during a ban lengthens it"


class SharedBan:
    """The ban of those who ask `origins`; instants are epoch ms on this machine's clock.

    Where Airflow does not let it be read or written, that is logged: the exchange tells it as well.
    """

    def __init__(self, origins: Mapping[str, str], *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        hosts = sorted(urlsplit(origin).netloc for origin in origins.values())
        #: name of the Variable: after the host that is asked, since a ban there says nothing of others
        self.name = f"{_PREFIX}:{hosts[0]}"

    def until_ms(self) -> int:
        """When the ban ends that was told last; 0 where none is known that a ban can be."""
        try:
            told_ms = epoch_ms(datetime.fromisoformat(Variable.get(self.name, default=None) or ""))
        except (ValueError, OverflowError, LiquidationsError):
            return 0
        # Airflow's secrets backends raise whatever they like, and their texts may hold addresses and tokens.
        except Exception as error:  # noqa: BLE001
            log.info("Whether others have met a ban cannot be read (%s)", type(error).__name__)
            return 0
        return credible(told_ms, int(self._clock() * 1000), banned=True)

    def tell(self, until_ms: int) -> None:
        """Tell the others; a longer ban that they know of stays."""
        if until_ms <= self.until_ms():
            return
        try:
            Variable.set(self.name, iso(until_ms), description=_DESCRIPTION)
        # As above.
        except Exception as error:  # noqa: BLE001
            log.info("The others cannot be told of the ban (%s)", type(error).__name__)

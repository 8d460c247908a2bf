"""The simulator as tests and the demo use it: start, ask for keys and the truth, look at what was sent."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.simulator.exchange import Exchange
from airflow_provider_binance_liq.simulator.history import SeededHistory
from airflow_provider_binance_liq.simulator.server import LOOPBACK, Server
from airflow_provider_binance_liq.simulator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from airflow_provider_binance_liq.simulator.accounts import Credentials
    from airflow_provider_binance_liq.simulator.exchange import LoggedRequest
    from airflow_provider_binance_liq.simulator.faults import Fault
    from airflow_provider_binance_liq.simulator.history import History

_BANNED = 418
_TOO_MANY = 429
#: how soon the server notices that it shall stop
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Stats:
    """What was sent, counted."""

    requests: int
    #: HTTP status → answers; 0 counts connections reset without one
    statuses: Mapping[int, int]
    weight: int
    #: 429s and 418s that the client brought about or met
    throttled: int
    banned: int
    during_ban: int
    during_hold: int
    #: highest share of a pool's weight per minute that was used, by everybody on the address
    highest_share: float


class Simulator:
    """A strict local exchange on loopback, in threads of its own."""

    def __init__(
        self,
        settings: Settings | None = None,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        history: History | None = None,
    ) -> None:
        self.settings = settings or Settings()
        #: history from the seed; what is served unless another one was given
        self.seeded = SeededHistory(self.settings)
        self._exchange = Exchange(self.settings, history or self.seeded)
        self._clock = clock
        self._port = port
        self._server: Server | None = None

    def start(self) -> Self:
        """Bind the port and serve.

        :raises OSError: when the port is in use.
        """
        if self._server is None:
            self._server = Server(self._exchange, self._port, self._clock)
            self._port = self._server.server_port
            name = f"binance-liq simulator {self._port}"
            serve = self._server.serve_forever
            threading.Thread(target=serve, args=(_POLL_S,), name=name, daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop serving and end every connection; `start` serves again on the same port."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The origin that serves every family."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that have a key."""
        return self._exchange.accounts.names

    @property
    def now_ms(self) -> int:
        """What the exchange's clock says, in epoch ms."""
        return self._exchange.now_ms(int(self._clock() * 1000))

    def credentials(self, account: str = "demo") -> Credentials:
        """Return the HMAC key of an account, which follows from the seed and the account's name."""
        return self._exchange.accounts.credentials(account)

    def register_key(self, account: str, api_key: str, public_key_pem: str | bytes) -> None:
        """Register an RSA or Ed25519 public key for an account."""
        self._exchange.accounts.register(account, api_key, public_key_pem)

    def truth(self, endpoint: str, *, start_ms: int, end_ms: int, account: str | None = None) -> list[bytes]:
        """Return every row of `[start_ms, end_ms)`, spelled as an answer spells it.

        The window is compared with the instant that `Settings.filter_by` names; the rows are ordered by
        time and key. Rows that are late, beyond retention or still to come are among them; those of an
        endpoint that are no liquidations are not.
        """
        row = get_endpoint(endpoint)
        by = self.settings.filter_by if row.is_by_time else "updateTime"
        owner = self.accounts[0] if account is None else account
        with self._lock():
            records = self._exchange.history.rows(row, owner, start_ms, end_ms, by)
        return [record.body for record in records if record.is_liquidation]

    def cascade_days(self, start_ms: int, end_ms: int) -> list[date]:
        """Return the UTC days with a cascade that `[start_ms, end_ms)` touches."""
        return self.seeded.cascade_days(start_ms, end_ms)

    def add_fault(self, fault: Fault) -> None:
        """Add a fault; it counts the matching requests from now on."""
        with self._lock():
            self._exchange.faults.add(fault)

    def clear_faults(self) -> None:
        """Forget every fault that is still to strike."""
        with self._lock():
            self._exchange.faults.clear()

    @property
    def requests(self) -> tuple[LoggedRequest, ...]:
        """Every request so far, in the order of arrival."""
        with self._lock():
            return tuple(self._exchange.log)

    def forget_requests(self) -> None:
        """Begin a new log; weights, bans and faults stay."""
        with self._lock():
            self._exchange.log.clear()

    @property
    def stats(self) -> Stats:
        """What was sent so far, counted."""
        log = self.requests
        statuses = Counter(request.status for request in log)
        shares = [request.used_weight / request.weight_limit for request in log if request.weight_limit]
        return Stats(
            requests=len(log),
            statuses=dict(statuses),
            weight=sum(request.weight for request in log),
            throttled=statuses[_TOO_MANY],
            banned=statuses[_BANNED],
            during_ban=sum(request.during_ban for request in log),
            during_hold=sum(request.during_hold for request in log),
            highest_share=max(shares, default=0.0),
        )

    def _lock(self) -> threading.Lock:
        return self._server.lock if self._server else threading.Lock()

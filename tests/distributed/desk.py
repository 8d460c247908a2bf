"""A trading desk on the same IP address: it asks a little of every pool, and has to be answered always."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Final, Self

import requests

if TYPE_CHECKING:
    from types import TracebackType

#: one path per pool that the desk draws on; each weighs 1
_PATHS: Final = ("/fapi/v1/ping", "/papi/v1/ping", "/api/v3/ping")
_EVERY_S: Final = 1.0
_TIMEOUT_S: Final = 30.0


class Desk:
    """Asks from a thread of its own until it is closed, and counts the answers."""

    def __init__(self, url: str) -> None:
        self._url = url
        #: HTTP status → answers; 0: none
        self.statuses: Counter[int] = Counter()
        self._closed = threading.Event()
        self._may_ask = threading.Lock()
        self._thread = threading.Thread(target=self._ask_on, name="desk", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join(_TIMEOUT_S)

    def pause(self) -> None:
        """Ask nothing from now on: a ban is coming, and a request would make it longer."""
        self._may_ask.acquire()

    def resume(self) -> None:
        """Ask again."""
        self._may_ask.release()

    def _ask_on(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._closed.wait(_EVERY_S):
                if self._may_ask.acquire(timeout=_EVERY_S):
                    try:
                        for path in _PATHS:
                            self.statuses[self._ask(session, path)] += 1
                    finally:
                        self._may_ask.release()

    def _ask(self, session: requests.Session, path: str) -> int:
        try:
            return session.get(self._url + path, timeout=_TIMEOUT_S).status_code
        except requests.RequestException:
            return 0

"""The client: drives the core over HTTP, one request at a time, and keeps three promises.

* The bytes that were signed are the bytes that are sent, and every attempt is signed anew.
* Nothing is sent while a ban or a Retry-After lasts, nor when our share of the weight is used up.
* No key, signature or signed URL leaves it, except to the configured host: not in an error, not in a log.

Time, sleep and randomness are arguments.
"""

from __future__ import annotations

import logging
import random
import re
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import requests
import urllib3

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.answers import Again, Fail, Hold, Response, judge
from airflow_provider_binance_liq.core.endpoints import FAMILIES, Endpoint
from airflow_provider_binance_liq.core.public import read_limit, read_symbols, read_time
from airflow_provider_binance_liq.core.rows import UnreadableBody, read_page
from airflow_provider_binance_liq.core.signing import encode_query, sign_query
from airflow_provider_binance_liq.exceptions import (
    ClockSkew,
    ExchangeUnavailable,
    IpBanned,
    LiquidationsError,
    RequestRejected,
    SpanRefused,
    Throttled,
    UnexpectedRow,
)
from airflow_provider_binance_liq.ledger import Ledger, find_ledger
from airflow_provider_binance_liq.pacing import Draw, Pacer, Wait
from airflow_provider_binance_liq.transport import DEADLINE_FACTOR, PunctualAdapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_binance_liq.core.paging import Ask
    from airflow_provider_binance_liq.core.rows import Page
    from airflow_provider_binance_liq.core.signing import Signer

log = logging.getLogger(__name__)
T = TypeVar("T")

#: attempts at one request while the answers are transient
ATTEMPTS: Final = 5
#: times in a row that one request may be told to wait
_HOLDS: Final = 5
#: times in a row that the clock may be read again for one request
_RESYNCS: Final = 2
#: seconds between questions for a ban that others have met
_HEED_EVERY_S: Final = 10.0
_BACKOFF_S: Final = 0.2
#: the clocks, ping and exchangeInfo of fapi, dapi and papi, and sapi's clock
_PUBLIC_WEIGHT: Final = 1
#: longer answers are no page of 100 rows and no list of symbols
_LONGEST_BODY: Final = 64 * 1024 * 1024
#: read at once; with a size given, an answer shorter than announced is an error
_CHUNK: Final = 64 * 1024
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_SIGNATURE: Final = re.compile(r"(signature=)[^&\s'\"]+")


@dataclass(frozen=True, slots=True)
class Settings:
    """How one account is reached; `origins` maps a family's name to the origin that serves it."""

    api_key: str = field(repr=False)
    signer: Signer = field(repr=False)
    origins: Mapping[str, str]
    #: how long after its timestamp a request stays valid, in ms; at most 60000
    recv_window_ms: int = 5000
    #: share of the IP address's weight that may be used up before waiting
    weight_share: float = 0.5
    #: weight per minute by pool (`futures`, `papi`, `sapi`), where the user knows better
    weight_limits: Mapping[str, int] = field(default_factory=dict)
    #: whether other tasks ask from the same IP address: what is learnt of it is then shared with those of
    #: this machine, and nothing heavy is asked before something light has told the used weight
    coordinate: bool = False
    #: seconds to connect, to wait for the first byte, and three times that for the whole answer
    timeout_s: float = 10.0
    #: longest wait that is slept through here; a longer one raises `Throttled`
    patience_s: float = 60.0
    #: attempts at one request while the answers are transient
    attempts: int = ATTEMPTS


@dataclass(slots=True)
class Spent:
    """Requests for rows that were sent, repeated ones included, and their documented weight."""

    requests: int = 0
    weight: int = 0


class _HideSignatures(logging.Filter):
    """urllib3 logs targets: of every request at DEBUG, of broken headers as a warning with what was sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        if "signature=" in (said := record.getMessage()):
            # What a header holds that cannot be read may be an echo; the traceback repeats it.
            record.msg = _SIGNATURE.sub(r"\1***", said.partition(", unparsed data")[0])
            record.args = record.exc_info = record.exc_text = None
        return True


_hide_signatures: Final = _HideSignatures()
for _name in ("connection", "connectionpool", "poolmanager", "util.retry"):
    logging.getLogger(f"urllib3.{_name}").addFilter(_hide_signatures)


class BinanceClient:
    """Sends what the core decides to one account's hosts.

    :raises LiquidationsError: every method, by the branch that says what a retry should do.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        earlier_holds: int = 0,
        ledger: Ledger | None = None,
        known_ban: Callable[[], int] | None = None,
    ) -> None:
        self.settings = settings
        #: answers in a row that asked to wait, also before this client; a guessed wait grows with it
        self._holds = earlier_holds
        self.spent = Spent()
        #: tells until when others know of a ban, in epoch ms on this machine's clock, and when to ask again
        self._known_ban = known_ban
        self._heed_again = float("-inf")
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._uniform = uniform
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, PunctualAdapter())
        #: ms to add to the local clock, per family whose clock was read
        self._offsets: dict[str, int] = {}
        #: what no text may hold: the key, and the signature of the last attempt as it is and as it was sent
        self._hidden: tuple[str, ...] = (settings.api_key,)
        #: when the last attempt was sent, and its answer received, by the local clock
        self._sent_ms = self._received_ms = 0
        shared = ledger or find_ledger(settings.origins, coordinate=settings.coordinate)
        self._pacer = Pacer(shared, settings.weight_share, settings.weight_limits)
        #: what was asked ahead of a request already, to learn of its pool
        self._looked_up: set[str] = set()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    # What can be asked for. There is nothing else: the paths of the table, the clocks, the symbols.

    def fetch(self, endpoint: Endpoint, ask: Ask) -> Page:
        """Ask for one page.

        :raises SpanRefused: the exchange wants a shorter span; paging knows what to do.
        """
        weight = endpoint.request_weight(symbol=ask.symbol is not None)
        request = _Request(
            draw=Draw(endpoint.family.name, endpoint.weight_pool, weight),
            path=endpoint.path,
            said=f"GET {endpoint.path} ({ask})",
            parameters=tuple(_parameters(endpoint, ask)),
            signed=True,
        )
        return self._get(request, lambda body: read_page(body, endpoint))

    def symbols(self, endpoint: Endpoint) -> frozenset[str] | None:
        """List the symbols that `endpoint` may have rows of; None where there is no such list."""
        if endpoint.symbols_path is None or endpoint.symbols_family is None:
            return None
        try:
            return self._get(
                _public(endpoint.symbols_family, endpoint.symbols_path, _PUBLIC_WEIGHT), read_symbols
            )
        except (RequestRejected, ExchangeUnavailable) as error:
            log.warning("The symbols of %s cannot be listed: %s", endpoint.name, error)
            return None

    def server_time_ms(self, family: str) -> int:
        """Read the clock that `family` goes by, and keep its offset from the local one."""
        clock_family = FAMILIES[family].clock_family
        path = FAMILIES[family].clock_path
        server_ms = self._get(_public(clock_family, path, _PUBLIC_WEIGHT), read_time)
        # The server read its clock somewhere between sending and receiving the attempt that was answered.
        offset_ms = server_ms - (self._sent_ms + self._received_ms) // 2
        self._offsets[clock_family] = offset_ms
        self._pacer.learn_clock(clock_family, offset_ms, self._local_ms())
        return server_ms

    def clock_offset_ms(self, family: str) -> int:
        """Milliseconds by which the exchange's clock is ahead of the local one, as last read."""
        return self._offsets.get(FAMILIES[family].clock_family, 0)

    def now_ms(self, family: str) -> int:
        """Tell the time on the exchange's clock."""
        return self._local_ms() + self.clock_offset_ms(family)

    # How it is asked.

    def _get(self, request: _Request, read: Callable[[bytes], T], attempts: int | None = None) -> T:
        """Send until there is an answer to use, or an error to raise."""
        tries = _Tries(attempts or self.settings.attempts)
        if request.signed:
            self._look_ahead(request)
        while True:
            verdict: Again | Hold | Fail | None
            answer = self._send(request, self._wait_for_weight(request))
            if isinstance(answer, Response):
                verdict = self._judge(request, answer)
                if verdict is None:
                    if request.signed:
                        self._holds = 0
                    try:
                        return read(answer.body)
                    except UnreadableBody as error:
                        verdict = Again(str(error))
                    except UnexpectedRow as error:
                        verdict = Fail(UnexpectedRow, str(error), "nothing was written")
            else:
                verdict = answer
            self._act_on(verdict, request, tries)

    def _look_ahead(self, request: _Request) -> None:
        """Learn what a signed request needs: the time, and what its pool allows and has used up.

        Each is asked for at most once; where it cannot be told, the documented limit and our own count do.
        """
        family = FAMILIES[request.family]
        if not self._knows_clock(family.clock_family):
            self.server_time_ms(request.family)
        now_ms = self.now_ms(request.family)
        if family.scout_path and self.settings.coordinate and self._pacer.is_blind(request.draw, now_ms):
            self._look_up(request, family.scout_path, lambda _: None)
        if family.limits_path and self._pacer.lacks_limit(request.draw, self.now_ms(request.family)):
            limit = self._look_up(request, family.limits_path, read_limit)
            if limit is not None:
                self._pacer.learn_limit(request.draw, limit, self.now_ms(request.family))

    def _knows_clock(self, name: str) -> bool:
        if name not in self._offsets:
            found = self._pacer.clock(name, self._local_ms())
            if found is not None:
                self._offsets[name] = found
        return name in self._offsets

    def _look_up(self, request: _Request, path: str, read: Callable[[bytes], T]) -> T | None:
        """Ask for something public that helps `request`, once; None where it is not to be had."""
        if path in self._looked_up:
            return None
        self._looked_up.add(path)
        try:
            return self._get(_public(request.family, path, _PUBLIC_WEIGHT), read, attempts=1)
        except (RequestRejected, ExchangeUnavailable) as error:
            log.info("Going by what is documented: %s", error)
            return None

    def _wait_for_weight(self, request: _Request) -> str:
        """Sleep until the request may be sent; return its ticket.

        :raises Throttled: when that takes longer than our patience, with the instant to come back at.
        """
        budget = self._pacer.budget(request.draw, self.now_ms(request.family))
        weight = request.draw.weight
        if weight > budget.allowed:
            message = (
                f"{request.said} costs a weight of {weight}, but a weight_share of {budget.share:g} "
                f"of the limit of {budget.limit} allows {budget.allowed} a minute; raise weight_share"
            )
            raise RequestRejected(message)
        while True:
            self._heed_ban(request)
            now_ms = self.now_ms(request.family)
            admitted = self._pacer.admit(request.draw, now_ms)
            if not isinstance(admitted, Wait):
                return admitted
            self._wait_until(admitted, now_ms, request)

    def _heed_ban(self, request: _Request) -> None:
        """Take over, now and then, a ban that others have met."""
        if self._known_ban is None or self._monotonic() < self._heed_again:
            return
        self._heed_again = self._monotonic() + _HEED_EVERY_S
        until_ms = self._known_ban()
        if until_ms > self._local_ms():
            until_ms += self.clock_offset_ms(request.family)
            self._pacer.hold(request.draw, until_ms, self.now_ms(request.family), banned=True)

    def _wait_until(self, wait: Wait, now_ms: int, request: _Request) -> None:
        seconds = (wait.until_ms - now_ms) / 1000
        reason = "its IP address is banned" if wait.banned else "its weight is used up"
        if seconds > self.settings.patience_s:
            kind = IpBanned if wait.banned else Throttled
            message = (
                f"{request.said} has to wait for {seconds:.0f} s, because {reason}; a retry goes on then"
            )
            raise kind(message, wait.until_ms - self.clock_offset_ms(request.family), self._holds)
        log.info("%s waits for %.1f s, because %s", request.said, seconds, reason)
        metrics.waited(request.draw.pool, seconds, banned=wait.banned)
        # A little later for everybody, and not at the same moment for all.
        self._sleep(seconds + self._uniform(0.05, 0.5))

    def _send(self, request: _Request, ticket: str) -> Response | Again:
        """Send one attempt, with a timestamp and signature of its own."""
        headers = {"Accept": "application/json", "User-Agent": "airflow-provider-binance-liq"}
        target = self.settings.origins[request.family] + request.path
        if request.signed:
            headers["X-MBX-APIKEY"] = self.settings.api_key
            target = f"{target}?{self._signed_query(request)}"
            self.spent.requests += 1
            self.spent.weight += request.draw.weight
        self._sent_ms = self._local_ms()
        used: int | None = None
        try:
            response = self._receive(target, headers)
            self._received_ms = self._local_ms()
            used = _used_weight(request, response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            # Its text may hold the signed URL: only the kind of the error goes on.
            return Again(f"no answer ({type(error).__name__})")
        finally:
            self._pacer.answer(request.draw, ticket, self.now_ms(request.family), used)
        return response

    def _signed_query(self, request: _Request) -> str:
        stamps: tuple[tuple[str, str | int], ...] = (
            ("recvWindow", self.settings.recv_window_ms),
            ("timestamp", self.now_ms(request.family)),
        )
        query = sign_query(encode_query((*request.parameters, *stamps)), self.settings.signer)
        signature = query.rpartition("=")[2]
        self._hidden = (self.settings.api_key, signature, unquote(signature))
        return query

    def _receive(self, target: str, headers: Mapping[str, str]) -> Response:
        """Receive one whole answer within its time.

        :raises OSError: when it takes too long or is too large.
        """
        prepared = requests.Request("GET", target.partition("?")[0], headers=dict(headers)).prepare()
        prepared.url = target  # as it was signed; preparing it would quote it again
        deadline = self._monotonic() + DEADLINE_FACTOR * self.settings.timeout_s
        # Not by the session: where an answer redirects, it reads the whole body to prepare the next request.
        adapter = self._session.get_adapter(target)
        with adapter.send(
            prepared, stream=True, timeout=self.settings.timeout_s, **self._transport(target)
        ) as response:
            body = bytearray()
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > _LONGEST_BODY or self._monotonic() > deadline:
                    message = f"{len(body)} bytes and no end"
                    raise TimeoutError(message)
            return Response(response.status_code, response.headers, bytes(body))

    def _transport(self, target: str) -> dict[str, Any]:
        """Proxies and certificates from the environment; none of that for loopback."""
        if is_loopback(target):
            return {"proxies": {}, "verify": True}
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(target))
        found = self._session.merge_environment_settings(origin, {}, None, None, None)
        return {"proxies": found["proxies"], "verify": found["verify"] or True}

    def _judge(self, request: _Request, answer: Response) -> Again | Hold | Fail | None:
        return judge(request.family, answer, now_ms=self.now_ms(request.family), earlier_holds=self._holds)

    def _act_on(self, verdict: Again | Hold | Fail, request: _Request, tries: _Tries) -> None:
        """Prepare the next attempt, or raise."""
        if isinstance(verdict, Fail):
            raise self._failure(verdict, request)
        if isinstance(verdict, Hold):
            self._hold(verdict, request, tries)
        elif verdict.resync and request.signed:
            tries.resyncs += 1
            if tries.resyncs > _RESYNCS:
                message = (
                    f"{request.said}: {verdict.said}, although the exchange's clock was read {_RESYNCS} times"
                )
                raise ClockSkew(self._redact(message))
            self.server_time_ms(request.family)
        else:
            self._back_off(verdict, request, tries)

    def _hold(self, verdict: Hold, request: _Request, tries: _Tries) -> None:
        tries.holds += 1
        self._holds += 1
        now_ms = self.now_ms(request.family)
        self._pacer.hold(request.draw, verdict.until_ms, now_ms, banned=verdict.banned)
        log.warning("%s: %s", request.said, self._redact(verdict.said))
        if tries.holds >= _HOLDS:
            kind = IpBanned if verdict.banned else Throttled
            message = f"{request.said}: told to wait {tries.holds} times in a row, at last by {verdict.said}"
            until_ms = verdict.until_ms - self.clock_offset_ms(request.family)
            raise kind(self._redact(message), until_ms, self._holds)

    def _back_off(self, verdict: Again, request: _Request, tries: _Tries) -> None:
        tries.attempts += 1
        if tries.attempts >= tries.most:
            message = (
                f"{request.said}: no usable answer in {tries.attempts} attempts, at last {verdict.said}; "
                "a retry asks again"
            )
            raise ExchangeUnavailable(self._redact(message))
        log.info("%s: %s; asking again", request.said, self._redact(verdict.said))
        # Doubling, as the exchange's own page on 503 asks for, and spread over half of it.
        longest = _BACKOFF_S * 2**tries.attempts
        self._sleep(self._uniform(longest / 2, longest))

    def _failure(self, verdict: Fail, request: _Request) -> LiquidationsError:
        message = self._redact(f"{request.said}: {verdict.said}; {verdict.advice}")
        if issubclass(verdict.kind, SpanRefused):
            return verdict.kind(message, verdict.code, verdict.longest_ms)
        if issubclass(verdict.kind, RequestRejected):
            return verdict.kind(message, verdict.code)
        return verdict.kind(message)

    def _local_ms(self) -> int:
        return int(self._clock() * 1000)

    def _redact(self, text: str) -> str:
        """Take out what an answer may have echoed."""
        for secret in self._hidden:
            text = text.replace(secret, "***")
        return _SIGNATURE.sub(r"\1***", text)


@dataclass(frozen=True, slots=True)
class _Request:
    draw: Draw
    path: str
    said: str
    parameters: tuple[tuple[str, str | int], ...] = ()
    signed: bool = False

    @property
    def family(self) -> str:
        return self.draw.family


@dataclass(slots=True)
class _Tries:
    most: int
    attempts: int = 0
    holds: int = 0
    resyncs: int = 0


def is_loopback(url: str) -> bool:
    """Whether `url` names this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parameters(endpoint: Endpoint, ask: Ask) -> Iterable[tuple[str, str | int]]:
    """Spell an ask in the endpoint's own parameter names."""
    yield "startTime", ask.first_ms
    yield "endTime", ask.last_ms
    if ask.symbol is not None and endpoint.symbol_parameter:
        yield endpoint.symbol_parameter, ask.symbol
    if ask.auto_close_type is not None:
        yield "autoCloseType", ask.auto_close_type
    if ask.number is None:
        yield "limit", endpoint.page_size
    else:
        yield "current", ask.number
        yield "size", endpoint.page_size


def _public(family: str, path: str, weight: int) -> _Request:
    return _Request(Draw(family, FAMILIES[family].weight_pool, weight), path, f"GET {path}")


def _used_weight(request: _Request, response: Response) -> int | None:
    """Read what the server counts; its answers to the clock of sapi count another limit."""
    used = response.headers.get(FAMILIES[request.family].used_weight_header, "")
    return int(used) if _COUNT.fullmatch(used) else None

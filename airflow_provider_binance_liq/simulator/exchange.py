"""The exchange itself: a request and the time in, an answer out; no socket and no clock of its own.

In this order: the path, the ban and the weight of the address, a fault if one is due, then key, signature,
time, permission and parameters, and only then rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.simulator import listings, pages
from airflow_provider_binance_liq.simulator.accounts import Accounts, is_well_formed
from airflow_provider_binance_liq.simulator.fault_kinds import BANNED, Incident, ban_text
from airflow_provider_binance_liq.simulator.faults import Fault, FaultPlan
from airflow_provider_binance_liq.simulator.limits import Limits, Verdict
from airflow_provider_binance_liq.simulator.permissions import check_permission, has_records
from airflow_provider_binance_liq.simulator.queries import (
    check_names,
    check_time,
    peek,
    read_question,
    read_signed,
)
from airflow_provider_binance_liq.simulator.refusals import Refusal
from airflow_provider_binance_liq.simulator.responses import HTML, Response, answer, error, refuse
from airflow_provider_binance_liq.simulator.routes import ROUTES
from airflow_provider_binance_liq.simulator.symbols import is_listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.simulator.history import History
    from airflow_provider_binance_liq.simulator.routes import Route
    from airflow_provider_binance_liq.simulator.settings import Settings

_OK: Final = 200
_BANNED: Final = 418


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came off the wire."""

    method: str
    path: str
    #: the query exactly as sent, without the question mark
    query: bytes
    #: header → value, names in lower case
    headers: Mapping[str, str]
    #: the client's IP address
    address: str

    @property
    def target(self) -> str:
        """Path and query, as sent."""
        return f"{self.path}?{self.query.decode('latin-1')}" if self.query else self.path


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """What the exchange remembers of a request."""

    method: str
    path: str
    #: the endpoint's name, or clock, ping, exchange_info, restrictions; empty for any other path
    endpoint: str
    params: Mapping[str, str]
    #: host that the request was addressed to
    host: str
    #: the request carried an API key
    has_key: bool
    #: owner of that key; empty where there is none
    account: str
    #: HTTP status of the answer; 0 where the connection was reset without one
    status: int
    #: instant of arrival in epoch ms, on the exchange's clock
    at_ms: int
    #: weight that the request cost
    weight: int
    #: weight used of its pool in that minute afterwards, by everybody on the address
    used_weight: int
    #: the pool's weight per minute
    weight_limit: int
    pool: str
    #: the request came while its address was banned
    during_ban: bool
    #: the request came after a 429 and before that allowed
    during_hold: bool
    #: name of the fault that it met
    fault: str | None


@dataclass(frozen=True, slots=True)
class _Service:
    """What serving a request came to."""

    verdict: Verdict
    cost: int = 0
    fault: Fault | None = None


class Exchange:
    """State of one exchange; not thread-safe: the server takes care of that."""

    def __init__(self, settings: Settings, history: History) -> None:
        self.settings = settings
        self.history = history
        self.accounts = Accounts(settings.seed, settings.accounts)
        self.limits = Limits(settings)
        self.faults = FaultPlan()
        self.log: list[LoggedRequest] = []
        #: how far the clock has been moved by faults, in ms
        self.moved_ms = 0
        self._asked: Counter[tuple[str, str]] = Counter()
        self._asked_at: dict[tuple[str, str], int] = {}
        #: this server under another name
        self.other_origin = ""

    def now_ms(self, real_ms: int) -> int:
        """Return what the exchange's clock says."""
        return real_ms + self.settings.clock_offset_ms + self.moved_ms

    def handle(self, request: Request, real_ms: int) -> Response:
        """Answer one request and remember it."""
        route = ROUTES.get(request.path)
        if route is None:
            response = Response(404, b"<html><body><h2>404 Not found</h2></body></html>", HTML)
        elif request.method != "GET":
            response = error(405, -1, "Method Not Allowed").with_headers(("Allow", "GET"))
        else:
            return self._serve(route, request, real_ms)
        self._remember(request, route, response, self.now_ms(real_ms))
        return response

    def _serve(self, route: Route, request: Request, real_ms: int) -> Response:
        now_ms = self.now_ms(real_ms)
        cost = route.cost(peek(request.query))
        verdict = self.limits.charge(request.address, route.pool, cost, now_ms)
        fault: Fault | None = None
        if verdict.status == _OK:
            fault = self.faults.strike(route.name)
            response = self._answer(route, request, real_ms, fault)
        else:
            response = self._throttled(route, request, verdict, now_ms)
        if verdict.status != _BANNED:
            response = response.with_headers((_used_header(route), str(verdict.used)))
        service = _Service(verdict, 0 if verdict.during_ban else cost, fault)
        self._remember(request, route, response, now_ms, service)
        return response

    def _answer(self, route: Route, request: Request, real_ms: int, fault: Fault | None) -> Response:
        def genuine() -> Response:
            try:
                return self._genuine(route, request, self.now_ms(real_ms), fault)
            except Refusal as refusal:
                return refuse(refusal)

        if fault is None or fault.kind.act is None:
            return genuine()
        now_ms, address = self.now_ms(real_ms), request.address
        incident = Incident(
            fault=fault,
            address=address,
            target=request.target,
            other_origin=self.other_origin,
            genuine=genuine,
            ban=lambda seconds: self.limits.ban(address, now_ms, seconds),
            hold=lambda seconds: self.limits.hold(address, route.pool, now_ms, seconds),
            move_clock=self._move_clock,
        )
        return fault.kind.act(incident)

    def _genuine(self, route: Route, request: Request, now_ms: int, fault: Fault | None) -> Response:
        if route.endpoint is None:
            return route.act(self, request, now_ms)
        parameters, account = self._authenticate(request, now_ms)
        check_permission(route.endpoint, self.settings, request.address)
        if self._is_too_soon(route.endpoint, account, now_ms):
            return error(429, -1003, "Too many requests; one request per second per account is allowed.")
        question = read_question(route.endpoint, parameters, self.settings, now_ms)
        if question.symbol is not None and not self._knows(route.endpoint, question.symbol, now_ms):
            raise Refusal(-1121)
        question = replace(
            question,
            answered=question.answered and has_records(route.endpoint, self.settings),
            asked_before=self._asked[account, route.name],
        )
        self._asked[account, route.name] += 1
        page = pages.select(question, self.history, account, self.settings, now_ms)
        if fault is not None and fault.kind.alter is not None:
            page = fault.kind.alter(page)
        return Response(_OK, page.body())

    def _is_too_soon(self, endpoint: Endpoint, account: str, now_ms: int) -> bool:
        """Whether an account asks an endpoint again before it may."""
        before_ms = self._asked_at.get((account, endpoint.name))
        self._asked_at[account, endpoint.name] = now_ms
        # A clock that was set back does not show how long ago that was.
        return before_ms is not None and 0 <= now_ms - before_ms < endpoint.min_interval_ms

    def _knows(self, endpoint: Endpoint, symbol: str, now_ms: int) -> bool:
        delisted = self.settings.delisted_symbols
        if self.settings.delisted_filter == "refused" and not is_listed(endpoint, symbol, now_ms, delisted):
            return False
        return self.history.knows(endpoint, symbol)

    def _authenticate(self, request: Request, now_ms: int) -> tuple[Mapping[str, str], str]:
        api_key = request.headers.get("x-mbx-apikey", "")
        if not is_well_formed(api_key):
            raise Refusal(-2014)
        key = self.accounts.find(api_key)
        if key is None:
            raise Refusal(-2015, request.address)
        query = read_signed(request.query)
        if not key.verify(query.payload, query.signature):
            raise Refusal(-1022)
        check_time(query.parameters, now_ms)
        return query.parameters, key.account

    def _throttled(self, route: Route, request: Request, verdict: Verdict, now_ms: int) -> Response:
        if verdict.status == _BANNED:
            says_when = self.settings.ban_until_in_body
            text = ban_text(request.address, verdict.until_ms) if says_when else BANNED
        elif route.family in _DOCUMENT_RETRY_AFTER:
            text = (
                f"Too much request weight used; current limit is {verdict.limit} request weight per "
                "1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
            )
        else:
            text = (
                f"Too many requests; current limit is {verdict.limit} requests per minute. "
                "Please use the websocket for live updates to avoid polling the API."
            )
        response = error(verdict.status, -1003, text)
        if not self._says_retry_after(route):
            return response
        return response.with_headers(("Retry-After", str(verdict.retry_after_s(now_ms))))

    def _says_retry_after(self, route: Route) -> bool:
        wanted = self.settings.retry_after
        return route.family in _DOCUMENT_RETRY_AFTER if wanted is None else wanted

    def _move_clock(self, seconds: float) -> None:
        self.moved_ms += round(seconds * 1000)

    def _remember(
        self,
        request: Request,
        route: Route | None,
        response: Response,
        at_ms: int,
        service: _Service | None = None,
    ) -> None:
        api_key = request.headers.get("x-mbx-apikey", "")
        key = self.accounts.find(api_key)
        served = service or _Service(Verdict(_OK, 0, 0))
        self.log.append(
            LoggedRequest(
                method=request.method,
                path=request.path,
                endpoint=route.name if route else "",
                params=peek(request.query),
                host=request.headers.get("host", ""),
                has_key=bool(api_key),
                account=key.account if key else "",
                status=0 if response.wire.unanswered else response.status,
                at_ms=at_ms,
                weight=served.cost,
                used_weight=served.verdict.used,
                weight_limit=served.verdict.limit,
                pool=route.pool if route else "",
                during_ban=served.verdict.during_ban,
                during_hold=served.verdict.during_hold,
                fault=served.fault.name if served.fault else None,
            )
        )

    def restrictions(self, request: Request, now_ms: int) -> Response:
        """Say what the key may do."""
        parameters, _ = self._authenticate(request, now_ms)
        check_names(parameters, ())
        return answer(listings.restrictions(now_ms, self.settings))


#: families whose documentation promises Retry-After
_DOCUMENT_RETRY_AFTER: Final = frozenset({"sapi", "api"})


def _used_header(route: Route) -> str:
    return "X-SAPI-USED-IP-WEIGHT-1M" if route.family == "sapi" else "X-MBX-USED-WEIGHT-1M"

"""Every fault on every endpoint at every place of a history: one extraction each, and what came of it.

The exchange is the strict one on loopback, the client and the job are the real ones. Time is a clock that
only sleeping moves, so that waits take none; the faults that are slow by themselves get a short timeout.
"""

from __future__ import annotations

import logging
import socket
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from support.errors import everything_said
from support.scripted import Time

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS, WITH_ORDERS, get_endpoint
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import LiquidationsError, Throttled
from airflow_provider_binance_liq.exchange.client import BinanceClient, ClientSettings
from airflow_provider_binance_liq.exchange.connection import Account
from airflow_provider_binance_liq.extraction.job import Job
from airflow_provider_binance_liq.extraction.reader import Filters
from airflow_provider_binance_liq.lake import fetch_object, open_destination, read_manifest
from airflow_provider_binance_liq.simulator import (
    FAULTS,
    ExplicitHistory,
    Fault,
    Settings,
    Simulator,
    make_row,
)
from airflow_provider_binance_liq.simulator.limits import Limits

#: 2026-10-01
WINDOW = Window(1_790_812_800_000, 1_790_812_800_000 + DAY_MS)
NOW_S = (WINDOW.end_ms + 5 * DAY_MS) / 1000 + 7.25
#: rows of the window, on each endpoint
ROWS = 230
BY_TIME = [name for name in WITH_ORDERS if ENDPOINTS[name].is_by_time]
BY_NUMBER = [name for name in WITH_ORDERS if not ENDPOINTS[name].is_by_time]
#: whose history has no row in the very millisecond after the window: its last page ends with a row of it
QUIET = ("usdm_futures", "portfolio_um")
PLACES = ("first", "middle", "last")
#: real seconds after which a silent exchange is given up; a body that trickles, after three times that
_TIMEOUT_S = 0.2


# --- what goes wrong ------------------------------------------------------------------------------------


def label(fault):
    """Name a fault by what tells it from the others of its kind."""
    told = [f"{name}={getattr(fault, name)}" for name in _TOLD if getattr(fault, name) != _PLAIN[name]]
    return " ".join([fault.name, *told])


_TOLD = ("code", "status", "seconds", "retry_after", "until_in_body")
_PLAIN = {name: getattr(Fault("gzip"), name) for name in _TOLD}
_MORE = (
    # Codes that mean something in some families only.
    Fault("http_400", code=-1127, message="More than 24 hours between startTime and endTime."),
    Fault("http_400", code=-4165, message="Maximum time interval is 7 days."),
    Fault("http_400", code=-4088, message="Maximum time interval is 7 days."),
    Fault("http_400", code=-4047, message="Time interval must be within 0-7 days."),
    Fault("http_400", code=-4166, message="Search window is restricted to recent 2 days only."),
    Fault("http_400", code=-1004, message="Server is busy, please wait and try again."),
    Fault("http_400", code=-5041, message="Time out for too many requests from this account queueing."),
    # Waits, named in the text, in the header, in both, in neither.
    Fault("http_418", seconds=60),
    Fault("http_418", seconds=60, retry_after=60),
    Fault("http_418", seconds=3, retry_after=50, until_in_body=False),
    Fault("http_418", retry_after=120, until_in_body=False),
    Fault("http_418", until_in_body=False),
    Fault("http_429", retry_after=30),
    Fault("http_429", retry_after=600),
    Fault("redirect_same_host", status=308),
    Fault("redirect_other_host", status=307),
    Fault("clock_jump", seconds=-3600),
)
#: label → fault: each of the simulator's, and those whose fields decide what becomes of them
VARIANTS = {
    label(fault): fault for name in FAULTS for fault in (Fault(name), *(f for f in _MORE if f.name == name))
}
SLOW = ("slow_first_byte", "slow_drip")
#: those that can strike the clock too
OF_CLOCKS = [name for name, kind in FAULTS.items() if kind.act is not None]


@dataclass(frozen=True)
class Case:
    """One extraction, and what goes wrong in it."""

    endpoint: str
    faults: tuple[str, ...] = ()
    place: str = "first"
    #: the faults strike every request from that place on
    lasting: bool = False
    #: they strike the clock that the client reads instead
    clock: bool = False
    #: the machine's own clock jumps by so many seconds after it was read so many times
    jump: tuple[float, int] | None = None
    #: number of the request for rows, instead of a place
    nth: int | None = None


@dataclass
class Seen:
    """What came of one case."""

    #: name of the error; empty where the window was extracted
    error: str = ""
    #: rows of the truth that the object lacks, where one was written
    lost: int = 0
    #: the object is the truth byte for byte, and its manifest says complete and matches it
    exact: bool = False
    #: a manifest says complete
    claimed: bool = False
    #: why it does not
    reasons: tuple = ()
    #: requests for rows and the one for the clock; whether the limit is looked up depends on the minute
    requests: int = 0
    #: requests that the same pages take without any fault
    faultless: int = 0
    #: rows of each page that was read, in the order of reading
    sizes: list = field(default_factory=list)
    #: files that are visible at the destination afterwards
    visible: list = field(default_factory=list)
    during_ban: int = 0
    during_hold: int = 0
    #: connections that were tried
    connected: int = 0
    #: addresses other than the configured one that anything was sent to
    elsewhere: list = field(default_factory=list)
    #: where a key, a secret, a signature or a signed URL was found
    leaks: list = field(default_factory=list)
    #: names of the faults that struck
    struck: list = field(default_factory=list)
    #: the same, after the fault was over
    rerun: Seen | None = None

    @property
    def beyond(self):
        """Requests that the fault cost."""
        return self.requests - self.faultless

    def __str__(self):
        return f"{self.outcome} {self.beyond:+d}"

    @property
    def outcome(self):
        """Say what came of it in a word or three."""
        if self.error or self.exact:
            return self.error or "complete"
        if self.claimed:
            return f"{self.lost} rows lost" if self.lost else "complete, but not the truth"
        return f"not claimed ({', '.join(self.reasons)}), {self.lost} rows lost"

    @property
    def broken(self):
        """The promises that were not kept, whatever the outcome; a rerun keeps them too, and succeeds."""
        found = []
        if self.error and self.visible:
            found.append(f"it failed, and left {self.visible}")
        if self.during_ban or self.during_hold:
            found.append(f"{self.during_ban} requests during a ban, {self.during_hold} during a hold")
        if self.elsewhere:
            found.append(f"requests to {self.elsewhere}")
        found += self.leaks
        if self.rerun:
            found += [f"rerun: {promise}" for promise in self.rerun.broken]
            if not self.rerun.exact:
                found.append(f"rerun: {self.rerun}")
        return found


# --- the exchange ---------------------------------------------------------------------------------------


def history():
    """Rows of one day on each endpoint, some of one millisecond, and a few just outside the day."""
    return {name: [_row(name, number) for number in range(-3, ROWS + 3)] for name in WITH_ORDERS}


def _row(endpoint, number):
    kind = "um" if endpoint in QUIET else "cm"
    symbols = {"um": ("BTCUSDT", "币安人生USDT"), "cm": ("BTCUSD_PERP", "ETHUSD_PERP")}[kind]
    if endpoint in BY_NUMBER:
        symbols = ("BTCUSDT", "ETHUSDT")
    # Seven of each twenty share a millisecond with the one before them.
    step = number - min(number % 20, 7)
    at = WINDOW.start_ms + 120_000 + step * 250_000
    if number < 0:
        at = WINDOW.start_ms + number
    elif number >= ROWS:
        at = WINDOW.end_ms + number - ROWS + (endpoint in QUIET)
    values = {"orderId": 2**53 + number, "symbol": symbols[number % 2], "time": at}
    if endpoint in BY_TIME:
        later = at + (number % 3) * 20 if number < ROWS else at
        values |= {"updateTime": later, "clientOrderId": ("autoclose-1", "adl_autoclose")[number % 5 == 0]}
    if endpoint == "margin":
        # Rows of isolated accounts show that these are answered too: nobody has to vouch for it.
        values["isIsolated"] = number % 10 == 0
    return make_row(endpoint, **values)


class Exchange:
    """The simulator, begun anew for each run without being started anew."""

    def __init__(self):
        self.truth = cache(self._read_truth)
        self.world = Time(NOW_S)
        self.simulator = Simulator(
            Settings(seed=5), clock=self.now_s, history=ExplicitHistory(history())
        ).start()
        credentials = self.simulator.credentials()
        self.secrets = (credentials.api_key, credentials.secret)
        self.signer = HmacSigner(credentials.secret)

    def now_s(self):
        return self.world.clock()

    def begin(self):
        """Forget every fault, weight, ban and request."""
        self.world = Time(NOW_S)
        inner = self.simulator._exchange
        with self.simulator._lock():
            inner.limits, inner.moved_ms = Limits(self.simulator.settings), 0
            inner._asked_at.clear()
        self.simulator.clear_faults()
        self.simulator.forget_requests()

    def _read_truth(self, endpoint):
        rows = self.simulator.truth(endpoint, start_ms=WINDOW.start_ms, end_ms=WINDOW.end_ms)
        return b"".join(row + b"\n" for row in rows)


@cache
def exchange():
    return Exchange()


def close():
    """Stop the exchange, if it was started."""
    if exchange.cache_info().currsize:
        exchange().simulator.stop()
        exchange.cache_clear()


# --- one extraction -------------------------------------------------------------------------------------


@cache
def observe(case):
    """Let the faults of a case strike, then run the same again without them."""
    here = exchange()
    # Measured first, since that too begins the exchange anew.
    anything = bool(case.faults or case.jump)
    nth = 1
    if anything and not case.clock:
        nth = case.nth or place_of(case.endpoint, case.place)
    faultless = pages(case.endpoint) if anything else 0
    here.begin()
    for number, name in enumerate(case.faults):
        struck = "clock" if case.clock else case.endpoint
        times = None if case.lasting else 1
        here.simulator.add_fault(replace(VARIANTS[name], endpoint=struck, nth=nth + number, times=times))
    with tempfile.TemporaryDirectory() as directory:
        seen, error = _run(case.endpoint, Path(directory), slow=set(case.faults) & set(SLOW), jump=case.jump)
        seen.faultless = faultless
        if seen.error:
            # As many as until the page that failed: what a fault cost is what was sent beyond those.
            seen.faultless = 1 if case.clock else nth + 1
        if anything:
            seen.rerun = _rerun(case, error, Path(directory))
    return seen


def _rerun(case, error, directory):
    here = exchange()
    here.simulator.clear_faults()
    here.simulator.forget_requests()
    if isinstance(error, Throttled):
        here.world.now_s = max(here.world.now_s, error.retry_at_ms / 1000)
    again, _ = _run(case.endpoint, directory)
    return again


def requests(endpoint):
    """Requests for rows that the history takes without any fault."""
    return pages(endpoint) - 1


@cache
def pages(endpoint):
    """Requests that the history takes without any fault, the one for the clock included."""
    return observe(Case(endpoint)).requests


def place_of(endpoint, place):
    """Number of the request for rows that is the first, a middle or the last one.

    The middle one is answered by a full page, as the middle ones of a long history are.
    """
    sizes = observe(Case(endpoint)).sizes
    full = [number for number, rows in enumerate(sizes, 1) if rows == get_endpoint(endpoint).pager.page_size]
    return {"first": 1, "middle": full[-1], "last": len(sizes)}[place]


def run_against(url, endpoint, directory):
    """Extract from another place than the exchange."""
    exchange().begin()
    seen, _ = _run(endpoint, directory, url=url)
    return seen


def _run(endpoint, directory, *, slow=(), jump=None, url=None):
    here = exchange()
    url = url or here.simulator.url
    reach = ClientSettings(
        api_key=here.secrets[0],
        signer=here.signer,
        origins=dict.fromkeys(FAMILIES, url),
        timeout_s=_timeout(slow),
    )
    job = Job(get_endpoint(endpoint), WINDOW, Filters(), Account("desk", reach), f"file://{directory}/lake")
    seen, error = Seen(), None
    clock = _jumping(here.world.clock, *jump) if jump else here.world.clock
    own_time = {**here.world.arguments, "clock": clock}
    with _listening() as records, _watching() as connected:
        client = BinanceClient(reach, **own_time)
        client.fetch = _counted(client.fetch, seen.sizes)
        try:
            job.run(client=client, clock=clock)
        except LiquidationsError as raised:
            seen.error, error = type(raised).__name__, raised
        finally:
            client.close()
    log, stats = here.simulator.requests, here.simulator.stats
    seen.requests = sum(request.endpoint != "exchange_info" for request in log)
    seen.during_ban, seen.during_hold = stats.during_ban, stats.during_hold
    seen.struck = [request.fault for request in log if request.fault]
    addresses = [f"http://{host}:{port}" for host, port in connected]
    seen.connected = len(connected)
    sent_to = [*addresses, *(f"http://{request.host}" for request in log)]
    seen.elsewhere = [origin for origin in sent_to if origin != url]
    seen.leaks = _leaks(error, records, log)
    _see_destination(seen, directory, here.truth(endpoint))
    return seen, error


def _counted(fetch, sizes):
    """Fetch as ever, and note how many rows each page holds."""

    def counted(endpoint, ask):
        page = fetch(endpoint, ask)
        sizes.append(len(page.rows))
        return page

    return counted


def _jumping(clock, seconds, after):
    """Make a machine's clock that is set to another time after it was read so many times."""
    read = []

    def jumping():
        read.append(None)
        return clock() + (seconds if len(read) > after else 0)

    return jumping


def _timeout(slow):
    """Choose a short one for slow faults: the deadline of an attempt is real time."""
    return _TIMEOUT_S if slow else 30.0


def _see_destination(seen, directory, truth):
    """Read what is visible the way a reader has to: by its manifest."""
    found = (path for path in (directory / "lake").rglob("*") if path.is_file())
    files = sorted(path for path in found if "_index" not in path.parts)
    seen.visible = [path.name for path in files]
    for path in files:
        if path.name.endswith(".manifest.json"):
            manifest = read_manifest(open_destination(f"file://{path}"))
            content = fetch_object(manifest, directory).read_bytes()
            seen.lost = len(set(truth.splitlines()) - set(content.splitlines()))
            seen.claimed, seen.reasons = manifest.proof.complete, manifest.proof.incomplete_reasons
            seen.exact = content == truth and seen.claimed and manifest.object.rows == ROWS
            seen.exact = seen.exact and len(files) == len(("object", "manifest"))


# --- what is said and where it is sent ------------------------------------------------------------------


@contextmanager
def _listening():
    """Keep all that is logged, at DEBUG, of everybody in the process; nobody else hears it."""
    records = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = records.append
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    root.handlers = [handler]
    root.setLevel(logging.DEBUG)
    try:
        yield records
    finally:
        root.handlers = handlers
        root.setLevel(level)


@contextmanager
def _watching():
    """Note every address that anything in the process connects to."""
    connected = []
    connect = socket.socket.connect

    def noted(self, address):
        connected.append(address)
        return connect(self, address)

    socket.socket.connect = noted
    try:
        yield connected
    finally:
        socket.socket.connect = connect


def _leaks(error, records, log):
    signatures = {request.params["signature"] for request in log if "signature" in request.params}
    hidden = {*exchange().secrets, *signatures, *map(unquote, signatures)}
    logged = "\n".join([f"{logging.Formatter().format(record)}\n{vars(record)!r}" for record in records])
    said = everything_said(error)
    found = [
        f"a secret in {where}"
        for where, text in (("the log", logged), ("the error", said))
        if any(secret in text for secret in hidden)
    ]
    # A signed URL without its signature is in urllib3's log of requests; an error has not even that.
    return found + ["a signed URL in the error"] * ("timestamp=" in said or "recvWindow=" in said)

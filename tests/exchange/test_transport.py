"""One attempt ends in time, whatever trickles; and why there was no answer is told in words that help."""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import os
import socket
import ssl
import threading
import time
import zlib
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support.scripted import HANG_UP, ScriptedServer, reply

from airflow_provider_binance_liq.core.answers import Response
from airflow_provider_binance_liq.exchange import transport as transport_module
from airflow_provider_binance_liq.exchange.causes import TOO_LONG, TOO_SLOW, describe
from airflow_provider_binance_liq.exchange.deadlines import Deadline
from airflow_provider_binance_liq.exchange.transport import DEADLINE_FACTOR, NoAnswer, Transport

TIMEOUT_S = 0.1
#: what a busy machine may need beyond the deadline; what is given up here would take far longer
SLACK_S = 3
SECRET = "signature=vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
ELSEWHERE = "https://exchange.invalid"
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def transport():
    made = Transport(TIMEOUT_S)
    yield made
    made.close()


@pytest.fixture
def trickle():
    """Serve, to everybody, a beginning and then a piece again and again, without end."""
    servers, stopped = [], threading.Event()

    def serve(begin, again, *, listens=False):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def say(connection):
            with connection:
                try:
                    if listens:
                        connection.recv(65_536)
                    connection.sendall(begin)
                    while not stopped.wait(0.02):
                        connection.sendall(again)
                except OSError:
                    return

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=say, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return server.getsockname()[1]

    yield serve
    stopped.set()
    for server in servers:
        server.close()


def packed_nothing():
    """Return how a stream of gzip begins, and a block of it that holds nothing."""
    packer = zlib.compressobj(wbits=31)
    begin = packer.compress(b"[") + packer.flush(zlib.Z_FULL_FLUSH)
    return begin, packer.flush(zlib.Z_FULL_FLUSH) or b"\x00\x00\x00\xff\xff"


GZIP = packed_nothing()
TRICKLES = {
    "nothing but a status": (b"HTTP/1.1 ", b"2"),
    "headers": (HEAD + b"X-Drip: ", b" "),
    "one header after the other": (HEAD, b"X-Drip: x\r\n"),
    "answers that say to go on": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body of known length": (HEAD + b"Content-Length: 100000\r\n\r\n[", b" "),
    "a body until the end of the connection": (HEAD + b"\r\n[]", b" "),
    "a body after which the connection is to be closed": (HEAD + b"Connection: close\r\n\r\n[]", b" "),
    "chunks": (CHUNKED + b"\r\n", b"1\r\n \r\n"),
    "the extension of a chunk": (CHUNKED + b"\r\n1;", b"x"),
    "extensions of chunks": (CHUNKED + b"\r\n", b"1;x=y\r\n \r\n"),
    "trailers": (CHUNKED + b"\r\n2\r\n[]\r\n0\r\n", b"X-Drip: x\r\n"),
    "empty blocks of gzip": (HEAD + b"Content-Encoding: gzip\r\n\r\n" + GZIP[0], GZIP[1]),
    "a redirect's body": (
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 10000\r\n\r\n", b" ",
    ),
}  # fmt: skip


def ends_in_time(transport, target):
    began = time.monotonic()
    answer = transport.get(target, {})
    assert time.monotonic() - began < DEADLINE_FACTOR * TIMEOUT_S + SLACK_S
    return answer


@pytest.mark.parametrize(("begin", "again"), TRICKLES.values(), ids=TRICKLES)
def test_whatever_trickles_without_end_is_given_up_after_three_timeouts(transport, trickle, begin, again):
    port = trickle(begin, again, listens=True)
    assert ends_in_time(transport, f"http://127.0.0.1:{port}/") == NoAnswer(TOO_SLOW)


def test_a_handshake_of_tls_that_trickles_is_given_up_too(transport, trickle):
    port = trickle(b"\x16\x03\x03\x40\x00", b"\x00", listens=True)
    answer = ends_in_time(transport, f"https://127.0.0.1:{port}/")
    assert isinstance(answer, NoAnswer)


def test_a_proxy_that_trickles_its_answer_to_connect_is_given_up_too(transport, trickle, monkeypatch):
    port = trickle(b"HTTP/1.1 200 Fine\r\n", b"X-Drip: x\r\n", listens=True)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    assert ends_in_time(transport, f"{ELSEWHERE}/") == NoAnswer(TOO_SLOW)


@pytest.mark.parametrize("password", ["geh%E4im", "geh%E2%82%ACim", "geh€im"], ids=ascii)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_password_of_the_proxy_that_no_header_can_have_is_told_and_not_shown(
    transport, monkeypatch, scheme, password
):
    monkeypatch.setenv(f"{scheme}_proxy", f"http://user:{password}@127.0.0.1:9")
    answer = ends_in_time(transport, f"{scheme}://exchange.invalid/")
    assert "not in Latin-1" in answer.cause
    assert "im" not in answer.cause.split()


def test_a_password_of_the_proxy_in_latin_1_is_sent(transport, monkeypatch):
    with ScriptedServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//user:geh%C3%A4im@"))
        answer = ends_in_time(transport, "http://exchange.invalid/")
    assert isinstance(answer, Response)


def test_a_name_server_that_never_answers_is_given_up_too(transport, monkeypatch):
    real, over = socket.getaddrinfo, threading.Event()

    def slow(host, *arguments, flags=0, **known):
        if not flags & socket.AI_NUMERICHOST:
            over.wait(4 * SLACK_S)
        return real(host, *arguments, flags=socket.AI_NUMERICHOST, **known)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert "cannot be resolved" in ends_in_time(transport, f"{ELSEWHERE}/").cause
    over.set()


def test_many_addresses_of_which_none_answers_are_tried_within_the_one_deadline(transport, monkeypatch):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 50
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert isinstance(ends_in_time(transport, f"https://exchange.invalid:{port}/"), NoAnswer)
        for one in crowd:
            one.close()


def test_an_answer_that_has_no_end_but_comes_fast_is_given_up_by_its_length(transport, trickle, monkeypatch):
    monkeypatch.setattr(transport_module, "_LONGEST_BODY", 1_000_000)
    port = trickle(HEAD + b"\r\n", b" " * 300_000, listens=True)
    assert ends_in_time(transport, f"http://127.0.0.1:{port}/") == NoAnswer(TOO_LONG)


def test_a_deadline_says_nothing_of_the_next_attempt_on_the_same_connection():
    with ScriptedServer() as server:
        transport = Transport(0.2)
        for _ in range(5):
            assert isinstance(transport.get(f"{server.url}/x", {}), Response)
            time.sleep(0.2)
        transport.close()
    assert len({heard.address for heard in server.heard}) == 1


def test_a_hundred_requests_begin_no_hundred_threads_and_keep_no_descriptor():
    begun, real = [], threading.Thread.start
    with ScriptedServer() as server, pytest.MonkeyPatch.context() as patch:
        transport = Transport(1)
        transport.get(f"{server.url}/x", {})
        open_before = len(list(Path("/proc/self/fd").iterdir()))
        patch.setattr(threading.Thread, "start", lambda self: begun.append(self.name) or real(self))
        for _ in range(100):
            transport.get(f"{server.url}/x", {})
        assert len(list(Path("/proc/self/fd").iterdir())) == open_before
        transport.close()
    assert [name for name in begun if name == "deadlines"] in ([], ["deadlines"])


def test_after_a_fork_the_child_has_a_watch_of_its_own(trickle):
    port = trickle(HEAD + b"\r\n[", b" ", listens=True)
    with Deadline(60):
        child = os.fork()
        if child == 0:
            answer = Transport(TIMEOUT_S).get(f"http://127.0.0.1:{port}/", {})
            os._exit(0 if answer == NoAnswer(TOO_SLOW) else 1)
    began = time.monotonic()
    while time.monotonic() - began < 10:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0
            return
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail("the child waits for ever")


# --- why there was no answer ----------------------------------------------------------------------------


@pytest.fixture
def patient():
    """A transport that gives up nothing that comes at once, however busy the machine is."""
    made = Transport(20)
    yield made
    made.close()


@pytest.fixture(scope="module")
def certify(tmp_path_factory):
    """Make certificates of an authority of our own; returns the files of certificate and key."""
    now = dt.datetime.now(dt.UTC)  # TLS goes by the system's clock: good for a day around it, whatever day
    day = dt.timedelta(days=1)
    directory = tmp_path_factory.mktemp("certificates")
    numbers = itertools.count()

    def make(address="127.0.0.1", begins=-1, ends=1):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins * day)
            .not_valid_after(now + ends * day)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = directory / f"{next(numbers)}.pem"
        file.write_bytes(
            made.public_bytes(Encoding.PEM)
            + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return file

    return make


@pytest.fixture
def serve_tls():
    """Answer every handshake with a certificate, and nothing after it."""
    servers = []

    def serve(file):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def accept():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    connection.close()

        threading.Thread(target=accept, daemon=True).start()
        return f"https://127.0.0.1:{server.getsockname()[1]}/?{SECRET}"

    yield serve
    for server in servers:
        server.close()


def cause_of(url, **known):
    """Say how a library's error about `url` is described, and see that the URL is not in it."""
    with pytest.raises(requests.RequestException) as caught:
        requests.get(url, timeout=2, **known)
    said = describe(caught.value)
    assert SECRET not in said
    return said


def test_a_certificate_of_nobody_known_is_not_trusted(patient, serve_tls, certify):
    assert "the certificate is not trusted" in patient.get(serve_tls(certify()), {}).cause


def test_a_certificate_that_is_over_or_for_another_host_is_distinguished(serve_tls, certify):
    over, other, early = certify(begins=-3, ends=-2), certify(address="127.0.0.2"), certify(begins=1, ends=2)
    assert "expired or not valid yet" in cause_of(serve_tls(over), verify=str(over))
    assert "expired or not valid yet" in cause_of(serve_tls(early), verify=str(early))
    assert "for another host" in cause_of(serve_tls(other), verify=str(other))


def test_a_bundle_of_certificates_that_is_not_there_or_empty_is_reported(serve_tls, certify, tmp_path):
    url = serve_tls(certify())
    with pytest.raises(OSError, match="bundle") as caught:
        requests.get(url, timeout=2, verify="/no/such/file")
    assert "trusted certificates is not there" in describe(caught.value)
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(OSError, match=r".") as caught:
        requests.get(url, timeout=2, verify=str(tmp_path / "empty.pem"))
    assert "trusted certificates holds none" in describe(caught.value)


def test_a_port_without_tls_is_reported(patient, trickle):
    port = trickle(b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", listens=True)
    cause = patient.get(f"https://127.0.0.1:{port}/?{SECRET}", {}).cause
    assert "check that the port of `base_url` speaks TLS" in cause


def test_a_name_that_nobody_knows_is_reported(patient, monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert patient.get(f"{ELSEWHERE}/?{SECRET}", {}).cause == (
        "the host name cannot be resolved: check DNS and `base_url`"
    )


def free_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def test_a_port_where_nobody_listens_is_reported(patient):
    cause = patient.get(f"http://127.0.0.1:{free_port()}/?{SECRET}", {}).cause
    assert cause.startswith("the connection is refused")


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (reply(407), "the proxy wants a user and a password"),
        (reply(403), "the proxy refuses the connection (HTTP 403)"),
        (reply(502), "the proxy refuses the connection (HTTP 502)"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP as it should: check `base_url` and the proxy"),
        (HANG_UP, "the connection was cut"),
    ],
)
def test_what_a_proxy_does_instead_of_connecting_is_reported(patient, monkeypatch, said, cause):
    with ScriptedServer(otherwise=said) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("http://", "http://someone:geheim@"))
        told = patient.get(f"{ELSEWHERE}/?{SECRET}", {}).cause
    assert cause in told
    assert "geheim" not in told


def test_a_proxy_that_is_not_there_or_none_is_reported(patient, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    assert "nothing listens at the proxy's address" in patient.get(f"{ELSEWHERE}/", {}).cause
    monkeypatch.setenv("HTTPS_PROXY", "http://")
    assert "proxy" in patient.get(f"{ELSEWHERE}/", {}).cause


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (HANG_UP, "was cut before the answer was whole"),
        (reply(200, b"[", length=5000), "ended before it was whole"),
        (reply(200, b"[]", Content_Encoding="gzip"), "compressed, and cannot be unpacked"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "does not speak HTTP"),
    ],
)
def test_how_an_answer_failed_is_reported(patient, said, cause):
    with ScriptedServer(otherwise=said) as server:
        assert cause in patient.get(f"{server.url}/x?{SECRET}", {}).cause


def test_an_answer_that_does_not_begin_in_time_is_reported(transport):
    with ScriptedServer(otherwise=[b"", reply(200)], pause_s=0.2) as server:
        told = transport.get(f"{server.url}/x?{SECRET}", {}).cause
    assert "nothing came for as long as `timeout_s`" in told


def test_what_nobody_foresaw_is_reported_by_its_kind_alone():
    assert describe(RuntimeError(SECRET)) == "the connection failed (RuntimeError)"

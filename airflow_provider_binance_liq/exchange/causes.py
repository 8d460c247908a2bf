"""Why there was no answer, in fixed sentences that say what to check.

The text of a library's error is never shown: the signed URL may be in it. So only its type is used, and the
few numbers in it that are safe.
"""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from typing import TYPE_CHECKING, Final

import requests
import urllib3.exceptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOO_SLOW: Final = (
    "the answer was not whole within three times `timeout_s`: look at the network and the proxy, or give "
    "more time"
)
TOO_LONG: Final = "the answer has no end: what answers is not the exchange; check `base_url`"

#: verify codes of OpenSSL (x509_vfy.h)
_NOT_NOW: Final = frozenset({9, 10})
_OTHER_HOST: Final = frozenset({62, 64})
_UNREACHABLE: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN})
_TUNNEL: Final = re.compile(r"Tunnel connection failed: ([0-9]{3})")
_AUTHENTICATE: Final = "407"

_Found = tuple[BaseException, ...]


def describe(error: BaseException) -> str:
    """Return why there was no answer, and what to check."""
    found = tuple(_related(error))
    for find in (_of_certificates, _of_proxies, _of_connecting, _of_answers):
        if cause := find(found):
            return cause
    return f"the connection failed ({type(error).__name__})"


def _related(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that caused it: `__cause__`, `__context__`, and as urllib3 keeps them."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _first(found: _Found, *kinds: type[BaseException]) -> BaseException | None:
    return next((one for one in found if isinstance(one, kinds)), None)


def _any(found: _Found, holds: Callable[[BaseException], bool]) -> bool:
    return any(holds(one) for one in found)


def _of_certificates(found: _Found) -> str | None:
    refused = _first(found, ssl.SSLCertVerificationError)
    if refused is not None:
        return _of_refused(getattr(refused, "verify_code", 0))
    if _any(found, lambda one: isinstance(one, OSError) and "certificate bundle" in str(one)):
        return "the file of trusted certificates is not there: check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE"
    if _any(found, lambda one: "NO_CERTIFICATE_OR_CRL_FOUND" in str(getattr(one, "reason", ""))):
        return "the file of trusted certificates holds none: check REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE"
    return None


def _of_refused(verify_code: int) -> str:
    if verify_code in _NOT_NOW:
        return (
            "the certificate is expired or not valid yet: check this machine's clock; else who runs the "
            "host has to renew it"
        )
    if verify_code in _OTHER_HOST:
        return (
            "the certificate is for another host: check `base_url`, and what answers in the exchange's place"
        )
    return (
        "the certificate is not trusted: if a proxy of yours inspects TLS, set REQUESTS_CA_BUNDLE to the "
        "certificate of its authority; else another host answers"
    )


def _of_proxies(found: _Found) -> str | None:
    if cause := _by_kind(found, _PROXY_URLS):
        return cause
    if _any(found, lambda one: "dependencies for SOCKS" in str(one)):
        return "a SOCKS proxy needs the package PySocks on the worker; or set HTTPS_PROXY to another kind"
    if not _first(found, urllib3.exceptions.ProxyError, requests.exceptions.ProxyError):
        return None
    status = next((match[1] for one in found if (match := _TUNNEL.search(str(one)))), None)
    if status == _AUTHENTICATE:
        return "the proxy wants a user and a password: give them in HTTPS_PROXY"
    if status:
        return f"the proxy refuses the connection (HTTP {status}): its operator has to allow the host"
    return _by_kind(found, _PROXY_KINDS) or (
        "the proxy cannot be reached, or does not answer as one: check HTTPS_PROXY"
    )


def _of_connecting(found: _Found) -> str | None:
    if _any(found, lambda one: isinstance(one, OSError) and one.errno in _UNREACHABLE):
        return "the host cannot be reached: check the network, its routes and firewalls"
    return _by_kind(found, _CONNECTING_KINDS)


def _of_answers(found: _Found) -> str | None:
    return _by_kind(found, _ANSWER_KINDS)


def _by_kind(found: _Found, table: _Kinds) -> str | None:
    """Return the cause of the first row of a table with one of the errors."""
    return next((cause for kinds, cause in table if _first(found, *kinds)), None)


_Kinds = tuple[tuple[tuple[type[BaseException], ...], str], ...]

_PROXY_URLS: Final[_Kinds] = (
    ((requests.exceptions.InvalidProxyURL,), "the proxy's URL is none: check HTTPS_PROXY"),
    (
        (UnicodeEncodeError,),
        (
            "the proxy's user or password has a character that is not in Latin-1, or not percent-encoded as "
            "UTF-8 (ä is %C3%A4): correct HTTPS_PROXY"
        ),
    ),
)
_PROXY_KINDS: Final[_Kinds] = (
    ((socket.gaierror,), "the proxy's host name cannot be resolved: check HTTPS_PROXY and DNS"),
    ((ConnectionRefusedError,), "nothing listens at the proxy's address: check HTTPS_PROXY"),
)
#: of two rows that match, the first one is more specific
_CONNECTING_KINDS: Final[_Kinds] = (
    ((socket.gaierror,), "the host name cannot be resolved: check DNS and `base_url`"),
    (
        (ConnectionRefusedError,),
        "the connection is refused: nothing listens there, or a firewall forbids it; check `base_url`",
    ),
    (
        (urllib3.exceptions.ConnectTimeoutError,),
        "no connection within `timeout_s`: check the network and firewalls, or give more time",
    ),
    (
        (ssl.SSLEOFError, ssl.SSLZeroReturnError),
        "the connection ended within TLS: check the proxies between this machine and the exchange",
    ),
    (
        (ssl.SSLError,),
        "TLS cannot be agreed on: check that the port of `base_url` speaks TLS, and the proxies in between",
    ),
)
_ANSWER_KINDS: Final[_Kinds] = (
    (
        (TimeoutError, urllib3.exceptions.TimeoutError),
        "nothing came for as long as `timeout_s`: look at the network, or give more time",
    ),
    ((urllib3.exceptions.DecodeError,), "the answer is compressed, and cannot be unpacked"),
    (
        (urllib3.exceptions.IncompleteRead, http.client.IncompleteRead),
        "the answer ended before it was whole",
    ),
    ((ConnectionError,), "the connection was cut before the answer was whole"),
    (
        (http.client.HTTPException, urllib3.exceptions.InvalidHeader),
        "what answers does not speak HTTP as it should: check `base_url` and the proxy",
    ),
)

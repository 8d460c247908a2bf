"""Signing: the string that is signed is the string that is sent.

The query is percent-encoded once, signed as those bytes, and the signature is appended last. Binance
verifies the encoded payload (spot rule of 2026-01-15); its futures pages say that the signature is the end
part of the query. Pinned by the vectors that Binance publishes, one of them with a non-ASCII symbol.

HMAC-SHA256 signatures are hexadecimal; RSA (PKCS#1 v1.5, SHA-256) and Ed25519 ones are base64, and
percent-encoded like every other value.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Protocol
from urllib.parse import quote

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from airflow_provider_binance_liq.exceptions import InvalidConnection

if TYPE_CHECKING:
    from collections.abc import Iterable

_PEM: Final = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----(?P<body>.*?)-----END (?P=label)-----", re.DOTALL
)
_PEM_HEADER: Final = re.compile(r"(?:Proc-Type|DEK-Info):")
_PEM_LINE: Final = 64


class Signer(Protocol):
    """Turns the bytes of a query into the value of its `signature` parameter."""

    #: what Binance calls this kind of key
    kind: ClassVar[str]

    def sign(self, payload: bytes) -> str:
        """Return the signature, not yet percent-encoded."""
        ...


@dataclass(frozen=True, slots=True)
class HmacSigner:
    """HMAC-SHA256 with the secret that Binance shows once."""

    kind: ClassVar[str] = "HMAC"
    secret: str = field(repr=False)

    def sign(self, payload: bytes) -> str:
        """Return the signature in lower-case hexadecimal."""
        return hmac.new(self.secret.encode(), payload, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class RsaSigner:
    """RSASSA-PKCS1-v1_5 with SHA-256."""

    kind: ClassVar[str] = "RSA"
    key: RSAPrivateKey = field(repr=False)

    def sign(self, payload: bytes) -> str:
        """Return the signature in base64."""
        return base64.b64encode(self.key.sign(payload, PKCS1v15(), hashes.SHA256())).decode("ascii")


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """Ed25519 over the payload itself."""

    kind: ClassVar[str] = "Ed25519"
    key: Ed25519PrivateKey = field(repr=False)

    def sign(self, payload: bytes) -> str:
        """Return the signature in base64."""
        return base64.b64encode(self.key.sign(payload)).decode("ascii")


def encode_query(parameters: Iterable[tuple[str, str | int]]) -> str:
    """Percent-encode parameters, once: UTF-8, unreserved characters as they are, a space as `%20`."""
    return "&".join(f"{name}={quote(str(value), safe='')}" for name, value in parameters)


def sign_query(query: str, signer: Signer) -> str:
    """Append the signature of an encoded query, as its end part."""
    return f"{query}&signature={quote(signer.sign(query.encode('ascii')), safe='')}"


def load_signer(secret: str, passphrase: str | None = None) -> Signer:
    r"""Choose the signer that `secret` is meant for: a PEM private key, or else an HMAC secret.

    A PEM may have lost its line breaks, or carry them as `\n`: a form with one line does that to it.

    :raises InvalidConnection: when it is empty, or a PEM that cannot be read; the secret is never shown.
    """
    text = secret.strip()
    if not text:
        raise InvalidConnection("the connection has no password: the HMAC secret or the PEM private key")
    return load_private_key(text, passphrase) if "-----" in text else _hmac_signer(text)


def load_private_key(text: str, passphrase: str | None = None) -> Signer:
    """Make the signer of a PEM private key; what is no PEM never becomes a secret.

    :raises InvalidConnection: it cannot be read, or is of another kind; it is never shown.
    """
    key = _load_key(_restore_pem(text), passphrase)
    if isinstance(key, RSAPrivateKey):
        return RsaSigner(key)
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Signer(key)
    message = f"the PEM holds a {type(key).__name__}; Binance takes RSA and Ed25519 private keys"
    raise InvalidConnection(message)


def _hmac_signer(secret: str) -> HmacSigner:
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise InvalidConnection(
            "the password is neither a PEM private key nor an HMAC secret: it holds spaces, line breaks or "
            "characters outside of ASCII"
        )
    return HmacSigner(secret)


def _restore_pem(text: str) -> bytes:
    """Give a flattened or escaped PEM its lines back."""
    found = _PEM.search(text.replace("\\r", "").replace("\\n", "\n"))
    if not found:
        raise InvalidConnection(
            "the password looks like a PEM but has no whole BEGIN … END block; paste the whole file"
        )
    label, body = found["label"], found["body"]
    if _PEM_HEADER.search(body):  # an encrypted key of the old form keeps headers on lines of their own
        return found[0].encode()
    base = "".join(body.split())
    lines = [base[at : at + _PEM_LINE] for at in range(0, len(base), _PEM_LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _load_key(pem: bytes, passphrase: str | None) -> object:
    try:
        return load_pem_private_key(pem, passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The library's message names the fault, never the key; the chain is cut all the same.
        message = f"the PEM private key cannot be read: {_first_sentence(error)}"
        raise InvalidConnection(message) from None


def _first_sentence(error: Exception) -> str:
    return str(error).split(".", maxsplit=1)[0].split("(", maxsplit=1)[0].strip() or type(error).__name__

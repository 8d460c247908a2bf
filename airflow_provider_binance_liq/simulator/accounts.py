"""Keys, and whether a signature fits: verified over the very bytes that were sent, before `&signature=`.

Written without the client's signing: a wrong signature would agree with itself. HMAC-SHA256 in hex, in
either case; RSA (PKCS#1 v1.5 with SHA-256) and Ed25519 in base64, percent-encoded, case-sensitive.
https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from airflow_provider_binance_liq.core.wording import unknown

if TYPE_CHECKING:
    from collections.abc import Iterable

Verifier = Callable[[bytes, str], bool]
_KEY_LENGTH: Final = 64
_ALPHABET: Final = string.ascii_letters + string.digits
#: documented length of an RSA key, in bits
_RSA_BITS: Final = range(2048, 4097)


@dataclass(frozen=True, slots=True)
class Credentials:
    """An HMAC key, as the exchange shows it once."""

    api_key: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """A registered key: whose it is, and how its signatures are verified."""

    account: str
    verify: Verifier


class Accounts:
    """The keys of every account; one account may have several, of all three kinds."""

    def __init__(self, seed: int, names: Iterable[str]) -> None:
        self._credentials = {name: _derive_credentials(seed, name) for name in names}
        self._keys = {
            credentials.api_key: Key(name, _hmac_verifier(credentials.secret))
            for name, credentials in self._credentials.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts there are."""
        return tuple(self._credentials)

    def credentials(self, account: str) -> Credentials:
        """Return the HMAC key of an account."""
        self._require(account)
        return self._credentials[account]

    def register(self, account: str, api_key: str, public_key_pem: str | bytes) -> None:
        """Register an RSA or Ed25519 public key for an account."""
        self._require(account)
        pem = public_key_pem.encode() if isinstance(public_key_pem, str) else public_key_pem
        self._keys[api_key] = Key(account, _public_key_verifier(pem))

    def find(self, api_key: str) -> Key | None:
        """Return the key of that name."""
        return self._keys.get(api_key)

    def _require(self, account: str) -> None:
        if account not in self._credentials:
            message = unknown("account", account, self._credentials)
            raise ValueError(message)


def is_well_formed(api_key: str) -> bool:
    """Whether `api_key` could be one at all; if not, the exchange says so (-2014)."""
    return 0 < len(api_key) <= _KEY_LENGTH and all(character in _ALPHABET for character in api_key)


def _derive_credentials(seed: int, name: str) -> Credentials:
    return Credentials(_derive(f"{seed}/{name}/key"), _derive(f"{seed}/{name}/secret"))


def _derive(label: str) -> str:
    digest = hashlib.sha512(f"binance-liq simulator/{label}".encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)


def _hmac_verifier(secret: str) -> Verifier:
    def verify(payload: bytes, signature: str) -> bool:
        expected = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.lower().encode())

    return verify


def _public_key_verifier(pem: bytes) -> Verifier:
    key = serialization.load_pem_public_key(pem)
    if isinstance(key, Ed25519PublicKey):
        return _asymmetric_verifier(key.verify)
    if not isinstance(key, RSAPublicKey) or key.key_size not in _RSA_BITS:
        message = "a public key has to be Ed25519, or RSA with 2048 to 4096 bits"
        raise ValueError(message)
    return _asymmetric_verifier(
        lambda signature, payload: key.verify(signature, payload, PKCS1v15(), hashes.SHA256())
    )


def _asymmetric_verifier(check: Callable[[bytes, bytes], None]) -> Verifier:
    def verify(payload: bytes, signature: str) -> bool:
        try:
            check(base64.b64decode(signature, validate=True), payload)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    return verify

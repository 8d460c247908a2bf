"""Simulators with a clock that stands still, and keys of all kinds."""

from __future__ import annotations

import base64
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from caller import Caller, Clock
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from airflow_provider_binance_liq.simulator import Settings, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_binance_liq.simulator import ExplicitHistory


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(clock: Clock) -> Iterator[Callable[..., Caller]]:
    """Start simulators with the clock of the test and a seed of 7."""
    with ExitStack() as running:
        callers: list[Caller] = []

        def started(history: ExplicitHistory | None = None, **knobs: Any) -> Caller:
            settings = Settings(**{"seed": 7, **knobs})
            simulator = running.enter_context(Simulator(settings, clock=clock, history=history))
            callers.append(Caller(simulator, clock, settings.accounts[0]))
            return callers[-1]

        yield started
        for caller in callers:
            for connection in caller.connections:
                connection.close()


@pytest.fixture
def caller(start: Callable[..., Caller]) -> Caller:
    return start()


@dataclass
class KeyPair:
    public_pem: bytes
    private_pem: str
    sign: Callable[[bytes], str]


@pytest.fixture(scope="session")
def rsa_key() -> KeyPair:
    key = generate_private_key(public_exponent=65537, key_size=2048)

    def sign(payload: bytes) -> str:
        return base64.b64encode(key.sign(payload, PKCS1v15(), hashes.SHA256())).decode()

    return KeyPair(_public(key), _private(key), sign)


@pytest.fixture(scope="session")
def ed25519_key() -> KeyPair:
    key = Ed25519PrivateKey.generate()
    return KeyPair(_public(key), _private(key), lambda payload: base64.b64encode(key.sign(payload)).decode())


def _public(key: Any) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _private(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()

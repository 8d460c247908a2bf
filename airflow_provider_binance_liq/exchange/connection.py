"""The fields of a connection, checked one by one; each mistake has a message of its own.

Every value is checked here, because no other part of Airflow does.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, get_args
from urllib.parse import urlsplit

from airflow_provider_binance_liq.core.families import FAMILIES, POOLS, Environment
from airflow_provider_binance_liq.core.signing import HmacSigner, Signer, load_private_key, load_signer
from airflow_provider_binance_liq.core.weights import DEFAULT_WEIGHT_SHARE, MAX_WEIGHT
from airflow_provider_binance_liq.exceptions import InvalidConnection
from airflow_provider_binance_liq.exchange.fields import HIDDEN_EXTRA, FieldReader, Fields, Mistake
from airflow_provider_binance_liq.exchange.settings import ClientSettings, is_loopback

__all__ = ["Account", "Fields", "read_account", "read_label"]

#: what a connection's type may be: unset where it comes from the environment as JSON, `generic` where it was
#: made before this provider was installed
_TYPES: Final = ("binance", "generic", "", None)
#: a part of an object's key, so neither a slash nor `key=value`
_LABEL: Final = re.compile(r"[\w@+-][\w.@+-]*")
#: a key of 16,384 bits takes 13 KB
_LONGEST_KEY: Final = 64 * 1024
_ANSWERS: Final = {"true": True, "shared": True, "false": False, "alone": False}
#: where there is none to use
_NO_SIGNER: Final[Signer] = HmacSigner("")
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Account:
    """One Binance account: its label in object keys and tables, and how to reach it."""

    label: str
    settings: ClientSettings


def read_account(fields: Fields) -> Account:
    """Check every field of a connection.

    :raises InvalidConnection: naming the connection, the field, and what it has to be; never its secrets.
    """
    reader = _Reader(fields)
    with reader.telling_all():
        reader.check_type()
        return Account(
            reader.try_to(reader.label, fields.conn_id),
            ClientSettings(
                api_key=reader.try_to(reader.api_key, ""),
                signer=reader.try_to(reader.signer, _NO_SIGNER),
                origins=reader.try_to(reader.origins, {}),
                recv_window_ms=reader.try_to(reader.recv_window_ms, 1),
                weight_share=reader.try_to(reader.weight_share, 1.0),
                weight_limits=reader.weight_limits(),
                coordinate=reader.try_to(reader.coordinate, instead=False),
                timeout_s=reader.try_to(reader.timeout_s, 1.0),
            ),
        )


def read_label(fields: Fields) -> str:
    """Read the account's label alone, which needs no key.

    :raises InvalidConnection: it cannot stand in an object's key.
    """
    reader = _Reader(fields)
    with reader.telling_all():
        return reader.label()


class _Reader(FieldReader):
    """Reads and checks the fields of a Binance account."""

    def weight_limits(self) -> dict[str, int]:
        """Read the configured limits, by pool."""

        def limit(pool: str) -> int:
            return self.whole(f"{pool}_weight_limit", default=0, least=1, most=MAX_WEIGHT)

        given = {pool: self.try_to(partial(limit, pool), 0) for pool in POOLS}
        return {pool: limit for pool, limit in given.items() if limit}

    def recv_window_ms(self) -> int:
        return self.whole("recv_window_ms", default=5000, least=1, most=60_000)

    def timeout_s(self) -> float:
        return self.number("timeout_s", default=10, least=0.1, most=300)

    def weight_share(self) -> float:
        """Read the share, which the form has in percent, and older connections as a fraction."""
        fraction = self.number("weight_share", default=DEFAULT_WEIGHT_SHARE, least=0.01, most=1)
        percent = self.number("weight_share_percent", default=fraction * 100, least=1, most=100)
        if self.is_set("weight_share") and not math.isclose(fraction * 100, percent):
            message = (
                f"weight_share is {fraction:g} and weight_share_percent is {percent:g}, which are different "
                "shares; keep one of them"
            )
            raise Mistake(message)
        return fraction if math.isclose(fraction * 100, percent) else percent / 100

    def coordinate(self) -> bool:
        """Whether other tasks use this address; on loopback, each simulator is an exchange of its own."""
        value = self.extra.get("coordinate")
        if not self.is_set("coordinate"):
            base_url = self.text("base_url")
            return base_url is None or not is_loopback(self.origin(base_url))
        # The form stores shared or alone; from a connection URI, true and false are texts.
        text = str(value).lower() if isinstance(value, bool | str) else ""
        if text not in _ANSWERS:
            raise Mistake(f"coordinate is {value!r}; it has to be true or false, or shared or alone")
        return _ANSWERS[text]

    def label(self) -> str:
        given = self.text("account")
        label = self.fields.conn_id if given is None else given
        if not _LABEL.fullmatch(label):
            advice = (
                "it is part of object keys, so letters, digits and . _ - @ + only, not beginning with a dot"
            )
            raise Mistake(f"account {label!r} cannot be used: {advice}")
        return label

    def api_key(self) -> str:
        key = (self.fields.login or "").strip()
        if not key:
            raise Mistake("the login is empty; it has to be the API key")
        if not _PRINTABLE.fullmatch(key):
            raise Mistake("the login is not an API key: it has spaces or characters that are not ASCII")
        return key

    def check_type(self) -> None:
        """Refuse the connection of another service: its key and secret are not for Binance."""
        if self.fields.conn_type not in _TYPES:
            raise Mistake(
                f"its type is {self.fields.conn_type!r}, so its login and password are another service's; "
                "check which connection binance_conn_id names, and give that one the type 'binance'"
            )

    def signer(self) -> Signer:
        """Load the HMAC secret, or the private key; a key file is never used as a secret."""
        path, password = self.text("private_key_path"), (self.fields.password or "").strip()
        if path is not None and password:
            raise Mistake("it has both a password and a private_key_path; keep one of them")
        phrase = self.text(HIDDEN_EXTRA)
        key = None if path is None else self.key_file(path)
        try:
            return load_signer(password, phrase) if key is None else load_private_key(key, phrase)
        except InvalidConnection as error:
            raise Mistake(str(error)) from None

    def key_file(self, path: str) -> str:
        """Read the PEM private key of a file."""
        try:
            place = Path(path).expanduser()
            # A pipe would be waited for, for ever where nobody writes into it.
            if place.exists() and not (place.is_file() or place.is_dir()):
                raise Mistake(f"private_key_path {path!r} cannot be read: it is not a regular file")
            with place.open("rb") as file:
                text = file.read(_LONGEST_KEY).decode("ascii")
        except UnicodeDecodeError:
            reason: str | None = "it is not a PEM file"
        except OSError as error:
            reason = error.strerror
        except (ValueError, RuntimeError):
            reason = "no file can have that name"
        else:
            if "-----BEGIN " in text:
                return text
            reason = "it is not a PEM file: no line of it says BEGIN"
        raise Mistake(f"private_key_path {path!r} cannot be read: {reason}")

    def origins(self) -> dict[str, str]:
        """Map each family to the origin that serves it; a family that the environment lacks is absent."""
        environment = self.environment()
        base_url = self.text("base_url")
        if base_url is not None:
            return dict.fromkeys(FAMILIES, self.origin(base_url))
        return {
            name: family.origins[environment]
            for name, family in FAMILIES.items()
            if environment in family.origins
        }

    def environment(self) -> Environment:
        given = self.text("environment") or "production"
        environments: tuple[Environment, ...] = get_args(Environment)
        for known in environments:
            if given == known:
                return known
        raise Mistake(f"environment is {given!r}; it has to be one of {', '.join(environments)}")

    def origin(self, url: str) -> str:
        try:
            parts = urlsplit(url.strip())
            _ = parts.port
        except ValueError:
            raise Mistake("base_url is not a URL") from None
        if parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
            raise Mistake("base_url has to be an origin alone, such as https://proxy.example:8443")
        if not parts.hostname or parts.scheme not in ("https", "http"):
            raise Mistake(f"base_url is {url!r}; it has to begin with https:// and name a host")
        if parts.scheme == "http" and not is_loopback(url.strip()):
            raise Mistake(f"base_url is {url!r}; plain http is for this machine alone, use https")
        return f"{parts.scheme}://{parts.netloc}"

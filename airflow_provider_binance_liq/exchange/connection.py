"""The fields of a connection, checked one by one; each mistake has a message of its own.

Fields are read by name. None and an empty text count as unset, because Airflow's form writes them for unused
fields. Every value is checked here, because no other part of Airflow does.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args
from urllib.parse import urlsplit

from airflow_provider_binance_liq.core.families import FAMILIES, POOLS, Environment
from airflow_provider_binance_liq.core.signing import load_private_key, load_signer
from airflow_provider_binance_liq.core.weights import DEFAULT_WEIGHT_SHARE, MAX_WEIGHT
from airflow_provider_binance_liq.exceptions import InvalidConnection
from airflow_provider_binance_liq.exchange.settings import ClientSettings, is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.core.signing import Signer

#: what a connection's type may be: unset where it comes from the environment as JSON, `generic` where it was
#: made before this provider was installed
_TYPES: Final = ("binance", "generic", "", None)
#: a part of an object's key, so neither a slash nor `key=value`
_LABEL: Final = re.compile(r"[\w@+-][\w.@+-]*")
#: the one extra that is a secret
_PHRASE: Final = "private_key_passphrase"
#: a key of 16,384 bits takes 13 KB
_LONGEST_KEY: Final = 64 * 1024
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Account:
    """One Binance account: its label in object keys and tables, and how to reach it."""

    label: str
    settings: ClientSettings


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a connection as Airflow returns them."""

    conn_id: str
    login: str | None = field(repr=False)
    password: str | None = field(repr=False)
    extra: str | None = field(repr=False)
    conn_type: str | None = None

    def extras(self) -> Mapping[str, Any]:
        """Parse the extra.

        :raises InvalidConnection: it is not a JSON object.
        """
        try:
            extra = json.loads(self.extra or "{}")
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            raise self.invalid("the extra is not a JSON object")
        return extra

    def secrets(self) -> list[str]:
        """List the values that must never be shown."""
        try:
            passphrase = self.extras().get(_PHRASE)
        except InvalidConnection:
            passphrase = None
        return [text for text in (self.login, self.password, passphrase) if isinstance(text, str) and text]

    def invalid(self, reason: str) -> InvalidConnection:
        """Make the error that names this connection."""
        return InvalidConnection(f"connection {self.conn_id!r}: {reason}")


def read_account(fields: Fields) -> Account:
    """Check every field of a connection.

    :raises InvalidConnection: naming the connection, the field, and what it has to be; never its secrets.
    """
    reader = _Reader(fields)
    reader.check_type()
    settings = ClientSettings(
        api_key=reader.api_key(),
        signer=reader.signer(),
        origins=reader.origins(),
        recv_window_ms=reader.whole("recv_window_ms", default=5000, least=1, most=60_000),
        weight_share=reader.number("weight_share", default=DEFAULT_WEIGHT_SHARE, least=0.01, most=1),
        weight_limits=reader.weight_limits(),
        coordinate=reader.coordinate(),
        timeout_s=reader.number("timeout_s", default=10, least=0.1, most=300),
    )
    return Account(reader.label(), settings)


def read_label(fields: Fields) -> str:
    """Read the account's label alone, which needs no key.

    :raises InvalidConnection: it cannot stand in an object's key.
    """
    return _Reader(fields).label()


class _Reader:
    """Reads and checks single fields."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.extra = fields.extras()

    def text(self, name: str) -> str | None:
        value = self.extra.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            shown = "no text" if name == _PHRASE else repr(value)
            raise self.fields.invalid(f"{name} is {shown}; it has to be a text")
        return value

    def number(self, name: str, *, default: float, least: float, most: float) -> float:
        value = self.extra.get(name)
        if value is None or value == "":
            return default
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise self.fields.invalid(f"{name} is {value!r}; it has to be a number from {least} to {most}")
        return number

    def whole(self, name: str, *, default: int, least: int, most: int) -> int:
        number = self.number(name, default=default, least=least, most=most)
        if not float(number).is_integer():
            raise self.fields.invalid(f"{name} is {number!r}; it has to be a whole number")
        return int(number)

    def weight_limits(self) -> dict[str, int]:
        """Read the configured limits, by pool."""
        given = {
            pool: self.whole(f"{pool}_weight_limit", default=0, least=1, most=MAX_WEIGHT) for pool in POOLS
        }
        return {pool: limit for pool, limit in given.items() if limit}

    def coordinate(self) -> bool:
        """Whether other tasks use this address; on loopback, each simulator is an exchange of its own."""
        value = self.extra.get("coordinate")
        if value is None or value == "":
            base_url = self.text("base_url")
            return base_url is None or not is_loopback(base_url.strip())
        # From a connection URI, it is a text.
        text = str(value).lower() if isinstance(value, bool | str) else None
        if text not in ("true", "false"):
            raise self.fields.invalid(f"coordinate is {value!r}; it has to be true or false")
        return text == "true"

    def label(self) -> str:
        given = self.text("account")
        label = self.fields.conn_id if given is None else given
        if not _LABEL.fullmatch(label):
            advice = (
                "it is part of object keys, so letters, digits and . _ - @ + only, not beginning with a dot"
            )
            raise self.fields.invalid(f"account {label!r} cannot be used: {advice}")
        return label

    def api_key(self) -> str:
        key = (self.fields.login or "").strip()
        if not key:
            raise self.fields.invalid("the login is empty; it has to be the API key")
        if not _PRINTABLE.fullmatch(key):
            raise self.fields.invalid(
                "the login is not an API key: it has blanks or characters outside of ASCII"
            )
        return key

    def check_type(self) -> None:
        """Refuse the connection of another service: its key and secret are not for Binance."""
        if self.fields.conn_type not in _TYPES:
            raise self.fields.invalid(
                f"its type is {self.fields.conn_type!r}, so its login and password are another service's; "
                "check which connection binance_conn_id names, and give that one the type 'binance'"
            )

    def signer(self) -> Signer:
        """Load the HMAC secret, or the private key; a key file is never used as a secret."""
        path, password = self.text("private_key_path"), (self.fields.password or "").strip()
        if path is not None and password:
            raise self.fields.invalid("it has both a password and a private_key_path; keep one of them")
        phrase = self.text(_PHRASE)
        key = None if path is None else self.key_file(path)
        try:
            return load_signer(password, phrase) if key is None else load_private_key(key, phrase)
        except InvalidConnection as error:
            raise self.fields.invalid(str(error)) from None

    def key_file(self, path: str) -> str:
        """Read the PEM private key of a file."""
        try:
            with Path(path).expanduser().open("rb") as file:
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
        raise self.fields.invalid(f"private_key_path {path!r} cannot be read: {reason}")

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
        raise self.fields.invalid(f"environment is {given!r}; it has to be one of {', '.join(environments)}")

    def origin(self, url: str) -> str:
        try:
            parts = urlsplit(url.strip())
            _ = parts.port
        except ValueError:
            raise self.fields.invalid("base_url is not a URL") from None
        if parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
            raise self.fields.invalid(
                "base_url has to be an origin alone, such as https://proxy.example:8443"
            )
        if not parts.hostname or parts.scheme not in ("https", "http"):
            raise self.fields.invalid(f"base_url is {url!r}; it has to begin with https:// and name a host")
        if parts.scheme == "http" and not is_loopback(url.strip()):
            raise self.fields.invalid(f"base_url is {url!r}; plain http is for this machine alone, use https")
        return f"{parts.scheme}://{parts.netloc}"

"""The fields of a connection as Airflow returns them, and how one of them is read.

Fields are read by name. None and an empty text count as unset, because Airflow's form writes them for unused
fields. What is wrong is gathered, so that one error tells of every field.
"""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_binance_liq.exceptions import InvalidConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

#: the one extra that is a secret; this is its name
HIDDEN_EXTRA: Final = "private_key_passphrase"


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
            passphrase = self.extras().get(HIDDEN_EXTRA)
        except InvalidConnection:
            passphrase = None
        return [text for text in (self.login, self.password, passphrase) if isinstance(text, str) and text]

    def invalid(self, reason: str) -> InvalidConnection:
        """Make the error that names this connection."""
        return InvalidConnection(f"connection {self.conn_id!r}: {reason}")


class Mistake(Exception):
    """What is wrong with one field."""


class FieldReader:
    """Reads and checks single fields, and gathers what is wrong with them."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.extra = fields.extras()
        self.mistakes: list[str] = []

    @contextmanager
    def telling_all(self) -> Iterator[None]:
        """Raise one error at the end of the block for all mistakes in it.

        :raises InvalidConnection: naming the connection, and each mistake.
        """
        try:
            yield
        except Mistake as mistake:
            self.mistakes.append(str(mistake))
        # Two fields may depend on a third.
        found = list(dict.fromkeys(self.mistakes))
        if len(found) == 1:
            raise self.fields.invalid(found[0]) from None
        if found:
            listed = "; ".join(f"({number}) {one}" for number, one in enumerate(found, 1))
            raise self.fields.invalid(f"{len(found)} mistakes: {listed}") from None

    def try_to(self, read: Callable[[], T], instead: T) -> T:
        """Read a field; where it is wrong, gather the mistake, and return what the error will outrun."""
        try:
            return read()
        except Mistake as mistake:
            self.mistakes.append(str(mistake))
            return instead

    def is_set(self, name: str) -> bool:
        """Whether an extra has a value."""
        return self.extra.get(name) not in (None, "")

    def text(self, name: str) -> str | None:
        """Read an extra that is a text."""
        value = self.extra.get(name)
        if not self.is_set(name):
            return None
        if not isinstance(value, str):
            shown = "no text" if name == HIDDEN_EXTRA else repr(value)
            raise Mistake(f"{name} is {shown}; it has to be a text")
        return value

    def number(self, name: str, *, default: float, least: float, most: float) -> float:
        """Read an extra that is a number, or a number in a text."""
        value = self.extra.get(name)
        if not self.is_set(name):
            return default
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise Mistake(f"{name} is {value!r}; it has to be a number from {least} to {most}")
        return number

    def whole(self, name: str, *, default: int, least: int, most: int) -> int:
        """Read an extra that is a whole number."""
        number = self.number(name, default=default, least=least, most=most)
        if not float(number).is_integer():
            raise Mistake(f"{name} is {number!r}; it has to be a whole number")
        return int(number)

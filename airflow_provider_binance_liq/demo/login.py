"""Who may use the demo's Airflow: one administrator, with a password made for this demo alone.

The port is open to every user of the machine and to every page in a browser on it. The password is in a file
that only its owner can read, where Airflow looks for it, and in no environment, command or log.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_binance_liq.demo.failure import DemoFailed

if TYPE_CHECKING:
    from pathlib import Path

USER: Final = "admin"
#: role of Airflow's simple auth manager
_ROLE: Final = "admin"
_FILE: Final = "passwords.json"
_PASSWORD_BYTES: Final = 16
#: nothing that lies there already is written to, nor is a link followed
_ANEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Login:
    """The administrator, and the file that Airflow reads the password from."""

    file: Path
    password: str = field(repr=False)
    user: str = USER

    @classmethod
    def make(cls, directory: Path) -> Self:
        """Choose a password and write it into a new file in `directory`.

        :raises DemoFailed: when the file is there already, or cannot be written.
        """
        made = cls(directory / _FILE, secrets.token_urlsafe(_PASSWORD_BYTES))
        try:
            with os.fdopen(os.open(made.file, _ANEW, 0o600), "w", encoding="utf-8") as file:
                json.dump({made.user: made.password}, file)
        except OSError as error:
            message = f"the password of the demo's Airflow cannot be written to {made.file}: {error.strerror}"
            raise DemoFailed(message) from error
        return made

    @property
    def settings(self) -> dict[str, object]:
        """Airflow's settings for it; the password itself is not among them."""
        return {
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": False,
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{self.user}:{_ROLE}",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": self.file,
        }

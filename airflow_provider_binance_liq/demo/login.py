"""Who may use the demo's Airflow: an administrator and a viewer, with passwords made for this demo alone.

The port is open to every user of the machine and to every page in a browser on it. The passwords are in a
file that only its owner can read, where Airflow looks for it, and in no environment, command or log. The
viewer is there to try out what who may only look at Airflow sees of its pages.
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
VIEWER: Final = "viewer"
#: the users, each with a role of Airflow's simple auth manager
_ROLES: Final = {USER: "admin", VIEWER: "viewer"}
_FILE: Final = "passwords.json"
_PASSWORD_BYTES: Final = 16
#: nothing that lies there already is written to, nor is a link followed
_ANEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Login:
    """The administrator and the viewer, and the file that Airflow reads their passwords from."""

    file: Path
    password: str = field(repr=False)
    viewer_password: str = field(repr=False)
    user: str = USER
    viewer: str = VIEWER

    @classmethod
    def make(cls, directory: Path) -> Self:
        """Choose the passwords and write them into a new file in `directory`.

        :raises DemoFailed: when the file is there already, or cannot be written.
        """
        passwords = {user: secrets.token_urlsafe(_PASSWORD_BYTES) for user in _ROLES}
        made = cls(directory / _FILE, passwords[USER], passwords[VIEWER])
        try:
            with os.fdopen(os.open(made.file, _ANEW, 0o600), "w", encoding="utf-8") as file:
                json.dump(passwords, file)
        except OSError as error:
            message = (
                f"the passwords of the demo's Airflow cannot be written to {made.file}: {error.strerror}"
            )
            raise DemoFailed(message) from error
        return made

    @property
    def settings(self) -> dict[str, object]:
        """Airflow's settings for them; the passwords themselves are not among them."""
        return {
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": False,
            "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in _ROLES.items()),
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": self.file,
        }

"""The environment of the demo's Airflow: nothing of the user's own Airflow reaches it, nor the other way.

Everything is set by environment variables, which outrank any `airflow.cfg`; the secrets are made anew for
each demo and are shared by its components, which would otherwise each make their own.
"""

from __future__ import annotations

import base64
import secrets
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_binance_liq.demo.failure import DemoFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.demo.login import Login

#: only this machine; who signs in there is the administrator
HOST: Final = "127.0.0.1"
FAVOURITE_PORT: Final = 8080
_FREE_PORTS_TRIED: Final = 10
#: of a key for signatures with SHA-512: RFC 7518, 3.2. With less, each component warns of it in its log
_KEY_BYTES: Final = 64
#: tasks at once; each worker of Airflow's takes some 100 MB
PARALLELISM: Final = 4
#: Airflow's own, libpq's own, and what would turn a library's warning into its failure
_DROPPED_PREFIXES: Final = ("AIRFLOW", "_AIRFLOW", "PG", "PYTHONWARNINGS", "PYTHONHASHSEED", "PYTHONSTARTUP")
_NO_PROXY: Final = f"{HOST},localhost"
#: plugins of the demo's Airflow, and of no other
_PLUGINS: Final = Path(__file__).resolve().parent / "airflow_plugins"


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment without what configures Airflow, and with no proxy for loopback."""
    kept = {name: value for name, value in environment.items() if not name.startswith(_DROPPED_PREFIXES)}
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (kept.get(name), _NO_PROXY)))
    return kept


def airflow_environment(
    user: Mapping[str, str],
    *,
    home: Path,
    logs: Path,
    dags: Path,
    database_url: str,
    port: int,
    login: Login,
) -> dict[str, str]:
    """Return the environment of every component."""
    url = f"http://{HOST}:{port}"
    settings = {
        "CORE__DAGS_FOLDER": dags,
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": PARALLELISM,
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__PLUGINS_FOLDER": _PLUGINS,
        # The button "Test" of a connection; who may use the demo's Airflow is known.
        "CORE__TEST_CONNECTION": "Enabled",
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE__SQL_ALCHEMY_CONN": database_url,
        "API__HOST": HOST,
        "API__PORT": port,
        "API__BASE_URL": url,
        "API__WORKERS": 1,
        "API__INSTANCE_NAME": "binance-liq demo",
        "API__SECRET_KEY": secrets.token_urlsafe(_KEY_BYTES),
        "API_AUTH__JWT_SECRET": secrets.token_urlsafe(_KEY_BYTES),
        "LOGGING__BASE_LOG_FOLDER": logs,
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": logs / "dag_processor",
        "LOGGING__COLORED_CONSOLE_LOG": False,
        "USAGE_DATA_COLLECTION__ENABLED": False,
        **login.settings,
    }
    return inherited(user) | {
        "AIRFLOW_HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()},
    }


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port that is free, and that no other demo takes while this one runs.

    Airflow binds the port only seconds after it was found free. Until then, and from then on, the UDP port
    of the same number is held: no one else wants that one, and the system frees it whatever happens.
    """

    number: int
    _claim: socket.socket

    @classmethod
    def take(cls, wanted: int | None) -> Self:
        """Take port `wanted`; without one, Airflow's usual port, or any other if that is in use.

        :raises DemoFailed: when `wanted` is in use, or no port is free.
        """
        # A free TCP port whose UDP port is taken is none: then the next one.
        any_port = (0,) * _FREE_PORTS_TRIED
        for number in (FAVOURITE_PORT, *any_port) if wanted is None else (wanted,):
            with suppress(OSError):
                return cls._claim_port(number)
        message = (
            f"no port of {HOST} is free; name one with --port"
            if wanted is None
            else f"port {wanted} of {HOST} is in use or not allowed; name another with --port, "
            "or leave it out to have a free one chosen"
        )
        raise DemoFailed(message)

    @classmethod
    def _claim_port(cls, number: int) -> Self:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
            # As the server itself will: a port whose last connections are just fading away is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, number))
            number = probe.getsockname()[1]
            claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                claim.bind((HOST, number))
            except OSError:
                claim.close()
                raise
            return cls(number, claim)

    def release(self) -> None:
        """Let others have the port."""
        self._claim.close()

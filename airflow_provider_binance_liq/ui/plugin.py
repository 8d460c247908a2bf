"""The plugin that adds the coverage page to Airflow.

Every component of Airflow imports this, so it imports neither FastAPI nor anything else of this package that
takes time: the app is made by its first request, in the API server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from airflow_provider_binance_liq.compat import HAS_ASSET_PAGES
from airflow_provider_binance_liq.ui.names import DAGS, PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

_TITLE: Final = "Liquidations"
#: where the page is shown in Airflow → what it is shown for there; Airflow 3.1 to 3.3 ignore that
_DESTINATIONS: Final[dict[str, dict[str, list[str]]]] = {
    "nav": {},
    "dag": {"dag_id": list(DAGS)},
    "dashboard": {},
    "asset": {"group": ["binance"]},
}


class LazyApp:
    """An ASGI app that is made when the first request comes."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._app is None:
            self._app = import_module("airflow_provider_binance_liq.ui.app").make_app()
        await self._app(scope, receive, send)


def apps() -> Iterator[dict[str, Any]]:
    """Describe the app to Airflow's API server."""
    yield {"app": LazyApp(), "url_prefix": PREFIX, "name": "Binance liquidations"}


def places() -> Iterator[dict[str, Any]]:
    """Describe the page to Airflow's UI, once for each place."""
    base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    for destination, applies_to in _DESTINATIONS.items():
        if destination == "asset" and not HAS_ASSET_PAGES:
            continue
        yield {
            "name": _TITLE,
            "bundle_url": f"{base}{PREFIX}/static/plugin.js",
            "destination": destination,
            "url_route": f"binance-liq-{destination}",
            **({"category": "browse"} if destination == "nav" else {}),
            **({"applies_to": applies_to} if applies_to else {}),
        }


_APPS: Final = list(apps())
_PLACES: Final = list(places())


class BinanceLiquidationsPlugin(AirflowPlugin):
    """The coverage page: its routes below Airflow's API server, and its places in Airflow's UI."""

    name = "binance_liquidations"
    fastapi_apps = _APPS
    react_apps = _PLACES

"""The values of a manifest, after they are checked: its window, and the history that it belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidInterval

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.manifest import Manifest

_URI: Final = re.compile(r"(?P<protocol>\w+)://(?:[^/@]*@)?(?P<key>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """One history: the windows of one endpoint and account, with the same filters."""

    endpoint: str
    account: str
    symbols: tuple[str, ...] = ()
    auto_close_type: str = ""

    def __str__(self) -> str:
        filters = [*self.symbols, *([self.auto_close_type] if self.auto_close_type else [])]
        only = f", only {', '.join(filters)}" if filters else ""
        return f"{self.endpoint} of {self.account}{only}"


@dataclass(frozen=True, slots=True)
class Claim:
    """A manifest whose values are valid."""

    series: Series
    window: Window
    manifest: Manifest


def read_claim(manifest: Manifest) -> Claim:
    """Read the values of a manifest.

    :raises InconsistentManifest: its window is not valid.
    """
    try:
        window = Window.between(*map(datetime.fromisoformat, (manifest.window.start, manifest.window.end)))
    except (ValueError, OverflowError, InvalidInterval) as error:
        message = f"the manifest's window is not valid: {error}"
        raise InconsistentManifest(message) from error
    filters = manifest.filters
    symbols = tuple(sorted(set(filters.symbols)))
    series = Series(manifest.endpoint, manifest.account, symbols, filters.auto_close_type or "")
    return Claim(series, window, manifest)


def same_key(uri: str, other: str) -> bool:
    """Whether two URIs name the same key, through any connection."""
    return _key(uri) == _key(other)


def ends_alike(uri: str, relative: str) -> bool:
    """Whether a URI names this path below some destination."""
    return uri.endswith(f"/{relative}")


def _key(uri: str) -> tuple[str, str]:
    match = _URI.fullmatch(uri)
    return (match["protocol"], match["key"]) if match else ("", uri)

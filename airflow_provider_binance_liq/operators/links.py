"""Links at a task in Airflow's UI: its object and manifest, the coverage of that day, and Binance's page.

They are computed on the worker when the task has ended, and Airflow keeps them. The first three are pages of
this provider's plugin, below Airflow's own address: no signed URL, no credentials and no connection's id is
in any of them. What a task does not have, such as the object of one that failed, is no link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

from airflow_provider_binance_liq.compat import read_configuration
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_binance_liq.core.manifest import Manifest

#: where the plugin serves a file of the lake, and its page
_FILE: Final = "/binance-liq/file"
_PAGE: Final = "/plugin/binance-liq-nav"
#: an object lies at <endpoint>/account=<account>/date=<date>/<file> below its destination
_LEVELS: Final = 4


def base_url() -> str:
    """Return Airflow's own address, as `[api] base_url` has it, without a slash at its end."""
    return read_configuration("api", "base_url").rstrip("/")


def history_query(symbols: Iterable[str], auto_close_type: str | None) -> str:
    """Return the end of a filtered history's name, as the coverage page has it; empty without a filter."""
    filters = {"symbols": ",".join(sorted(symbols)), "auto_close_type": auto_close_type}
    return "&".join(f"{name}={value}" for name, value in filters.items() if value)


def coverage_page(account: str = "", endpoint: str = "", day: str = "", query: str = "") -> str:
    """Return the path of the coverage page: of all histories, or of one and a day of it."""
    if not (account and endpoint):
        return _PAGE
    history = f"{account}/{endpoint}" + (f"?{query}" if query else "")
    of_day = f"&day={day}" if day else ""
    return f"{_PAGE}?history={quote(history, safe='')}{of_day}"


def _here(path: str) -> str:
    """Return a path for a browser that has Airflow open, which may be served below another path."""
    return urlsplit(base_url()).path.rstrip("/") + path


def _file(uri: str) -> str:
    below = "/".join(uri.split("/")[-_LEVELS:])
    return _here(f"{_FILE}?path={quote(below, safe='')}")


def _manifest_uri(manifest: Manifest) -> str:
    from airflow_provider_binance_liq.lake.layout import MANIFEST_SUFFIX, stem_of

    return stem_of(manifest.object.uri) + MANIFEST_SUFFIX


class _ManifestLink(BaseOperatorLink):
    """A link that only a task with a manifest has."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the link, or nothing."""
        del ti_key
        manifest: Manifest | None = getattr(operator, "manifest", None)
        return "" if manifest is None else self._link(manifest)

    def _link(self, manifest: Manifest) -> str:
        raise NotImplementedError


class ObjectLink(_ManifestLink):
    """The object, as a download."""

    name = "Object"

    def _link(self, manifest: Manifest) -> str:
        return _file(manifest.object.uri)


class ManifestLink(_ManifestLink):
    """The manifest, as a download."""

    name = "Manifest"

    def _link(self, manifest: Manifest) -> str:
        return _file(_manifest_uri(manifest))


class CoverageLink(BaseOperatorLink):
    """The coverage page; of a task that extracts, its history and day, also where it failed."""

    name = "Coverage"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the link."""
        del ti_key
        return _here(coverage_page(*getattr(operator, "covered_day", ())))


class DocumentationLink(BaseOperatorLink):
    """Binance's own page on the endpoint."""

    name = "Binance documentation"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the link, or nothing for an endpoint that there is not."""
        del ti_key
        endpoint = ENDPOINTS.get(getattr(operator, "endpoint", ""))
        return "" if endpoint is None else endpoint.documentation


#: of an operator that extracts
EXTRACTION_LINKS: Final = (ObjectLink(), ManifestLink(), CoverageLink(), DocumentationLink())
#: of one that loads or checks
COVERAGE_LINKS: Final = (CoverageLink(),)

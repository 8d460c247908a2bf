"""Manifests as a load takes them: flat, checked, and as rows of the windows table.

What comes from Airflow may be one manifest, a list of them, lists of lists from mapped tasks, with None where
a task was skipped. A manifest is text that may have been edited, so what becomes a key is checked here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.manifest import Manifest, from_dict
from airflow_provider_binance_liq.exceptions import InconsistentManifest
from airflow_provider_binance_liq.warehouse.precedence import WindowVersion
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_binance_liq.warehouse.schema import Types

#: what keeps windows apart: account, endpoint, start, end, symbols, auto close type
WindowKey = tuple[str, str, datetime, datetime, str, str]


@dataclass(frozen=True, slots=True)
class Loadable:
    """A manifest with the values that a load compares."""

    manifest: Manifest
    start: datetime
    end: datetime
    extracted_at: datetime

    @classmethod
    def of(cls, manifest: Manifest) -> Loadable:
        """Check a manifest.

        :raises InconsistentManifest: a member that is not what it has to be.
        :raises InvalidRequest: an endpoint that there is not.
        """
        get_endpoint(manifest.endpoint)
        start, end = _instant(manifest.window.start), _instant(manifest.window.end)
        if start >= end:
            message = f"the manifest of {manifest.object.uri} has a window that ends before it starts"
            raise InconsistentManifest(message)
        return cls(manifest, start, end, _instant(manifest.extracted_at))

    @property
    def key(self) -> WindowKey:
        """What keeps this window apart from others."""
        one = self.manifest
        return (
            one.account,
            one.endpoint,
            self.start,
            self.end,
            ",".join(one.filters.symbols),
            one.filters.auto_close_type or "",
        )

    @property
    def version(self) -> WindowVersion:
        """What decides between this and another extraction of the window."""
        one = self.manifest
        return WindowVersion(
            endpoint=one.endpoint,
            by_symbol=bool(one.filters.symbols),
            rows=one.object.rows,
            sha256=one.object.sha256,
            complete=one.proof.complete,
            extracted_at=self.extracted_at,
        )

    @property
    def order(self) -> tuple[datetime, str]:
        """Sorts by extraction, the latest last; the checksum only makes it the same order every time."""
        return self.extracted_at, self.manifest.object.sha256

    def window_row(self, loaded_at: datetime) -> tuple[Any, ...]:
        """Return the values of the windows table, in the order of its columns."""
        one = self.manifest
        proof, stored = one.proof, one.object
        return (
            *self.key,
            proof.complete,
            proof.pages,
            proof.requests,
            proof.weight,
            proof.method,
            "\n".join(proof.caveats),
            stored.uri,
            stored.rows,
            stored.bytes,
            stored.sha256,
            self.extracted_at,
            one.provider_version,
            loaded_at,
            ",".join(premise.code for premise in proof.premises),
            ",".join(premise.code for premise in proof.premises if premise.by == "extraction"),
            ",".join(proof.incomplete_reasons),
        )


def window_columns(
    loadables: Iterable[Loadable], loaded_at: datetime, types: Types
) -> list[tuple[str, str, list[Any]]]:
    """Return the columns of the windows table, each with name, type and the values of these windows."""
    rows = [one.window_row(loaded_at) for one in loadables]
    return [
        (column.name, types[column.kind], [row[place] for row in rows])
        for place, column in enumerate(WINDOWS)
    ]


def stored_windows(
    rows: Iterable[tuple[Any, ...]], instant: Callable[[Any], datetime]
) -> dict[WindowKey, WindowVersion]:
    """Return what the warehouse has of windows.

    :param rows: of the windows table: its key, sha256, completeness, extraction, rows, and whether it has
        premises.
    :param instant: reads an instant as the warehouse returns it.
    """
    found: dict[WindowKey, WindowVersion] = {}
    for (
        account,
        endpoint,
        start,
        end,
        symbols,
        close_type,
        sha256,
        complete,
        extracted,
        n,
        stated,
    ) in rows:
        key = (account, endpoint, instant(start), instant(end), symbols, close_type)
        found[key] = WindowVersion(endpoint, bool(symbols), n, sha256, complete, instant(extracted), stated)
    return found


def latest_of_each(loadables: Iterable[Loadable], by: Callable[[Loadable], object]) -> list[Loadable]:
    """Keep one manifest of those that have the same of `by`: the one that counts."""
    ranked = sorted(loadables, key=lambda one: one.version.rank)
    return list({by(one): one for one in ranked}.values())


def collect(given: object) -> tuple[Loadable, ...]:
    """Flatten and check what a task was given; the same manifest given twice counts once.

    :raises InconsistentManifest: something among it is no manifest.
    """
    found = {loadable.manifest.to_json(): loadable for loadable in map(Loadable.of, _flatten(given))}
    return tuple(sorted(found.values(), key=lambda loadable: (loadable.key, loadable.order)))


def _flatten(given: object) -> Iterator[Manifest]:
    """Walk whatever nesting Airflow's mapped tasks give."""
    if given is None:
        return
    if isinstance(given, Manifest):
        yield given
    elif isinstance(given, Mapping):
        yield from_dict(dict(given))
    elif isinstance(given, str):
        yield from _flatten(_from_text(given)) if given else ()
    elif isinstance(given, Iterable):
        # Iterating over Airflow's lazy sequence requests one item too many, which Airflow logs as an error.
        for one in given[:] if isinstance(given, Sequence) else given:
            yield from _flatten(one)
    else:
        message = f"{given!r} is no manifest; give what an extracting task returned, or a list of that"
        raise InconsistentManifest(message)


def _from_text(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"the text {text[:80]!r} is no manifest: {error}"
        raise InconsistentManifest(message) from error


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"the manifest has {text!r} where an ISO 8601 instant belongs"
        raise InconsistentManifest(message) from error
    if instant.tzinfo is None:
        message = f"the manifest has {text!r}, an instant without a time zone"
        raise InconsistentManifest(message)
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        message = f"the manifest has {text!r}, an instant outside the calendar in UTC"
        raise InconsistentManifest(message) from error

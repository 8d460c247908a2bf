"""Events of assets that carry manifests: from runs that extract to runs that load.

An extracting task puts its manifest into the event of each asset that is among its outlets; a run may
announce all of its manifests in one event. A run that was triggered by such events loads those manifests.
Airflow gathers the events of a run by their time, and one that comes while the run is being made may be given
to a later run or, where none follows, to no run. So a run also reads the events that came since: to load what
another run loads as well costs nothing and changes nothing, to load it never would be a gap.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.manifest import from_dict
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest
from airflow_provider_binance_liq.warehouse.manifests import Loadable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Protocol

    from airflow.sdk import Context

    class Event(Protocol):
        """What is needed of an event of Airflow's; where a person made it, it has no source."""

        asset: Any
        extra: Any
        timestamp: datetime
        source_dag_id: str | None
        source_task_id: str | None
        source_run_id: str | None


#: an event has its time from before it is stored, so for so long one may appear before those that were read
OVERLAP: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Announced:
    """What events hold."""

    #: as extracting tasks return them, each once, in the order of the events
    manifests: list[dict[str, Any]]
    #: the events that hold no manifest, and why, in words
    others: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the XCom."""
        return asdict(self)


def read_run(context: Context, since: str | None = None) -> Announced:
    """Take the manifests out of the events of a task's inlets: those that triggered its run, and those since.

    :param since: an ISO 8601 instant; by default just before Airflow made the run.
    """
    triggering, inlets = context["triggering_asset_events"], context["inlet_events"]
    begin = since or (context["dag_run"].run_after - OVERLAP).isoformat()
    return read_events(
        chain.from_iterable(triggering.get(asset, ()) for asset in inlets),
        chain.from_iterable(inlets[asset].after(begin) for asset in inlets),
    )


def read_events(triggering: Iterable[Event], since: Iterable[Event] = ()) -> Announced:
    """Take the manifests out of events.

    :param triggering: those that the run is there to load: each that holds no manifest is reported.
    :param since: those that may be another run's as well, which then reports what holds no manifest.
    """
    found: dict[str, dict[str, Any]] = {}
    others = []
    for event in triggering:
        for plain in _manifests(event):
            try:
                _take(plain, found)
            except InconsistentManifest as error:
                others.append(f"{_describe(event)}: {error}")
    for event in since:
        for plain in _manifests(event):
            with suppress(InconsistentManifest):
                _take(plain, found)
    return Announced(list(found.values()), others)


def check_events(others: Iterable[str]) -> None:
    """Check that no event was without a manifest.

    :raises InconsistentManifest: one was; the message names each.
    """
    if named := list(others):
        message = (
            f"events without a manifest: {'; '.join(named)}. The manifests of the other events were loaded. "
            "The extra has to be a manifest, as extracting operators write it for each asset among their "
            "outlets"
        )
        raise InconsistentManifest(message)


def _manifests(event: Event) -> list[Any]:
    """Return what an event holds: one manifest, or those of a run."""
    extra = dict(event.extra or {})
    several = extra.get("manifests")
    return several if isinstance(several, list) else [extra]


def _take(plain: Any, found: dict[str, dict[str, Any]]) -> None:
    manifest = from_dict(plain if isinstance(plain, dict) else {})
    try:
        Loadable.of(manifest)
    except InvalidRequest as error:
        raise InconsistentManifest(str(error)) from error
    found.setdefault(manifest.to_json(), manifest.to_dict())


def _describe(event: Event) -> str:
    if event.source_task_id is None:
        source = "not of a task"
    else:
        source = f"of {event.source_dag_id}.{event.source_task_id}, run {event.source_run_id}"
    return f"the event of {event.asset.name} at {event.timestamp.isoformat()}, {source}"

"""Which lake the page shows and what is expected of it: the Variables of the sample DAGs.

In the API server, Airflow's task SDK reads Variables from the environment, a secrets backend or the metadata
database, like in a task. Without a Variable, the lake is where the DAG would write it.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow_provider_binance_liq.core.given import (
    read_accounts,
    read_endpoints,
    read_retention_days,
    read_start_ms,
    read_warn_days,
)
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.core.wording import unknown
from airflow_provider_binance_liq.dag_support.coverage_settings import CoverageSettings
from airflow_provider_binance_liq.dag_support.extraction_settings import read_members
from airflow_provider_binance_liq.dag_support.settings import DagSettings, listed_destinations, read_settings
from airflow_provider_binance_liq.exceptions import InvalidConnection, InvalidRequest
from airflow_provider_binance_liq.lake.verify.coverage import Expectation
from airflow_provider_binance_liq.ui.document import without_connections
from airflow_provider_binance_liq.ui.names import DAGS, DEFAULT_DAG

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)
T = TypeVar("T")

VARIABLE: Final = "binance_liquidations"
COVERAGE_VARIABLE: Final = "binance_liquidations_coverage"


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake that is configured, and what is expected of it."""

    #: URL with the connection's id
    destination: str
    warn_days: float
    #: the DAG that extracts into it; None where that writes elsewhere
    dag_id: str | None
    #: connection → endpoints that the DAG extracts with it
    connections: Mapping[str, tuple[str, ...]]
    #: what a run has to be told to write there; empty where it does so by itself
    run_conf: Mapping[str, Any]
    _coverage: CoverageSettings

    @property
    def shown(self) -> str:
        """The URL without the connection."""
        return without_connections(self.destination)

    def expectation(self, now_ms: int) -> Expectation:
        """Return what should be there by now.

        :raises InvalidRequest: a member of the Variable is not what it has to be.
        """
        given = self._coverage
        start_ms = read_start_ms(given.start)
        if start_ms is not None and start_ms > now_ms:
            message = f"start is {iso(start_ms)}, and now it is {iso(now_ms)}: nothing would be expected"
            raise InvalidRequest(message)
        return Expectation(
            now_ms=now_ms,
            start_ms=start_ms,
            retention_days=read_retention_days(given.retention_days),
            accounts=read_accounts(given.accounts),
            endpoints=read_endpoints(given.endpoints),
        )

    def labels(self) -> dict[str, str]:
        """Return the connection of each account's label; of one that several have, the first."""
        found: dict[str, str] = {}
        for conn_id in self.connections:
            if label := _label(conn_id):
                found.setdefault(label, conn_id)
        return found


def read_lake(dag_id: str | None, get: Callable[[str], str | None] | None = None) -> Lake:
    """Return the lake that a DAG writes to, or is about.

    :param get: returns the text of a Variable; by default Airflow's.
    :raises InvalidRequest: the DAG is none of these, or a Variable is not what it has to be.
    """
    dag_id = dag_id or DEFAULT_DAG
    if dag_id not in DAGS:
        raise InvalidRequest(unknown("DAG", dag_id, DAGS))
    get = get or _variable
    variable, coverage = _json(VARIABLE, get), _json(COVERAGE_VARIABLE, get)
    settings, listed = _reading(
        VARIABLE, lambda: (read_settings(variable, {}), listed_destinations(variable))
    )
    found = _reading(COVERAGE_VARIABLE, lambda: read_members(CoverageSettings, coverage))
    warn_days = _reading(COVERAGE_VARIABLE, lambda: read_warn_days(found.warn_days))
    destination = found.destination or str(settings.destination)
    writes_there = destination in listed
    return Lake(
        destination=destination,
        warn_days=warn_days,
        dag_id=DAGS[dag_id] if writes_there else None,
        connections=_connections(settings),
        run_conf={"destination": destination} if writes_there and destination != listed[0] else {},
        _coverage=found,
    )


def _connections(settings: DagSettings) -> dict[str, tuple[str, ...]]:
    return {one.binance_conn_id: tuple(one.endpoints or ()) for one in settings.accounts()}


def _variable(name: str) -> str | None:
    from airflow.sdk import Variable

    text = Variable.get(name, default=None)
    return None if text is None else str(text)


def _json(name: str, get: Callable[[str], str | None]) -> Any:
    text = get(name)
    return None if text is None else _reading(name, lambda: json.loads(text))


def _reading(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (InvalidRequest, ValueError) as error:
        message = f"the Variable {name!r}: {error}"
        raise InvalidRequest(message) from None


def _label(conn_id: str) -> str | None:
    """Read an account's label; None where its connection cannot be read, which fails no page."""
    from airflow_provider_binance_liq.dag_support.labels import find_label

    found = find_label(conn_id)
    if isinstance(found, InvalidConnection):
        log.info("The account of the connection %r is not known: %s", conn_id, found)
        return None
    return found

"""The assets that the sample DAGs announce, and the event that a run's extractions share.

| asset | an event is |
|---|---|
| `binance_liquidations_<endpoint>` | an extraction of any connection |
| `binance_liquidations_<connection>_<endpoint>` | an extraction of this connection |
| `binance_liquidations_<connection>_<endpoint>_proven_days` | a proven day, as a partition (Airflow 3.3) |
| `binance_liquidations_extracted` | all that one run of `binance_liquidations_extract` has extracted |

Connections are those of the Variable, which is read when a DAG file is: Airflow has to know an asset before a
partition of it can be announced. No connection is read then, so assets are named by ids, and not by labels.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import Asset, Variable

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.dag_support.linked import linked_task
from airflow_provider_binance_liq.dag_support.settings import read_settings
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.operators.announcing import ENDPOINT, PROVEN_DAYS, extraction_assets

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX: Final = "binance_liquidations"
GROUP: Final = "binance"
#: of any connection, by endpoint; no alias, since the first events through one fail tasks that end together
BY_ENDPOINT: Final = [Asset(f"{PREFIX}_{name}", group=GROUP, extra={ENDPOINT: name}) for name in ENDPOINTS]
#: one event a run, with the manifests of all that it has extracted
EXTRACTED: Final = Asset(f"{PREFIX}_extracted", group=GROUP)


def outlets_of(variable: str) -> list[Asset]:
    """Return what `extract` may announce: by endpoint; and of each connection that the Variable lists."""
    return [*BY_ENDPOINT, *_by_connection(variable)]


def proven_days(variable: str, endpoints: Iterable[str]) -> list[Asset]:
    """Return the assets of days that are proven, of these endpoints; none before Airflow 3.3."""
    wanted = set(endpoints)
    return [
        one
        for one in _by_connection(variable)
        if one.extra.get(PROVEN_DAYS) and one.extra.get(ENDPOINT) in wanted
    ]


def _by_connection(variable: str) -> list[Asset]:
    return [
        asset
        for one in _extractions(variable)
        for endpoint in one["endpoints"]
        for asset in extraction_assets(PREFIX, one["operator"]["binance_conn_id"], endpoint)
    ]


def _extractions(variable: str) -> list[dict[str, Any]]:
    """Read what is extracted; that the Variable is wrong is said by the task `settings`."""
    try:
        text = Variable.get(variable, default=None)
        return read_settings(None if text is None else json.loads(text), {}).extractions(again=False)
    except (InvalidRequest, ValueError):
        return []
    except Exception:  # noqa: BLE001 - without a database any error may come, and the DAG file is read all the same
        return []


@linked_task(outlets=[EXTRACTED], trigger_rule="all_done_min_one_success")
def announce(manifests: Iterable[dict[str, Any]], outlet_events: Any = None) -> None:
    """Announce all that the run has extracted in one event, so that one run loads it."""
    outlet_events[EXTRACTED].extra = {"manifests": list(manifests)}

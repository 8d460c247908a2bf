"""What extracting some days costs at the least, and the backfills that extract exactly these days.

A backfill has the runs whose data interval starts from `from_date` to `to_date`, both of them included. So
days beside each other are one backfill, from midnight of the first one to midnight of the last one.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.estimates import WindowSeries, estimate
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_binance_liq.lake.verify.claims import Series
    from airflow_provider_binance_liq.ui.lakes import Lake

#: as many runs of the sample DAG as run at once
_AT_ONCE: Final = 4
#: ten years; more is a mistake
_MOST_DAYS: Final = 3653


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days beside each other."""

    first: date
    last: date

    def body(self, conf: dict[str, Any]) -> dict[str, Any]:
        """Return what `POST /api/v2/backfills` takes of it."""
        return {
            "from_date": _midnight(self.first),
            "to_date": _midnight(self.last),
            "dag_run_conf": conf,
            "max_active_runs": _AT_ONCE,
        }


def estimate_days(
    series: Series, days: Iterable[date], lake: Lake, conn_id: str | None, share: float
) -> dict[str, Any]:
    """Return the costs, the backfills, and the command for who may not create backfills in the page.

    :param share: of the IP address's weight, that the connection may use up.
    :raises InvalidRequest: no day, too many of them, or an endpoint that there is not.
    """
    wanted = sorted(set(days))
    if not 1 <= len(wanted) <= _MOST_DAYS:
        message = f"{count(len(wanted), 'day')} to extract; choose 1 to {_MOST_DAYS:,}"
        raise InvalidRequest(message)
    endpoint = get_endpoint(series.endpoint)
    cost = estimate(endpoint, WindowSeries(Window(0, len(wanted) * DAY_MS), DAY_MS), share=share)
    why_not = _why_not(series, lake, conn_id)
    conf = {"connections": [conn_id], "endpoints": [series.endpoint], **lake.run_conf}
    found = [] if why_not else [one.body(conf) for one in stretches_of(wanted)]
    return {
        "requests": cost.requests,
        "weight": cost.weight,
        "minutes": cost.minutes,
        "days": len(wanted),
        "backfills": found,
        "command": "\n".join(_command(str(lake.dag_id), one) for one in found),
        "why_not": why_not,
    }


def stretches_of(days: Iterable[date]) -> Iterator[Stretch]:
    """Join days, which come in order, that are beside each other."""
    found: Stretch | None = None
    for day in days:
        if found and day == found.last + timedelta(days=1):
            found = Stretch(found.first, day)
            continue
        if found:
            yield found
        found = Stretch(day, day)
    if found:
        yield found


def _why_not(series: Series, lake: Lake, conn_id: str | None) -> str:
    """Return why no backfill of the sample DAG extracts the days; empty where one does."""
    if lake.dag_id is None:
        return (
            "No DAG is known to write to this lake: its destination is not in the Variable "
            "binance_liquidations. Extract the days with a DAG of your own"
        )
    if series.symbols or series.auto_close_type:
        return (
            "The sample DAG extracts whole days, without a filter. Extract these with the operator that "
            "has the filter"
        )
    if conn_id is None:
        return (
            f"No connection in the Variable binance_liquidations has the account {series.account!r}: add "
            "one, or give it this label as `account`"
        )
    if series.endpoint not in lake.connections[conn_id]:
        return (
            f"The Variable binance_liquidations does not have {series.endpoint} among the endpoints of the "
            f"connection {conn_id!r}: add it"
        )
    return ""


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat().replace("+00:00", "Z")


def _command(dag_id: str, body: dict[str, Any]) -> str:
    words = [
        "airflow",
        "backfill",
        "create",
        "--dag-id",
        dag_id,
        "--from-date",
        body["from_date"],
        "--to-date",
        body["to_date"],
        "--reprocess-behavior",
        "completed",
        "--max-active-runs",
        str(body["max_active_runs"]),
        "--dag-run-conf",
        json.dumps(body["dag_run_conf"]),
    ]
    return shlex.join(words)

"""The parameters of the sample DAGs' runs, as Airflow's dialogs show them.

Every one of them may stay empty. They choose among what the settings have, or take less of it: who may only
trigger a DAG can never make a run read or write anything else.
"""

from __future__ import annotations

from typing import Any, Final

from airflow.sdk import Param

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.dag_support.settings import CHOICES

#: as Airflow's dialog for backfills names it; without the tick, it passes no parameter to any run
OVERRIDE: Final = "Override parameters on existing runs"
_IN_A_BACKFILL: Final = f'In a backfill, tick "{OVERRIDE}" too: without it, this is ignored.'
#: in the names of endpoints; not every font has it
_SIGN: Final = "\N{CIRCLED LATIN CAPITAL LETTER S}"
_WHERE: Final = "Where to"


def _param(kind: str, title: str, description: str, **schema: Any) -> Param:
    return Param(None, type=["null", kind], title=title, description=description, **schema)


def _choice(title: str, description: str, shown: dict[str | None, str], **schema: Any) -> Param:
    names = {str(value or "null"): text for value, text in shown.items()}
    return _param("string", title, description, enum=list(shown), values_display=names, **schema)


def _listed(title: str) -> Param:
    return _param(
        "string",
        title,
        "One of those that the settings list. Empty: the first of them.",
        section=_WHERE,
    )


_TITLES: Final = {
    "destination": "Destination (lake)",
    "database": "DuckDB database",
    "postgres_conn_id": "Connection to PostgreSQL",
    "schema": "Schema in PostgreSQL",
}
#: of a DAG that loads
LOAD_PARAMS: Final = {name: _listed(_TITLES[name]) for name in CHOICES}
#: of a DAG that extracts
EXTRACT_PARAMS: Final = {
    "connections": _param(
        "array",
        "Connections",
        "Only these of the settings' connections, one id a line. Empty: all of them. "
        f'(In a backfill, no parameter counts without the tick "{OVERRIDE}".)',
    ),
    "endpoints": _param(
        "array",
        "Endpoints",
        "Only these of the connections' endpoints. Empty: all of them.",
        examples=list(ENDPOINTS),
        values_display={name: f"{name}: {one.title.replace(_SIGN, 'S')}" for name, one in ENDPOINTS.items()},
    ),
    "symbols": _param(
        "array",
        "Symbols",
        "Only rows of these symbols, such as BTCUSDT, one a line. They are written to objects of their own, "
        "and prove nothing about other symbols. flexible_loan has no symbols, and is left out then. "
        "Empty: all symbols.",
        items={"type": "string"},
    ),
    "start": _param(
        "string",
        "From",
        "Extract this time, instead of the run's day; give the end as well. Not for a backfill, whose runs "
        "have a day each. Empty: the run's day.",
        format="date-time",
    ),
    "end": _param("string", "To", "The end of that time, which is not part of it.", format="date-time"),
    "beyond_retention": _choice(
        "Days older than the exchange is known to keep",
        f"Most endpoints keep 90 days. {_IN_A_BACKFILL}",
        {
            None: "As the settings say; if they do not: fail",
            "fail": "Fail, so that no missing day looks extracted",
            "skip": "Skip them",
            "extract": "Extract what is left, which is never proven complete",
        },
    ),
    "compression": _choice(
        "Compression",
        "Of the objects that are written.",
        {None: "As the settings say; if they do not: none", "gzip": "gzip"},
        section=_WHERE,
    ),
    "destination": LOAD_PARAMS["destination"],
}
#: of a DAG that loads what was announced
SINCE: Final = _param(
    "string",
    "Announced since",
    "Load what was announced since this instant. Empty: what triggered the run.",
    format="date-time",
)

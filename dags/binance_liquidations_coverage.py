"""## What is missing, while it can still be extracted.

Every day, it compares the windows in the lake's manifests with those that should be there. If something is
missing that the exchange will delete within `warn_days`, the task fails, and your notifier is called. A run
that never started causes no failure elsewhere, so only this check notices it. The task fails too if it finds
nothing to compare: a wrong destination or name, or manifests that cannot be used. It sends no request to the
exchange.

**What to set:** the Airflow Variable `binance_liquidations_coverage`, as JSON, or the environment variable
`AIRFLOW_VAR_BINANCE_LIQUIDATIONS_COVERAGE`. Everything in it is optional:

| member | meaning | default |
|---|---|---|
| `destination` | URL of the lake | that of the Variable `binance_liquidations` |
| `warn_days` | how many days before the exchange deletes something the task fails | 14 |
| `accounts` | only these labels; each has to be in the lake | all in the lake |
| `endpoints` | only these; each has to be in the lake, and with `accounts`, each pair | all in the lake |
| `start` | where each history begins, such as `2026-10-01T00:00:00Z`, not in the future | its first window |
| `retention_days` | how many days the exchange keeps, if you know better | as documented, else 90 |
| `notifier` | the class of any Airflow notifier, and its parameters | none: the task only fails |

For an email, with a connection of type `smtp`:

```json
{"notifier": {"class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
              "parameters": {"to": "risk@example.com", "subject": "{{ ti.dag_id }}: data is about to be lost",
                             "html_content": "{{ exception }}"}}}
```

The summary is in the task's XCom `coverage`, even if it fails.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

# Also for Airflow 3.1; from 3.2 on it is in airflow.sdk.
from airflow_provider_binance_liq.compat import CronDataIntervalTimetable
from airflow_provider_binance_liq.dag_support.coverage_settings import CoverageSettings
from airflow_provider_binance_liq.dag_support.extraction_settings import read_members
from airflow_provider_binance_liq.dag_support.linked import linked_task
from airflow_provider_binance_liq.dag_support.settings import read_settings
from airflow_provider_binance_liq.dag_support.tasks import read_variable
from airflow_provider_binance_liq.operators.coverage import LiquidationsCoverageCheckOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

VARIABLE = "binance_liquidations_coverage"
LAKE_VARIABLE = "binance_liquidations"
CHECKED = ("warn_days", "accounts", "endpoints", "start", "retention_days")

log = logging.getLogger(__name__)


def read() -> CoverageSettings:
    """Read the Variable."""
    return read_variable(VARIABLE, lambda given: read_members(CoverageSettings, given))


@linked_task(retries=0, multiple_outputs=True)
def settings() -> dict[str, Any]:
    """Return which lake to look at, and what to expect of it."""
    found = read()
    lake = found.destination or read_variable(LAKE_VARIABLE, lambda it: read_settings(it, {})).destination
    return {"destination": lake} | {name: getattr(found, name) for name in CHECKED}


def notify(context: Context) -> None:
    """Pass the failure to the notifier that the Variable names, if any.

    Where the notifier is written into a DAG file, `on_failure_callback=[SmtpNotifier(...)]` does the same.
    """
    from importlib import import_module

    notifier = read().notifier
    if not notifier:
        log.warning("No notifier is set: nothing but the task's failure shows what is missing")
        return
    module, _, name = notifier["class"].rpartition(".")
    getattr(import_module(module), name)(**notifier.get("parameters", {}))(context)


with DAG(
    dag_id="binance_liquidations_coverage",
    description="Fail while liquidations are missing that the exchange will soon forget",
    schedule=CronDataIntervalTimetable("0 6 * * *", timezone="UTC"),
    start_date=datetime(2019, 9, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
    doc_md=__doc__,
    tags=["binance", "liquidations"],
):
    given = settings()
    LiquidationsCoverageCheckOperator(
        task_id="check",
        destination=given["destination"],
        on_failure_callback=[notify],
        **{name: given[name] for name in CHECKED},
    )

"""## What is missing, while it can still be fetched.

Every day, what the manifests of the lake say was extracted is compared with what should have been. Where
something that the exchange still has will be forgotten within `warn_days`, the task fails, and whoever you
name is notified. A run that never started fails nothing, so it is noticed only here. The task fails as well
where it finds nothing to compare: a wrong destination or name, or manifests that cannot be used. Nothing is
asked of the exchange.

**What to set:** the Airflow Variable `binance_liquidations_coverage`, as JSON, or the environment variable
`AIRFLOW_VAR_BINANCE_LIQUIDATIONS_COVERAGE`. Everything in it is optional:

| member | meaning | default |
|---|---|---|
| `destination` | URL of the lake | that of the Variable `binance_liquidations` |
| `warn_days` | how many days before something is forgotten the task fails | 14 |
| `accounts` | only these labels, each of which has to be there | all that are there |
| `endpoints` | only these, each of which has to be there; with `accounts`, each pair | all that are there |
| `start` | where each history begins, such as `2026-10-01T00:00:00Z`, not in the future | its first window |
| `retention_days` | how many days the exchange keeps, where you know better | as documented, else 90 |
| `notifier` | the class of any Airflow notifier, and its parameters | none: the task only fails |

For an email, with a connection of type `smtp`:

```json
{"notifier": {"class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
              "parameters": {"to": "risk@example.com", "subject": "{{ ti.dag_id }}: data is about to be lost",
                             "html_content": "{{ exception }}"}}}
```

The summary is in the task's XCom `coverage`, also where it fails.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, task

# Also for Airflow 3.1; from 3.2 on it is in airflow.sdk.
from airflow_provider_binance_liq.compat import CronDataIntervalTimetable
from airflow_provider_binance_liq.dag_support.settings import read_settings
from airflow_provider_binance_liq.dag_support.tasks import read_variable
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.operators.coverage import LiquidationsCoverageCheckOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

VARIABLE = "binance_liquidations_coverage"
LAKE_VARIABLE = "binance_liquidations"
DEFAULTS: dict[str, Any] = {
    "warn_days": 14,
    "accounts": None,
    "endpoints": None,
    "start": None,
    "retention_days": None,
}

log = logging.getLogger(__name__)


def read(variable: Any) -> dict[str, Any]:
    """Read the Variable; a member that is unknown is refused, since it was meant to do something."""
    given = variable or {}
    known = {*DEFAULTS, "destination", "notifier"}
    if not isinstance(given, dict) or not set(given) <= known:
        message = f"it takes an object with {', '.join(sorted(known))}"
        raise InvalidRequest(message)
    return given


@task(retries=0, multiple_outputs=True)
def settings() -> dict[str, Any]:
    """Return which lake to look at, and what to expect of it."""
    given = read_variable(VARIABLE, read)
    destination = given.get("destination")
    if not destination:
        destination = read_variable(LAKE_VARIABLE, lambda lake: read_settings(lake, {})).destination
    return {"destination": destination} | {name: given.get(name, usual) for name, usual in DEFAULTS.items()}


def notify(context: Context) -> None:
    """Pass the failure to the notifier that the Variable names, if any.

    Where the notifier is written into a DAG file, `on_failure_callback=[SmtpNotifier(...)]` does the same.
    """
    from importlib import import_module

    notifier = read_variable(VARIABLE, read).get("notifier")
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
        **{name: given[name] for name in DEFAULTS},
    )

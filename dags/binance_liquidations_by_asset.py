"""Extracting and loading in two DAGs: one emits each manifest as an asset event, the other loads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_binance_liq.compat import CronDataIntervalTimetable  # also for Airflow 3.1
from airflow_provider_binance_liq.dag_support.assets import BY_ENDPOINT, EXTRACTED, announce, outlets_of
from airflow_provider_binance_liq.dag_support.operators import (
    ConfiguredExtractOperator,
    ConfiguredLoadOperator,
)
from airflow_provider_binance_liq.dag_support.tasks import (
    EXTRACT_PARAMS,
    LOAD_PARAMS,
    SINCE,
    check_events,
    extract_settings,
    load_settings,
    read_events,
    watcher,
)

VARIABLE = "binance_liquidations"
#: of the extracting tasks; it has to exist. The scheduler needs it before a run can read the Variable
POOL = "default_pool"

EXTRACT = """## Extracting every day, and emitting asset events.

Every day, it extracts each account's own liquidations of the day before, proves them complete or says why
not, and writes them as NDJSON with a manifest. Each `extract` emits its manifest as an event of its
endpoint's asset, such as `binance_liquidations_margin`; a task that fails emits nothing. When all have ended,
`announce` emits the manifests of the run in one event of `binance_liquidations_extracted`, and one run of
`binance_liquidations_load` loads them. `watcher` fails the run if an extraction failed.

Use both instead of `binance_liquidations` if the warehouse is not always available, or if other DAGs wait for
new windows too; otherwise leave them paused. They use the Variable `binance_liquidations`; the DAG of that
name describes it, and the parameters of a run.
"""

LOAD = """## Loading the manifests of asset events.

A run loads the manifests of the asset events that triggered it, and of later ones. `check_events` fails if an
event had no manifest, after the others are loaded.

Triggered by hand with `since`, an instant, it loads all manifests that were emitted from then on. `database`,
`postgres_conn_id`, `schema` and `destination` choose one of those that the Variable `binance_liquidations`
lists.
"""

COMMON = {
    # Early, because a manual run before it would do nothing and report success.
    "start_date": datetime(2019, 9, 1, tzinfo=UTC),
    "catchup": False,
    "default_args": {
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        # Whom to notify of a task that failed for good: any notifier, as SmtpNotifier(to="risk@example.com").
        "on_failure_callback": None,
    },
    "tags": ["binance", "liquidations"],
}

with DAG(
    "binance_liquidations_extract",
    description="Extract each account's liquidations of the day before, and emit asset events",
    doc_md=EXTRACT,
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    max_active_runs=4,
    params=EXTRACT_PARAMS,
    **COMMON,
):
    settings = extract_settings(VARIABLE, loads=False)
    extract = ConfiguredExtractOperator.partial(
        task_id="extract",
        pool=POOL,
        variable=VARIABLE,
        map_index_template="{{ task.map_label }}",
        outlets=outlets_of(VARIABLE),
    ).expand_kwargs(settings)
    [settings, extract, announce(extract.output)] >> watcher()

with DAG(
    "binance_liquidations_load",
    description="Load what binance_liquidations_extract announces, as soon as it does",
    doc_md=LOAD,
    # One event a run: the events of single extractions would start several loads of the same run.
    schedule=[EXTRACTED],
    max_active_runs=16,
    params={**LOAD_PARAMS, "since": SINCE},
    **COMMON,
):
    settings = load_settings(VARIABLE)
    events = read_events.override(inlets=[EXTRACTED, *BY_ENDPOINT])()
    load = ConfiguredLoadOperator(
        task_id="load",
        manifests=events["manifests"],
        destination=settings["destination"],
        warehouse=settings["warehouse"],
        variable=VARIABLE,
    )
    load >> check_events(events["others"])

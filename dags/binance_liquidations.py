"""## Every account's liquidations, day by day.

Every day, it extracts each account's own liquidations of the day before, proves them complete or says why
not, writes them as NDJSON with a manifest, and merges them into DuckDB or PostgreSQL. A backfill does the
same for past days; its runs may overlap.

| task | what it does |
|---|---|
| `settings` | reads the Variable and the run's parameters, and logs the least that the run costs |
| `extract` | one per account and endpoint: one object, its manifest, and events of assets |
| `load` | after all extractions have ended: merges the extracted windows into the warehouse |
| `watcher` | fails the run if one of its tasks failed, and names each with its reason; else it is skipped |

**What to set:** the Airflow Variable `binance_liquidations`, as JSON, or the environment variable
`AIRFLOW_VAR_BINANCE_LIQUIDATIONS`. Everything in it is optional, and so are `POOL` and
`on_failure_callback` in the DAG's file.

| member | meaning | default |
|---|---|---|
| `connections` | connection ids, or `{"binance_conn_id": ..., "endpoints": [...]}` | `["binance_default"]` |
| `endpoints` | endpoints of the connections without a list | `usdm_futures`, `coinm_futures`, `margin` |
| `destination` | URL of the object storage, such as `s3://aws_default@bucket/lake` | under `AIRFLOW_HOME` |
| `database` | path of the DuckDB file, or `md:<database>` | for a local lake, under `AIRFLOW_HOME` |
| `postgres_conn_id` | connection to a PostgreSQL database, to load into it instead of DuckDB | none |
| `schema` | schema of the tables in PostgreSQL, which has to exist | by the search path |
| `compression` | `gzip` or null | null |
| `beyond_retention` | `fail`, `skip` or `extract` days older than the exchange is known to keep | `fail` |
| `second_look_days` | how many days back `binance_liquidations_second_look` extracts again | 80 |

A connection in its long form may have the operator's `probe_report` and `accept_premises`, for its account.
An account is either classic (`usdm_futures`, `coinm_futures`, `margin`) or portfolio margin (`portfolio_um`,
`portfolio_cm`, `portfolio_margin`): list the endpoints of the latter. Any account may have
`margin_capital_flow` and `flexible_loan` as well, which are extracted only if they are listed.

**When triggering by hand**, `connections` and `endpoints` restrict the run to some of those in the settings.
`destination`, `database`, `postgres_conn_id` and `schema` choose one: each may be a list in the settings, and
its first value is the default. So a user who may only trigger cannot make a run write to another place or use
another key: such a run fails and says what is allowed. `compression` and `beyond_retention` can be chosen
freely. `symbols` restricts the run to some symbols; their rows are written to objects of their own. `start`
and `end` (*From* and *To*) are extracted instead of the run's day.

**In a backfill**, Airflow passes parameters to the runs only if "Override parameters on existing runs" is
ticked, for new runs too. Without it, the settings alone apply, and `settings` warns of that in its log. Days
older than the exchange is known to keep fail, so that none of them looks extracted; to skip them, choose
"Skip them", with that box ticked, or set `beyond_retention` in the Variable. `start` and `end` are refused:
each run has its day.

**When an extraction fails**, for example because a key was revoked, the windows of the others are loaded
nevertheless; `watcher` then fails, and so does the run.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider_binance_liq.compat import CronDataIntervalTimetable  # also for Airflow 3.1
from airflow_provider_binance_liq.dag_support.assets import outlets_of
from airflow_provider_binance_liq.dag_support.operators import (
    ConfiguredExtractOperator,
    ConfiguredLoadOperator,
)
from airflow_provider_binance_liq.dag_support.tasks import (
    EXTRACT_PARAMS,
    LOAD_PARAMS,
    extract_settings,
    watcher,
)

VARIABLE = "binance_liquidations"
#: of the extracting tasks; it has to exist. The scheduler needs it before a run can read the Variable
POOL = "default_pool"
DAILY = CronDataIntervalTimetable("0 0 * * *", timezone="UTC")

SECOND_LOOK = """## A past day again, before the exchange deletes it.

Every day, the day `second_look_days` (80) back is extracted again, compared with the earlier extraction, and
loaded. Rows that are new or changed are logged and loaded. If the exchange does not return rows any more,
`extract` fails and lists them; nothing is lost.

It has the tasks, settings and parameters of `binance_liquidations`, and reads the same Variable.
"""

COMMON = {
    # Early, because a manual run before it would do nothing and report success.
    "start_date": datetime(2019, 9, 1, tzinfo=UTC),
    "catchup": False,
    "max_active_runs": 4,
    "default_args": {
        "retries": 3,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        # Whom to notify of a task that failed for good: any notifier, as SmtpNotifier(to="risk@example.com").
        "on_failure_callback": None,
    },
    "params": EXTRACT_PARAMS | LOAD_PARAMS,
    "tags": ["binance", "liquidations"],
}


def extract_and_load(*, again: bool) -> None:
    """Add the tasks to the DAG at hand; `again` is for the second look."""
    settings = extract_settings(VARIABLE, again=again)
    extract = ConfiguredExtractOperator.partial(
        task_id="extract",
        pool=POOL,
        variable=VARIABLE,
        map_index_template="{{ task.map_label }}",
        outlets=outlets_of(VARIABLE),
    ).expand_kwargs(settings)
    load = ConfiguredLoadOperator(
        task_id="load",
        manifests=extract.output,
        destination=settings["destination"],
        warehouse=settings["warehouse"],
        variable=VARIABLE,
        # One key that is refused keeps no other account's rows out; without settings there is nothing to do.
        trigger_rule="all_done_min_one_success",
    )
    [settings, extract, load] >> watcher()


with DAG(
    "binance_liquidations",
    description="Extract each account's liquidations of the day before, and load them",
    doc_md=__doc__,
    schedule=DAILY,
    **COMMON,
):
    extract_and_load(again=False)

with DAG(
    "binance_liquidations_second_look",
    description="Extract a past day once more before the exchange forgets it, and load what is new",
    doc_md=SECOND_LOOK,
    schedule=DAILY,
    **COMMON,
):
    extract_and_load(again=True)

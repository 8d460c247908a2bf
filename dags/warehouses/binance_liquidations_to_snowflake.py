"""## Every account's liquidations, day by day, in Snowflake.

Every day, it extracts each account's own liquidations of the day before, proves them complete or says why
not, writes them as NDJSON where an external stage points to, and merges them in one transaction. `prepare`
fails with a specific error if a value does not fit, before the tables are touched. Experimental: it has not
run on Snowflake yet.

**What you need:** the extra `duckdb` of this provider, the provider `apache-airflow-providers-snowflake`, a
connection to Snowflake with a database and a schema, and in that schema an external stage whose URL is the
destination.

**What to set:** the Airflow Variable `binance_liquidations_to_snowflake`, as JSON:

| member | meaning | default |
|---|---|---|
| `destination` | URL of the object storage, such as `s3://aws_default@bucket/lake` | required |
| `via` | the name of the external stage | required |
| `conn_id` | the connection to Snowflake | `snowflake_default` |
| `connections` | connection ids, or `{"binance_conn_id": ..., "endpoints": [...]}` | `["binance_default"]` |
| `endpoints` | endpoints of the connections that have no list of their own | those of a classic account |
| `compression` | `gzip` or null | null |
"""

from __future__ import annotations

from functools import partial

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.snowflake.operators.snowflake import SnowflakeCheckOperator

from airflow_provider_binance_liq.dag_support.cloud_dag import daily, extract_and_prepare

NAME = "binance_liquidations_to_snowflake"

# Add `on_failure_callback=` with any notifier, to be notified of each task that failed for good.
with daily(NAME, __doc__, "Each account's liquidations of the day before, into Snowflake"):
    settings, load = extract_and_prepare("snowflake", NAME)
    conn_id = settings.output["conn_id"]
    # The statements begin and commit for themselves.
    run = partial(SQLExecuteQueryOperator, conn_id=conn_id, autocommit=True, handler=None)
    stage = run(task_id="stage", sql=load.output["stage"])
    check = SnowflakeCheckOperator(
        task_id="check", sql=load.output["check"], snowflake_conn_id=conn_id, retries=0
    )
    # Loads wait for one another, whatever number of runs there is.
    merge = run(task_id="merge", sql=load.output["merge"], max_active_tis_per_dag=1)
    clean = run(task_id="clean", sql=load.output["clean"])
    stage >> check >> merge >> clean

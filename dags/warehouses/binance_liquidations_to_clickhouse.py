"""## Every account's liquidations, day by day, in ClickHouse.

Every day, it extracts each account's own liquidations of the day before, proves them complete or says why
not, writes them as NDJSON to S3, and merges them by version, since ClickHouse has no transactions. `prepare`
fails with a specific error if a value does not fit, before the tables are touched. Experimental: it has not
run on a ClickHouse server yet.

**What you need:** the extra `duckdb` of this provider, the provider `apache-airflow-providers-clickhousedb`,
a connection to ClickHouse, and a named collection whose `url` is the destination, with whatever the server
needs to read there.

**What to set:** the Airflow Variable `binance_liquidations_to_clickhouse`, as JSON:

| member | meaning | default |
|---|---|---|
| `destination` | URL of the object storage, such as `s3://aws_default@bucket/lake` | required |
| `via` | the name of the named collection | required |
| `conn_id` | the connection to ClickHouse | `clickhouse_default` |
| `connections` | connection ids, or `{"binance_conn_id": ..., "endpoints": [...]}` | `["binance_default"]` |
| `endpoints` | endpoints of the connections that have no list of their own | those of a classic account |
| `compression` | `gzip` or null | null |
"""

from __future__ import annotations

from functools import partial

from airflow.providers.common.sql.operators.sql import SQLCheckOperator, SQLExecuteQueryOperator

from airflow_provider_binance_liq.dag_support.cloud_dag import daily, extract_and_prepare

NAME = "binance_liquidations_to_clickhouse"

# Add `on_failure_callback=` with any notifier, to be notified of each task that failed for good.
with daily(NAME, __doc__, "Each account's liquidations of the day before, into ClickHouse"):
    settings, load = extract_and_prepare("clickhouse", NAME)
    conn_id = settings.output["conn_id"]
    run = partial(SQLExecuteQueryOperator, conn_id=conn_id, handler=None)
    stage = run(task_id="stage", sql=load.output["stage"])
    check = SQLCheckOperator(task_id="check", sql=load.output["check"], conn_id=conn_id, retries=0)
    # Loads wait for one another, whatever number of runs there is.
    merge = run(task_id="merge", sql=load.output["merge"], max_active_tis_per_dag=1)
    clean = run(task_id="clean", sql=load.output["clean"])
    stage >> check >> merge >> clean

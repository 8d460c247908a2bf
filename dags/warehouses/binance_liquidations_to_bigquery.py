"""## Every account's liquidations, day by day, in BigQuery.

Every day, it extracts each account's own liquidations of the day before, proves them complete or says why
not, writes them as NDJSON to GCS, and merges them in one transaction. `prepare` fails with a specific error
if a value does not fit, before the tables are touched. Experimental: it has not run on BigQuery yet.

**What you need:** the extra `duckdb` of this provider, the provider `apache-airflow-providers-google` 22.3 or
later with gcsfs, a connection to Google Cloud that may run jobs, read the destination and write to the
dataset, and the dataset.

**What to set:** `LOCATION` in this file, where the dataset is, since its operator takes no template for that.
And the Airflow Variable `binance_liquidations_to_bigquery`, as JSON:

| member | meaning | default |
|---|---|---|
| `destination` | URL on GCS, such as `gs://google_cloud_default@bucket/lake` | required |
| `project`, `dataset` | where the tables are | have to be there |
| `conn_id` | the connection to Google Cloud | `google_cloud_default` |
| `connections` | connection ids, or `{"binance_conn_id": ..., "endpoints": [...]}` | `["binance_default"]` |
| `endpoints` | endpoints of the connections that have no list of their own | those of a classic account |
| `compression` | `gzip` or null | null |
"""

from __future__ import annotations

from functools import partial

from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator

from airflow_provider_binance_liq.dag_support.cloud_dag import daily, extract_and_prepare

NAME = "binance_liquidations_to_bigquery"
LOCATION = "EU"

# Add `on_failure_callback=` with any notifier, to be notified of each task that failed for good.
with daily(NAME, __doc__, "Each account's liquidations of the day before, into BigQuery"):
    settings, load = extract_and_prepare("bigquery", NAME)
    conn_id, project, dataset = (settings.output[name] for name in ("conn_id", "project", "dataset"))
    query = {"useLegacySql": False, "defaultDataset": {"projectId": project, "datasetId": dataset}}
    # Durable, it keeps its job's id when it is cleared: it would submit nothing, and succeed.
    run = partial(
        BigQueryInsertJobOperator,
        gcp_conn_id=conn_id,
        project_id=project,
        location=LOCATION,
        durable=False,
    )
    stage = run(task_id="stage", configuration={"query": query | {"query": load.output["stage"]}})
    check = run(task_id="check", configuration={"query": query | {"query": load.output["check"]}}, retries=0)
    # Loads wait for one another, whatever number of runs there is.
    merge = run(
        task_id="merge",
        configuration={"query": query | {"query": load.output["merge"]}},
        max_active_tis_per_dag=1,
    )
    clean = run(task_id="clean", configuration={"query": query | {"query": load.output["clean"]}})
    stage >> check >> merge >> clean

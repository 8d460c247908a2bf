"""OpenLineage: what a task has read and written, for Airflow's OpenLineage provider, where that is installed.

The law kept here: lineage never fails or delays a task. Airflow asks an operator for it when the task has
ended and its state is reported, and catches what is raised; only then is this package imported. It tells what
the task has kept. It has no secret: names are built from parts of URLs that are known to have none.

`names` has the names of datasets, `facets` the facets of this provider, and `reports` what operators tell.
"""

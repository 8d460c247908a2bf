"""Tests that share one running Airflow: a fixture of a package needs one."""

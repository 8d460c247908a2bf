"""What Airflow shows where `[core] load_examples` is on: one DAG, to be copied and edited."""

"""The plugins folder of the demo's Airflow, and of no other."""

"""The whole path at work on one machine: a strict exchange, a real Airflow, a backfill, a warehouse.

The law kept here: whatever ends the demo, nothing that it started outlives it, and it only says that all
went well after holding every row of the warehouse against the exchange's own history.
"""

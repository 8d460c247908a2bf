"""The whole path at work on one machine: a strict exchange, a real Airflow, a backfill, a warehouse.

The law kept here: whatever ends the demo, nothing that it started outlives it; and it succeeds only if
every row of the warehouse is a row of the exchange's own history, and the other way round.
"""

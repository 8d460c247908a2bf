"""Binance account liquidations for Apache Airflow.

Every window ends proven complete, with what the proof rests on; marked not complete, with the reason; or
failed with a specific error.

This module imports nothing: Airflow reads the version at discovery, in every one of its components.
"""

__version__ = "0.2.0"

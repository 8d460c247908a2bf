"""Binance account liquidations for Apache Airflow: each window proven complete, or failed by name.

This module imports nothing: Airflow reads the version at discovery, in every one of its components.
"""

__version__ = "0.1.0"

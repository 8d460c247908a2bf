"""Names that the plugin and the page share; the plugin is imported everywhere, so this imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: below Airflow's API server
PREFIX: Final = "/binance-liq"
#: the DAG that the page shows where none is asked for
DEFAULT_DAG: Final = "binance_liquidations"
#: sample DAG → the DAG that extracts into the same lake; all read the same Variables
DAGS: Final[Mapping[str, str]] = {
    "binance_liquidations": "binance_liquidations",
    "binance_liquidations_second_look": "binance_liquidations",
    "binance_liquidations_coverage": "binance_liquidations",
    "binance_liquidations_extract": "binance_liquidations_extract",
    "binance_liquidations_load": "binance_liquidations_extract",
}

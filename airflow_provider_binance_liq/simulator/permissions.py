"""What a key may read, and what an account has no records of: by the settings alone.

The documentation leaves open whether a key that may only read suffices for futures, and what papi says to an
account without portfolio margin; both answers of either are here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.simulator.refusals import Refusal

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.simulator.settings import Settings

#: families whose keys need a permission of their own, where reading is not enough
_MORE_THAN_READING: Final = frozenset({"fapi", "dapi", "papi"})


def check_permission(endpoint: Endpoint, settings: Settings, address: str) -> None:
    """Refuse a key, or an account, that `endpoint` is not for.

    :raises Refusal: -2015, or -21001 for an account that papi does not know.
    """
    family = endpoint.family.name
    refused = settings.key == "read_only" and settings.read_only == "refused"
    if settings.key == "none" or (refused and family in _MORE_THAN_READING):
        raise Refusal(-2015, address)
    if family == "papi" and settings.portfolio_margin == "refused_2015":
        raise Refusal(-2015, address)
    if family == "papi" and settings.portfolio_margin == "refused_21001":
        raise Refusal(-21001)


def has_records(endpoint: Endpoint, settings: Settings) -> bool:
    """Whether `endpoint` answers rows of these accounts at all."""
    if endpoint.family.name == "papi" and settings.portfolio_margin == "empty":
        return False
    return not (endpoint.caveat and settings.risk_based)

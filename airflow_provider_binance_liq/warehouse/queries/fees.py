"""Fees of liquidations, where the exchange states them in a row: capital flows and loans, not orders."""

from __future__ import annotations

from typing import Final

from airflow_provider_binance_liq.warehouse.queries.query import Query
from airflow_provider_binance_liq.warehouse.tables import CAPITAL_FLOWS, LOAN_LIQUIDATIONS

_DAY: Final = "CAST(occurred_at AT TIME ZONE 'UTC' AS DATE) AS day"

_CAPITAL_FLOW_FEES: Final = f"""\
SELECT {_DAY}, account, endpoint, asset, count(*) AS fees, sum(amount) AS amount
FROM {CAPITAL_FLOWS.name}
WHERE flow_type = 'LIQUIDATION_FEE'
GROUP BY day, account, endpoint, asset
ORDER BY day, account, endpoint, asset"""

_LOAN_FEES: Final = f"""\
SELECT {_DAY}, account, endpoint, loan_coin, collateral_coin,
    count(*) AS liquidations, count(liquidation_fee) AS fees, sum(liquidation_fee) AS liquidation_fee
FROM {LOAN_LIQUIDATIONS.name}
GROUP BY day, account, endpoint, loan_coin, collateral_coin
ORDER BY day, account, endpoint, loan_coin, collateral_coin"""

FEES: Final = (
    Query(
        "capital_flow_fees",
        "Liquidation fees of margin accounts: the capital flows of type LIQUIDATION_FEE, per UTC day, "
        "account and asset, with the exchange's sign.",
        _CAPITAL_FLOW_FEES,
    ),
    Query(
        "loan_fees",
        "Liquidation fees of loans, per UTC day, account and pair of coins. The exchange does not document "
        "in which coin the fee is.",
        _LOAN_FEES,
    ),
)

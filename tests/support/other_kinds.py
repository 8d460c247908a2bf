"""Rows of other kinds than orders: flows of a margin account's capital, and liquidations of loans."""

from __future__ import annotations

import json

FLOWS, LOANS = "margin_capital_flow", "flexible_loan"
MS = 1791590400000


def flow(number, /, **fields):
    known = {
        "id": number,
        "tranId": 9007199254740993,
        "timestamp": MS,
        "asset": "USDT",
        "symbol": "BTCUSDT",
        "type": "BUY_LIQUIDATION",
        "amount": "-101.000000000000000001",
    }
    return json.dumps(known | fields)


def loan(number, /, **fields):
    """Write the loan that was liquidated so many milliseconds into the day."""
    known = {
        "loanCoin": "USDT",
        "liquidationDebt": "1000.5",
        "collateralCoin": "BTC",
        "liquidationCollateralAmount": "0.03",
        "returnCollateralAmount": "0.001",
        "liquidationFee": "1.2",
        "liquidationStartingPrice": "49000",
        "liquidationStartingTime": MS + number,
        "status": "Liquidating",
    }
    return json.dumps(known | fields)

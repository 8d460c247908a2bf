"""The rows that the exchange's documentation shows, at their own instants, in every account.

What a reader sees on those pages is what the whole path has to bring to the warehouse, letter by letter. The
pages put each field on a line of its own; here, as on the wire, there is no white space. Rows that are made
have the same values wherever nothing else is said.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.kinds import KINDS
from airflow_provider_binance_liq.simulator.records import Amount, read_record
from airflow_provider_binance_liq.simulator.symbols import day_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_binance_liq.simulator.records import Record, Value

#: endpoint → its documented rows, with the fields in the order of the page
_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "usdm_futures": (
        (
            '{"orderId":6071832819,"symbol":"BTCUSDT","status":"FILLED",'
            '"clientOrderId":"autoclose-1596107620040000020","price":"10871.09","avgPrice":"10913.21000",'
            '"origQty":"0.001","executedQty":"0.001","cumQuote":"10.91321","timeInForce":"IOC","type":"LIMIT",'
            '"reduceOnly":false,"closePosition":false,"side":"SELL","positionSide":"BOTH","stopPrice":"0",'
            '"workingType":"CONTRACT_PRICE","origType":"LIMIT","time":1596107620044,"updateTime":1596107620087}'
        ),
        (
            '{"orderId":6072734303,"symbol":"BTCUSDT","status":"FILLED","clientOrderId":"adl_autoclose",'
            '"price":"11023.14","avgPrice":"10979.82000","origQty":"0.001","executedQty":"0.001",'
            '"cumQuote":"10.97982","timeInForce":"GTC","type":"LIMIT","reduceOnly":false,"closePosition":false,'
            '"side":"BUY","positionSide":"SHORT","stopPrice":"0","workingType":"CONTRACT_PRICE",'
            '"origType":"LIMIT","time":1596110725059,"updateTime":1596110725071}'
        ),
    ),
    # No page of this endpoint is at hand: the values are those of papi's COIN-M, the fields the SDK's model.
    "coinm_futures": (
        (
            '{"orderId":165123080,"symbol":"BTCUSD_200925","pair":"BTCUSD","status":"FILLED",'
            '"clientOrderId":"autoclose-1596542005017000006","price":"11326.9","avgPrice":"11326.9",'
            '"origQty":"1","executedQty":"1","cumBase":"0.00882854","cumQuote":"100","timeInForce":"IOC",'
            '"type":"LIMIT","reduceOnly":false,"closePosition":false,"side":"SELL","positionSide":"BOTH",'
            '"stopPrice":"0","workingType":"CONTRACT_PRICE","priceProtect":false,"origType":"LIMIT",'
            '"time":1596542005019,"updateTime":1596542005050,"goodTillDate":0}'
        ),
    ),
    "portfolio_um": (
        (
            '{"orderId":6071832819,"symbol":"BTCUSDT","status":"FILLED",'
            '"clientOrderId":"autoclose-1596107620040000020","price":"10871.09","avgPrice":"10913.21000",'
            '"origQty":"0.001","executedQty":"0.001","cumQuote":"10.91321","timeInForce":"IOC","type":"LIMIT",'
            '"reduceOnly":false,"side":"SELL","positionSide":"BOTH","origType":"LIMIT","time":1596107620044,'
            '"updateTime":1596107620087}'
        ),
    ),
    "portfolio_cm": (
        (
            '{"orderId":165123080,"symbol":"BTCUSD_200925","pair":"BTCUSD","status":"FILLED",'
            '"clientOrderId":"autoclose-1596542005017000006","price":"11326.9","avgPrice":"11326.9",'
            '"origQty":"1","executedQty":"1","cumBase":"0.00882854","timeInForce":"IOC","type":"LIMIT",'
            '"reduceOnly":false,"side":"SELL","positionSide":"BOTH","origType":"LIMIT","time":1596542005019,'
            '"updateTime":1596542005050}'
        ),
    ),
    "portfolio_margin": (
        (
            '{"avgPrice":"0.00388359","executedQty":"31.39000000","orderId":180015097,"price":"0.00388110",'
            '"qty":"31.39000000","side":"SELL","symbol":"BNBBTC","timeInForce":"GTC",'
            '"updatedTime":1558941374745}'
        ),
    ),
    "margin": (
        (
            '{"avgPrice":"0.00388359","executedQty":"31.39000000","orderId":180015097,"price":"0.00388110",'
            '"qty":"31.39000000","side":"SELL","symbol":"BNBBTC","timeInForce":"GTC","isIsolated":true,'
            '"updatedTime":1558941374745}'
        ),
    ),
    # The example has the first type alone; the second row is the same entry of a liquidation's type.
    "margin_capital_flow": (
        (
            '{"id":123456,"tranId":123123,"timestamp":1691116657000,"asset":"USDT","symbol":"BTCUSDT",'
            '"type":"BORROW","amount":"101"}'
        ),
        (
            '{"id":123457,"tranId":123124,"timestamp":1691116657001,"asset":"USDT","symbol":"BTCUSDT",'
            '"type":"SELL_LIQUIDATION","amount":"101"}'
        ),
    ),
    # Fields and their order are those of the SDK's model; the values are of no page.
    "flexible_loan": (
        (
            '{"loanCoin":"USDT","liquidationDebt":"4200.10","collateralCoin":"BTC",'
            '"liquidationCollateralAmount":"0.072","returnCollateralAmount":"0.001","liquidationFee":"84.00",'
            '"liquidationStartingPrice":"64250.5","liquidationStartingTime":1691116657000,'
            '"status":"Liquidated"}'
        ),
    ),
}
#: endpoint → its documented rows
DOCUMENTED: Final[Mapping[str, tuple[Record, ...]]] = {
    name: tuple(read_record(text.encode(), endpoint) for text in _TEXTS.get(name, ()))
    for name, endpoint in ENDPOINTS.items()
}
#: endpoint → days that hold its documented rows and nothing else
DOCUMENTED_DAYS: Final[Mapping[str, frozenset[int]]] = {
    endpoint: frozenset(day_of(record.time_ms) for record in records)
    for endpoint, records in DOCUMENTED.items()
}
_DECIMAL: Final = re.compile(r"-?\d+(\.\d+)?")


def _shown(records: Iterable[Record]) -> dict[str, Value]:
    """Return every field that documented rows show, with the value of the first row that has it."""
    found: dict[str, Value] = {}
    for record in records:
        for name, value in json.loads(record.body).items():
            is_decimal = isinstance(value, str) and _DECIMAL.fullmatch(value)
            found.setdefault(name, Amount(value) if is_decimal else value)
    return found


_DEFAULTS: Final[Mapping[str, Value]] = {
    **_shown(record for records in DOCUMENTED.values() for record in records),
    **{field.name: 1 for kind in KINDS for field in kind.key if field.is_whole},
    "pair": "BTCUSDT",
    "qty": Amount("0.001"),
    "cumBase": Amount("0.001"),
    "isIsolated": False,
}


def make_row(endpoint: str, **values: Value) -> dict[str, Value]:
    """Make a row with every documented field of `endpoint`, in their order, for a history by hand.

    `time` also sets the other instants, where they are not given.
    """
    row = ENDPOINTS[endpoint]
    unknown = sorted(set(values) - set(row.fields) - {"time"})
    if unknown:
        message = f"{endpoint} has no field {', '.join(unknown)}; it has {', '.join(row.fields)}"
        raise ValueError(message)
    given = dict.fromkeys(row.kind.instants, values.get("time", 0)) | values
    if row.restriction:
        given.setdefault(row.restriction.field, row.restriction.liquidations[0])
    return {name: given.get(name, _DEFAULTS.get(name, "")) for name in row.fields}

"""`binance-liq probe`: ask the exchange what its documentation leaves open, by the account's own rows."""

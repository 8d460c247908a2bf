"""`binance-liq plan`: what extracting a range of time costs at the least."""

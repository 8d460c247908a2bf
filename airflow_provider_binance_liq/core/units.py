"""Units of time in epoch milliseconds, as the exchange counts it."""

from __future__ import annotations

from typing import Final

MINUTE_MS: Final = 60 * 1000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
#: the last millisecond that a calendar of four-digit years can name
LAST_MS: Final = 253_402_300_799_999

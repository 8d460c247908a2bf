"""Values in all the spellings that a row may have, and what each is by arithmetic of Python's own.

What is expected is computed by `decimal` and `int` alone, and so shares nothing with the engines.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from random import Random

#: column → field of the exchange
DECIMALS: Final = {"price": "price", "avg_price": "avgPrice", "cum_quote": "cumQuote"}
TEXTS: Final = {"symbol": "symbol", "status": "status", "side": "side"}
INSTANTS: Final = {"created_at": "time", "updated_at": "updateTime"}
COLUMNS: Final = ("order_id", *DECIMALS, *TEXTS, *INSTANTS, "reduce_only", "good_till")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")
_INTEGER: Final = re.compile(r"-?[0-9]+([.]0*)?")
_MILLIS: Final = range(-62135596800000, 253402300799999 + 1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN: Final = ("0", "1", "-1", "1.5", "0.00000001", "63999.99", "-0.0", "12345678.12345678", "7.50")
_ODD: Final = [
    "123456789012345678.123456789012345678",
    ".5",
    "5.",
    "-0",
    "+1.5",
    "00.10",
    "1e-8",
    "1E5",
    "1.5e-3",
    "-2.50E+3",
    "0e99",
    "0.0e-99",
    "0.000000000000000001",
    "99999999999999999999.999999999999999999",
    "1.0000000000000000000000",
    "10e-19",
    "1e-18",
]
_WRONG: Final = [
    ".",
    "-",
    "+",
    "1-",
    "1.2.3",
    "0x10",
    "1_0",
    "1e",
    "1e-19",
    "1e20",
    "NaN",
    "inf",
    "1|2",
    "1,5",
    ".1234567890123456789",
    "100000000000000000000",
    "1e99999999999",
    "--1",
    "1e1.5",
]
_INTEGERS: Final = [
    "0",
    "1",
    "-1",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "007",
    "2.0",
    "2.",
    "-0",
    "1.000",
]
_WRONG_INTEGERS: Final = ["9223372036854775808", "1.5", "+5", "1e3", ".0", "x", "-"]
_TEXTS: Final = (
    "FILLED",
    "币安人生USDT",
    "\U0001f680",
    "a:1.5,[2.50]",
    "1e400",
    'q"\\\t\x01\x02',
    "\\N",
    " ",
)


def spelled(draw: Random, *, wrong: bool = False) -> dict[str, str]:
    """Draw the texts of a row's JSON values; if `wrong`, one of them has no value of its column's type."""
    fields = {"orderId": _token(draw, draw.choice(_INTEGERS)), "updateTime": str(draw.randrange(2**42))}
    for field in DECIMALS.values():
        if draw.random() < 0.8:
            fields[field] = _or_nothing(draw, _token(draw, draw.choice(draw.choice((_PLAIN, _ODD)))))
    fields.setdefault("price", "null")  # where it is absent, tests have one of their own
    for field in TEXTS.values():
        fields[field] = json.dumps(draw.choice(_TEXTS), ensure_ascii=draw.random() < 0.5)
    fields["status"] = _or_nothing(draw, fields["status"])
    fields["time"] = _token(draw, str(draw.choice((0, -1, _MILLIS[0], _MILLIS[-1], 1791590400000))))
    fields["goodTillDate"] = _or_nothing(draw, _token(draw, draw.choice(("0", "00", "1791590400001"))))
    fields["reduceOnly"] = _or_nothing(draw, draw.choice(("true", "false", '"TRUE"', "1", '"0"')))
    fields["remark"] = draw.choice(('"\\u0000"', "1.50", "null", '{"a":[1.5,-2e9,"x"]}'))
    if wrong:
        field, value = draw.choice(
            [
                *((field, one) for field in DECIMALS.values() for one in _WRONG),
                *((field, one) for field in ("orderId", "time", "updateTime") for one in _WRONG_INTEGERS),
                ("updateTime", str(_MILLIS[-1] + 1)),
                ("updateTime", ""),
                ("symbol", ""),
                ("reduceOnly", "yes"),
            ]
        )
        fields[field] = json.dumps(value)
        if value == "" and field == "updateTime":
            fields["time"] = "null"
    return fields


def _token(draw: Random, text: str) -> str:
    """Spell a number as JSON has them, or as a string."""
    is_number = re.fullmatch(r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?", text)
    return text if is_number and draw.random() < 0.5 else f'"{text}"'


def _or_nothing(draw: Random, token: str) -> str:
    return draw.choice(("null", '""')) if draw.random() < 0.1 else token


def expected(fields: dict[str, str]) -> tuple[Any, ...] | None:
    """Return the values of `COLUMNS`, None where one of the texts has none.

    A text stands for nothing if it is absent, null or empty.
    """
    texts = {name: _text(token) for name, token in fields.items()}
    try:
        return (
            _required(_integer(texts["orderId"])),
            *(_decimal(texts.get(field)) for field in DECIMALS.values()),
            _required(texts["symbol"]),
            texts["status"],
            texts["side"],
            _instant(_integer(texts["time"])),
            _required(_instant(_integer(texts["updateTime"] or texts["time"]))),
            _boolean(texts["reduceOnly"]),
            _instant(_integer(texts["goodTillDate"]) or None),
        )
    except ValueError:
        return None


def _text(token: str) -> str | None:
    value = json.loads(token, parse_float=str, parse_int=str)
    if isinstance(value, bool):
        return token
    return value or None if isinstance(value, str) else None


def _required(value: Any) -> Any:
    if value is None:
        raise ValueError
    return value


def _decimal(text: str | None) -> Decimal | None:
    if text is None:
        return None
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    with localcontext(prec=100, Emax=10**12, Emin=-(10**12)):
        value = Decimal(text)
        if not value:
            return Decimal(0)
        lowest = value.normalize().as_tuple().exponent
        if not isinstance(lowest, int) or lowest < -18 or value.adjusted() > 19:
            raise ValueError(text)
        return value


def _integer(text: str | None) -> int | None:
    if text is None:
        return None
    if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text.partition(".")[0]) < 2**63:
        raise ValueError(text)
    return int(text.partition(".")[0])


def _instant(millis: int | None) -> datetime | None:
    if millis is not None and millis not in _MILLIS:
        raise ValueError(millis)
    return None if millis is None else _EPOCH + timedelta(milliseconds=millis)


def _boolean(text: str | None) -> bool | None:
    if text is None:
        return None
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]

"""What PostgreSQL cannot hold exactly is refused by name, and nothing of its load is there."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_binance_liq.exceptions import (
    InconsistentManifest,
    PermanentError,
    WarehouseError,
)

# The quick suite checks the same laws on DuckDB.
pytestmark = pytest.mark.slow

REFUSED = {
    "a 19th decimal": (
        {"price": '"0.1234567890123456789"'},
        "price is 0.1234567890123456789, which is no DEC",
    ),
    "a 21st digit": ({"price": '"100000000000000000000"'}, "price is 100000000000000000000, which"),
    "NaN": ({"price": '"NaN"'}, "price is NaN"),
    "infinity": ({"price": '"Infinity"'}, "price is Infinity"),
    "hexadecimal digits": ({"price": '"0x1F"'}, "price is 0x1F"),
    "white space": ({"price": '" 1"'}, "price is  1,"),
    "an underscore": ({"orderId": '"1_000"'}, "orderId is 1_000, which is no 64-bit integer"),
    "a number too long to compute": ({"price": '"1e99999"'}, "price is 1e99999"),
    "2^63": (
        {"orderId": "9223372036854775808"},
        "orderId is 9223372036854775808, which is no 64-bit integer",
    ),
    "an id with a fraction": ({"orderId": "1.5"}, "orderId is 1.5"),
    "no id": ({"orderId": "null"}, "has no orderId"),
    "an empty symbol": ({"symbol": '""'}, "has no symbol"),
    "no instant": ({"updateTime": "null", "time": '""'}, "has no updateTime or updatedTime or time"),
    "an instant in microseconds": ({"updateTime": "1791590400000000"}, "which is no instant in milliseconds"),
    "a boolean that is none": ({"reduceOnly": '"perhaps"'}, "reduceOnly is perhaps, which is no boolean"),
    "a zero character": (
        {"status": '"a\\u0000b"'},
        "\\u0000 in status, which no text in PostgreSQL can hold",
    ),
    "half a character": ({"status": '"\\ud800"'}, "is no JSON ("),
    "a raw control character": ({"status": '"a\x01b\x01"'}, "is no JSON ("),
    "a raw tab": ({"status": '"a\tb"'}, "is no JSON ("),
}


@pytest.mark.parametrize(("fields", "named"), REFUSED.values(), ids=REFUSED)
def test_a_value_that_does_not_fit_is_named_with_its_row_and_object(postgres, lake, row, fields, named):
    good, bad = lake.lay([row(1)], day=9), lake.lay([row(2), row(3, **fields)])

    with pytest.raises(WarehouseError) as refused:
        postgres.load(good, bad)

    message = str(refused.value)
    assert named in message
    assert bad.object.uri in message
    assert message.endswith("Nothing was merged")
    assert postgres.dump() == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[1]", "has no symbol: [1]"),
        ("5", "has no symbol: 5"),
        ("null", "has no symbol: null"),
        ('{"orderId":1', "is no JSON ("),
        ("", "has 2 rows where its manifest says 3"),
        ("{}{}", "is no JSON ("),
        ("[" * 100_000, "is no JSON ("),
        ("\\.", "is no JSON ("),
        ("\\N", "is no JSON ("),
    ],
    ids=[
        "list",
        "number",
        "null",
        "cut off",
        "empty",
        "two rows",
        "too deep",
        "end of a COPY",
        "NULL of a COPY",
    ],
)
def test_a_line_that_is_no_row_is_named_with_its_object(postgres, lake, row, line, reason):
    manifest = lake.lay([row(1), line, row(2)])

    with pytest.raises((WarehouseError, InconsistentManifest)) as refused:
        postgres.load(manifest)

    assert manifest.object.uri in str(refused.value)
    assert reason in str(refused.value)
    assert postgres.dump() == []


@pytest.mark.parametrize(
    "body", [b'{"symbol":"\xff"}\n', b'{"symbol":"\0"}\n'], ids=["no UTF-8", "zero byte"]
)
def test_bytes_that_are_no_text_are_named_with_their_object(postgres, lake, body):
    manifest = lake.lay(["{}"])
    Path(manifest.object.uri.removeprefix("file://")).write_bytes(body)
    stored = replace(manifest.object, bytes=len(body), sha256=hashlib.sha256(body).hexdigest())

    with pytest.raises(WarehouseError, match="lake of") as refused:
        postgres.load(replace(manifest, object=stored))

    assert str(refused.value).endswith("Nothing was merged")


@pytest.mark.parametrize("account", ["a\0b", "a\ud800"], ids=["zero", "half"])
def test_a_manifest_with_a_name_that_no_text_can_hold_is_refused(postgres, lake, row, account):
    with pytest.raises(PermanentError, match="account"):
        postgres.load(replace(lake.lay([row()]), account=account))


def test_rows_that_nobody_counted_stop_the_whole_load(postgres, lake, row, tmp_path):
    manifest, local = lake.lay([row(1), row(2)]), tmp_path / "local.ndjson"
    local.write_text(f"{row(1)}\n")

    from airflow_provider_binance_liq.warehouse.load import load

    with pytest.raises(InconsistentManifest, match="has 1 rows where its manifest says 2"):
        load(postgres.engine(), [manifest], fetch=lambda *_: local)

    assert postgres.dump() == []


CHANGES = {
    "another type": (
        "ALTER COLUMN price TYPE numeric(20,8)",
        r"price is numeric\(20,8\) where numeric\(38,18",
    ),
    "a column less": ("DROP COLUMN pair", "pair is absent where text belongs"),
}


@pytest.mark.parametrize(("change", "named"), CHANGES.values(), ids=CHANGES)
def test_a_table_with_other_columns_is_refused(postgres, lake, row, change, named):
    postgres.load(lake.lay([]))
    postgres.query(f"ALTER TABLE binance_liquidations {change}")

    with pytest.raises(WarehouseError, match=named):
        postgres.load(lake.lay([row()]))


def test_a_user_who_may_not_write_gets_that_error(postgres, lake, row, monkeypatch):
    postgres.load(lake.lay([]))
    postgres.query("CREATE ROLE reader LOGIN")
    try:
        postgres.query("GRANT SELECT ON binance_liquidations, binance_liquidation_windows TO reader")
        postgres.set_connection(monkeypatch, login="reader")

        with pytest.raises(WarehouseError, match="permission denied for table binance_liquidations"):
            postgres.load(lake.lay([row()]))
    finally:
        postgres.query("DROP OWNED BY reader")
        postgres.query("DROP ROLE reader")


def test_a_user_with_the_rights_on_both_tables_needs_no_others(postgres, lake, row, monkeypatch):
    postgres.load(lake.lay([]))
    postgres.query("CREATE ROLE loader LOGIN")
    try:
        rights = "SELECT, INSERT, UPDATE"
        postgres.query(f"GRANT {rights} ON binance_liquidations, binance_liquidation_windows TO loader")
        postgres.set_connection(monkeypatch, login="loader")

        assert postgres.load(lake.lay([row()])).inserted == 1
    finally:
        postgres.query("DROP OWNED BY loader")
        postgres.query("DROP ROLE loader")


def test_a_database_that_cannot_hold_non_ascii_symbols_is_refused(postgres, server, lake, row, monkeypatch):
    name = f"{postgres.database} latin"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE \"{name}\" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        postgres.set_connection(monkeypatch, schema=name)
        with pytest.raises(WarehouseError, match="encoding is LATIN1"):
            postgres.load(lake.lay([row()]))
    finally:
        with server.connect() as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

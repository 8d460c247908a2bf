"""What a row holds reaches PostgreSQL as it is, also what the lines of a COPY are made of."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

#: between values, around them, between lines; and what escapes them in JSON
AWKWARD = 'a\x01b\x02\x02c\nd\re\\f"g\\.'
TWO_LOOKS = ("2026-11-11T00:00:00Z", "2026-11-12T00:00:00Z")


def test_a_text_may_hold_what_separates_values_and_lines(postgres, duckdb, lake, row):
    for looked in TWO_LOOKS:  # the first goes to the table at once, the second is staged
        rows = [row(1, clientOrderId=json.dumps(AWKWARD), pair=json.dumps(looked)), row(2)]
        for warehouse in (postgres, duckdb):
            warehouse.load(lake.lay(rows, extracted_at=looked))
        query = "SELECT order_id, client_order_id, pair, raw FROM binance_liquidations ORDER BY order_id"
        assert postgres.query(query) == duckdb.query(query)
        assert postgres.query(query)[0][1:3] == (AWKWARD, looked)


@pytest.mark.parametrize("between", ["\\t", "\\r"], ids=["tab", "return"])
def test_the_text_of_a_row_is_kept_with_the_white_space_between_its_values(postgres, lake, row, between):
    spaced = row(1).replace(",", f",{between.encode().decode('unicode_escape')}", 1)
    postgres.load(lake.lay([spaced]))
    assert postgres.query("SELECT raw FROM binance_liquidations") == [(spaced,)]


def test_an_account_may_be_called_what_separates_values(postgres, lake, row):
    for looked in TWO_LOOKS:
        postgres.load(replace(lake.lay([row(1)], extracted_at=looked), account=AWKWARD))
    assert postgres.query("SELECT account FROM binance_liquidations") == [(AWKWARD,)]


@pytest.mark.parametrize("sent", ["1.", ".5", "-.5", "00.10", "-0", "0.000000000000000001", "1e2", "12E-3"])
def test_an_amount_is_the_same_number_however_it_is_spelled(postgres, duckdb, lake, row, sent):
    for warehouse in (postgres, duckdb):
        warehouse.load(lake.lay([row(1, price=json.dumps(sent))]))
    query = "SELECT price FROM binance_liquidations"
    assert postgres.query(query) == duckdb.query(query)


def test_rows_of_several_objects_keep_what_each_object_says_of_them(postgres, lake, row):
    manifests = [lake.lay([row(1)], account=account) for account in ("desk", "other")]
    postgres.load(*manifests)
    assert postgres.query("SELECT account, object_sha256 FROM binance_liquidations ORDER BY account") == [
        (one.account, one.object.sha256) for one in manifests
    ]


def test_a_partitioned_table_is_loaded_and_looked_at_again(postgres, lake, row):
    postgres.load(lake.lay([row(1)]))
    postgres.query("ALTER TABLE binance_liquidations RENAME TO plain")
    columns = "(LIKE plain INCLUDING ALL) PARTITION BY LIST (account)"
    postgres.query(f"CREATE TABLE binance_liquidations {columns}")
    for account in ("desk", "other"):
        partition = f"PARTITION OF binance_liquidations FOR VALUES IN ('{account}')"
        postgres.query(f"CREATE TABLE of_{account} {partition}")
    postgres.query("DROP TABLE plain; DELETE FROM binance_liquidation_windows")

    for price, looked in zip(("1.5", "2.5"), TWO_LOOKS, strict=True):
        rows = [row(1, price=f'"{price}"'), row(2)]
        for account in ("desk", "other"):
            postgres.load(lake.lay(rows, account=account, extracted_at=looked))

    found = postgres.query("SELECT order_id, price, extracted_at FROM binance_liquidations")
    assert sorted((number, float(price)) for number, price, _ in found) == [
        (1, 2.5),
        (1, 2.5),
        (2, 1.5),
        (2, 1.5),
    ]
    assert {at.isoformat().replace("+00:00", "Z") for *_, at in found} == {TWO_LOOKS[1]}

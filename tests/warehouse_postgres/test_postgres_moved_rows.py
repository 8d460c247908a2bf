"""Rows of a time that has none go to their table at once; one that an update has moved there is replaced."""

from __future__ import annotations

import pytest

HOUR_MS = 3_600_000
START_MS = 1791590400000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def statements(monkeypatch):
    """Note what a load executes."""
    from airflow_provider_binance_liq.warehouse.postgres.transaction import Transaction

    given = []

    def execute(self, statement, parameters=None):
        given.append(statement)
        return made(self, statement, parameters)

    made = Transaction._execute
    monkeypatch.setattr(Transaction, "_execute", execute)
    return given


def is_staged(statements):
    return any("staged_binance_liquidations " in one for one in statements)


def test_new_rows_of_a_time_that_has_none_are_not_staged(postgres, lake, row, statements):
    for day in range(2):
        summary = postgres.load(lake.lay([row(day, START_MS + day * DAY_MS)], day=10 + day))
        assert (summary.inserted, summary.updated, summary.unchanged) == (1, 0, 0)
    assert not is_staged(statements)
    assert postgres.query("SELECT order_id FROM binance_liquidations ORDER BY 1") == [(0,), (1,)]


def test_the_rows_of_other_accounts_at_that_time_are_no_reason_to_stage(postgres, lake, row, statements):
    for account in ("desk", "other"):
        postgres.load(lake.lay([row(1, START_MS)], account=account))
    assert not is_staged(statements)


def test_one_row_that_moved_there_is_replaced_and_the_others_are_inserted(postgres, lake, row, statements):
    postgres.load(lake.lay([row(1, START_MS), row(2, START_MS)]))
    moved = [row(3, START_MS + DAY_MS), row(1, START_MS + DAY_MS, price='"2.5"')]
    summary = postgres.load(lake.lay(moved, day=11))
    assert (summary.rows, summary.inserted, summary.updated, summary.unchanged) == (2, 1, 1, 0)
    assert any("ROLLBACK TO SAVEPOINT" in one for one in statements)
    assert is_staged(statements)
    query = "SELECT order_id, price FROM binance_liquidations ORDER BY order_id"
    assert [(number, float(price)) for number, price in postgres.query(query)] == [
        (1, 2.5),
        (2, 1.5),
        (3, 1.5),
    ]


def test_where_row_level_security_allows_no_copy_rows_are_staged_and_inserted(
    postgres, lake, row, monkeypatch, statements
):
    postgres.load(lake.lay([row(1, START_MS)]))
    postgres.query("CREATE ROLE loader LOGIN")
    try:
        postgres.query(
            "GRANT SELECT, INSERT, UPDATE ON binance_liquidations, binance_liquidation_windows TO loader"
        )
        postgres.query("ALTER TABLE binance_liquidations ENABLE ROW LEVEL SECURITY")
        postgres.query("CREATE POLICY all_of_it ON binance_liquidations USING (true) WITH CHECK (true)")
        postgres.set_connection(monkeypatch, login="loader")
        assert postgres.load(lake.lay([row(2, START_MS + DAY_MS)], day=11)).inserted == 1
        assert is_staged(statements)
    finally:
        postgres.query("DROP OWNED BY loader")
        postgres.query("DROP ROLE loader")
        postgres.query("DROP TABLE binance_liquidations")

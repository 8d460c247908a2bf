"""What a cloud's warehouse holds after a load is what DuckDB holds after it, value for value."""

from __future__ import annotations

import random
import re
from datetime import timedelta

import psycopg
import pytest
from engines import plain
from lakes import lakehouse
from support.accepted_values import TAKEN

from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.simulator.documented import DOCUMENTED
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS, endpoints_of

row, LOADED_AT = lakehouse.row, lakehouse.LOADED_AT
AT, LATER = 1791590400000, 1791590400001
#: what ClickHouse alone refuses, since its instants are those from 1970 to 2299
OF_OTHER_TIMES = {
    "an instant before 1970": "updated_at is 1969-12-31",
    "an instant far off": "created_at is 0001-01-01",
}
MISFITS = {
    "19 decimals": {"price": '"0.1234567890123456789"'},
    "21 digits before the point": {"price": '"123456789012345678901"'},
    "no number": {"price": '"abc"'},
    "white space": {"price": '" 1"'},
    "an underscore": {"price": '"1_000"'},
    "not a number": {"price": '"NaN"'},
    "hexadecimal": {"price": '"0x1F"'},
    "an id past 2^63": {"orderId": "9223372036854775808"},
    "an id of 20 digits": {"orderId": "12345678901234567890"},
    "an id that is a word": {"orderId": '"one"'},
    "a boolean that is a word": {"reduceOnly": '"yes"'},
    "an instant after the year 9999": {"updateTime": "253402300800000"},
    "an instant that is a date": {"updateTime": '"2026-10-10"'},
    "no symbol": {"symbol": "null"},
    "an empty symbol": {"symbol": '""'},
    "no id": {"orderId": "null"},
    "no instant": {"time": "null", "updateTime": '""'},
}


def load_both(engine, duckdb, *manifests, at=LOADED_AT):
    engine.load(*manifests, at=at)
    duckdb.load(*manifests, at=at)


def dump(duckdb):
    return [
        sorted(tuple(map(plain, found)) for found in duckdb.query(f"SELECT * FROM {table.name}"))
        for table in (LIQUIDATIONS, WINDOWS)
    ]


def refused(engine):
    return set(OF_OTHER_TIMES) if engine.warehouse.name == "clickhouse" else set()


def test_every_documented_row_is_the_same(engine, lake, duckdb):
    manifests = [
        lake.lay([record.body.decode() for record in records], endpoint=endpoint)
        for endpoint, records in DOCUMENTED.items()
    ]

    load_both(engine, duckdb, *manifests)

    rows, windows = engine.dump()
    assert [rows, windows] == dump(duckdb)
    assert len(rows) == sum(len(DOCUMENTED[name]) for name in endpoints_of(LIQUIDATIONS))
    assert len(windows) == len(DOCUMENTED)


@pytest.mark.slow
@pytest.mark.parametrize("stage_ends_in", ["", "/"], ids=["as it is", "in a slash"])
def test_a_stage_of_snowflakes_is_read_however_its_url_ends(snowflake, stage_ends_in):
    engine, lake = snowflake
    engine.load(lake.lay([row(1)]), lake.lay([row(2)], day=11, compression="gzip"), at=LOADED_AT)
    assert len(engine.rows(LIQUIDATIONS)) == len(engine.rows(WINDOWS)) == 2


@pytest.mark.slow
def test_every_value_that_is_taken_is_the_same(engine, lake, duckdb):
    taken = [case for case in TAKEN if case not in refused(engine)]
    manifests = [
        lake.lay([row(**TAKEN[case])], endpoint=endpoint, account=re.sub(r"\W", "-", case))
        for case in taken
        for endpoint in ("usdm_futures", "coinm_futures", "margin")
    ]

    load_both(engine, duckdb, *manifests)

    assert engine.dump() == dump(duckdb)
    assert len(engine.rows(LIQUIDATIONS)) == len(manifests)


@pytest.mark.slow
@pytest.mark.parametrize("case", OF_OTHER_TIMES)
def test_an_instant_that_clickhouse_does_not_hold_is_refused_with_a_specific_error(clickhouse, case):
    engine, lake = clickhouse
    manifest = lake.lay([row(7), row(8, **TAKEN[case])])
    with pytest.raises(WarehouseError, match=OF_OTHER_TIMES[case]) as refused:
        engine.load(manifest, at=LOADED_AT)
    assert f"which is no instant that clickhouse holds; a row of {manifest.object.uri}" in str(refused.value)


@pytest.mark.slow
def test_what_does_not_fit_is_refused_with_a_specific_error(engine, lake):
    engine.load(lake.lay([row(7)]), at=LOADED_AT)
    before = engine.dump()
    for case, fields in MISFITS.items():
        manifest = lake.lay([row(8), row(9, **fields)], day=11)
        with pytest.raises(Exception, match="a row ") as caught:
            engine.load(manifest, at=LOADED_AT)
        name, text = next(iter(fields.items()))
        said = "has no" if case.startswith(("no ", "an empty ")) and case != "no number" else "which is no"
        assert said in str(caught.value), case
        assert name in str(caught.value), case
        assert text.strip('"') in str(caught.value) or said == "has no", case
        assert manifest.object.uri in str(caught.value)
    assert engine.dump() == before


@pytest.mark.slow
def test_a_row_is_kept_as_it_was_sent_and_so_are_fields_that_nobody_knows(engine, lake):
    lines = [
        row(1, status='"a\\\\tb\\u00e9\\"\\\\"', price='  "1.50" ', remark='\t"币"', legs="[ 10 ]"),
        row(2, remark='"\\"price\\":7, it\'s %s 100% $1 :x {} ; -- \\\\N"', text='"\\"orderId\\": 9"'),
        row(3, remark='""', feeTier='{"vip":[1,2.50]}', huge="123456789012345678901234567890.5"),
    ]

    engine.load(lake.lay(lines), at=LOADED_AT)

    raw, ids = LIQUIDATIONS.names.index("raw"), LIQUIDATIONS.names.index("order_id")
    assert [(found[ids][1], found[raw][1]) for found in engine.rows(LIQUIDATIONS)] == list(
        enumerate(lines, 1)
    )


@pytest.mark.slow
def test_a_nul_is_the_same_or_refused_with_a_specific_error_and_in_a_field_that_nobody_knows_it_stops_nothing(
    engine, lake, duckdb
):
    load_both(engine, duckdb, lake.lay([row(1, remark='"\\u0000"')]))
    within = lake.lay([row(2, status='"a\\u0000b"')], day=11)
    if engine.warehouse.name == "redshift":
        with pytest.raises(
            WarehouseError, match="status has a NUL, which is no character that redshift holds"
        ):
            engine.load(within, at=LOADED_AT)
    else:
        load_both(engine, duckdb, within)
    assert engine.dump() == dump(duckdb)


@pytest.mark.slow
def test_loading_again_changes_nothing(engine, lake, duckdb):
    manifests = [
        lake.lay([row(number, AT + number) for number in range(20)], compression="gzip"),
        lake.lay([], day=11),
    ]
    load_both(engine, duckdb, *manifests)
    before = engine.dump()

    engine.load(*manifests, at=LOADED_AT + timedelta(hours=1))

    assert engine.dump() == before == dump(duckdb)


@pytest.mark.slow
def test_an_older_object_never_goes_back(engine, lake, duckdb):
    newer = lake.lay(
        [row(1, LATER, price='"2"'), row(2, AT, price='"2"')], extracted_at="2026-11-12T00:00:00Z"
    )
    older = lake.lay([row(1, AT, price='"1"'), row(2, AT, price='"1"'), row(3, AT)])
    for number, manifest in enumerate((newer, older, newer)):
        load_both(engine, duckdb, manifest, at=LOADED_AT + timedelta(hours=number))

    assert engine.dump() == dump(duckdb)
    price = LIQUIDATIONS.names.index("price")
    assert [str(found[price][1]).rstrip("0.") for found in engine.rows(LIQUIDATIONS)] == ["2", "2", "1.5"]


@pytest.mark.slow
def test_a_row_that_moved_in_time_is_found_where_it_is_stored(engine, lake, duckdb):
    """So that no bound of a merge by time lets it come in twice."""
    far = AT + 200 * 86_400_000
    load_both(engine, duckdb, lake.lay([row(1, AT), row(2, AT), row(3, far)]))
    moved = lake.lay([row(1, far + 1), row(3, far + 2)], extracted_at="2026-11-12T00:00:00Z")
    load_both(engine, duckdb, moved, at=LOADED_AT + timedelta(hours=1))
    back = lake.lay([row(1, AT), row(2, AT + 5)], day=11, extracted_at="2026-11-13T00:00:00Z")
    load_both(engine, duckdb, back, at=LOADED_AT + timedelta(hours=2))

    assert engine.dump() == dump(duckdb)
    assert len(engine.rows(LIQUIDATIONS)) == 3


def test_bigquery_looks_between_the_instants_at_which_the_rows_are_stored(bigquery):
    engine, lake = bigquery
    bounds = ("first_of_liquidations", "last_of_liquidations")
    engine.load(lake.lay([row(number, AT + number * 1000) for number in range(5)]), at=LOADED_AT)
    assert [engine.variables[name] for name in bounds] == ["NULL::TIMESTAMPTZ"] * 2
    engine.load(lake.lay([row(1, AT + 999_000), row(3, AT + 999_000), row(9, AT)], day=11), at=LOADED_AT)
    assert [engine.variables[name][12:20] for name in bounds] == ["00:00:01", "00:00:03"]


@pytest.mark.slow
def test_in_redshift_readers_do_not_wait_for_a_load_but_loads_do(redshift):
    engine, lake = redshift
    first, second = (lake.lay([row(number)], day=number) for number in (10, 11))
    engine.load(first, at=LOADED_AT)
    load = engine.prepare(second, at=LOADED_AT)
    engine.run(load["stage"])
    engine.run(load["merge"][:-1])
    with psycopg.connect(engine.connection.info.dsn, autocommit=True) as other:
        other.execute("SET lock_timeout = '1s'")
        (read,) = other.execute(f"SELECT count(*) FROM {LIQUIDATIONS.name}").fetchone()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("BEGIN; LOCK binance_liquidation_loads")
    engine.run(load["merge"][-1:])
    assert (read, len(engine.rows(LIQUIDATIONS))) == (1, 2)


@pytest.mark.slow
def test_a_proven_window_is_not_replaced_by_one_that_is_not(engine, lake, duckdb):
    proven = lake.lay([row(1)])
    doubted = lake.lay([row(1), row(2)], complete=False, extracted_at="2026-11-12T00:00:00Z")
    load_both(engine, duckdb, proven)
    load_both(engine, duckdb, doubted, at=LOADED_AT + timedelta(hours=1))

    assert engine.dump() == dump(duckdb)
    complete = WINDOWS.names.index("complete")
    assert [found[complete][1] for found in engine.rows(WINDOWS)] == [True]


@pytest.mark.slow
def test_of_two_windows_without_proof_the_older_one_never_replaces(engine, lake, duckdb):
    newer = lake.lay([row(1), row(2)], complete=False, extracted_at="2026-11-12T00:00:00Z")
    older = lake.lay([row(1)], complete=False)
    for hour, manifest in enumerate((newer, older)):
        load_both(engine, duckdb, manifest, at=LOADED_AT + timedelta(hours=hour))

    assert engine.dump() == dump(duckdb)
    counted = WINDOWS.names.index("object_rows")
    assert [int(found[counted][1]) for found in engine.rows(WINDOWS)] == [2]


@pytest.mark.slow
def test_the_same_bytes_of_a_later_extraction_change_their_window_only(engine, lake, duckdb):
    load_both(engine, duckdb, lake.lay([row(1)]))
    before = engine.rows(LIQUIDATIONS)
    again = lake.lay([row(1)], extracted_at="2026-11-12T00:00:00Z")
    load_both(engine, duckdb, again, at=LOADED_AT + timedelta(hours=1))

    assert engine.dump() == dump(duckdb)
    assert engine.rows(LIQUIDATIONS) == before


@pytest.mark.slow
def test_any_history_of_loads_ends_as_in_duckdb(engine, lake, duckdb):
    """Windows overlap, rows change and come back, objects come late, together and again."""
    chance = random.Random(20261010)
    laid = [
        lake.lay(
            [
                row(number, AT + chance.randrange(2), price=f'"{chance.randrange(3)}"')
                for number in chance.sample(range(6), chance.randrange(5))
            ],
            day=10 + chance.randrange(2),
            extracted_at=f"2026-11-{10 + chance.randrange(4):02}T00:00:00Z",
            complete=chance.random() < 0.7,
            compression=chance.choice([None, "gzip"]),
        )
        for _ in range(12)
    ]
    for hour in range(10):
        given = chance.sample(laid, 1 + chance.randrange(4))
        load_both(engine, duckdb, *_apart(given), at=LOADED_AT + timedelta(hours=hour))
        assert engine.dump() == dump(duckdb), hour


def _apart(manifests):
    """Keep one manifest per object: the same bytes may be laid twice, as of two extractions."""
    return list({manifest.object.uri: manifest for manifest in manifests}.values())


@pytest.mark.slow
def test_rows_of_a_cascade_are_the_same(engine, lake, duckdb):
    chance = random.Random(7)
    symbols = ('"BTCUSDT"', '"币安人生USDT"', '"\\u5e01USDT"')
    lines = [
        row(
            2**53 + 1 + number,
            AT + number // 40,
            symbol=symbols[number % 3],
            price=f'"{chance.randrange(10**20)}.{chance.randrange(10**18):018}"',
            executedQty=f'"{chance.randrange(10**6)}.{chance.randrange(10**8):08}"',
            clientOrderId='"adl_autoclose"' if number % 5 == 0 else f'"autoclose-{number}"',
            reduceOnly="true" if number % 2 else "false",
        )
        for number in range(2500)
    ]
    load_both(engine, duckdb, lake.lay(lines))
    load_both(engine, duckdb, lake.lay(lines[:100], day=11, compression="gzip"))

    assert engine.dump() == dump(duckdb)
    assert len(engine.rows(LIQUIDATIONS)) == len(lines)


@pytest.mark.slow
def test_a_file_that_was_not_copied_whole_is_refused(engine, lake):
    load = engine.prepare(lake.lay([row(1)]), lake.lay([row(2)], day=11), at=LOADED_AT)
    for name in ("liquidations", "liquidation_windows"):
        engine.run(load["stage"])
        staged = f"staged_{name}_{load['load']}"
        engine.check(load["check"])
        engine.execute(f"DELETE FROM {staged} WHERE object_uri LIKE '%-11-%'")
        with pytest.raises(Exception, match=f"{staged} has 1 rows where 2 were written"):
            engine.check(load["check"])


@pytest.mark.slow
def test_a_load_leaves_none_of_its_own_tables(engine, lake):
    load = engine.prepare(lake.lay([row(1)]), at=LOADED_AT)
    for step in ("stage", "merge", "clean"):
        engine.run(load[step])
    with pytest.raises(Exception, match=f"(?i)staged_liquidations_{load['load']}"):
        engine.execute(f"SELECT count(*) FROM staged_liquidations_{load['load']}")


@pytest.mark.slow
def test_a_retry_of_any_step_does_the_same_again(engine, lake, duckdb):
    manifest = lake.lay([row(1), row(2)])
    load = engine.prepare(manifest, at=LOADED_AT)
    for step in ("stage", "stage", "merge", "merge", "clean", "clean"):
        engine.run(load[step])
    duckdb.load(manifest, at=LOADED_AT)
    assert engine.dump() == dump(duckdb)


@pytest.mark.slow
@pytest.mark.parametrize(
    "engine_and_lake",
    ["bigquery", "redshift", pytest.param("snowflake", marks=pytest.mark.slow)],
    indirect=True,
)
def test_a_merge_that_fails_halfway_leaves_both_tables_as_they_were(engine, lake, duckdb):
    engine.load(lake.lay([row(1)]), at=LOADED_AT)
    before = engine.dump()
    manifest = lake.lay([row(1, LATER), row(2)], day=11)
    load = engine.prepare(manifest, at=LOADED_AT)
    engine.run(load["stage"])
    statements = engine.split(load["merge"])
    windows = next(
        number for number, one in enumerate(statements) if "MERGE INTO binance_liquidation_w" in one
    )
    broken = [*statements[:windows], "SELECT nothing FROM nowhere", *statements[windows:]]
    with pytest.raises(Exception, match=r"(?i)nowhere"):
        engine.run(engine.join(broken))
    engine.execute("ROLLBACK")  # what ending the session does
    assert engine.dump() == before
    engine.run(load["merge"])
    duckdb.load(lake.lay([row(1)]), at=LOADED_AT)
    duckdb.load(manifest, at=LOADED_AT)
    assert engine.dump() == dump(duckdb)


@pytest.mark.slow
def test_a_load_of_clickhouse_that_ends_halfway_has_rows_without_their_window_until_the_retry(
    clickhouse, duckdb
):
    engine, lake = clickhouse
    manifest = lake.lay([row(1), row(2)])
    load = engine.prepare(manifest, at=LOADED_AT)
    engine.run(load["stage"])
    engine.run(load["merge"][:1])
    assert (len(engine.rows(LIQUIDATIONS)), engine.rows(WINDOWS)) == (2, [])
    engine.run(load["merge"])
    duckdb.load(manifest, at=LOADED_AT)
    assert engine.dump() == dump(duckdb)


@pytest.mark.slow
def test_in_clickhouse_the_newest_version_counts_whatever_came_in_last(clickhouse):
    engine, lake = clickhouse
    newer = lake.lay([row(1, LATER, price='"2"')], extracted_at="2026-11-12T00:00:00Z")
    older = lake.lay([row(1, AT, price='"1"')])
    loads = [engine.prepare(manifest, at=LOADED_AT) for manifest in (newer, older)]
    for load in loads:
        engine.run(load["stage"])
    # Both look before either has come in, as two at once may.
    engine.execute("CREATE TABLE seen AS binance_liquidation_versions")
    for load in loads:
        engine.execute(load["merge"][0].replace("INTO binance_liquidation_versions", "INTO seen"))
    names = ", ".join(LIQUIDATIONS.names)
    engine.execute(f"INSERT INTO binance_liquidation_versions ({names}) SELECT {names} FROM seen")
    price = LIQUIDATIONS.names.index("price")
    assert [str(found[price][1]).rstrip("0.") for found in engine.rows(LIQUIDATIONS)] == ["2"]

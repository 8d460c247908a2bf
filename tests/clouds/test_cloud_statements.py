"""The statements of every warehouse, each parsed in its own dialect."""

from __future__ import annotations

import json
import re

import pytest
import sqlglot
from lakes import DiskLake, lakehouse
from sqlglot import exp

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.loads import Load, quote, staged_columns
from airflow_provider_binance_liq.warehouse.clouds.prepare import WAREHOUSES, prepare
from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES, WINDOWS

ROLE = "arn:aws:iam::123456789012:role/reads-the-lake"
VIA = {"bigquery": "", "clickhouse": "lake", "redshift": ROLE, "snowflake": "desk.binance.lake"}
#: what sqlglot leaves unparsed
UNPARSED = {"redshift": r"LOCK |CALL ", "snowflake": r"EXECUTE IMMEDIATE"}


def a_load(name, tables):
    return Load(
        name="0123456789abcdef",
        root=f"{'gs' if name == 'bigquery' else 's3'}://b/lake",
        tables=tables,
        rows={table.name: 3 for table in (*tables, WINDOWS)},
        via=VIA[name],
    )


def steps(name, *tables):
    """Every step's statements, one by one; of a load into these tables, or into all."""
    found = WAREHOUSES[name].statements(a_load(name, tables or tuple(ROW_TABLES.values())))
    return {
        step: given if isinstance(given, list) else [one for one in given.split(";\n") if one.strip()]
        for step, given in found.items()
    }


def statements(name):
    """Every statement, those within a procedure or a block too."""
    return [part for given in steps(name).values() for one in given for part in (one, *within(one))]


def within(statement):
    _, *body = statement.split("$$")[:2]
    parts = [part for one in body for part in one.removeprefix("\nBEGIN\n").split(";\n")]
    parts = [re.sub(r"(?s)^IF .+ THEN\n +", "", part).strip() for part in parts]
    return [part for part in parts if part not in ("", "END", "END IF")]


def stage_of(name, *tables):
    return [part for one in steps(name, *tables)["stage"] for part in within(one) or [one]]


@pytest.fixture(params=WAREHOUSES)
def name(request):
    return request.param


def test_every_statement_is_one_of_its_dialect(name):
    for statement in statements(name):
        parsed = sqlglot.parse(statement, dialect=name)
        assert len(parsed) == 1, statement
        left = name in UNPARSED and re.match(UNPARSED[name], statement)
        assert isinstance(parsed[0], exp.Command) == bool(left), statement


def test_no_name_is_a_word_of_its_dialect(name):
    words = sqlglot.Dialect.get_or_raise(name).generator_class.RESERVED_KEYWORDS
    for statement in statements(name):
        for found in sqlglot.parse_one(statement, dialect=name).find_all(exp.Identifier):
            assert found.quoted or found.name.lower() not in words, found


def test_nothing_is_parsed_or_cast_but_the_numbers_that_a_check_shows(name):
    for statement in statements(name):
        parsing = r"(?i)\b(try_|safe[_.]|\w*json\w*|regexp\w*|match|replace) *\("
        assert not re.search(parsing, statement), statement
        shown = {"bigquery": "STRING", "clickhouse": "String"}.get(name, WAREHOUSES[name].types["text"])
        assert set(re.findall(r"CAST\(.+?\)* (?=\|\|)", statement)) <= {f"CAST(rows_staged AS {shown}) "}
        assert not re.search("TRUNCATECOLUMNS|MAXERROR|ON_ERROR|max_bad_records", statement)


@pytest.mark.parametrize("count", [1, 90])
def test_a_load_of_any_number_of_objects_takes_no_more_than_15_statements(name, count, tmp_path, monkeypatch):
    lake = DiskLake(tmp_path / "lake")
    monkeypatch.setattr(type(WAREHOUSES[name]), "schemes", ("file",))
    given = [lake.lay([lakehouse.row(number)], account=f"desk-{number}") for number in range(count)]
    load = prepare(given, WAREHOUSES[name], lake.destination, via=VIA[name], write=lambda *_: None)
    counted = {step: len(one_by_one(load[step])) for step in ("stage", "check", "merge", "clean")}
    assert load["windows"] == len(given)
    assert sum(counted.values()) <= 15, counted
    # Nor do they grow, which is what an XCom would suffer from.
    assert len(json.dumps(load)) < 40_000


def one_by_one(given):
    return [one for one in (given.split(";\n") if isinstance(given, str) else given) if one.strip()]


def test_the_tables_have_every_column_in_order(name):
    stage = stage_of(name)
    for table in (*ROW_TABLES.values(), WINDOWS):
        created = next(one for one in stage if re.search(rf"EXISTS {table.name[:-1]}(s|_versions) \(", one))
        assert tuple(re.findall(r'^    "?(\w+)"? (?!UInt128|KEY)', created, re.MULTILINE)) == table.names


def test_the_tables_of_a_load_have_every_column_of_its_files_in_order(name):
    for table in (*ROW_TABLES.values(), WINDOWS):
        start = rf"(CREATE|LOAD DATA)[ \w]* staged_{table.name.removeprefix('binance_')}_\w+ \("
        created = next(one for one in stage_of(name) if re.match(start, one))
        columns = tuple(column.name for column in staged_columns(table))
        assert tuple(re.findall(r'^    "?(\w+)"? ', created, re.MULTILINE)) == columns
        assert len(set(columns)) == len(columns)


def test_rows_come_in_before_windows(name):
    merge = "\n".join(steps(name)["merge"])
    into = "INSERT INTO" if name == "clickhouse" else "MERGE INTO"
    found = re.findall(rf"{into} (\w+)", merge)
    assert [table.replace("_versions", "s") for table in found] == [*ROW_TABLES, WINDOWS.name]


@pytest.mark.parametrize("name", [name for name in WAREHOUSES if name != "clickhouse"])
def test_what_is_merged_is_one_transaction_and_nothing_in_it_commits(name):
    merge = [statement.split()[0] for statement in steps(name)["merge"]]
    if name == "bigquery":
        assert merge.pop(0) == "DECLARE"
    assert (merge[0], merge[-1]) == ("BEGIN", "COMMIT")
    allowed = {"redshift": {"LOCK", "CREATE", "MERGE", "DROP"}, "bigquery": {"SET", "MERGE"}}
    assert set(merge[1:-1]) == allowed.get(name, {"MERGE"})


def test_redshift_locks_what_nobody_reads_so_that_readers_do_not_wait():
    merge = steps("redshift")["merge"]
    assert [one for one in merge if one.startswith("LOCK")] == ["LOCK binance_liquidation_loads"]
    assert not [one for one in merge if re.search("(FROM|JOIN|INTO) binance_liquidation_loads", one)]


def test_bigquery_reads_no_more_of_a_table_than_between_two_variables():
    script = steps("bigquery")["merge"]
    for table in (*ROW_TABLES.values(), WINDOWS):
        name = table.name.removeprefix("binance_")
        bound = f"{table.event_time} BETWEEN first_of_{name} AND last_of_{name}"
        (merge,) = [one for one in script if one.startswith(f"MERGE INTO {table.name} ")]
        assert f"AND target.{bound}" in merge
        assert f"AND {table.name}.{bound}" in merge
        (bounds,) = [one for one in script if one.startswith(f"SET (first_of_{name}, ")]
        # A newer version may have another time: so it is the stored row's that counts.
        looked_up = f"min(target.{table.event_time})" in bounds and f"JOIN {table.name} AS target" in bounds
        assert looked_up == (table.event_time not in table.key)
        assert looked_up or f"min(source.{table.event_time})" in bounds


def test_a_merge_says_no_more_than_redshift_takes():
    for statement in steps("redshift")["merge"]:
        if statement.startswith("MERGE"):
            source = re.match(r"MERGE INTO \w+ USING (\w+) AS source\nON ", statement)[1]
            assert source.startswith("newer_")
            assert "WHEN MATCHED THEN UPDATE SET" in statement


def test_a_load_drops_what_it_made(name):
    text = "\n".join(statements(name))
    made = set(re.findall(r"(?:CREATE (?:\w+ )*?TABLE|OVERWRITE) (staged_\w+)", text))
    clean = "\n".join(steps(name)["clean"])
    assert made == set(re.findall(r"staged_\w+", clean))
    assert len(made) == len(ROW_TABLES) + 1
    assert all(table.endswith("_0123456789abcdef") for table in made)


@pytest.mark.parametrize("text", ["it's", "a\\b", "a;b\n", 'a"b', "a$b", "币", ""])
def test_what_would_need_an_escape_is_refused(text):
    with pytest.raises(InvalidRequest, match="cannot stand in a statement"):
        quote(text)


@pytest.mark.parametrize(
    ("name", "via"),
    [
        ("snowflake", ""),
        ("snowflake", "@lake"),
        ("snowflake", "lake; DROP TABLE x"),
        ("clickhouse", ""),
        ("clickhouse", "lake, filename = 'x'"),
        ("redshift", "role"),
        ("redshift", f"{ROLE}' x"),
        ("bigquery", "anything"),
    ],
)
def test_a_way_to_the_lake_that_cannot_be_one_is_refused(name, via):
    with pytest.raises(InvalidRequest, match="via is"):
        WAREHOUSES[name].check_via(via)


def test_a_table_of_the_last_release_gains_its_columns(name):
    table = "binance_liquidation_window_versions" if name == "clickhouse" else WINDOWS.name
    added = " ".join(one for one in statements(name) if one.startswith("ALTER TABLE"))
    assert set(re.findall(r"ALTER TABLE (\w+)", added)) == {table}
    clause = "ADD COLUMN" if name == "redshift" else "ADD COLUMN IF NOT EXISTS"
    assert re.findall(rf"{clause} (\w+)", added) == [column.name for column in WINDOWS.added]


def test_redshift_which_has_no_such_condition_looks_first():
    made, call, drop = steps("redshift")["stage"][:3]
    assert made.count("IF NOT EXISTS (SELECT 1 FROM information_schema.columns") == len(WINDOWS.added)
    procedure = "make_tables_of_0123456789abcdef()"
    assert made.startswith(f"CREATE OR REPLACE PROCEDURE {procedure} AS")
    assert (call, drop) == (f"CALL {procedure}", f"DROP PROCEDURE {procedure}")

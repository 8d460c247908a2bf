"""The statements of every warehouse, each parsed in its own dialect."""

from __future__ import annotations

import re

import pytest
import sqlglot
from sqlglot import exp

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.loads import Load, Source, quote
from airflow_provider_binance_liq.warehouse.clouds.prepare import WAREHOUSES
from airflow_provider_binance_liq.warehouse.tables import ROW_TABLES, WINDOWS

ROLE = "arn:aws:iam::123456789012:role/reads-the-lake"
VIA = {"bigquery": "", "clickhouse": "lake", "redshift": ROLE, "snowflake": "desk.binance.lake"}
#: what sqlglot leaves unparsed
UNPARSED = {"bigquery": r"DROP EXTERNAL TABLE", "redshift": r"LOCK |CALL "}


def a_load(name, tables):
    schema = "gs" if name == "bigquery" else "s3"
    keys = ("usdm_futures/account=desk/a.ndjson", "margin/account=desk/b.ndjson.gz")
    return Load(
        name="0123456789abcdef",
        manifests=Source("_loads/0123456789abcdef.jsonl", f"{schema}://b/lake/_loads/0123456789abcdef.jsonl"),
        objects=[
            Source(key, f"{schema}://b/lake/{key}", "gzip" if key.endswith(".gz") else None) for key in keys
        ],
        tables=tables,
        count=3,
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
    return [one for given in steps(name).values() for one in given]


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


def test_no_cast_lets_go_of_what_does_not_fit(name):
    for statement in statements(name):
        assert not re.search(r"(?i)\b(try_|safe[_.]|\w+OrNull|\w+OrZero|TRUNCATECOLUMNS|MAXERROR)", statement)


def test_the_tables_have_every_column_in_order(name):
    stage = "\n".join(steps(name)["stage"])
    for table in (*ROW_TABLES.values(), WINDOWS):
        created = next(
            one
            for one in steps(name)["stage"]
            if re.search(rf"EXISTS {table.name[:-1]}(s|_versions) \(", one)
        )
        assert tuple(re.findall(r'^    "?(\w+)"? (?!UInt128|KEY)', created, re.MULTILINE)) == table.names
    assert stage.index("EXISTS binance_liquidation") < stage.index("staged_lines")


def test_rows_come_in_before_windows(name):
    merge = "\n".join(steps(name)["merge"])
    into = "INSERT INTO" if name == "clickhouse" else "MERGE INTO"
    found = re.findall(rf"{into} (\w+)", merge)
    assert [table.replace("_versions", "s") for table in found] == [*ROW_TABLES, WINDOWS.name]


@pytest.mark.parametrize("name", [name for name in WAREHOUSES if name != "clickhouse"])
def test_what_is_merged_is_one_transaction_and_nothing_in_it_commits(name):
    merge = [statement.split()[0] for statement in steps(name)["merge"]]
    assert (merge[0], merge[-1]) == ("BEGIN", "COMMIT")
    allowed = {"redshift": {"LOCK", "CREATE", "MERGE", "DROP"}}.get(name, {"MERGE"})
    assert set(merge[1:-1]) == allowed


def test_a_merge_says_no_more_than_redshift_takes():
    for statement in steps("redshift")["merge"]:
        if statement.startswith("MERGE"):
            source = re.match(r"MERGE INTO \w+ USING (\w+) AS source\nON ", statement)[1]
            assert source.startswith("newer_")
            assert "WHEN MATCHED THEN UPDATE SET" in statement


def test_a_load_drops_what_it_made(name):
    made = {
        table
        for statement in statements(name)
        for table in re.findall(r"CREATE (?:\w+ )*?TABLE (staged_\w+)", statement)
    }
    dropped = {
        table
        for statement in statements(name)
        for table in re.findall(r"TABLE IF EXISTS (staged_\w+)", statement)
    }
    assert made == dropped
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


@pytest.mark.parametrize("name", [name for name in WAREHOUSES if name != "redshift"])
def test_a_table_of_the_last_release_gains_its_columns_in_one_statement_each(name):
    added = [one for one in steps(name)["stage"] if one.startswith("ALTER TABLE")]
    kind = "Nullable(String)" if name == "clickhouse" else WAREHOUSES[name].types["text"]
    table = "binance_liquidation_window_versions" if name == "clickhouse" else WINDOWS.name
    assert added == [
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column.name} {kind}" for column in WINDOWS.added
    ]


def test_redshift_which_has_no_such_condition_looks_first():
    stage = steps("redshift")["stage"]
    (made,) = [one for one in stage if one.startswith("CREATE OR REPLACE PROCEDURE")]
    assert made.count("IF NOT EXISTS (SELECT 1 FROM information_schema.columns") == len(WINDOWS.added)
    following = stage[stage.index(made) + 1 :][:2]
    procedure = "add_columns_0123456789abcdef_to_binance_liquidation_windows()"
    assert following == [f"CALL {procedure}", f"DROP PROCEDURE {procedure}"]

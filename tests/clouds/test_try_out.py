"""The command that tries a warehouse out on a real account, on the engines of this machine."""

from __future__ import annotations

import pytest
from lakes import lakehouse

from airflow_provider_binance_liq.warehouse import try_out as command
from airflow_provider_binance_liq.warehouse.clouds.prepare import WAREHOUSES
from airflow_provider_binance_liq.warehouse.tables import CAPITAL_FLOWS, LIQUIDATIONS, WINDOWS
from airflow_provider_binance_liq.warehouse.try_out import try_out


def by(engine):
    """Execute a list of statements or a script, and return the rows of a query."""

    def execute(given):
        if isinstance(given, str) and given.lstrip().startswith("SELECT"):
            return engine.execute(given)
        engine.run(given)
        return []

    return execute


@pytest.mark.slow
def test_every_value_is_the_same_and_the_report_says_so(engine):
    report = try_out(engine.warehouse, engine.destination, engine.via, by(engine))
    assert report.differing == 0, "\n".join(report.lines)
    assert [line for line in report.lines if line.endswith("the same as DuckDB")] == [
        f"{table.name}: the same as DuckDB" for table in (LIQUIDATIONS, CAPITAL_FLOWS, WINDOWS)
    ]
    assert [len(engine.rows(table)) for table in (LIQUIDATIONS, CAPITAL_FLOWS, WINDOWS)] == [5, 1, 3]


@pytest.mark.slow
def test_a_value_that_differs_is_shown_and_counted(bigquery):
    engine, _ = bigquery
    execute = by(engine)

    def changing(given):
        found = execute(given)
        if " FROM binance_margin" not in str(given):
            return found
        return [(*row[:3], "another", *row[4:]) for row in found]

    report = try_out(engine.warehouse, engine.destination, engine.via, changing)
    assert report.differing == 1
    assert "transaction_id is 'another', and in DuckDB 2" in report.lines[-2]
    assert "binance_margin_capital_flows: differs" in report.lines


@pytest.mark.slow
def test_it_is_refused_where_there_is_a_table_already(engine, lake):
    engine.load(lake.lay([lakehouse.row(1)]), at=lakehouse.LOADED_AT)
    written = sorted(lake.directory.rglob("*"))
    with pytest.raises(Exception, match=r"(?i)exist"):
        try_out(engine.warehouse, engine.destination, engine.via, by(engine))
    assert sorted(lake.directory.rglob("*")) == written
    assert len(engine.rows(LIQUIDATIONS)) == 1


@pytest.mark.slow
def test_the_command_does_it_by_the_hook_of_a_connection(clickhouse, set_connection, capsys):
    engine, _ = clickhouse
    set_connection(
        "clickhouse_default",
        conn_type="clickhouse",
        schema=engine.via,
        extra={"client_kwargs": {"interface": "chdb"}},
    )
    given = ["--conn-id", "clickhouse_default", "--destination", engine.destination, "--via", engine.via]
    assert command.main(["clickhouse", *given]) == 0
    assert "binance_liquidations: the same as DuckDB" in capsys.readouterr().out


@pytest.mark.slow
def test_what_it_submits_to_bigquery_is_a_script_with_a_dataset(bigquery, monkeypatch, capsys):
    from airflow.sdk import BaseHook

    engine, _ = bigquery
    jobs = []

    class Hook:
        def insert_job(self, *, configuration, project_id, location):
            jobs.append((configuration["query"]["defaultDataset"], project_id, location))
            return Job(by(engine)(configuration["query"]["query"]))

    class Job:
        def __init__(self, rows):
            self.rows = [dict(enumerate(row)) for row in rows]

        def result(self):
            return self.rows

    monkeypatch.setattr(BaseHook, "get_hook", lambda _: Hook())
    monkeypatch.setattr(type(WAREHOUSES["bigquery"]), "schemes", ("file",))
    given = ["--conn-id", "google", "--destination", engine.destination]
    given += ["--project", "desk", "--dataset", "scratch", "--location", "EU"]
    assert command.main(["bigquery", *given]) == 0
    assert "binance_liquidations: the same as DuckDB" in capsys.readouterr().out
    assert {repr(job) for job in jobs} == {"({'projectId': 'desk', 'datasetId': 'scratch'}, 'desk', 'EU')"}

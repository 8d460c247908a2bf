"""The page of cloud warehouses says what the warehouses, the operators and the statements are.

`WRITE_DOCS=1 pytest tests/clouds/test_clouds_docs.py` writes its generated parts anew.
"""

from __future__ import annotations

import inspect
import re

import pytest
from lakes import REPOSITORY
from support.generated_pages import check_page
from test_cloud_statements import steps

from airflow_provider_binance_liq.warehouse.clouds.prepare import WAREHOUSES
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS

PAGE = REPOSITORY / "docs/clouds.md"
TITLES = {
    "bigquery": "BigQuery",
    "clickhouse": "ClickHouse",
    "redshift": "Redshift",
    "snowflake": "Snowflake",
}


def warehouses():
    heads = "| warehouse | reads | `via` | decimals | instants | ids |\n|---|---|---|---|---|---|"
    rows = [
        f"| [{TITLES[name]}](../dags/warehouses/binance_liquidations_to_{name}.py) "
        f"| {', '.join(f'`{scheme}://`' for scheme in one.schemes)} | {one.via or 'nothing'} "
        f"| `{one.types['decimal']}` | `{one.types['instant']}` | `{one.types['int64']}` |"
        for name, one in WAREHOUSES.items()
    ]
    return "\n".join([heads, *rows])


def statements():
    return "\n\n".join(
        f"## {title}\n\n" + "\n\n".join(folded(title, step, found) for step, found in in_order(name))
        for name, title in TITLES.items()
    )


def in_order(name):
    found = steps(name, LIQUIDATIONS)
    return [(step, found[step]) for step in ("stage", "check", "merge", "clean")]


def folded(title, step, found):
    sql = ";\n\n".join(found)
    return f"<details>\n<summary>{title}: {step}</summary>\n\n```sql\n{sql};\n```\n\n</details>"


PARTS = {"warehouses": warehouses}
SQL = REPOSITORY / "docs/sql/clouds.md"


def page():
    return PAGE.read_text(encoding="utf-8")


def test_the_page_says_what_the_code_does():
    check_page(PAGE, PARTS)
    check_page(SQL, {"statements": statements})


def parameters_of(operator):
    """The page's table of this operator's parameters: name → marked as templated?"""
    section = page().split(f"### `{operator}`")[1].split("\n#")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {re.findall(r"`(\w+)`", cell)[0]: "ⓣ" in cell for cell in cells}


@pytest.mark.parametrize("name", ["PrepareLoadOperator", "ReadSettingsOperator"])
def test_every_parameter_of_the_operators_is_documented(name):
    from airflow_provider_binance_liq.warehouse.clouds import operators

    operator = getattr(operators, name)
    taken = set(inspect.signature(operator.__init__).parameters) - {"self", "kwargs"}
    documented = parameters_of(name)
    assert set(documented) == taken
    templated = {parameter for parameter, marked in documented.items() if marked}
    assert templated == set(operator.template_fields) & taken


def test_every_task_of_the_sample_dags_is_documented():
    from airflow_provider_binance_liq.dag_support import cloud_dag

    section = page().split("## How a load goes")[1].split("\n#")[0]
    tasks = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    shared = inspect.getsource(cloud_dag)
    for name in WAREHOUSES:
        code = (REPOSITORY / f"dags/warehouses/binance_liquidations_to_{name}.py").read_text(encoding="utf-8")
        named = re.findall(r'task_id="(\w+)"', shared + code)
        assert [task for task in tasks if task != "watcher"] == named
        assert "watcher" in tasks


def test_every_member_of_the_settings_is_documented_by_each_dag():
    from airflow_provider_binance_liq.dag_support.cloud_settings import BigQuerySettings, CloudSettings

    for name in WAREHOUSES:
        code = (REPOSITORY / f"dags/warehouses/binance_liquidations_to_{name}.py").read_text(encoding="utf-8")
        cells = re.findall(r"^\| (`.*?) \|", code, re.MULTILINE)
        documented = {member for cell in cells for member in re.findall(r"`(\w+)`", cell)}
        own = set(CloudSettings.__struct_fields__)
        if name == "bigquery":
            own = set(BigQuerySettings.__struct_fields__) - {"via"}
        assert documented - {"binance_conn_id"} == own

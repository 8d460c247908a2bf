"""The coverage check: on lakes that jobs wrote from a simulated exchange, at instants of the test's own."""

from __future__ import annotations

import inspect
import json
import re
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from support.running import START, Run
from support.scripted import Time
from support.seeded import seeded_exchange

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.exceptions import InvalidRequest, StorageError
from airflow_provider_binance_liq.operators import coverage
from airflow_provider_binance_liq.operators.coverage import LiquidationsCoverageCheckOperator
from airflow_provider_binance_liq.simulator import Settings


def day(number, days=1):
    return Window(START + number * DAY_MS, START + (number + days) * DAY_MS)


@pytest.fixture
def lake(tmp_path):
    """Windows of an account, extracted from a simulated exchange ten days after they began."""
    (tmp_path / "lake").mkdir()
    with ExitStack() as running:
        world = Time((START + 20 * DAY_MS) / 1000)
        exchange = running.enter_context(
            seeded_exchange(Settings(seed=3, cascade_rows=100), clock=world.clock)
        )
        yield Run(exchange, world, tmp_path)


def extract(lake, endpoint, *numbers, **known):
    return [lake.run(endpoint, day(number), **known) for number in numbers]


class Instance:
    """Keeps what a task pushes."""

    def __init__(self):
        self.pushed = {}

    def xcom_push(self, key, value):
        self.pushed[key] = value


@pytest.fixture
def check(lake, monkeypatch):
    """Check the lake so many days after its first."""

    def look(days, context=None, hours=0, **parameters):
        now_ms = START + days * DAY_MS + hours * DAY_MS // 24
        monkeypatch.setattr(coverage, "_now_ms", lambda: now_ms)
        destination = parameters.pop("destination", f"file://{lake.directory}/lake")
        operator = LiquidationsCoverageCheckOperator(task_id="check", destination=destination, **parameters)
        return operator.execute({} if context is None else context)

    return look


def failure(check, *arguments, **known):
    from airflow_provider_binance_liq.compat import AirflowFailException

    with pytest.raises(AirflowFailException) as caught:
        check(*arguments, **known)
    return str(caught.value)


def test_a_lake_without_a_gap_is_well_and_three_short_lines_say_so(lake, check, capsys):
    extract(lake, "usdm_futures", 0, 1, 2)
    summary = check(5)
    (history,) = summary["histories"]
    assert (history["account"], history["endpoint"]) == ("desk", "usdm_futures")
    assert (history["missing_days"], history["lost_days"], history["days_left"]) == (0, 0, None)
    assert history["proven_until"] == iso(START + 3 * DAY_MS)
    assert json.loads(json.dumps(summary)) == summary
    lines = [line for line in capsys.readouterr().out.splitlines() if "LiquidationsCoverageCheck" in line]
    told = (
        "None of 1 histories loses data within 14 days",
        "Days missing: 0, not proven: 0, lost: 0",
        "Nothing is missing that can still be extracted",
    )
    assert [said in line for said, line in zip(told, lines, strict=True)] == [True] * 3


def test_what_was_never_fetched_is_reported_with_the_day_on_which_it_is_forgotten(lake, check):
    extract(lake, "coinm_futures", 0, 1, 3)
    (history,) = check(6)["histories"]
    assert history["missing_days"] == 1
    assert history["recoverable_until"] == iso(START + 92 * DAY_MS)
    assert history["days_left"] == 86
    assert (history["retention_days"], history["retention_source"]) == (90, "documented")
    assert history["stretches"] == [
        {
            "start": iso(day(2).start_ms),
            "end": iso(day(2).end_ms),
            "state": "missing",
            "recoverable_until": iso(START + 92 * DAY_MS),
        }
    ]


def test_it_fails_with_a_specific_error_once_there_are_no_more_days_left_than_to_warn(
    lake, check, monkeypatch
):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://data.example.com/airflow/")
    extract(lake, "usdm_futures", 0, 2)
    settle = {"start": iso(START), "retention_days": 10}
    assert check(6, warn_days=4.99, **settle)["endangered"] == 0
    said = failure(check, 6, warn_days=5, **settle)
    assert said.startswith(
        f"DataLossImminent: Lost first: usdm_futures of desk, {day(1)}, missing; Binance deletes it from "
        f"{iso(START + 11 * DAY_MS)} on (in 5 days; retention 10 days, configured). 1 of 1 histories lose "
        "data within 5 days. Extract it"
    )
    page = f"/plugin/binance-liq-nav?history=desk%2Fusdm_futures&day={iso(START + DAY_MS)[:10]}"
    assert said.endswith(f". Coverage page: https://data.example.com/airflow{page}")


def test_a_run_that_stopped_is_reported_although_nothing_failed(lake, check):
    extract(lake, "usdm_futures", 0, 1)
    assert check(4)["histories"][0]["missing_days"] == 0
    assert check(30)["histories"][0]["missing_days"] == 26
    assert "missing" in failure(check, 80)


def test_what_is_forgotten_already_is_reported_and_fails_nothing(lake, check):
    extract(lake, "usdm_futures", 0, *range(2, 9))
    (history,) = check(10, retention_days=5, warn_days=1)["histories"]
    assert (history["lost_days"], history["missing_days"]) == (1, 0)


def test_the_summary_is_there_for_a_notifier_also_where_the_task_fails(lake, check):
    extract(lake, "usdm_futures", 0, 2)
    instance = Instance()
    failure(check, 89, {"ti": instance})
    assert instance.pushed["coverage"]["endangered"] == 1
    assert check(5, {"ti": instance}) == instance.pushed["coverage"]


def unprove(manifest, *reasons):
    """Take the proof away from a manifest, as an extraction with doubts would have written it."""
    path = Path(manifest.object.uri.removeprefix("file://")).with_suffix(".manifest.json")
    plain = json.loads(path.read_text())
    plain["schema_version"] = 2
    plain["proof"] |= {"complete": False, "incomplete_reasons": list(reasons), "premises": []}
    path.write_text(json.dumps(plain))


def test_a_window_that_is_not_proven_covers_nothing_but_for_what_fetching_would_not_mend(lake, check):
    _, second, third = extract(lake, "usdm_futures", 0, 1, 2)
    unprove(second, "filter_before_limit")
    unprove(third, "isolated_rows")
    (history,) = check(5)["histories"]
    assert history["unproven_days"] == 1
    assert history["incomplete_reasons"] == ["filter_before_limit", "isolated_rows"]
    (history,) = check(5, accept_premises=())["histories"]
    assert history["unproven_days"] == 2
    (history,) = check(5, accept_premises=("isolated_rows", "filter_before_limit"))["histories"]
    assert history["unproven_days"] == 0


def test_a_window_without_a_proof_nor_a_reason_covers_nothing(lake, check):
    (only,) = extract(lake, "usdm_futures", 0)
    unprove(only)
    assert check(3)["histories"][0]["unproven_days"] == 1


def test_accounts_and_endpoints_that_are_named_have_to_be_there(lake, check):
    extract(lake, "usdm_futures", 0, 1, 2)
    extract(lake, "margin", 0, 1, 2)
    assert [one["endpoint"] for one in check(5, endpoints=["margin"])["histories"]] == ["margin"]
    named = {"accounts": ["desk"], "endpoints": ["usdm_futures", "coinm_futures"]}
    instance = Instance()
    assert nothing_of("coinm_futures of desk", lake) in failure(check, 5, {"ti": instance}, **named)
    assert instance.pushed["coverage"]["absent"] == ["coinm_futures of desk"]


def test_where_nothing_is_there_to_be_checked_the_log_says_only_that(lake, check, capsys):
    extract(lake, "usdm_futures", 0, 1, 2)
    assert nothing_of("any endpoint of dsek", lake) in failure(check, 5, accounts=["dsek"])
    lines = [line for line in capsys.readouterr().out.splitlines() if "LiquidationsCoverageCheck" in line]
    assert len(lines) == 1
    assert "Nothing to check: no manifest of any endpoint of dsek can be used" in lines[0]


def nothing_of(what, lake):
    """Say what a check says that found nothing of it."""
    return (
        f"InvalidRequest: Nothing was found at file://{lake.directory}/lake of {what}: check `destination`, "
        "`accounts` and `endpoints`."
    )


def test_a_lake_without_a_manifest_is_not_well(lake, check):
    assert nothing_of("any endpoint of any account", lake) in failure(check, 5)


@pytest.mark.parametrize(
    ("named", "what"),
    [
        ({"accounts": ["desk", "dsek"]}, "any endpoint of dsek"),
        ({"accounts": ["dsek"]}, "any endpoint of dsek"),
        ({"endpoints": ["margin", "usdm_futures"]}, "margin of any account"),
        ({"accounts": ["dsek"], "endpoints": ["usdm_futures"]}, "usdm_futures of dsek"),
    ],
    ids=str,
)
def test_a_name_that_no_history_has_is_no_reason_to_be_silent(lake, check, named, what):
    extract(lake, "usdm_futures", 0, 1, 2)
    assert nothing_of(what, lake) in failure(check, 5, **named)


def test_a_pair_that_is_extracted_by_a_filter_alone_is_there(lake, check):
    extract(lake, "usdm_futures", 0, 1, 2, symbols=["BTCUSDT"])
    (history,) = check(5, accounts=["desk"], endpoints=["usdm_futures"])["histories"]
    assert (history["symbols"], history["missing_days"]) == (["BTCUSDT"], 0)


def test_where_something_is_lost_soon_and_something_else_is_not_there_both_are_said(lake, check):
    extract(lake, "usdm_futures", 0, 2)
    said = failure(check, 89, accounts=["desk", "dsek"])
    assert said.startswith("DataLossImminent: Lost first: usdm_futures of desk")
    assert "Nothing was found" in said
    assert "any endpoint of dsek" in said


def test_a_start_in_the_future_would_expect_nothing_and_is_refused(lake, check):
    extract(lake, "usdm_futures", 0, 1, 2)
    said = failure(check, 5, start=iso(START + 5 * DAY_MS + 1000))
    assert said.startswith(f"InvalidRequest: start is {iso(START + 5 * DAY_MS + 1000)}, and now it is")
    assert check(5, start=iso(START + 5 * DAY_MS))["endangered"] == 0


def test_a_start_at_the_epoch_is_a_start(lake, check):
    extract(lake, "usdm_futures", 0, 1, 2)
    days_before = START // DAY_MS
    said = failure(check, 5, start="1970-01-01T00:00:00Z")
    assert said.startswith("DataLossImminent")
    (history,) = check(5, start="1970-01-01T00:00:00Z", warn_days=0, retention_days=1)["histories"]
    assert history["lost_days"] == days_before


def test_a_filtered_history_is_part_of_the_whole_one_and_else_one_of_its_own(lake, check):
    extract(lake, "usdm_futures", 0, 1, 2)
    extract(lake, "usdm_futures", 0, symbols=["BTCUSDT"])
    assert [one["symbols"] for one in check(5)["histories"]] == [[]]
    extract(lake, "coinm_futures", 0, symbols=["BTCUSD_PERP"])
    told = check(5, endpoints=["coinm_futures"])["histories"]
    assert [(one["symbols"], one["missing_days"]) for one in told] == [(["BTCUSD_PERP"], 2)]


FILTERED_AND_LATER_WHOLE = {"filtered": (0, 2, 3), "whole": (5, 6, 7)}


def extract_both(lake, endpoint, symbol):
    extract(lake, endpoint, *FILTERED_AND_LATER_WHOLE["filtered"], symbols=[symbol])
    extract(lake, endpoint, *FILTERED_AND_LATER_WHOLE["whole"])


def test_what_a_filtered_history_lacks_stays_reported_when_an_unfiltered_one_begins_later(lake, check):
    extract_both(lake, "usdm_futures", "BTCUSDT")
    filtered, whole = check(10)["histories"]
    assert (filtered["symbols"], filtered["missing_days"]) == (["BTCUSDT"], 2)
    assert [one["start"] for one in filtered["stretches"]] == [iso(day(1).start_ms), iso(day(4).start_ms)]
    assert (whole["symbols"], whole["missing_days"]) == ([], 0)
    said = failure(check, 80)
    assert f"usdm_futures of desk, only BTCUSDT, {day(1)}, missing" in said


def test_what_an_unfiltered_history_lacks_is_reported_once(lake, check):
    extract(lake, "usdm_futures", 0, 2, symbols=["BTCUSDT"])
    extract(lake, "usdm_futures", 1, 3)
    told = {tuple(one["symbols"]): one["missing_days"] for one in check(6)["histories"]}
    assert told == {("BTCUSDT",): 0, (): 1}


def test_with_a_start_every_history_begins_there_and_the_unfiltered_one_reports_all(lake, check):
    extract_both(lake, "usdm_futures", "BTCUSDT")
    (history,) = check(10, start=iso(START))["histories"]
    assert (history["symbols"], history["missing_days"]) == ([], 5)


def test_on_margin_a_pair_and_the_whole_are_two_histories_to_their_ends(lake, check):
    extract_both(lake, "margin", "BTCUSDT")
    told = {tuple(one["symbols"]): one["missing_days"] for one in check(10)["histories"]}
    assert told == {("BTCUSDT",): 5, (): 0}


def test_a_manifest_without_its_object_or_that_is_none_covers_nothing_and_is_named(lake, check):
    _, second, third = extract(lake, "usdm_futures", 0, 1, 2)
    Path(second.object.uri.removeprefix("file://")).unlink()
    Path(third.object.uri.removeprefix("file://")).with_suffix(".manifest.json").write_text("{}")
    instance = Instance()
    said = failure(check, 5, {"ti": instance})
    assert said.startswith("InconsistentManifest: 2 of 3 manifests at file://")
    assert "the first: usdm_futures/account=desk/date=2026-10-02/" in said
    summary = instance.pushed["coverage"]
    assert summary["histories"][0]["missing_days"] == 2
    assert summary["unusable_manifests"] == 2
    assert "its object is not there" in summary["unusable"][0]
    assert "schema_version" in summary["unusable"][1]


def test_where_no_manifest_can_be_used_that_is_said_beside_that_nothing_was_found(lake, check):
    for manifest in extract(lake, "usdm_futures", 0, 1):
        path = Path(manifest.object.uri.removeprefix("file://")).with_suffix(".manifest.json")
        path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 3}))
    said = failure(check, 5)
    assert nothing_of("any endpoint of any account", lake) in said
    assert "2 of 2 manifests at" in said
    assert "schema_version 3" in said


def test_a_manifest_of_another_account_that_cannot_be_used_concerns_nobody_who_did_not_ask(lake, check):
    extract(lake, "usdm_futures", 0, 1, 2)
    (other,) = extract(lake, "margin", 0)
    Path(other.object.uri.removeprefix("file://")).unlink()
    assert check(5, endpoints=["usdm_futures"])["unusable_manifests"] == 0
    assert "its object is not there" in failure(check, 5)


def test_names_that_look_like_patterns_are_names(lake, check, tmp_path):
    destination = f"file://{tmp_path}/a lake of [objects]*"
    extract(lake, "usdm_futures", 0, 1, 2, destination=destination)
    assert check(5, destination=destination)["manifests"] == 3


def test_a_lake_on_object_storage_is_read_as_well(lake, check, bucket):
    destination = f"s3://aws_default@{bucket}/some/prefix"
    extract(lake, "usdm_futures", 0, 2, destination=destination)
    assert check(5, destination=destination)["histories"][0]["missing_days"] == 1


def test_a_lake_that_cannot_be_read_is_a_matter_for_a_retry_and_not_for_an_alarm(check, tmp_path):
    with pytest.raises(StorageError):
        check(5, destination=f"file://{tmp_path}/nowhere")


def test_a_manifest_that_the_store_does_not_give_is_not_taken_for_missing(lake, check, monkeypatch):
    from fsspec.implementations.local import LocalFileSystem

    extract(lake, "usdm_futures", 0)

    def deny(self, path, *_, **__):
        raise PermissionError(path)

    monkeypatch.setattr(LocalFileSystem, "cat_file", deny)
    with pytest.raises(StorageError, match=r"20261001T000000Z_20261002T000000Z.manifest.json cannot be read"):
        check(5)


WRONG = [
    {"endpoints": ["spot"]},
    {"endpoints": "margin"},
    {"endpoints": 5},
    {"accounts": [1]},
    {"accounts": "desk"},
    {"start": "yesterday"},
    {"start": "2026-10-01"},
    {"start": "1969-12-31T00:00:00Z"},
    {"start": 5},
    {"retention_days": 0},
    {"retention_days": -1},
    {"retention_days": "x"},
    {"retention_days": 1.5},
    {"retention_days": True},
    {"retention_days": 10**30},
    {"warn_days": "x"},
    {"warn_days": None},
    {"warn_days": float("nan")},
    {"warn_days": "inf"},
    {"warn_days": -1},
    {"warn_days": True},
    {"warn_days": 10**400},
]


@pytest.mark.parametrize(
    "wrong",
    [
        *WRONG,
        {"settle": 5},
        {"settle": timedelta(-1)},
        {"accept_premises": "isolated_rows"},
        {"accept_premises": None},
        {"accept_premises": ["no_such_premise"]},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_parameter_that_is_wrong_is_refused_with_a_specific_error_when_the_dag_is_read(wrong):
    (name,) = wrong
    with pytest.raises(InvalidRequest, match=name.removesuffix("s").removeprefix("accept_")):
        LiquidationsCoverageCheckOperator(task_id="check", destination="file:///lake", **wrong)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:40])
def test_a_template_that_renders_to_something_wrong_fails_the_task_at_once_with_a_specific_error(wrong):
    from airflow_provider_binance_liq.compat import AirflowFailException

    ((name, value),) = wrong.items()
    template = {name: "{{ params.given }}"}
    operator = LiquidationsCoverageCheckOperator(task_id="check", destination="file:///lake", **template)
    setattr(operator, name, value)
    with pytest.raises(AirflowFailException, match=f"^InvalidRequest: .*{name.removesuffix('s')}"):
        operator.execute({})


def test_what_templates_and_other_tasks_give_is_taken_as_it_is_written(lake, check):
    from airflow.sdk import DAG, task

    @task(multiple_outputs=True)
    def settings():
        return {}

    with DAG("shown", schedule=None):
        chosen = settings()
        LiquidationsCoverageCheckOperator(
            task_id="check",
            destination=chosen["destination"],
            warn_days=chosen["warn_days"],
            accounts=["{{ params.account }}", chosen["account"]],
            endpoints=["{{ params.endpoint }}"],
            start="{{ dag_run.logical_date }}",
            retention_days="{{ params.days }}",
        )
    extract(lake, "usdm_futures", 0, 1, 2)
    rendered = {"warn_days": "14", "retention_days": "90", "start": "None", "accounts": ("desk",)}
    assert check(5, **rendered)["endangered"] == 0


def test_the_days_that_are_left_are_measured(lake, check, monkeypatch):
    told = []
    monkeypatch.setattr(metrics, "until_loss", lambda **fields: told.append(fields))
    extract(lake, "usdm_futures", 0, 2)
    extract(lake, "margin", 0, 1, 2)
    check(5)
    assert {one["endpoint"]: one["days"] for one in told} == {"usdm_futures": 86.0, "margin": 90}


# --- the page -------------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs/coverage.md").read_text(encoding="utf-8")


def test_every_parameter_is_documented_and_marked_where_it_is_a_template():
    taken = set(inspect.signature(LiquidationsCoverageCheckOperator.__init__).parameters)
    rows = re.findall(r"^\| `(\w+)`( ⓣ)? \|.*\|.*\|$", PAGE, re.MULTILINE)
    assert {name for name, _ in rows} == taken - {"self", "kwargs"}
    templated = {name for name, marked in rows if marked}
    assert templated == set(LiquidationsCoverageCheckOperator.template_fields)


def test_every_member_of_the_summary_is_documented(lake, check):
    extract(lake, "usdm_futures", 0, 2)
    summary = check(5)
    section = PAGE.split("The XCom is a summary")[1]
    named = set(re.findall(r"`(?:histories\[\])?\.?(\w+)`", section))
    assert set(summary) | set(summary["histories"][0]) <= named


def test_the_pages_dag_code_is_code_that_runs():
    from airflow.sdk import DAG

    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with DAG("shown", schedule=None) as dag:
        exec(block, {})
    assert dag.task_ids == ["check"]

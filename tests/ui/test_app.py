"""The page's routes, below Airflow's own API server and its simple auth manager."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from support.running import START

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.lake.index import Entry

# Airflow's API server takes longer to start than all of these take.
pytestmark = pytest.mark.slow
#: eight days after the lake's first
NOW = datetime.fromtimestamp(START / 1000 + 8 * 86_400, UTC)
ROUTES = (
    "coverage",
    "day?history=desk/usdm_futures&day=2026-10-01",
    "file?path=x",
    "estimate?history=x&day=2026-10-02",
)


@pytest.fixture(autouse=True)
def now(api):
    with time_machine.travel(NOW, tick=True):
        yield


def test_without_a_token_no_route_says_anything(api, configured):
    for route in ROUTES:
        assert api.get(f"/binance-liq/{route}").status_code == 401, route
    assert api.post("/binance-liq/estimate", json={}).status_code == 401
    bad = api.get("/binance-liq/coverage", headers={"Authorization": "Bearer x.y.z"})
    assert bad.status_code in (401, 403)
    assert isinstance(bad.json()["detail"], str)


def test_a_viewer_sees_the_coverage_and_no_secret(get, configured):
    answer = get("coverage")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found = answer.json()
    (history,) = found["histories"]
    assert (history["id"], history["conn_id"]) == ("desk/usdm_futures", "desk_key")
    assert (history["first_day"], history["states"][1:3]) == (
        "2026-10-01",
        history["states"][1] + history["states"][2],
    )
    assert history["states"][1] == "m"
    assert set(history["states"][0] + history["states"][2]) <= {"p", "e"}
    assert len(history["states"]) == len(history["rows"]) == len(history["flags"]) == 9
    assert found["dag_id"] == "binance_liquidations"
    assert "secret-of-desk" not in answer.text
    assert "key-of-desk" not in answer.text


def states(get, **query):
    (history,) = get("coverage", params=query).json()["histories"]
    return history["states"]


def test_what_is_shown_is_as_of_the_last_listing_until_the_lake_is_listed_again(get, configured, run):
    first = get("coverage").json()
    assert first["as_of"] == first["now"]
    manifest = next(
        (run.directory / "lake/usdm_futures/account=desk/date=2026-10-01").glob("*.manifest.json")
    )
    manifest.unlink()
    again = get("coverage").json()
    assert again["as_of"] == first["as_of"]
    assert again["histories"][0]["states"] == first["histories"][0]["states"]
    refreshed = get("coverage", params={"refresh": "true"}).json()
    assert refreshed["histories"][0]["first_day"] == "2026-10-03"
    assert refreshed["as_of"] >= first["as_of"]


def test_a_listing_of_a_clock_that_was_ahead_is_shown_to_nobody(get, configured, run):
    with time_machine.travel(NOW + timedelta(hours=3), tick=True):
        assert get("coverage", params={"refresh": "true"}).json()["as_of"] >= "2026-10-09T03"
    manifest = next(
        (run.directory / "lake/usdm_futures/account=desk/date=2026-10-01").glob("*.manifest.json")
    )
    manifest.unlink()
    for refresh in ("false", "true"):
        found = get("coverage", params={"refresh": refresh}).json()
        assert found["histories"][0]["first_day"] == "2026-10-03"
        assert found["as_of"] < "2026-10-09T03"


def test_without_an_index_the_lake_is_read_and_one_is_written(get, configured, run):
    index = run.directory / "lake/_index/manifests.json.gz"
    assert not index.exists()
    before = states(get)
    index.write_bytes(b"damaged")
    assert states(get) == before
    assert json.loads(gzip.decompress(index.read_bytes()))["version"] == 2


def test_a_lake_that_cannot_be_read_is_an_error_in_words(get, configured):
    configured(destination="file:///nowhere/at/all")
    answer = get("coverage")
    assert answer.status_code == 503
    assert "there is no directory /nowhere/at/all" in answer.json()["detail"]
    configured(destination="s3://no_such_connection@bucket/lake")
    answer = get("coverage")
    assert answer.status_code == 422
    assert "which does not exist" in answer.json()["detail"]
    assert "no_such_connection@" not in answer.json()["detail"]


@pytest.mark.parametrize(
    ("members", "coverage", "said"),
    [
        ({"destinatoin": "file:///x"}, None, "binance_liquidations': unknown member 'destinatoin'"),
        ({}, {"warn_days": "many"}, "binance_liquidations_coverage': warn_days is 'many'"),
        ({}, {"start": "2027-01-01T00:00:00Z"}, "nothing would be expected"),
        ({"destination": "s3://key:secret@bucket"}, None, "***"),
    ],
)
def test_a_variable_that_is_wrong_is_an_error_that_names_it(get, configured, members, coverage, said):
    configured(coverage, **members)
    answer = get("coverage")
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert "secret@" not in answer.text


def test_the_coverage_variable_says_which_lake_and_what_is_expected(get, configured, lake):
    configured(
        {"destination": lake, "retention_days": 7, "warn_days": 3, "endpoints": ["usdm_futures"]},
        destination="file:///elsewhere",
    )
    found = get("coverage").json()
    assert (found["warn_days"], found["dag_id"]) == (3, None)
    (history,) = found["histories"]
    assert history["retention"] == {"days": 7, "source": "configured"}
    # The line of retention crosses the second day.
    assert history["states"][1] == "l" or found["now"] < "2026-10-09"


def test_the_variable_may_be_in_the_metadata_database(api, as_user, lake, monkeypatch):
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    token = api.post("/auth/token", json={"username": "admin", "password": "a"}).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"key": "binance_liquidations", "value": json.dumps({"destination": lake})}
    assert api.post("/api/v2/variables", json=body, headers=headers).status_code == 201
    try:
        assert as_user()("coverage").json()["destination"] == lake
    finally:
        api.delete("/api/v2/variables/binance_liquidations", headers=headers)


def test_without_a_variable_the_lake_is_where_the_dag_writes_it(get, monkeypatch):
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "server")
    answer = get("coverage")
    assert answer.status_code == 503
    assert f"{os.environ['AIRFLOW_HOME']}/binance_liquidations/lake" in answer.json()["detail"]


def test_a_dag_without_a_lake_is_not_found_and_the_others_are(get, configured):
    assert get("coverage", params={"dag_id": "binance_liquidations_load"}).json()["dag_id"] == (
        "binance_liquidations_extract"
    )
    answer = get("coverage", params={"dag_id": "binance_liquidation"})
    assert answer.status_code == 404
    assert "Did you mean binance_liquidations?" in answer.json()["detail"]


def test_who_may_not_read_the_dag_may_not_read_its_lake(get, configured, monkeypatch):
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    def only_others(self, *, method, user, access_entity=None, details=None):
        return details.id != "binance_liquidations"

    monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", only_others)
    for route in ROUTES:
        assert get(route).status_code == 403, route
    assert get("coverage", params={"dag_id": "binance_liquidations_extract"}).status_code == 200


def test_who_may_not_see_plugins_sees_none_of_it(get, configured, monkeypatch):
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    monkeypatch.setattr(SimpleAuthManager, "is_authorized_view", lambda *_, **__: False)
    for route in ROUTES:
        assert get(route).status_code == 403, route


def test_a_day_has_its_windows_and_what_their_proofs_rest_on(get, configured):
    found = get("day", params={"history": "desk/usdm_futures", "day": "2026-10-01"}).json()
    (window,) = found["windows"]
    assert (window["start"], window["end"]) == ("2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z")
    assert window["complete"] == window["counts_as_proven"] is True
    assert window["manifest_path"].startswith("usdm_futures/account=desk/date=2026-10-01/")
    assert (window["loaded"], window["second_look"], found["problems"]) == (None, None, [])
    codes = {one["code"]: one["sentence"] for one in window["premises"]}
    assert codes["within_retention"] == "The exchange still keeps every row of the window."
    assert get("day", params={"history": "desk/usdm_futures", "day": "2026-10-02"}).json()["windows"] == []
    assert get("day", params={"history": "desk/none", "day": "2026-10-02"}).status_code == 404
    wrong = get("day", params={"history": "desk/usdm_futures", "day": "yesterday"})
    assert wrong.status_code == 422
    assert wrong.json()["detail"].startswith("day: ")


def test_a_day_reports_a_manifest_that_cannot_be_used(get, configured, run):
    manifest = next(
        (run.directory / "lake/usdm_futures/account=desk/date=2026-10-03").glob("*.manifest.json")
    )
    manifest.write_bytes(b"{")
    answer = get("coverage", params={"refresh": "true"}).json()
    assert answer["histories"][0]["states"][2] == "f"
    assert answer["unusable_count"] == 1
    assert "not JSON" in answer["unusable"][0]
    found = get("day", params={"history": "desk/usdm_futures", "day": "2026-10-03"}).json()
    assert found["windows"] == []
    assert "not JSON" in found["problems"][0]


def test_objects_and_manifests_can_be_downloaded_and_nothing_else(get, configured, run, tmp_path):
    (window,) = get("day", params={"history": "desk/usdm_futures", "day": "2026-10-01"}).json()["windows"]
    for path, kind in (
        (window["object_path"], "application/x-ndjson"),
        (window["manifest_path"], "application/json"),
    ):
        answer = get("file", params={"path": path})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.content == (run.directory / "lake" / path).read_bytes()
    gone = get("file", params={"path": window["object_path"].replace("20261001", "20251001")})
    assert gone.status_code == 404


def test_no_path_leads_out_of_the_lake(get, configured, run, tmp_path):
    (window,) = get("day", params={"history": "desk/usdm_futures", "day": "2026-10-01"}).json()["windows"]
    inside = window["manifest_path"]
    secret = tmp_path / "secret.manifest.json"
    secret.write_text("{}")
    directory, name = inside.rsplit("/", 1)
    (run.directory / "lake" / directory / "link.manifest.json").symlink_to(secret)
    (run.directory / "lake/usdm_futures/account=out").symlink_to(tmp_path)
    (tmp_path / "date=2026-10-01").mkdir()
    (tmp_path / "date=2026-10-01/x.manifest.json").write_text("{}")
    escapes = [
        "../secret.manifest.json",
        "usdm_futures/../../secret.manifest.json",
        "usdm_futures/account=desk/date=2026-10-01/../../../../secret.manifest.json",
        "usdm_futures/account=../date=../secret.manifest.json",
        f"usdm_futures/account=desk/..%2f..%2f/{name}",
        "usdm_futures%2f..%2f..%2fsecret.manifest.json",
        "usdm_futures\\..\\..\\secret.manifest.json",
        str(secret),
        f"file://{secret}",
        "s3://aws_default@other/usdm_futures/account=desk/x.manifest.json",
        f"/{inside}",
        f"{directory}/./{name}",
        f"{directory}/{name}\x00.manifest.json",
        "_index/manifests.json.gz",
        "",
        directory,
        f"{directory}/link.manifest.json",
        "usdm_futures/account=out/date=2026-10-01/x.manifest.json",
    ]
    for path in escapes:
        assert get("file", params={"path": path}).status_code in (404, 422), path
    assert get("file", params={"path": inside}).status_code == 200


def test_static_files_need_no_token_and_have_the_types_that_browsers_ask_for(api, configured):
    answer = api.get("/binance-liq/static/coverage.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["x-content-type-options"] == "nosniff"
    for name in ("..%2fapp.py", "app.py", "%2e%2e/app.py", "nothing.js", "..%2fscript.py"):
        answer = api.get(f"/binance-liq/static/{name}")
        assert "detail" in answer.json(), name
        assert answer.status_code == 404


def test_nothing_describes_the_routes_to_who_is_not_signed_in(api, configured):
    for path in ("openapi.json", "docs", "redoc"):
        assert api.get(f"/binance-liq/{path}").status_code == 404


def test_days_beside_each_other_are_one_backfill_and_others_are_several(get, configured):
    days = ["2026-10-05", "2026-10-02", "2026-10-04", "2026-10-02"]
    query = [("history", "desk/usdm_futures"), *(("day", one) for one in days)]
    found = get("estimate", params=query).json()
    assert (found["requests"], found["weight"], found["days"]) == (3, 150, 3)
    assert found["may_backfill"] is False
    assert found["minutes"] == 1
    assert [(one["from_date"], one["to_date"]) for one in found["backfills"]] == [
        ("2026-10-02T00:00:00Z", "2026-10-02T00:00:00Z"),
        ("2026-10-04T00:00:00Z", "2026-10-05T00:00:00Z"),
    ]
    conf = {"connections": ["desk_key"], "endpoints": ["usdm_futures"]}
    assert [one["dag_run_conf"] for one in found["backfills"]] == [conf, conf]
    assert found["command"].splitlines()[0] == (
        "airflow backfill create --dag-id binance_liquidations --from-date 2026-10-02T00:00:00Z --to-date "
        "2026-10-02T00:00:00Z --reprocess-behavior completed --max-active-runs 4 --dag-run-conf "
        '\'{"connections": ["desk_key"], "endpoints": ["usdm_futures"]}\''
    )
    posted = get("estimate", "POST", json={"history": "desk/usdm_futures", "days": days})
    assert posted.json() == found


def test_who_may_create_backfills_is_reported_so(as_user, configured):
    query = {"history": "desk/usdm_futures", "day": "2026-10-02"}
    assert as_user("admin")("estimate", params=query).json()["may_backfill"] is True
    assert as_user("viewer")("estimate", params=query).json()["may_backfill"] is False


def test_an_index_of_another_lake_is_not_shown(get, configured, run):
    get("coverage", params={"refresh": "true"})
    index = run.directory / "lake/_index/manifests.json.gz"
    base = json.loads(gzip.decompress(index.read_bytes()))
    for entry in base["entries"]:
        entry[0] = entry[0].replace("2026-10-01", "2026-10-05")
    index.write_bytes(gzip.compress(json.dumps(base | {"lake": "s3://elsewhere/lake"}).encode()))
    found = get("coverage").json()
    assert found["histories"][0]["first_day"] == "2026-10-01"
    assert json.loads(gzip.decompress(index.read_bytes()))["lake"].startswith("file://")


def changed_index(get, run, change):
    # The second listing takes up what extractions have added, so that the base alone is shown.
    for _ in range(2):
        get("coverage", params={"refresh": "true"})
    index = run.directory / "lake/_index/manifests.json.gz"
    base = json.loads(gzip.decompress(index.read_bytes()))
    change(next(entry for entry in base["entries"] if "date=2026-10-01" in entry[0]))
    index.write_bytes(gzip.compress(json.dumps(base).encode()))


def test_where_the_index_differs_from_a_manifest_the_day_says_so(get, configured, run):
    day = {"history": "desk/usdm_futures", "day": "2026-10-01"}
    assert get("day", params=day).json()["problems"] == []

    def other_amounts(entry):
        entry[Entry.__struct_fields__.index("amounts")] = [["USDT", "999999999"]]

    changed_index(get, run, other_amounts)
    (problem,) = get("day", params=day).json()["problems"]
    assert "the index says something else of this extraction" in problem
    (run.directory / "lake/_index/manifests.json.gz").unlink()
    assert get("day", params=day).json()["problems"] == []


def test_a_path_in_the_index_that_no_manifest_has_is_not_read(get, configured, run):
    changed_index(get, run, lambda entry: entry.__setitem__(0, f"../lake/{entry[0]}"))
    found = get("day", params={"history": "desk/usdm_futures", "day": "2026-10-01"}).json()
    assert found["windows"] == []
    assert "no manifest has" in found["problems"][0]


def test_a_destination_with_half_a_character_is_an_error_in_words(get, configured):
    configured(destination="file:///\ud800")
    answer = get("coverage")
    assert answer.status_code == 422
    assert "half of a character" in answer.json()["detail"]


def test_what_a_load_has_left_a_receipt_of_is_shown_as_loaded(get, configured, run):
    from airflow_provider_binance_liq.lake import index, open_destination

    query = {"history": "desk/usdm_futures", "day": "2026-10-01"}
    (window,) = get("day", params=query).json()["windows"]
    assert (window["loaded"], window["loads"]) == (None, [])
    lake = open_destination(f"file://{run.directory}/lake")
    index.leave(lake, "PostgreSQL (house)", {window["object_path"]: window["sha256"]}, START)
    (window,) = get("day", params=query).json()["windows"]
    assert window["loaded"] is True
    assert window["loads"] == [{"warehouse": "PostgreSQL (house)", "at": "2026-10-01T00:00:00Z"}]
    found = get("coverage").json()
    # The other day was extracted later, and no receipt has it.
    assert [one & 2 for one in found["histories"][0]["flags"][:3]] == [0, 0, 2]


def test_where_no_backfill_extracts_the_days_it_says_why(get, configured):
    def why(history):
        found = get("estimate", params={"history": history, "day": "2026-10-02"}).json()
        assert (found["backfills"], found["command"], found["requests"]) == ([], "", 1)
        return found["why_not"]

    assert "has the account 'fund'" in why("fund/usdm_futures")
    assert "without a filter" in why("desk/usdm_futures?auto_close_type=ADL")
    assert "does not have portfolio_um" in why("desk/portfolio_um")
    configured({"destination": "file:///elsewhere"})
    assert "No DAG is known to write to this lake" in why("desk/usdm_futures")


def test_a_lake_that_is_not_the_first_that_is_listed_is_named_in_the_runs(get, configured, lake):
    configured({"destination": lake}, destination=["file:///first", lake])
    query = {"history": "desk/usdm_futures", "day": "2026-10-02"}
    (body,) = get("estimate", params=query).json()["backfills"]
    assert body["dag_run_conf"]["destination"] == lake


def test_too_many_days_or_none_are_refused(get, configured):
    assert get("estimate", params={"history": "desk/usdm_futures"}).status_code == 422
    days = [date.fromordinal(730_000 + number).isoformat() for number in range(4000)]
    answer = get("estimate", "POST", json={"history": "desk/usdm_futures", "days": days})
    assert answer.status_code == 422
    assert "choose 1 to 3,653" in answer.json()["detail"]


def test_where_the_index_cannot_be_written_the_lake_is_not_read_each_time(get, configured, run, monkeypatch):
    from airflow_provider_binance_liq.lake.verify import holdings

    index = run.directory / "lake/_index"
    for path in sorted(index.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    index.rmdir()
    index.write_bytes(b"a file where the directory should be")
    read, original = [], holdings._contents

    def contents(destination, paths):
        read.extend(paths)
        return original(destination, paths)

    monkeypatch.setattr(holdings, "_contents", contents)
    first = get("coverage").json()
    assert len(read) == 2
    assert get("coverage").json()["as_of"] == first["as_of"]
    again = get("coverage", params={"refresh": "true"}).json()
    # The clock goes on while the page is made, and what is kept moves with it.
    told = [[history | {"kept_from": ""} for history in one["histories"]] for one in (first, again)]
    assert told[0] == told[1]
    assert len(read) == 2


def test_a_lake_in_an_object_store_is_shown_without_its_connection(get, configured, run, bucket):
    url = f"s3://aws_default@{bucket}/some/lake"
    run.run("usdm_futures", Window(START, START + DAY_MS), destination=url)
    configured(destination=url)
    found = get("coverage").json()
    assert found["destination"] == f"s3://{bucket}/some/lake"
    assert found["histories"][0]["states"][0] in "pe"
    day = get("day", params={"history": "desk/usdm_futures", "day": "2026-10-01"})
    assert "aws_default@" not in day.text
    (window,) = day.json()["windows"]
    manifest = get("file", params={"path": window["manifest_path"]}).json()
    assert manifest["object"]["sha256"] == window["sha256"]
    gone = get("file", params={"path": window["object_path"].replace("20261001", "20251001")})
    assert gone.status_code == 404

"""The policy that the page gives the workers is enough for what is done to a lake, and gives nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import requests

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.lake import open_destination

PAGE = (Path(__file__).resolve().parents[2] / "docs/guides/storage.md").read_text(encoding="utf-8")


def policy(bucket):
    """The page's policy for this bucket.

    Several objects are deleted in one request. S3 asks for the right to delete each key, moto for that to
    delete the bucket's objects.
    """
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    given = json.loads(text.replace(":::bucket", f":::{bucket}"))
    deletes = any("s3:DeleteObject" in one["Action"] for one in given["Statement"])
    moto = {"Effect": "Allow", "Action": ["s3:DeleteObject"], "Resource": f"arn:aws:s3:::{bucket}"}
    return json.dumps({**given, "Statement": [*given["Statement"], *([moto] if deletes else [])]})


def enforce(s3, count):
    """Let the store check identities after so many requests, as a real one does from the first."""
    requests.post(f"{s3}/moto-api/reset-auth", data=str(count).encode(), timeout=10).raise_for_status()


@pytest.fixture
def as_worker(s3, bucket, set_connection):
    """Reach the bucket as somebody who has the page's policy and no other; returns the bucket's URL.

    By a connection of its own: Airflow keeps the stores of those that a process has used.
    """
    import boto3

    known = {"endpoint_url": s3, "region_name": "us-east-1"}
    iam = boto3.client("iam", aws_access_key_id="testing", aws_secret_access_key="testing", **known)
    user = f"worker-{bucket}"
    iam.create_user(UserName=user)
    iam.put_user_policy(UserName=user, PolicyName="lake", PolicyDocument=policy(bucket))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    set_connection(
        user,
        conn_type="aws",
        login=key["AccessKeyId"],
        password=key["SecretAccessKey"],
        extra=known,
    )
    enforce(s3, 0)
    yield f"s3://{user}@{bucket}"
    enforce(s3, "inf")


@pytest.mark.slow
def test_the_pages_policy_is_enough_to_extract_replace_verify_and_show(as_worker, start, tmp_path, capsys):
    lake = f"{as_worker}/lake"
    run = start()
    day = run.cascade()
    first = run.run("usdm_futures", day, destination=lake)
    assert len(run.rows(first)) == first.object.rows > 0
    place = open_destination(first.object.uri)
    place.write_bytes(b"damaged")
    # It is written beside the damaged one, copied over it, and removed there.
    again = run.run("usdm_futures", day, destination=lake)
    assert again.object.sha256 == first.object.sha256
    assert sorted(file.name for file in place.parent.iterdir()) == sorted(
        [place.name, place.name.replace(".ndjson", ".manifest.json")]
    )
    assert main(["verify", lake, "--json"]) in {0, 1}
    said = capsys.readouterr().out
    assert json.loads(said[said.index("\n{") :])["problems"] == []
    assert main(["coverage", lake, "--html", str(tmp_path / "coverage.html")]) in {0, 1}


def test_it_gives_nothing_beside_the_lake(as_worker):
    place = open_destination(f"{as_worker}/elsewhere/file")
    with pytest.raises(PermissionError):
        place.write_bytes(b"x")
    with pytest.raises(PermissionError):
        place.read_bytes()

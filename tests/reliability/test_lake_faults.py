"""Whatever fails or is killed while a window is landed again: no row is lost, and no manifest lies."""

from __future__ import annotations

import os
import uuid

import lake_faults
import page
import pytest
from lake_faults import FORMS, LOCAL, S3, strike
from support import dying


@pytest.fixture(scope="module", autouse=True)
def _server():
    dying.start_server()


@pytest.fixture(scope="module")
def bucket_name(s3):
    import boto3

    name = f"lake-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", endpoint_url=s3).create_bucket(Bucket=name)
    return name


@pytest.fixture
def s3_url(s3, bucket_name, set_connection):
    """One bucket for all, so that what was measured once is measured; each measurement below its own key."""
    set_connection(
        "aws_default", conn_type="aws", login="testing", password="testing", extra={"endpoint_url": s3}
    )
    return f"s3://aws_default@{bucket_name}"


def check(outcome, fewest):
    assert outcome.faults >= fewest
    assert (outcome.lost, outcome.lies, outcome.retries_failed, outcome.left) == (0, 0, 0, 0)
    assert outcome.seen <= {"nothing", "the first look", "the second look"}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", LOCAL)
def test_a_fault_at_any_step_of_a_second_look_on_a_disk_loses_no_row(kind):
    check(strike(None, LOCAL[kind], None, None), fewest=15)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("before", "after"), FORMS[1:])
@pytest.mark.parametrize("kind", LOCAL)
def test_a_fault_at_any_step_loses_no_row_though_the_compression_changes(kind, before, after):
    check(strike(None, LOCAL[kind], before, after), fewest=10)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("before", "after"), FORMS)
@pytest.mark.parametrize("kind", S3)
def test_a_fault_at_any_call_of_s3_during_a_second_look_loses_no_row(kind, before, after, s3_url):
    check(strike(s3_url, S3[kind], before, after), fewest=8)


def test_the_retry_is_answered_less_than_the_lake_holds():
    # Otherwise the rows would come back from the exchange, and a loss would not be seen.
    assert set(lake_faults.FIRST) - set(lake_faults.SECOND) - set(lake_faults.RETRY)
    assert set(lake_faults.SECOND) - set(lake_faults.FIRST) - set(lake_faults.RETRY)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_page_says_what_was_measured_in_the_lake(s3_url):
    text = page.PAGE.read_text(encoding="utf-8")
    if os.environ.get("WRITE_DOCS"):
        page.PAGE.write_text(lake_faults.render(text, s3_url), encoding="utf-8")
    assert lake_faults.render(text, s3_url) == text

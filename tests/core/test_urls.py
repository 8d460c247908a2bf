"""A URL with a password in it is known as one, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.urls import has_credentials, hide_parameters

SECRETS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=%-_.~!$&", min_size=1)


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI@bucket/prefix",
        "s3://AKIAIOSFODNN7EXAMPLE:wJal/rXUtn/FEMI@bucket/prefix",
        "s3://AKIAIOSFODNN7EXAMPLE:12/34@bucket",
        "s3://KEY:sec/ret@bucket",
        "s3://KEY:sec?ret@bucket",
        "s3://KEY:sec#ret@bucket",
        "s3://KEY%3Asec%2Fret@bucket",
        "s3://KEY:a@b@bucket",
        "s3://:secret@bucket",
        " S3://KEY:secret@bucket",
        "postgresql://loader:geheim@db:5432/lake",
        "postgresql://loader@example.com:geheim@db:5432/lake",
        "postgresql://db/lake?user=loader&password=geheim",
        "host=db user=loader password=geheim",
        "https://host/lake?token=geheim",
        "https://host/lake?X-Amz-Signature=geheim",
        "https://account.blob.core.windows.net/lake?sv=1&sig=geheim",
        "abfss://lake/x?sas_token=geheim",
        "md:lake?motherduck_token=geheim",
        "md:lake?MOTHERDUCK_TOKEN=geheim",
        "s3://bucket?aws_secret_access_key=geheim",
        "https://host/lake#access_token=geheim",
    ],
)
def test_a_url_with_a_password_or_a_token_is_one(url):
    assert has_credentials(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lake",
        "/lake",
        "file:///lake",
        "file:///lake/a:b@c",
        "s3://bucket/prefix",
        "s3://aws_default@bucket/prefix",
        "s3://aws_default@bucket/a:b",
        "s3://bucket/user@example.com/lake",
        "s3://aws_default@storage.example:9000/bucket",
        "webhdfs://namenode.example:9870/user/loader@EXAMPLE/lake",
        "webhdfs://[::1]:9870/user/loader@EXAMPLE",
        "postgresql://db:5432/lake?sslmode=require",
        "https://host/tokens/secret/password",
        "https://host/lake?token=",
        "md:lake",
    ],
)
def test_a_url_without_one_is_not(url):
    assert not has_credentials(url)


@given(SECRETS)
def test_whatever_the_secret_of_an_access_key_holds_it_is_seen(secret):
    assert has_credentials(f"s3://AKIAIOSFODNN7EXAMPLE:{secret}@bucket/prefix")


@pytest.mark.parametrize(
    "text",
    [
        "AWS_SECRET_ACCESS_KEY:SEKRIT",
        '{"password": "SEKRIT"}',
        "{'api_key': 'SEKRIT'}",
        "Authorization: Bearer SEKRIT",
        "s3://b/l?token=SEKRIT",
        "a token = SEKRIT, and more",
        "x" * 5000 + "token" + "y" * 5000 + "=SEKRIT",
    ],
)
def test_a_secret_is_masked_however_it_is_named(text):
    assert "SEKRIT" not in hide_parameters(text)


@pytest.mark.parametrize("word", ["token", "x", "token=", "secret:", "access_key ", "a=", "://@:"])
def test_a_long_text_is_read_in_no_longer_than_its_length_takes(word):
    # With a pattern that goes back and forth, a hundred thousand characters take hours.
    text = word * (100_000 // len(word))
    hide_parameters(text)
    has_credentials(text)


# --- what is hidden of a text that repeats a URL ----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("motherduck_token=eyJh.c2Vj", "motherduck_token=***"),
        ("a token = eyJh.c2Vj, and more", "a token = *** and more"),
        ("'md:x?motherduck_token=eyJh.c2Vj'", "'md:x?motherduck_token=***'"),
        ("md:x?MOTHERDUCK_TOKEN=eyJh&attach_mode=single", "md:x?MOTHERDUCK_TOKEN=***&attach_mode=single"),
        ("https://host/lake?sv=1&sig=eyJh&se=2", "https://host/lake?sv=1&sig=***&se=2"),
        ("?token=one and ?key=two", "?token=*** and ?key=***"),
    ],
)
def test_the_value_of_a_secret_parameter_is_hidden_and_all_else_is_shown(text, shown):
    assert hide_parameters(text) == shown


def test_what_is_no_secret_parameter_is_left_alone():
    text = "price is 1.2.3, which is no decimal; a row of s3://b/lake/a=1/date=2026-10-10/x.ndjson"
    assert hide_parameters(text) == text

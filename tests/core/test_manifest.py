"""A manifest says what its object holds; what contradicts it is an error, never a guess."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.manifest import (
    SCHEMA_VERSION,
    Manifest,
    ManifestFilters,
    ManifestNotional,
    ManifestObject,
    ManifestWindow,
    Proof,
    from_dict,
    from_json,
    reconcile,
)
from airflow_provider_binance_liq.core.premise_table import PREMISES
from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.exceptions import InconsistentManifest

MANIFEST = Manifest(
    endpoint="usdm_futures",
    account="desk",
    window=ManifestWindow("2026-10-10T00:00:00Z", "2026-10-11T00:00:00Z"),
    filters=ManifestFilters(("BTCUSDT", "币安人生USDT"), "ADL"),
    object=ManifestObject("s3://aws_default@lake/x.ndjson.gz", 2500, 81_234, "ab" * 32, "gzip"),
    proof=Proof(
        complete=True,
        pages=27,
        requests=29,
        weight=1450,
        method="each page proves the one before it",
        premises=(
            StatedPremise("within_retention", "assumed"),
            StatedPremise("equal_bounds", "observed", "probe"),
        ),
        caveats=("something to know",),
    ),
    extracted_at="2026-10-11T00:01:07Z",
    provider_version="0.1.0",
    notional=ManifestNotional({"USDC": "0.5", "USDT": "1234.56780001"}, 1),
)
#: the shape that others rely on, member by member
PLAIN = {
    "schema_version": 2,
    "endpoint": "usdm_futures",
    "account": "desk",
    "window": {"start": "2026-10-10T00:00:00Z", "end": "2026-10-11T00:00:00Z"},
    "filters": {"symbols": ["BTCUSDT", "币安人生USDT"], "auto_close_type": "ADL"},
    "object": {
        "uri": "s3://aws_default@lake/x.ndjson.gz",
        "rows": 2500,
        "bytes": 81_234,
        "sha256": "ab" * 32,
        "compression": "gzip",
    },
    "proof": {
        "complete": True,
        "pages": 27,
        "requests": 29,
        "weight": 1450,
        "method": "each page proves the one before it",
        "premises": [
            {"code": "within_retention", "status": "assumed", "by": None},
            {"code": "equal_bounds", "status": "observed", "by": "probe"},
        ],
        "incomplete_reasons": [],
        "caveats": ["something to know"],
    },
    "extracted_at": "2026-10-11T00:01:07Z",
    "provider_version": "0.1.0",
    "differences": None,
    "notional": {"amounts": {"USDC": "0.5", "USDT": "1234.56780001"}, "unpriced": 1},
}
#: members that earlier versions of this schema did not write
OPTIONAL = [
    ("differences",),
    *((("notional", *more)) for more in ((), ("unpriced",), ("amounts", "USDC"), ("amounts", "USDT"))),
]

texts = st.text(max_size=20)
names = texts.map(lambda text: f"{text}x")
counts = st.integers(0, 2**63)
checksums = st.binary(min_size=32, max_size=32).map(bytes.hex)
stated = st.builds(
    StatedPremise,
    st.sampled_from(list(PREMISES)),
    st.sampled_from(["documented", "observed", "assumed"]),
    st.sampled_from([None, "extraction", "probe"]),
)
manifests = st.builds(
    Manifest,
    endpoint=names,
    account=names,
    window=st.builds(ManifestWindow, texts, texts),
    filters=st.builds(
        ManifestFilters,
        st.lists(names, max_size=3).map(tuple),
        st.sampled_from([None, "LIQUIDATION", "ADL"]),
    ),
    object=st.builds(ManifestObject, names, counts, counts, checksums, st.sampled_from([None, "gzip"])),
    proof=st.builds(
        Proof,
        st.just(False),
        counts,
        counts,
        counts,
        names,
        st.lists(stated, max_size=3).map(tuple),
        st.lists(st.sampled_from(list(PREMISES)), max_size=2).map(tuple),
        st.lists(texts, max_size=2).map(tuple),
    ),
    extracted_at=texts,
    provider_version=names,
    notional=st.none()
    | st.builds(
        ManifestNotional,
        st.dictionaries(names, st.decimals("0", "1e12", places=8).map(lambda one: f"{one:f}"), max_size=3),
        counts,
    ),
)


def test_a_manifest_has_the_members_of_the_contract_in_their_order():
    plain = MANIFEST.to_dict()
    assert plain == PLAIN
    assert list(plain) == list(PLAIN)


def test_the_stored_text_is_json_that_a_person_can_read():
    text = MANIFEST.to_json()
    assert json.loads(text) == PLAIN
    assert text.endswith("}\n")
    assert "币安人生USDT" in text
    assert len(text.splitlines()) > 20


@given(manifests)
def test_a_manifest_survives_being_written_and_read(manifest):
    assert from_json(manifest.to_json()) == manifest
    assert from_json(manifest.to_json().encode()) == manifest
    assert from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest


def test_members_of_a_later_version_of_this_schema_are_left_out():
    plain = {**PLAIN, "signature": "new", "proof": {**PLAIN["proof"], "seconds": 3}}
    assert from_dict(plain) == MANIFEST


def members(plain, path=()):
    for name, value in plain.items():
        yield (*path, name)
        if isinstance(value, dict):
            yield from members(value, (*path, name))


def test_a_manifest_from_before_there_were_second_looks_has_no_differences():
    assert from_dict({name: value for name, value in PLAIN.items() if name != "differences"}) == MANIFEST


def test_a_manifest_from_before_amounts_were_added_up_does_not_say_that_there_are_none():
    old = from_dict({name: value for name, value in PLAIN.items() if name != "notional"})
    assert old == dataclasses.replace(MANIFEST, notional=None)


@pytest.mark.parametrize("amount", ["", "1e3", "NaN", 1, None, ".5", "1" * 300])
def test_an_amount_that_is_no_exact_number_is_refused(amount):
    with pytest.raises(InconsistentManifest, match="notional"):
        from_dict({**PLAIN, "notional": {"amounts": {"USDT": amount}, "unpriced": 0}})


@pytest.mark.parametrize("path", [path for path in members(PLAIN) if path not in OPTIONAL], ids=".".join)
def test_a_manifest_without_one_of_its_members_is_refused(path):
    plain = json.loads(json.dumps(PLAIN))
    inner = plain
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    with pytest.raises(InconsistentManifest):
        from_dict(plain)


@pytest.mark.parametrize("version", [0, 3, "1", None, 1.5, True, 1.0])
def test_another_schema_version_is_refused_by_its_number(version):
    with pytest.raises(InconsistentManifest, match=f"schema_version {version!r}; this version reads 1 and 2"):
        from_dict({**PLAIN, "schema_version": version})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (MANIFEST.to_json()[:-30], "not JSON"),
        ("<html>", "not JSON"),
        ("[]", "a JSON list"),
        ("null", "a JSON NoneType"),
        (b"\xff\xfe", "not JSON"),
        ("[" * 100_000 + "]" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_manifest_is_refused(text, message):
    with pytest.raises(InconsistentManifest, match=message):
        from_json(text)


@pytest.mark.parametrize(
    "members",
    [{"window": None}, {"object": []}, {"proof": "yes"}, {"filters": 5}, {"window": {"start": 1}},
     {"filters": {"symbols": None, "auto_close_type": None}}],
)  # fmt: skip
def test_members_of_another_kind_are_refused(members):
    with pytest.raises(InconsistentManifest):
        from_dict({**PLAIN, **members})


# --- reconciling ----------------------------------------------------------------------------------------

FOUND = {"rows": 2500, "stored_bytes": 81_234, "sha256": "ab" * 32}


def test_an_object_that_matches_its_manifest_passes():
    reconcile(MANIFEST, **FOUND)


@pytest.mark.parametrize(
    ("differing", "named"),
    [({"rows": 2499}, "rows"), ({"stored_bytes": 0}, "bytes"), ({"sha256": "cd" * 32}, "sha256")],
)
def test_an_object_that_differs_is_refused_by_what_differs_with_both_values(differing, named):
    with pytest.raises(InconsistentManifest) as caught:
        reconcile(MANIFEST, **{**FOUND, **differing})
    message = str(caught.value)
    assert MANIFEST.object.uri in message
    assert f"{named}: the manifest says {getattr(MANIFEST.object, named)}" in message
    assert str(next(iter(differing.values()))) in message
    assert message.count("the manifest says") == 1


def test_all_that_differs_is_named_at_once():
    with pytest.raises(InconsistentManifest) as caught:
        reconcile(MANIFEST, rows=1, stored_bytes=1, sha256="")
    assert str(caught.value).count("the manifest says") == 3


@given(st.integers(0, 3), st.integers(0, 3), st.sampled_from(["a", "b"]))
def test_only_an_object_that_matches_in_all_three_passes(rows, stored_bytes, sha256):
    said = dataclasses.replace(MANIFEST, object=ManifestObject("x", 1, 2, "a"))
    if (rows, stored_bytes, sha256) == (1, 2, "a"):
        reconcile(said, rows=rows, stored_bytes=stored_bytes, sha256=sha256)
    else:
        with pytest.raises(InconsistentManifest):
            reconcile(said, rows=rows, stored_bytes=stored_bytes, sha256=sha256)


def test_the_schema_version_is_2_until_a_reader_would_be_misled():
    assert SCHEMA_VERSION == 2


# --- schema version 1 -----------------------------------------------------------------------------------

OLD_PROOF = {
    name: value for name, value in PLAIN["proof"].items() if name not in ("premises", "incomplete_reasons")
}
OLD = {**PLAIN, "schema_version": 1, "proof": OLD_PROOF}


def old(endpoint, *, complete=True, symbols=(), rows=5):
    return from_dict(
        {
            **OLD,
            "endpoint": endpoint,
            "filters": {"symbols": list(symbols), "auto_close_type": None},
            "object": {**OLD["object"], "rows": rows},
            "proof": {**OLD_PROOF, "complete": complete},
        }
    ).proof


def test_a_manifest_of_version_1_is_read_as_resting_on_every_premise_of_its_endpoint():
    read = from_dict(OLD)
    assert read.schema_version == 2
    assert read.proof.complete
    assert {premise.code for premise in read.proof.premises} >= {
        "end_inclusive",
        "start_inclusive",
        "two_types",
    }
    assert from_json(read.to_json()) == read


@pytest.mark.parametrize(
    ("endpoint", "told", "reasons"),
    [
        ("usdm_futures", {"complete": False}, ("within_retention",)),
        ("margin", {}, ("isolated_rows",)),
        ("margin", {"symbols": ["BTCUSDT"]}, ()),
        ("portfolio_margin", {"rows": 0}, ("recorded_by_endpoint",)),
        ("portfolio_margin", {"rows": 1}, ()),
    ],
)
def test_a_claim_of_version_1_says_no_more_than_the_same_one_would_today(endpoint, told, reasons):
    proof = old(endpoint, **told)
    assert (proof.complete, proof.incomplete_reasons) == (not reasons, reasons)


def test_half_a_character_is_refused_since_no_page_could_show_it():
    for name, value in (("account", "desk\ud800"), ("extracted_at", "\udfff")):
        with pytest.raises(InconsistentManifest, match="surrogates not allowed"):
            from_json(json.dumps({**PLAIN, name: value}))


def test_a_claim_that_its_own_reasons_contradict_is_refused():
    proof = {**PLAIN["proof"], "incomplete_reasons": ["within_retention"]}
    with pytest.raises(InconsistentManifest, match="in spite of"):
        from_dict({**PLAIN, "proof": proof})


@pytest.mark.parametrize(
    ("outer", "inner", "value"),
    [
        ("proof", "complete", "no"),
        ("object", "rows", -1),
        ("object", "rows", True),
        ("object", "uri", None),
        ("object", "compression", "zip"),
        ("filters", "symbols", "BTCUSDT"),
        ("window", "start", 5),
        ("differences", "since", 5),
    ],
)
def test_a_member_that_is_not_of_its_kind_is_refused_by_its_name(outer, inner, value):
    wrong = {**PLAIN, outer: {**(PLAIN.get(outer) or {}), inner: value}}
    with pytest.raises(InconsistentManifest, match=rf"{outer}.*{inner}|{inner}"):
        from_dict(wrong)


@pytest.mark.parametrize("outer", ["filters", "object", "proof"])
def test_no_member_is_guessed_where_it_is_missing(outer):
    for inner in PLAIN[outer]:
        less = {**PLAIN, outer: {name: value for name, value in PLAIN[outer].items() if name != inner}}
        with pytest.raises(InconsistentManifest, match=inner):
            from_dict(less)


def test_the_stored_text_is_the_same_to_the_byte_wherever_it_is_written():
    assert MANIFEST.to_json() == json.dumps(PLAIN, ensure_ascii=False, indent=2) + "\n"


def test_all_members_that_are_missing_of_one_part_are_named_at_once():
    proof = {name: value for name, value in PLAIN["proof"].items() if name not in ("pages", "method")}
    with pytest.raises(InconsistentManifest, match="proof has no pages, method"):
        from_dict({**PLAIN, "proof": proof})


def test_what_differs_is_reported_in_one_sentence():
    with pytest.raises(InconsistentManifest) as caught:
        reconcile(MANIFEST, **{**FOUND, "rows": 1, "stored_bytes": 2})
    assert str(caught.value) == (
        "s3://aws_default@lake/x.ndjson.gz does not match its manifest (rows: the manifest says 2500, the "
        "object has 1; bytes: the manifest says 81234, the object has 2)"
    )

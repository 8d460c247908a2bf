"""What was answered before a long wait is not paid for again, whoever goes on and wherever."""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
from dataclasses import replace

import pytest
from support.covering import covering
from support.running import WEEK

from airflow_provider_binance_liq.cli import main
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.exceptions import (
    FROM_START,
    IpBanned,
    LiquidationsError,
    ResumeState,
    Throttled,
)
from airflow_provider_binance_liq.exchange.client import BinanceClient
from airflow_provider_binance_liq.extraction import resume as journals
from airflow_provider_binance_liq.simulator import Fault

BAN_S = 600


def journals_in(run):
    return sorted(run.directory.rglob("*.journal*"))


def interrupted(run, endpoint, window, nth, **known):
    """Run until the `nth` question meets a ban; return what is to be gone on from, after the ban."""
    run.exchange.add_fault(Fault("http_418", endpoint=endpoint, nth=nth, seconds=BAN_S))
    with pytest.raises(IpBanned) as caught:
        run.run(endpoint, window, **known)
    run.exchange.clear_faults()
    run.world.now_s = caught.value.retry_at_ms / 1000 + 1
    return caught.value.resume if caught.value.resume.journal else None


def asked(run, endpoint):
    return sum(request.endpoint == endpoint for request in run.exchange.requests)


@covering("endpoint, compression", ENDPOINTS, [None, "gzip"])
def test_an_extraction_that_was_banned_in_the_middle_asks_nothing_twice(start, endpoint, compression):
    rows = 700 if ENDPOINTS[endpoint].pager.page_size == 100 else 5000
    calm, run = start(cascade_rows=rows, order="shuffled"), start(cascade_rows=rows, order="shuffled")
    window = run.cascade()
    whole = calm.run(endpoint, window, compression=compression)
    nth = min(6, whole.proof.requests)
    assert nth > 1
    part = interrupted(run, endpoint, window, nth=nth, compression=compression)
    assert len(journals_in(run)) == 1
    manifest = run.run(endpoint, window, resume=part, compression=compression)
    assert manifest.object.sha256 == whole.object.sha256
    # The question that met the ban is the only one that was asked twice.
    assert asked(run, endpoint) == asked(calm, endpoint) + 1 == manifest.proof.requests
    assert manifest.proof.pages == whole.proof.pages
    assert manifest.proof.weight == whole.proof.weight + ENDPOINTS[endpoint].weight
    assert run.exchange.stats.during_ban == 0
    assert journals_in(run) == []


@pytest.mark.parametrize("endpoint", ["usdm_futures", "margin"])
def test_it_may_be_interrupted_at_every_single_page(start, endpoint):
    calm, run = start(cascade_rows=300), start(cascade_rows=300)
    window, part, bans = run.cascade(), FROM_START, 0
    whole = calm.run(endpoint, window)
    while True:
        run.exchange.add_fault(Fault("http_418", endpoint=endpoint, nth=2, seconds=BAN_S))
        try:
            manifest = run.run(endpoint, window, resume=part)
            break
        except IpBanned as error:
            part, bans = error.resume, bans + 1
            assert len(journals_in(run)) == 1, "the older journal is gone"
            run.world.now_s = error.retry_at_ms / 1000 + 1
            run.exchange.clear_faults()
    assert bans >= whole.proof.pages - 2
    assert run.rows(manifest) == run.truth(endpoint, window)
    assert manifest.proof.requests == whole.proof.requests + bans


def test_where_nobody_goes_on_after_a_wait_nothing_is_left(start):
    run = start(cascade_rows=700)
    run.exchange.add_fault(Fault("http_418", endpoint="usdm_futures", nth=4, seconds=BAN_S))
    with pytest.raises(IpBanned) as caught:
        replace(run.job("usdm_futures", run.cascade()), resumable=False).run(clock=run.world.clock)
    assert caught.value.resume.journal is None
    assert journals_in(run) == []


def test_a_wait_before_the_first_answer_leaves_no_journal(start):
    run = start()
    assert interrupted(run, "usdm_futures", WEEK, nth=1) is None
    assert journals_in(run) == []


def test_refusals_and_lists_of_symbols_are_not_asked_for_again_either(start):
    knobs = {"cascade_rows": 400, "tie_rows": 250, "max_span_hours": 6.0}
    calm, run = start(**knobs), start(**knobs)
    window = run.cascade()
    whole = calm.run("usdm_futures", window)
    assert "symbol" in whole.proof.method
    last = whole.proof.requests
    part = interrupted(run, "usdm_futures", window, nth=last)
    listings = asked(run, "exchange_info")
    manifest = run.run("usdm_futures", window, resume=part)
    assert manifest.object.sha256 == whole.object.sha256
    assert manifest.proof.requests == last + 1
    assert asked(run, "exchange_info") == listings


def test_the_symbols_that_were_asked_for_are_kept_apart(start):
    run = start(cascade_rows=900)
    window = run.cascade()
    symbols = sorted({json.loads(row)["symbol"] for row in run.truth("usdm_futures", window)})[:2]
    part = interrupted(run, "usdm_futures", window, nth=3, symbols=symbols)
    manifest = run.run("usdm_futures", window, symbols=symbols, resume=part)
    expected = [row for row in run.truth("usdm_futures", window) if json.loads(row)["symbol"] in symbols]
    assert run.rows(manifest) == expected


def test_used_up_weight_beyond_patience_keeps_what_was_read_as_well(start):
    run = start(cascade_rows=700)
    run.exchange.add_fault(Fault("http_429", endpoint="usdm_futures", nth=4, retry_after=900))
    with pytest.raises(Throttled) as caught:
        run.run("usdm_futures", run.cascade())
    assert caught.value.resume.journal[:16] in journals_in(run)[0].name


def test_a_journal_that_nobody_goes_on_from_is_named_as_a_leftover(left, capsys):
    run, _, path = left
    run.run("margin", run.cascade())
    status = main(["verify", f"file://{run.directory}/lake", "--json"])
    report = json.loads(capsys.readouterr().out)
    (note,) = report["notes"]
    assert (note["kind"], note["path"].endswith(path.name)) == ("leftover", True)
    assert note["message"] == "answers of an extraction that waits, or that was ended while it waited"
    assert (status, report["problems"]) == (0, [])


def test_a_journal_goes_where_another_run_proved_the_window_during_the_wait(left, capsys):
    run, part, _ = left
    known = run.run("usdm_futures", run.cascade())
    assert len(journals_in(run)) == 1
    assert run.run("usdm_futures", run.cascade(), resume=part, keep_proven=True) == known
    assert journals_in(run) == []
    assert main(["verify", f"file://{run.directory}/lake", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == []


def test_an_error_that_travels_between_processes_keeps_what_to_resume_from():
    error = IpBanned("banned", 12, 3)
    error.resume = replace(error.resume, journal="ab" * 32)
    copy = pickle.loads(pickle.dumps(error))
    assert copy.resume == error.resume == ResumeState(3, "ab" * 32)
    assert copy.by_exchange


# --- what must not be trusted ---------------------------------------------------------------------------


def rewrite(path, change):
    header, *entries = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    told = json.loads(header)
    change(told)
    path.write_bytes(gzip.compress(json.dumps(told).encode() + b"\n" + b"".join(entries)))


@pytest.fixture
def left(start):
    """A journal that was left by an extraction which met a ban."""
    run = start(cascade_rows=700)
    part = interrupted(run, "usdm_futures", run.cascade(), nth=5)
    (path,) = journals_in(run)
    return run, part, path


def resealed(part, path):
    """Let a journal that was changed pass for one that was written so; it is found by its checksum."""
    sealed = replace(part, journal=hashlib.sha256(path.read_bytes()).hexdigest())
    path.rename(path.with_name(path.name.replace(part.journal[:16], sealed.journal[:16])))
    return sealed


def check_asked_anew(run, part):
    before = asked(run, "usdm_futures")
    manifest = run.run("usdm_futures", run.cascade(), resume=part)
    assert run.rows(manifest) == run.truth("usdm_futures", run.cascade())
    assert asked(run, "usdm_futures") - before == manifest.proof.requests


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"{}\n", mtime=0)])
def test_a_journal_that_is_not_what_was_written_does_not_count(left, content):
    run, part, path = left
    path.write_bytes(content)
    check_asked_anew(run, part)


def test_a_journal_that_is_gone_does_not_count(left):
    run, part, path = left
    path.unlink()
    check_asked_anew(run, part)


def test_the_journal_of_another_version_does_not_count(left):
    run, part, path = left
    rewrite(path, lambda header: header.update(provider_version="0.0.1"))
    check_asked_anew(run, resealed(part, path))


def test_a_journal_older_than_any_ban_does_not_count(left):
    run, part, _ = left
    run.world.now_s += 5 * 24 * 3600
    check_asked_anew(run, part)


def test_where_the_questions_differ_the_rest_of_the_journal_does_not_count(left):
    run, part, _ = left
    narrower = replace(run.cascade(), end_ms=run.cascade().end_ms - 1000)
    manifest = run.run("usdm_futures", narrower, resume=part)
    assert run.rows(manifest) == run.truth("usdm_futures", narrower)


def test_no_journal_holds_a_key_or_a_signature(left):
    run, _, path = left
    text = gzip.decompress(path.read_bytes()).decode()
    assert run.reach.api_key not in text
    assert "signature" not in text


def test_a_destination_that_does_not_take_the_journal_does_not_hide_the_ban(start, monkeypatch, caplog):
    run = start(cascade_rows=700)

    def refuse(*_):
        raise journals.StorageError("no room")

    monkeypatch.setattr(journals, "publish_part", refuse)
    assert interrupted(run, "usdm_futures", run.cascade(), nth=4) is None
    assert "no room" in caplog.text


def test_another_ban_before_the_first_new_answer_keeps_the_journal(start):
    run = start(cascade_rows=700)
    part = interrupted(run, "usdm_futures", run.cascade(), nth=4)
    run.exchange.add_fault(Fault("http_418", endpoint="usdm_futures", seconds=BAN_S))
    with pytest.raises(IpBanned) as caught:
        run.run("usdm_futures", run.cascade(), resume=part)
    run.exchange.clear_faults()
    run.world.now_s = caught.value.retry_at_ms / 1000 + 1
    assert len(journals_in(run)) == 1
    manifest = run.run("usdm_futures", run.cascade(), resume=caught.value.resume)
    assert run.rows(manifest) == run.truth("usdm_futures", run.cascade())
    assert journals_in(run) == []


# --- whose answers they are -----------------------------------------------------------------------------


def as_another(run, what):
    """The same job, as it would be after one thing of it had changed while the task waited."""
    job = run.job("usdm_futures", run.cascade())
    reach = job.account.settings
    if what == "account":
        return replace(job, account=replace(job.account, label="other"))
    if what == "key":
        return replace(job, account=replace(job.account, settings=replace(reach, api_key="k" * 64)))
    if what == "origin":
        origins = dict.fromkeys(reach.origins, reach.origins["fapi"].replace("127.0.0.1", "localhost"))
        return replace(job, account=replace(job.account, settings=replace(reach, origins=origins)))
    if what == "window":
        return replace(job, window=replace(job.window, end_ms=job.window.end_ms - 1))
    if what == "endpoint":
        return replace(job, endpoint=ENDPOINTS["coinm_futures"])
    return replace(job, filters=replace(job.filters, auto_close_type="ADL"))


def repeated(job, part, path, directory):
    """Ask a journal of a job for its first answer, where nothing else can be asked."""
    from airflow_provider_binance_liq.lake import open_destination, place

    filters = job.filters.to_manifest()
    at = place(open_destination(job.destination), job.endpoint, job.account.label, job.window, filters)
    at.directory.mkdir(parents=True, exist_ok=True)
    at.journal(part.journal).write_bytes(path.read_bytes())
    with journals.Journal(None, directory, at, job._source()) as journal:
        journal.load(part.journal, job_now_ms(path))
        return journal.requests


def job_now_ms(path):
    return json.loads(gzip.decompress(path.read_bytes()).splitlines()[0])["saved_at_ms"]


@pytest.mark.parametrize("what", ["account", "key", "origin", "window", "endpoint", "filters"])
def test_a_journal_of_another_is_not_gone_on_from_and_the_log_says_why(left, tmp_path, what, caplog):
    run, part, path = left
    assert repeated(as_another(run, what), part, path, tmp_path) == 0
    named = what if what in ("key", "origin") else "extraction"
    assert f"is of another {named}" in caplog.text


def test_a_journal_of_the_very_same_is_gone_on_from(left, tmp_path):
    run, part, path = left
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    assert repeated(run.job("usdm_futures", run.cascade()), part, copy, tmp_path) > 0


def test_resumed_under_another_key_everything_is_asked_anew(left):
    run, part, path = left
    rewrite(path, lambda header: header["owner"].update(key="0" * 64))
    check_asked_anew(run, resealed(part, path))


def test_two_journals_of_one_key_have_nothing_in_common_that_reveals_it(left):
    run, _, _ = left
    source = run.job("usdm_futures", run.cascade())._source()
    one, other = (journals._Owner.of(None, source, salt * 16) for salt in ("00", "01"))
    assert one.key != other.key
    assert source.api_key not in repr(source)
    assert hashlib.sha256(source.api_key.encode()).hexdigest() not in (one.key, other.key)


@pytest.mark.parametrize("salt", ["", "no hexadecimal"])
def test_an_owner_without_a_salt_is_another(left, salt):
    run, _, _ = left
    source = run.job("usdm_futures", run.cascade())._source()
    assert journals._Owner(salt=salt).differs_from(None, source)


def test_a_header_that_is_none_is_no_journal(left):
    run, part, path = left
    path.write_bytes(gzip.compress(b"no header\n"))
    check_asked_anew(run, resealed(part, path))


# --- what nobody will go on from ------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["http_401_2015", "http_503_unavailable"])
def test_a_journal_goes_with_the_run_that_failed_because_a_retry_begins_anew(left, fault):
    run, part, _ = left
    run.exchange.add_fault(Fault(fault, endpoint="usdm_futures", times=None))
    with pytest.raises(LiquidationsError):
        run.run("usdm_futures", run.cascade(), resume=part)
    assert journals_in(run) == []


def test_a_journal_goes_with_the_run_that_is_told_to_end(left, monkeypatch):
    run, part, _ = left

    def end(*_):
        raise SystemExit(143)

    monkeypatch.setattr(BinanceClient, "fetch", end)
    with pytest.raises(SystemExit):
        run.run("usdm_futures", run.cascade(), resume=part)
    assert journals_in(run) == []
    assert [path for path in run.directory.rglob(".*") if path.is_file()] == []

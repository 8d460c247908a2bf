"""One job: read a window completely, publish its object, then commit its manifest; without Airflow.

The order matters: the manifest says what was proven about an object that is already stored whole.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_binance_liq import __version__, metrics
from airflow_provider_binance_liq.core.horizon import Horizon, OnBeyondRetention, Retention
from airflow_provider_binance_liq.core.manifest import Manifest, ManifestWindow
from airflow_provider_binance_liq.core.notional import Tally
from airflow_provider_binance_liq.core.paging import begin_with
from airflow_provider_binance_liq.core.premise_table import PREMISES
from airflow_provider_binance_liq.core.premises import Claim, Evidence
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import (
    FROM_START,
    InvalidRequest,
    LiquidationsError,
    ResumeState,
    Throttled,
    located,
)
from airflow_provider_binance_liq.exchange.client import BinanceClient, Spent
from airflow_provider_binance_liq.exchange.throttle import WaitContext
from airflow_provider_binance_liq.extraction.comparison import compare_with_earlier, find_proven
from airflow_provider_binance_liq.extraction.progress import Progress, tell_nobody
from airflow_provider_binance_liq.extraction.proofs import proof_of
from airflow_provider_binance_liq.extraction.reader import extract
from airflow_provider_binance_liq.extraction.resume import Journal, Source, drop
from airflow_provider_binance_liq.extraction.summary import log_result, subject
from airflow_provider_binance_liq.lake import (
    commit,
    draft,
    finish_interrupted,
    lock,
    open_destination,
    place,
    publish,
    sweep,
)
from airflow_provider_binance_liq.lake.index import record
from airflow_provider_binance_liq.lake.spool import Spool, sweep_spools

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.core.differences import MissingRows
    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.manifest import Compression
    from airflow_provider_binance_liq.core.probe_report import ProbeReport
    from airflow_provider_binance_liq.core.waits import Waits
    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.exchange.connection import Account
    from airflow_provider_binance_liq.extraction.comparison import Comparison
    from airflow_provider_binance_liq.extraction.progress import Tell
    from airflow_provider_binance_liq.extraction.reader import Filters, Reading
    from airflow_provider_binance_liq.lake import Place

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What to extract, from which account, and where to."""

    endpoint: Endpoint
    window: Window
    filters: Filters
    account: Account
    #: URL of the destination
    destination: str
    compression: Compression = None
    #: how many days the exchange keeps rows; None: as documented or assumed
    retention_days: int | None = None
    #: what to do with a window that begins before that
    beyond_retention: OnBeyondRetention = "fail"
    #: ms after the window's end until late rows have appeared
    settle_ms: int = 0
    #: codes of premises that the user accepts
    accepted: tuple[str, ...] = ()
    #: what a probe has found of the exchange with this account's rows
    probe: ProbeReport | None = None
    #: what to do with rows of an earlier extraction that the exchange does not return any more
    missing_rows: MissingRows = "fail"
    #: whether a window that is proven already is not extracted again, after its object was checked
    keep_proven: bool = False
    #: what an earlier run of the same try left to continue from
    resume: ResumeState = FROM_START
    #: whether a later run may continue after a wait, so that the answers so far are to be kept
    resumable: bool = False
    #: returns until when other tasks know of a ban, in epoch ms on this machine's clock
    known_ban: Callable[[], int] | None = None
    #: what the task may wait in total; None: each wait is limited by itself alone
    waits: Waits | None = None
    #: whether there should be an earlier extraction to compare with
    second_look: bool = False
    #: gets how far it is, as plain JSON values
    tell: Tell = tell_nobody

    def run(self, *, client: BinanceClient | None = None, clock: Callable[[], float] = time.time) -> Manifest:
        """Extract the window; return the manifest as it is stored.

        :raises LiquidationsError: of the branch that says whether a retry may succeed; nothing is half done.
        """
        with located(f"{self.endpoint.name} {self.window}"):
            return self._run(client, clock)

    def _run(self, client: BinanceClient | None, clock: Callable[[], float]) -> Manifest:
        if self.endpoint.family.name not in self.account.settings.origins:
            message = (
                f"the connection's environment has no {self.endpoint.family.name}, so no {self.endpoint.name}"
            )
            raise InvalidRequest(message)
        # Before any request: with a wrong destination, its weight would be wasted.
        destination = open_destination(self.destination)
        at = place(
            destination,
            self.endpoint,
            self.account.label,
            self.window,
            self.filters.to_manifest(),
            self.compression,
        )
        finish_interrupted(at)
        if self.keep_proven and (known := find_proven(at)):
            log.info("%s: extracted and complete already. Object: %s", self._subject, known.object.uri)
            if self.resume.journal is not None:
                drop(at, self.resume.journal)
            return known
        log.info("Extracting %s", self._subject)
        sweep_spools()
        with ExitStack() as open_here:
            progress = Progress(self._subject, self.tell, waited=self.resume.waited_ms > 0)
            own = client or open_here.enter_context(closing(self._client(clock, progress)))
            progress.usage = own.weight_usage
            spool = open_here.enter_context(Spool())
            journal = open_here.enter_context(
                Journal(own, spool.path, at, self._source(), records=self.resumable)
            )
            if self.resume.journal is not None:
                journal.load(self.resume.journal, int(clock() * 1000))
            reading, too_old = self._read(own, spool, journal, clock, progress)
            spent = Spent(journal.requests + own.spent.requests, journal.weight + own.spent.weight)
            open_here.enter_context(lock(at))
            manifest = self._publish(at, spool, reading, spent, too_old, extracted_at_ms=int(clock() * 1000))
            sweep(at, clock())
        record(destination, at, manifest, int(clock() * 1000))
        self._report(manifest, spent)
        return manifest

    @property
    def _subject(self) -> str:
        return subject(self.endpoint, self.account.label, self.window)

    def _report(self, manifest: Manifest, spent: Spent) -> None:
        metrics.extracted(
            endpoint=manifest.endpoint,
            account=manifest.account,
            rows=manifest.object.rows,
            weight=spent.weight,
            complete=manifest.proof.complete,
        )
        log_result(self._subject, manifest)

    def _source(self) -> Source:
        settings = self.account.settings
        return Source(settings.origins[self.endpoint.family.name], settings.api_key)

    def _client(self, clock: Callable[[], float], progress: Progress) -> BinanceClient:
        waits = WaitContext(
            self.resume.consecutive_waits,
            self.known_ban,
            self.waits,
            can_leave=self.resumable,
            on_wait=progress.waiting,
        )
        return BinanceClient(self.account.settings, clock=clock, wait_context=waits)

    def _read(
        self,
        client: BinanceClient,
        spool: Spool,
        journal: Journal,
        clock: Callable[[], float],
        progress: Progress,
    ) -> tuple[Reading, str]:
        """Read the window; before a long wait, save the journal.

        :returns: what was read, and why it cannot be claimed complete for its age.
        """
        horizon, family = self._horizon(), self.endpoint.family.name
        began_ms: int | None = None
        try:
            now_ms = client.exchange_now_ms(family)
            began_ms = now_ms - client.clock_offset_ms(family)
            horizon.check_settled(now_ms, client.clock_offset_ms(family))
            too_old = horizon.check_kept(now_ms)
            reading = extract(
                self.endpoint,
                self.window,
                self.filters,
                exchange=journal,
                spool=spool,
                observations=begin_with(self.probe, self.endpoint),
                on_page=progress.page,
            )
            # A clock that another task had read is read again where the exchange refuses it (-1021).
            offset_ms = client.clock_offset_ms(family)
            horizon.check_settled(began_ms + offset_ms, offset_ms)
        except Throttled as error:
            was_early = began_ms is not None and not horizon.is_settled(
                began_ms + client.clock_offset_ms(family)
            )
            if self.resumable and not was_early:
                saved = journal.save(client.spent, int(clock() * 1000))
                error.resume = replace(error.resume, journal=saved)
            raise
        except LiquidationsError as error:
            client.redact(error)
            raise
        # It may have grown too old while it was read.
        return reading, too_old or horizon.check_kept(client.now_ms(family))

    def _publish(
        self, at: Place, spool: Spool, reading: Reading, spent: Spent, too_old: str, *, extracted_at_ms: int
    ) -> Manifest:
        """Compare with the earlier extraction, then write the object and its manifest.

        :param too_old: why the window cannot be claimed complete for its age; empty where it can.
        """
        symbols = self.filters.symbols
        tally = Tally(self.endpoint)
        local = draft(tally.watch(spool.bodies(symbols)), spool.path, self.compression)
        found = compare_with_earlier(local, at, spool, self.endpoint, symbols, self.missing_rows)
        claim = self._claim(reading, found, too_old)
        if not claim.complete and (proven := found.proven):
            if not found.changed:
                log.info("The same rows were proven on %s; that proof is kept", proven.extracted_at)
                if found.same_bytes:  # the earlier object may be damaged
                    publish(local, at)
                    commit(proven, at, spool.path, seen=proven)
                return proven
            # The same rows stay proven, although the exchange returns other content of them now.
            claim = Claim(proven.proof.premises)
        if found.merged:
            local = draft(tally.watch(spool.bodies(symbols)), spool.path, self.compression)
        manifest = Manifest(
            endpoint=self.endpoint.name,
            account=self.account.label,
            window=ManifestWindow(iso(self.window.start_ms), iso(self.window.end_ms)),
            filters=self.filters.to_manifest(),
            object=publish(local, at),
            proof=proof_of(
                self.endpoint, claim, reading, spent, found, too_old, second_look=self.second_look
            ),
            extracted_at=iso(extracted_at_ms),
            provider_version=__version__,
            differences=found.differences,
            notional=tally.result(),
        )
        commit(manifest, at, spool.path, seen=found.earlier)
        return manifest

    def _horizon(self) -> Horizon:
        retention = Retention.of(self.endpoint, self.retention_days)
        return Horizon(self.window, retention, self.settle_ms, self.beyond_retention)

    def _claim(self, reading: Reading, found: Comparison, too_old: str) -> Claim:
        """Return what may be claimed of the window, and what that rests on."""
        evidence = Evidence()
        evidence.merge(reading.evidence)
        if too_old:
            evidence.known_false.add("within_retention")
        if earlier := found.unproven_union:
            # A code that this version does not know still is a reason.
            reasons = PREMISES.keys() & set(earlier.proof.incomplete_reasons)
            evidence.known_false.update(reasons or {"within_retention"})
        probed = self.probe.holds(self.endpoint.name) if self.probe else {}
        return Claim.of(self.endpoint, evidence, probed=probed, accepted=self.accepted)

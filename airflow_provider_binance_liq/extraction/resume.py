"""The journal: the answers of an extraction, kept during a wait, so that no request is sent twice.

A long wait ends the process (the task is deferred), and with it the rows that it has read. The journal has
the exchange's answers, in order: with the same answers, paging asks for the same pages, so it arrives where
it stopped without sending any request. Where a request differs, the rest of the journal is not used.

A journal is a hidden file beside the object's place, until the run that continues from it has ended, with or
without success: a retry starts again. It names its extraction and the source of its answers, because a
connection may change during the wait: the answers of another account are never used.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import logging
import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import msgspec

from airflow_provider_binance_liq import __version__
from airflow_provider_binance_liq.core.pages import Page
from airflow_provider_binance_liq.core.rows import read_row
from airflow_provider_binance_liq.core.waits import KEPT_MS
from airflow_provider_binance_liq.exceptions import RequestRejected, SpanRefused, StorageError, Throttled
from airflow_provider_binance_liq.extraction.answers_file import AnswersFile
from airflow_provider_binance_liq.lake import Identity, fetch_part, publish_part, remove_part, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.paging import PageQuery
    from airflow_provider_binance_liq.exchange.client import Spent
    from airflow_provider_binance_liq.extraction.reader import Exchange
    from airflow_provider_binance_liq.lake import Place

log = logging.getLogger(__name__)

#: keeps the fingerprint of a key different from any other hash of it
_DOMAIN: Final = b"airflow-provider-binance-liq journal owner\0"
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Source:
    """Where answers come from, and with which key."""

    #: the production and the demo exchange have different histories
    origin: str
    api_key: str = field(repr=False)


class _Owner(msgspec.Struct):
    """The extraction and the source of a journal; its key cannot be recognised elsewhere."""

    extraction: Identity | None = None
    origin: str = ""
    #: of this journal alone, so that two journals of one key have nothing in common
    salt: str = ""
    key: str = ""

    @classmethod
    def of(cls, extraction: Identity | None, source: Source, salt: str) -> Self:
        key = hmac.new(bytes.fromhex(salt), _DOMAIN + source.api_key.encode(), hashlib.sha256)
        return cls(extraction, source.origin, salt, key.hexdigest())

    def differs_from(self, extraction: Identity | None, source: Source) -> list[str]:
        """Name the fields that are another's; none where all are the same."""
        try:
            mine = _Owner.of(extraction, source, self.salt)
        except ValueError:
            return ["salt"]
        return [name for name in self.__struct_fields__ if getattr(self, name) != getattr(mine, name)]


class _Header(msgspec.Struct):
    #: answers mean the same to the version that wrote them, and perhaps to no other
    provider_version: str = ""
    saved_at_ms: int = 0
    #: what the answers cost
    requests: int = 0
    weight: int = 0
    owner: _Owner = msgspec.field(default_factory=_Owner)


class _Refusal(msgspec.Struct, omit_defaults=True):
    message: str
    code: int | None = None
    longest_ms: int | None = None
    of_span: bool = False

    @classmethod
    def of(cls, error: RequestRejected) -> Self:
        longest_ms = error.longest_ms if isinstance(error, SpanRefused) else None
        return cls(str(error), error.code, longest_ms, isinstance(error, SpanRefused))

    def to_error(self) -> RequestRejected:
        if self.of_span:
            return SpanRefused(self.message, self.code, self.longest_ms)
        return RequestRejected(self.message, self.code)


#: the values of an `PageQuery`, by which two requests differ
_Ask = tuple[int, int, str | None, str | None, int | None, int | None]


class _Entry(msgspec.Struct, omit_defaults=True):
    """One answer; without an `ask`, it is the list of symbols."""

    ask: _Ask | None = None
    rows: list[msgspec.Raw] = []
    total: int | None = None
    refused: _Refusal | None = None
    symbols: list[str] | None = None


def _key(ask: PageQuery) -> _Ask:
    return ask.first_ms, ask.last_ms, ask.symbol, ask.auto_close_type, ask.number, ask.after_id


_read_header: Final = msgspec.json.Decoder(_Header).decode
_read_entry: Final = msgspec.json.Decoder(_Entry).decode


def drop(place: Place, sha256: str) -> bool:
    """Remove a journal that is not needed any more; whether that worked is no reason to fail."""
    try:
        remove_part(place, sha256)
    except StorageError as error:
        log.warning("A journal that is not needed any more stays: %s", error)
        return False
    return True


class Journal:
    """Between an extraction and the exchange: first replays earlier answers, then asks; records all of them.

    :param directory: on the local disk, for as long as the extraction runs.
    :param place: of the extraction; the journal is kept beside it during a wait.
    :param records: whether answers are to be kept at all: not where no run can continue.
    :param salt: makes the salt of the key's fingerprint.
    """

    def __init__(
        self,
        exchange: Exchange,
        directory: Path,
        place: Place,
        source: Source,
        *,
        records: bool = True,
        salt: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._exchange = exchange
        self._directory = directory
        self._place = place
        self._source = source
        self._records = records
        self._salt = salt
        self._written = AnswersFile(directory / "journal.ndjson")
        self._earlier: BinaryIO | None = None
        #: checksum of the journal that is replayed
        self._loaded: str | None = None
        #: what the replayed answers had cost
        self.requests = self.weight = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._written.close()
        self._stop_replaying()
        if not (isinstance(error, Throttled) and error.resume.journal):
            self.remove()

    def load(self, sha256: str, now_ms: int) -> None:
        """Replay the answers of an earlier journal; where it cannot be used, all requests are sent again."""
        self._loaded = sha256
        try:
            path = fetch_part(self._place, sha256, self._directory)
        except StorageError as error:
            log.warning("The requests before the wait are sent again: %s", error)
            return
        self._earlier = path.open("rb")
        try:
            header = _read_header(self._earlier.readline())
            reason = self._why_unusable(header, now_ms)
        except (msgspec.DecodeError, RecursionError):
            reason = "cannot be read"
        if reason:
            log.warning("The journal of the answers before the wait %s; they are requested again", reason)
            self._stop_replaying()
            return
        self.requests, self.weight = header.requests, header.weight
        log.info("Continuing from the answers to %d requests before the wait", header.requests)

    def _why_unusable(self, header: _Header, now_ms: int) -> str:
        if header.provider_version != __version__ or now_ms - header.saved_at_ms > KEPT_MS:
            return "is too old, or another version's"
        differing = header.owner.differs_from(self._place.identity, self._source)
        return f"is of another {', '.join(differing)}" if differing else ""

    def fetch(self, endpoint: Endpoint, ask: PageQuery) -> Page:
        """Return one page, from the earlier journal or else from the exchange."""
        known = self._replay(ask)
        if known is None:
            return self._ask(endpoint, ask)
        if known.refused is not None:
            raise known.refused.to_error()
        return Page(tuple(read_row(bytes(raw), endpoint) for raw in known.rows), known.total)

    def symbols(self, endpoint: Endpoint) -> frozenset[str] | None:
        """List the symbols that there are; None where there is no such list."""
        known = self._replay(None)
        if known is not None:
            return None if known.symbols is None else frozenset(known.symbols)
        found = self._exchange.symbols(endpoint)
        self._write(_Entry(symbols=None if found is None else sorted(found)))
        return found

    def save(self, spent: Spent, now_ms: int) -> str | None:
        """Store the answers so far; return the checksum, or the earlier journal's where that fails."""
        if not self._written.is_whole():
            return self._loaded
        header = _Header(
            __version__,
            now_ms,
            self.requests + spent.requests,
            self.weight + spent.weight,
            _Owner.of(self._place.identity, self._source, self._salt(_SALT_BYTES).hex()),
        )
        path = self._directory / "journal.gz"
        try:
            with gzip.open(path, "wb") as packed, self._written.path.open("rb") as entries:
                packed.write(msgspec.json.encode(header) + b"\n")
                shutil.copyfileobj(entries, packed)
            sha256 = sha256_of(path)
            publish_part(path, self._place, sha256)
        except (StorageError, OSError) as error:
            log.warning("The answers so far cannot be kept, and will be requested again: %s", error)
            return self._loaded
        self.remove(but=sha256)
        return sha256

    def remove(self, but: str | None = None) -> None:
        """Remove the journal that was replayed: it is not needed any more."""
        if self._loaded is not None and self._loaded != but and drop(self._place, self._loaded):
            self._loaded = None

    def _ask(self, endpoint: Endpoint, ask: PageQuery) -> Page:
        try:
            page = self._exchange.fetch(endpoint, ask)
        except RequestRejected as refusal:
            self._write(_Entry(_key(ask), refused=_Refusal.of(refusal)))
            raise
        if self._records:
            self._write(_Entry(_key(ask), [msgspec.Raw(row.body) for row in page.rows], page.total))
        return page

    def _replay(self, ask: PageQuery | None) -> _Entry | None:
        """Take the next answer of the earlier journal, if it belongs to this request."""
        line = self._earlier.readline() if self._earlier else b""
        try:
            entry = _read_entry(line) if line else None
        except (msgspec.DecodeError, RecursionError):
            entry = None
        if entry is None or entry.ask != (_key(ask) if ask else None):
            self._stop_replaying()
            return None
        self._write(entry)
        return entry

    def _write(self, entry: _Entry) -> None:
        if self._records:
            self._written.add(msgspec.json.encode(entry))

    def _stop_replaying(self) -> None:
        if self._earlier is not None:
            self._earlier.close()
        self._earlier = None

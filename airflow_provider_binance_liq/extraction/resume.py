"""The journal: the answers that an extraction has had, so that it goes on elsewhere and pays for none twice.

A wait that is longer than a worker slot should be held ends the process, and with it the rows it has read.
What is written down are the exchange's answers, in order: a plan of paging that is given the same answers
asks the same questions, so it comes to where it stopped without a request. Where a question differs, the
rest of the journal does not count, and the exchange is asked.

A journal lies beside the object's place, hidden and unfinished as any half-written file, until the
extraction that goes on from it has ended, however it ends: a retry begins anew. It says whose answers it
holds, because connections change while a task waits: nobody goes on from those of another account.
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
from airflow_provider_binance_liq.core.rows import Page, read_row
from airflow_provider_binance_liq.exceptions import RequestRejected, SpanRefused, StorageError, Throttled
from airflow_provider_binance_liq.lake import fetch_part, publish_part, remove_part, sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO

    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.core.manifest import ManifestFilters
    from airflow_provider_binance_liq.core.paging import Ask
    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.exchange.client import Spent
    from airflow_provider_binance_liq.extraction.reader import Exchange
    from airflow_provider_binance_liq.lake import Place

log = logging.getLogger(__name__)

#: the longest ban is 3 days (the exchange's general information); what is older was waiting for nothing
_OLDEST_MS: Final = 4 * 24 * 60 * 60 * 1000


#: keeps the fingerprint of a key apart from whatever else may be hashed of it
_DOMAIN: Final = b"airflow-provider-binance-liq journal owner\0"
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose answers a journal holds, and to which questions."""

    endpoint: Endpoint
    account: str
    #: where the answers come from: the production and the demo exchange tell different histories
    origin: str
    api_key: str = field(repr=False)
    window: Window
    filters: ManifestFilters

    def sealed(self, salt: str) -> _Seal:
        """Return what is written down; of the key, nothing that would be recognised elsewhere."""
        return _Seal(
            endpoint=self.endpoint.name,
            account=self.account,
            origin=self.origin,
            salt=salt,
            key=hmac.new(bytes.fromhex(salt), _DOMAIN + self.api_key.encode(), hashlib.sha256).hexdigest(),
            window=(self.window.start_ms, self.window.end_ms),
            symbols=list(self.filters.symbols),
            auto_close_type=self.filters.auto_close_type,
        )


class _Seal(msgspec.Struct):
    endpoint: str = ""
    account: str = ""
    origin: str = ""
    #: of this journal alone, so that two journals of one key cannot be told to be of one key
    salt: str = ""
    key: str = ""
    window: tuple[int, int] = (0, 0)
    symbols: list[str] = []
    auto_close_type: str | None = None

    def differs_from(self, owner: Owner) -> list[str]:
        """Name what is another's; nothing where all is the owner's."""
        try:
            mine = owner.sealed(self.salt)
        except ValueError:
            return ["salt"]
        return [name for name in self.__struct_fields__ if getattr(self, name) != getattr(mine, name)]


@dataclass(frozen=True, slots=True)
class Part:
    """A journal in object storage: where it lies, and the checksum of what was written."""

    uri: str
    sha256: str


class _Header(msgspec.Struct):
    #: answers mean the same to the version that wrote them, and perhaps to no other
    provider_version: str = ""
    saved_at_ms: int = 0
    #: what the answers cost
    requests: int = 0
    weight: int = 0
    #: whose answers they are
    owner: _Seal = msgspec.field(default_factory=_Seal)


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


#: the values of an `Ask`
_Ask = tuple[int, int, str | None, str | None, int | None, int | None]


class _Entry(msgspec.Struct, omit_defaults=True):
    """One answer; without an `ask`, it is the list of symbols."""

    ask: _Ask | None = None
    rows: list[msgspec.Raw] = []
    total: int | None = None
    refused: _Refusal | None = None
    symbols: list[str] | None = None


def _key(ask: Ask) -> _Ask:
    """Tell two requests apart by what is sent."""
    return ask.first_ms, ask.last_ms, ask.symbol, ask.auto_close_type, ask.number, ask.after_id


_read_header: Final = msgspec.json.Decoder(_Header).decode
_read_entry: Final = msgspec.json.Decoder(_Entry).decode


class Journal:
    """Stands between an extraction and the exchange: repeats earlier answers, then asks; writes all down.

    :param directory: on the local disk, for as long as the extraction lasts.
    :param place: beside which it is kept during a wait.
    :param salt: makes the salt of the key's fingerprint.
    """

    def __init__(
        self,
        exchange: Exchange,
        directory: Path,
        place: Place,
        owner: Owner,
        *,
        salt: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._exchange = exchange
        self._directory = directory
        self._place = place
        self._owner = owner
        self._salt = salt
        self._written = (directory / "journal.ndjson").open("wb")
        self._earlier: BinaryIO | None = None
        self._part: Part | None = None
        self._answers = 0
        #: what the repeated answers had cost
        self.requests = self.weight = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._written.close()
        self._stop_repeating()
        if not (isinstance(error, Throttled) and error.journal):
            self.remove()

    def go_on_from(self, part: Part, now_ms: int) -> None:
        """Repeat the answers of an earlier part; where that cannot be read, everything is asked again."""
        self._part = part
        try:
            path = fetch_part(self._place, part.sha256, self._directory)
        except StorageError as error:
            log.warning("What was read before the wait is asked again: %s", error)
            return
        self._earlier = path.open("rb")
        try:
            header = _read_header(self._earlier.readline())
            reason = self._unfit(header, now_ms)
        except (msgspec.DecodeError, RecursionError):
            reason = "is no journal"
        if reason:
            log.warning("What was read before the wait %s; it is asked again", reason)
            self._stop_repeating()
            return
        self.requests, self.weight = header.requests, header.weight
        log.info("Going on from what %d requests had told before the wait", header.requests)

    def _unfit(self, header: _Header, now_ms: int) -> str:
        """Say why a journal is not to be gone on from; nothing where it is."""
        if header.provider_version != __version__ or now_ms - header.saved_at_ms > _OLDEST_MS:
            return "is too old, or another version's"
        differing = header.owner.differs_from(self._owner)
        return f"is of another {', '.join(differing)}" if differing else ""

    def fetch(self, endpoint: Endpoint, ask: Ask) -> Page:
        """Answer one question, as an earlier part did or else as the exchange does."""
        known = self._repeat(ask)
        if known is None:
            return self._ask(endpoint, ask)
        if known.refused is not None:
            raise known.refused.to_error()
        return Page(tuple(read_row(bytes(raw), endpoint) for raw in known.rows), known.total)

    def symbols(self, endpoint: Endpoint) -> frozenset[str] | None:
        """List the symbols there are; None where that cannot be known."""
        known = self._repeat(None)
        if known is not None:
            return None if known.symbols is None else frozenset(known.symbols)
        found = self._exchange.symbols(endpoint)
        self._write(_Entry(symbols=None if found is None else sorted(found)))
        return found

    def save(self, spent: Spent, now_ms: int) -> Part | None:
        """Publish what was answered so far; the earlier part, or None, where storage does not take it."""
        if not self._answers:
            return self._part
        header = _Header(
            __version__,
            now_ms,
            self.requests + spent.requests,
            self.weight + spent.weight,
            self._owner.sealed(self._salt(_SALT_BYTES).hex()),
        )
        path = self._directory / "journal.gz"
        try:
            self._written.flush()
            with gzip.open(path, "wb") as packed, (self._directory / "journal.ndjson").open("rb") as entries:
                packed.write(msgspec.json.encode(header) + b"\n")
                shutil.copyfileobj(entries, packed)
            sha256 = sha256_of(path)
            saved = Part(publish_part(path, self._place, sha256), sha256)
        except (StorageError, OSError) as error:
            log.warning("What was read so far cannot be kept, and will be asked again: %s", error)
            return self._part
        self.remove(but=saved)
        return saved

    def remove(self, but: Part | None = None) -> None:
        """Remove the part that was gone on from: it is not needed any more."""
        if self._part is None or self._part == but:
            return
        try:
            remove_part(self._place, self._part.sha256)
            self._part = None
        except StorageError as error:
            log.warning("A journal that is not needed any more stays: %s", error)

    def _ask(self, endpoint: Endpoint, ask: Ask) -> Page:
        try:
            page = self._exchange.fetch(endpoint, ask)
        except RequestRejected as refusal:
            self._write(_Entry(_key(ask), refused=_Refusal.of(refusal)))
            raise
        self._write(_Entry(_key(ask), [msgspec.Raw(row.body) for row in page.rows], page.total))
        return page

    def _repeat(self, ask: Ask | None) -> _Entry | None:
        """Take the next answer of the earlier part, if it is one to this question."""
        line = self._earlier.readline() if self._earlier else b""
        try:
            entry = _read_entry(line) if line else None
        except (msgspec.DecodeError, RecursionError):
            entry = None
        if entry is None or entry.ask != (_key(ask) if ask else None):
            self._stop_repeating()
            return None
        self._write(entry)
        return entry

    def _write(self, entry: _Entry) -> None:
        self._answers += 1
        self._written.write(msgspec.json.encode(entry) + b"\n")

    def _stop_repeating(self) -> None:
        if self._earlier is not None:
            self._earlier.close()
        self._earlier = None

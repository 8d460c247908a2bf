"""What the index keeps of one manifest: what a calendar needs, and what tells that the file was replaced."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from airflow_provider_binance_liq.core.calendar import AGAIN, CAVEAT
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.lake.layout import MANIFEST_SUFFIX, SUFFIXES
from airflow_provider_binance_liq.lake.verify.claims import Series

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.lake.verify.claims import Claim
    from airflow_provider_binance_liq.lake.verify.listing import Listing

#: characters of a SHA-256 that tell an object from another one at the same path
SHORT: Final = 16
_PLACE: Final = re.compile(
    r"(?P<endpoint>[^/]+)/account=(?P<account>[^/]+)/date=(?P<date>\d{4}-\d{2}-\d{2})/"
    r"[^/]*?(?P<mark>\.filter-[0-9a-f]{12})?\.manifest\.json"
)


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """What the path of a manifest says."""

    endpoint: str
    account: str
    #: day on which the window starts
    date: str
    #: of the filters; empty where there are none
    mark: str


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One manifest. The order of the members is the format of the index."""

    #: relative to the destination
    path: str
    #: what the store said of the file; empty where it has to be read again
    mark: str
    #: why it cannot be used; empty where it can
    why: str = ""
    endpoint: str = ""
    account: str = ""
    symbols: tuple[str, ...] = ()
    auto_close_type: str = ""
    start_ms: int = 0
    end_ms: int = 0
    complete: bool = False
    incomplete_reasons: tuple[str, ...] = ()
    rows: int = 0
    #: stored bytes of the object
    size: int = 0
    packed: bool = False
    #: bits of `core.calendar`
    flags: int = 0
    extracted_at: str = ""
    #: beginning of the object's SHA-256
    sha256: str = ""
    #: asset and amount of what its rows are worth; None where that is not recorded
    amounts: tuple[tuple[str, str], ...] | None = None
    #: rows that are in none of the amounts
    unpriced: int = 0
    #: codes of the premises that its proof assumes
    assumed: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str, mark: str, claim: Claim) -> Entry:
        """Keep what a calendar needs of a manifest."""
        manifest, series = claim.manifest, claim.series
        proof, notional = manifest.proof, manifest.notional
        doubtful = not proof.complete or _remarks(manifest)
        return cls(
            path=path,
            mark=mark,
            endpoint=series.endpoint,
            account=series.account,
            symbols=series.symbols,
            auto_close_type=series.auto_close_type,
            start_ms=claim.window.start_ms,
            end_ms=claim.window.end_ms,
            complete=proof.complete,
            incomplete_reasons=proof.incomplete_reasons,
            rows=manifest.object.rows,
            size=manifest.object.bytes,
            packed=manifest.object.compression is not None,
            flags=(CAVEAT if doubtful else 0) | (AGAIN if manifest.differences else 0),
            extracted_at=manifest.extracted_at,
            sha256=manifest.object.sha256[:SHORT],
            amounts=None if notional is None else tuple(notional.amounts.items()),
            unpriced=0 if notional is None else notional.unpriced,
            assumed=tuple(sorted(one.code for one in proof.premises if one.status == "assumed")),
        )

    @property
    def series(self) -> Series:
        """The history that it belongs to."""
        return Series(self.endpoint, self.account, self.symbols, self.auto_close_type)

    @property
    def object_path(self) -> str:
        """The path of its object."""
        return self.path.removesuffix(MANIFEST_SUFFIX) + SUFFIXES["gzip" if self.packed else None]

    def is_as_listed(self, listing: Listing) -> bool:
        """Whether neither the manifest is another file now, nor its object is gone or of another size."""
        mine, its = listing.stored.get(self.path), listing.stored.get(self.object_path)
        if not self.mark or mine is None or mine.mark != self.mark:
            return False
        return bool(self.why) or (its is not None and its.size in (None, self.size))

    @property
    def place(self) -> NamedPlace | None:
        """What its path says of an unusable manifest; None where it says nothing."""
        match = _PLACE.fullmatch(self.path)
        return None if match is None else NamedPlace(**match.groupdict(default=""))


def _remarks(manifest: Manifest) -> bool:
    """Whether its proof has a caveat beside those that every proof of the endpoint has."""
    proof, endpoint = manifest.proof, ENDPOINTS.get(manifest.endpoint)
    usual = {endpoint.caveat} if endpoint else set()
    return any(one not in usual for one in proof.caveats[len(proof.incomplete_reasons) :])

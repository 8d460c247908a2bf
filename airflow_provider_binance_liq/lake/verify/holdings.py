"""What lies at a destination, by its manifests: which windows were fetched, and what of it cannot be used.

Only manifests are read, and the destination is listed once: whether objects are what their manifests say is
what `verify` finds out. Law: what could not be read is never taken for not there. A directory or a manifest
that the store does not give is an error; a manifest that is none covers nothing, and is named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.manifest import from_json
from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake.verify.claims import Claim, read_claim
from airflow_provider_binance_liq.lake.verify.listing import (
    MANIFEST_SUFFIX,
    OBJECT_SUFFIXES,
    explain,
    list_lake,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import ObjectStoragePath

#: object stores answer so many at once; a local disk one after another
_AT_ONCE: Final = 500
_PLACE: Final = re.compile(r"(?P<endpoint>[^/]+)/account=(?P<account>[^/]+)/")


@dataclass(frozen=True, slots=True)
class Unusable:
    """A manifest that covers nothing."""

    path: str
    why: str

    @property
    def endpoint_and_account(self) -> tuple[str, str] | None:
        """What it would be of, by where it lies; None where that says nothing."""
        match = _PLACE.match(self.path)
        return None if match is None else (match["endpoint"], match["account"])

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


@dataclass(frozen=True, slots=True)
class Holdings:
    """What lies at a destination, by its manifests."""

    claims: tuple[Claim, ...]
    #: manifests that cover nothing, and why
    unusable: tuple[Unusable, ...] = ()


def read_holdings(destination: ObjectStoragePath) -> Holdings:
    """Read every manifest below a destination.

    :raises StorageError: the store does not give a directory or a manifest; a retry reads anew.
    """
    listing = list_lake(destination, lambda _: None)
    for finding in listing.findings:
        if finding.kind == "unreadable":
            message = f"{finding.path} cannot be listed: {finding.message}; what lies there is not known"
            raise StorageError(message)
    there = frozenset(listing.files)
    claims: list[Claim] = []
    unusable: list[Unusable] = []
    for path, text in _contents(destination, listing.manifests):
        try:
            claims.append(_usable(path, read_claim(from_json(text)), there))
        except InconsistentManifest as error:
            unusable.append(Unusable(path, str(error)))
    return Holdings(tuple(claims), tuple(unusable))


def _contents(destination: ObjectStoragePath, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    root, store = str(destination.path).rstrip("/"), destination.fs
    for first in range(0, len(paths), _AT_ONCE):
        some = paths[first : first + _AT_ONCE]
        # Ranges, because `cat` would take the brackets of a name for a pattern.
        found = store.cat_ranges([f"{root}/{path}" for path in some], None, None, on_error="return")
        for path, text in zip(some, found, strict=True):
            if isinstance(text, BaseException):
                message = f"the manifest {path} cannot be read: {explain(text)}; a retry reads it again"
                raise StorageError(message) from text
            yield path, text


def _usable(path: str, claim: Claim, there: frozenset[str]) -> Claim:
    """See that a manifest lies where it belongs, and its object beside it.

    :raises InconsistentManifest: it does not.
    """
    series = claim.series
    if not path.startswith(f"{series.endpoint}/account={series.account}/"):
        message = f"it says that it is of {series}, and does not lie there"
        raise InconsistentManifest(message)
    stem = path.removesuffix(MANIFEST_SUFFIX)
    if not any(f"{stem}{suffix}" in there for suffix in OBJECT_SUFFIXES):
        raise InconsistentManifest("its object is not there")
    return claim

"""The manifests at a destination: which windows were fetched, and which manifests cannot be used.

Only manifests are read, and the destination is listed once; `verify` checks the objects. Law: a file that
cannot be read never counts as one that does not exist. A directory or a manifest that the store cannot
read is an error; an invalid manifest covers no window, and is reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.manifest import from_json
from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake.layout import MANIFEST_SUFFIX
from airflow_provider_binance_liq.lake.verify.claims import Claim, read_claim
from airflow_provider_binance_liq.lake.verify.listing import OBJECT_SUFFIXES, explain, list_lake

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import ObjectStoragePath

#: object stores read so many at once; a local disk one after another
_AT_ONCE: Final = 500
_PLACE: Final = re.compile(r"(?P<endpoint>[^/]+)/account=(?P<account>[^/]+)/")


@dataclass(frozen=True, slots=True)
class Unusable:
    """A manifest that cannot be used, so it covers no window."""

    path: str
    why: str

    @property
    def endpoint_and_account(self) -> tuple[str, str] | None:
        """The endpoint and account in its path; None where it has none."""
        match = _PLACE.match(self.path)
        return None if match is None else (match["endpoint"], match["account"])

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


@dataclass(frozen=True, slots=True)
class Holdings:
    """The manifests at a destination."""

    claims: tuple[Claim, ...]
    unusable: tuple[Unusable, ...] = ()


def read_holdings(destination: ObjectStoragePath) -> Holdings:
    """Read every manifest below a destination.

    :raises StorageError: the store cannot read a directory or a manifest; a retry reads again.
    """
    listing = list_lake(destination, lambda _: None)
    for finding in listing.findings:
        if finding.kind == "unreadable":
            message = f"{finding.path} cannot be listed: {finding.message}; its files are not known"
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
    """Check that a manifest is where it belongs, and its object beside it.

    :raises InconsistentManifest: it is not.
    """
    series = claim.series
    if not path.startswith(f"{series.endpoint}/account={series.account}/"):
        message = f"it says that it is of {series}, and is at another path"
        raise InconsistentManifest(message)
    stem = path.removesuffix(MANIFEST_SUFFIX)
    if not any(f"{stem}{suffix}" in there for suffix in OBJECT_SUFFIXES):
        raise InconsistentManifest("its object is not there")
    return claim

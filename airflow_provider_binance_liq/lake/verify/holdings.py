"""The manifests at a destination: which windows were fetched, and which manifests cannot be used.

Only manifests are read, and the destination is listed once; `verify` checks the objects. Law: a file that
cannot be read never counts as one that does not exist. A directory or a manifest that the store cannot
read is an error; an invalid manifest covers no window, and is reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.manifest import from_json
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake.layout import MANIFEST_SUFFIX, SUFFIXES, manifest_path
from airflow_provider_binance_liq.lake.storage import LARGEST_MANIFEST, storing
from airflow_provider_binance_liq.lake.verify.claims import Claim, read_claim
from airflow_provider_binance_liq.lake.verify.listing import (
    INTERRUPTED,
    OBJECT_SUFFIXES,
    explain,
    is_unwritten,
    list_files,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.lake.verify.listing import Listing

#: object stores read so many at once; a local disk one after another
_AT_ONCE: Final = 500
_PLACE: Final = re.compile(r"(?P<endpoint>[^/]+)/account=(?P<account>[^/]+)/")


@dataclass(frozen=True, slots=True)
class Unusable:
    """A manifest that cannot be used, so it covers no window."""

    path: str
    why: str
    #: the manifest itself is in order, but not the object beside it
    of_object: bool = False

    @property
    def endpoint_and_account(self) -> tuple[str, str] | None:
        """The endpoint and account in its path; None where it has none."""
        match = _PLACE.match(self.path)
        return None if match is None else (match["endpoint"], match["account"])

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


class _WrongObject(InconsistentManifest):
    """The object beside a manifest is not the one that it describes."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """The manifests at a destination."""

    claims: tuple[Claim, ...]
    unusable: tuple[Unusable, ...] = ()
    #: the path of each claim
    paths: tuple[str, ...] = ()


def read_holdings(destination: ObjectStoragePath, listing: Listing | None = None) -> Holdings:
    """Read every manifest below a destination.

    :param listing: its files, if they are known.
    :raises StorageError: the store cannot read a directory or a manifest; a retry reads again.
    """
    listing = listing or list_files(destination)
    found = read_listed(destination, listing, listing.manifests)
    interrupted = tuple(
        Unusable(path, INTERRUPTED)
        for path, note in listing.unwritten.items()
        if is_unwritten(destination, path, note)
    )
    return replace(found, unusable=(*found.unusable, *interrupted))


def read_listed(destination: ObjectStoragePath, listing: Listing, paths: Sequence[str]) -> Holdings:
    """Read some of the listed manifests.

    :raises StorageError: the store cannot read one; a retry reads again.
    """
    claims: dict[str, Claim] = {}
    unusable: list[Unusable] = []
    large = [one for one in paths if (listing.stored[one].size or 0) > LARGEST_MANIFEST]
    for path in large:
        size = listing.stored[path].size or 0
        why = f"it has {count(size, 'byte')}, and {LARGEST_MANIFEST:,} are the most that a manifest has"
        unusable.append(Unusable(path, why))
    for path, text in _contents(destination, [one for one in paths if one not in large]):
        try:
            claims[path] = _usable(path, read_claim(from_json(text)))
            _check_object(destination, path, claims[path], listing)
        except InconsistentManifest as error:
            claims.pop(path, None)
            unusable.append(Unusable(path, str(error), isinstance(error, _WrongObject)))
    return Holdings(tuple(claims.values()), tuple(unusable), tuple(claims))


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


def _usable(path: str, claim: Claim) -> Claim:
    """Check that a manifest is where it belongs.

    :raises InconsistentManifest: it is not.
    """
    series, filters = claim.series, claim.manifest.filters
    if series.endpoint in ENDPOINTS:
        there = path == manifest_path(series.endpoint, series.account, claim.window, filters)
    else:
        # How a newer version names windows is not known.
        there = path.startswith(f"{series.endpoint}/account={series.account}/")
    if not there:
        message = f"it says that it is of {series}, {claim.window}, and is at another path"
        raise InconsistentManifest(message)
    return claim


def _check_object(destination: ObjectStoragePath, path: str, claim: Claim, listing: Listing) -> None:
    """Check that the object is beside its manifest, and has as many bytes as that says.

    :raises InconsistentManifest: it is not there, or has not.
    """
    stem, expected = path.removesuffix(MANIFEST_SUFFIX), claim.manifest.object
    if not any(f"{stem}{suffix}" in listing.stored for suffix in OBJECT_SUFFIXES):
        raise _WrongObject("its object is not there")
    name = f"{stem}{SUFFIXES[expected.compression]}"
    listed = listing.stored.get(name)
    if listed is not None and listed.size in (None, expected.bytes):
        return
    # The object may have been replaced between the listing and the reading of its manifest.
    size = _size_now(destination, name)
    if size != expected.bytes:
        found = count(size or 0, "byte")
        message = f"its object has {found}, and the manifest says {expected.bytes:,}"
        raise _WrongObject(message)


def _size_now(destination: ObjectStoragePath, name: str) -> int | None:
    """Ask for the size of an object again.

    :raises InconsistentManifest: it is not there, perhaps only in another form.
    """
    with storing("look for", name):
        destination.fs.invalidate_cache()
        try:
            size: int | None = destination.fs.size(f"{str(destination.path).rstrip('/')}/{name}")
        except FileNotFoundError as error:
            raise _WrongObject("its object is not there") from error
    return size

"""What was extracted, how it was proven, and what the object must hold: the manifest.

The manifest is written last. An object without one does not exist, and one that its object contradicts
is an error, never a guess. Its JSON shape is a contract: `docs/manifest.md`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any, Final, Literal

import msgspec

from airflow_provider_binance_liq.core.endpoints import AutoCloseType
from airflow_provider_binance_liq.core.premises import StatedPremise, of_version_1
from airflow_provider_binance_liq.exceptions import InconsistentManifest

SCHEMA_VERSION: Final = 2
_READABLE: Final = (1, 2)
#: below a destination, beside the endpoints' directories: what loads hand on, which is no part of the lake
LOADS: Final = "_loads"
#: beside them too: what is kept of the manifests, so that not all of them have to be read each time
INDEX: Final = "_index"
#: the caveat of a second look that found no first one: it compared nothing
NOTHING_TO_COMPARE: Final = "this second look found no earlier extraction of the window to compare with"
Compression = Literal["gzip"] | None
AutoCloseTypeFilter = AutoCloseType | None
Count = Annotated[int, msgspec.Meta(ge=0)]
Name = Annotated[str, msgspec.Meta(pattern=r"\S")]
AmountText = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$", max_length=200)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class ManifestWindow:
    """The half-open window `[start, end)`, as ISO 8601 instants in UTC."""

    #: where the window starts, in UTC
    start: str
    #: where it ends; this instant is not in it
    end: str


@dataclass(frozen=True, slots=True)
class ManifestFilters:
    """What the extraction was restricted to; both empty means everything."""

    #: the symbols it was restricted to; empty: all
    symbols: tuple[Name, ...] = ()
    #: the type it was restricted to; null: both
    auto_close_type: AutoCloseTypeFilter = None


@dataclass(frozen=True, slots=True)
class ManifestObject:
    """The object beside the manifest: `bytes` and `sha256` are those of the stored bytes."""

    #: where the object was written; readers look beside the manifest, or below a destination that they were
    #: given
    uri: Name
    #: its rows
    rows: Count
    #: its stored bytes, compressed where it is
    bytes: Count
    #: the checksum of the stored bytes, in hexadecimal
    sha256: Sha256
    #: how it is compressed, if it is
    compression: Compression = None


@dataclass(frozen=True, slots=True)
class Proof:
    """Why the object is complete, or why that cannot be claimed."""

    #: every row of the window that the exchange has is in the object, if the premises in `proof.premises`
    #: hold; false if one of them is known or suspected to be false
    complete: bool
    #: pages received
    pages: Count
    #: requests sent, repeated ones included
    requests: Count
    #: their weight, by the documented costs
    weight: Count
    #: which argument proves the window
    method: Name
    #: what the proof rests on beyond its argument: each with `code`, `status` (`documented`, `observed` or
    #: `assumed`) and, where it was observed, `by` (`extraction` or `probe`)
    premises: tuple[StatedPremise, ...] = ()
    #: codes of the premises that make `complete` false; empty if it is true
    incomplete_reasons: tuple[Name, ...] = ()
    #: the same in sentences, with other remarks, for people; no program reads them
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ManifestDifferences:
    """What another look at the window found: each kind with its `count` and the first `keys`."""

    #: when the earlier extraction was done
    since: str
    #: rows that only this extraction has: their `count`, and as `keys` the key fields of the first hundred
    #: as strings, such as `symbol` and `order_id`
    added: dict[str, Any]
    #: rows that only the earlier one had, likewise
    missing: dict[str, Any]
    #: rows that both have, with other content, likewise
    changed: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ManifestNotional:
    """How much the rows of the object are worth: exact, and by asset."""

    #: an exact decimal per asset, such as `{"USDT": "1234.5"}`: `cumQuote` of orders in the quote asset;
    #: `cumBase` of COIN-M in the base asset; quantity times average price of margin records in the quote
    #: asset; the debt of loans. The asset of a symbol is read off its end
    amounts: dict[Name, AmountText]
    #: rows that are in none of the amounts: without an amount or a price, or with a quote asset that is not
    #: known
    unpriced: Count = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """One window's extraction, complete with what is needed to check it."""

    #: name of the endpoint, such as `usdm_futures`
    endpoint: Name
    #: the account's label
    account: Name
    #: what was extracted: the half-open window
    window: ManifestWindow
    #: what the extraction was restricted to
    filters: ManifestFilters
    #: the object beside the manifest
    object: ManifestObject
    #: how the window was proven, or why it was not
    proof: Proof
    #: when it was extracted, in UTC
    extracted_at: str
    #: the version that wrote it
    provider_version: Name
    #: null for a first extraction, and if a later one finds the same; else how this extraction differs from
    #: the earlier one: a second look
    differences: ManifestDifferences | None = None
    #: what the rows of the object are worth in all; null if an earlier version wrote the manifest, or if
    #: rows of the endpoint state no amount (`margin_capital_flow`). No program has to read it
    notional: ManifestNotional | None = None
    #: 2; manifests of version 1 are still read, by today's rules of what is complete
    schema_version: int = field(default=SCHEMA_VERSION)

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {"schema_version": plain.pop("schema_version"), **plain}

    def to_json(self) -> str:
        """Return the manifest as the text that is stored."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"


def from_dict(plain: dict[str, Any]) -> Manifest:
    """Read a manifest from its JSON values; members that this version does not know are left out.

    One of schema version 1 is read as what it would claim today.

    :raises InconsistentManifest: when it is of another schema version or lacks a member.
    """
    version = plain.get("schema_version")
    # 1.0 and True equal 1, and are no versions.
    if type(version) is not int or version not in _READABLE:
        readable = " and ".join(map(str, _READABLE))
        message = f"the manifest has schema_version {version!r}; this version reads {readable}"
        raise InconsistentManifest(message)
    try:
        current = _from_version_1(plain) if version == 1 else plain
        _check_members(current)
        manifest = _checked(msgspec.convert(current, Manifest))
        # What is nested too deep to be written again, or is half a character, is none.
        msgspec.json.encode(manifest.to_dict())
    except (
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        UnicodeEncodeError,
        msgspec.ValidationError,
    ) as error:
        message = f"the manifest lacks or misspells a member: {error}"
        raise InconsistentManifest(message) from error
    return manifest


def _from_version_1(plain: dict[str, Any]) -> dict[str, Any]:
    """Give a manifest of schema version 1 the members that it lacks."""
    proof = plain["proof"]
    claim = of_version_1(
        plain["endpoint"],
        symbols=bool(plain["filters"]["symbols"]),
        rows=plain["object"]["rows"],
        complete=proof["complete"] is not False,
    )
    added = {
        "complete": proof["complete"] and claim.complete,
        "premises": [asdict(premise) for premise in claim.premises],
        "incomplete_reasons": list(claim.incomplete_reasons),
    }
    return {**plain, "schema_version": SCHEMA_VERSION, "proof": {**proof, **added}}


def _checked(manifest: Manifest) -> Manifest:
    """Refuse a claim that its own reasons contradict.

    :raises InconsistentManifest: it is complete, and gives a reason why it is not.
    """
    proof = manifest.proof
    if proof.complete and proof.incomplete_reasons:
        message = f"proof.complete is true in spite of incomplete_reasons {list(proof.incomplete_reasons)}"
        raise InconsistentManifest(message)
    return manifest


def _check_members(plain: dict[str, Any]) -> None:
    """Check that no member is missing: a default would be a guess at what was extracted."""
    for outer, kind in (("filters", ManifestFilters), ("object", ManifestObject), ("proof", Proof)):
        missing = [member.name for member in fields(kind) if member.name not in plain[outer]]
        if missing:
            message = f"{outer} has no {', '.join(missing)}"
            raise KeyError(message)


def from_json(text: str | bytes) -> Manifest:
    """Read a manifest from its stored text.

    :raises InconsistentManifest: when the text is no manifest of this schema version.
    """
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"the manifest is not JSON: {error}"
        raise InconsistentManifest(message) from error
    if not isinstance(plain, dict):
        message = f"the manifest is a JSON {type(plain).__name__}, not an object"
        raise InconsistentManifest(message)
    return from_dict(plain)


def reconcile(manifest: Manifest, *, rows: int, stored_bytes: int, sha256: str) -> None:
    """Check an object's rows, bytes and checksum against its manifest.

    :raises InconsistentManifest: when any of the three differs; the message names all that do.
    """
    expected = manifest.object
    found = {"rows": rows, "bytes": stored_bytes, "sha256": sha256}
    differing = [
        f"{name}: the manifest says {getattr(expected, name)}, the object has {value}"
        for name, value in found.items()
        if getattr(expected, name) != value
    ]
    if differing:
        message = f"{expected.uri} does not match its manifest ({'; '.join(differing)})"
        raise InconsistentManifest(message)

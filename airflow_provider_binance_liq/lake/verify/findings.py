"""The kinds of findings of a verification: problems, and notes.

Law: every finding is reported, and nothing is repaired. A kind is a problem unless readers of the destination
lose nothing by it; the caller may allow some of the problems.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.units import MINUTE_MS
from airflow_provider_binance_liq.core.wording import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: kinds that make the exit status 1, and their meaning
PROBLEMS: Final[Mapping[str, str]] = {
    "no-manifest": "there is no manifest at all, so nothing can be verified",
    "unreadable": "a directory, a manifest or an object cannot be read",
    "invalid-manifest": "a manifest is truncated, of another version, or has impossible values",
    "unknown-endpoint": "an endpoint that this version does not know: only bytes are checked, not rows",
    "misplaced": "a manifest, or the object that it names, is at a path that does not belong to its values",
    "moved": "the whole destination was copied or moved: `object.uri` has the old place",
    "duplicate": "several manifests are for the same window",
    "missing-object": "a manifest without its object",
    "interrupted": "a window that was extracted, but readers do not find it: its publication was interrupted",
    "mismatch": "the bytes, checksum or number of rows of an object differ from its manifest",
    "undecodable": "an object that matches its manifest, but cannot be unpacked, or ends within a line",
    "unreadable-row": "a row without the fields that identify it",
    "outside-window": "all instants of a row are outside of the window",
    "out-of-order": "a row is not after the previous one, by time and key",
    "repeated-key": "a row has the key of an earlier row",
    "filtered-out": "a row that does not pass the manifest's filters",
    "contradiction": "two overlapping windows have a row with the same key and update, but other bytes",
    "unproven": "a window whose manifest does not claim to be complete",
    "gap": "time between two windows that no manifest covers",
    "stale": "the newest window that counts for `--max-age` ended too long ago, or there is none",
}
#: kinds that change nothing about the exit status
NOTES: Final[Mapping[str, str]] = {
    "overlap": "time that several windows cover",
    "leftover": "an object or a temporary file without a manifest, or the answers that a waiting extraction "
    "keeps; readers ignore it",
    "foreign": "a file or a directory that this package did not write",
    "unknown-directory": "a directory next to those of the endpoints, with another name",
    "vanished": "a manifest was listed and does not exist any more: an extraction is replacing it",
}
#: kinds that the caller may allow
ALLOWABLE: Final = ("gap", "moved", "unproven")
_CREDENTIALS: Final = re.compile(r"(://[^\s/:@]*):\S*@")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One finding; `path` is relative to the destination, empty for the destination itself."""

    path: str
    kind: str
    message: str

    @classmethod
    def of(cls, kind: str, path: str, message: str) -> Finding:
        """Make a finding, without passwords."""
        return cls(redact(path), kind, redact(message))

    def is_wrong(self, allowed: Iterable[str] = ()) -> bool:
        """Whether it makes the exit status 1."""
        return self.kind in PROBLEMS and self.kind not in allowed


def redact(text: str) -> str:
    """Remove passwords from the URLs in a text."""
    return _CREDENTIALS.sub(r"\1:***@", text)


def duration(length_ms: int) -> str:
    """Write a length of time, in the largest unit of which there are two: `114 days`, `36 hours`."""
    minutes = max(0, length_ms) // MINUTE_MS
    for noun, length in (("day", 24 * 60), ("hour", 60)):
        if minutes >= 2 * length:
            return count(minutes // length, noun)
    return count(minutes, "minute")

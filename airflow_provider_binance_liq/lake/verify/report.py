"""The report of a verification: lines for a person, one JSON document for a program.

The same destination gives the same report: everything is in order, and only the age of the newest complete
window depends on the clock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.core.recoverable import counts_as_proven
from airflow_provider_binance_liq.core.timeline import gaps, overlaps
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.lake.verify.findings import Finding, duration, redact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from airflow_provider_binance_liq.core.windows import Window
    from airflow_provider_binance_liq.lake.verify.claims import Claim, Series

#: grows when a member of the JSON document changes its meaning
SCHEMA_VERSION: Final = 1
#: notes of one kind in the lines; the JSON document has all
_NOTES_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Timeline:
    """The windows of one series: what they cover, their gaps and overlaps."""

    series: Series
    windows: int
    rows: int
    start: str
    end: str
    gaps: tuple[Window, ...]
    overlaps: tuple[Window, ...]
    #: path, window and reasons of each window that is not proven complete
    unproven: tuple[tuple[str, Window, str], ...]
    #: end of the newest window that counts as proven; None where none does
    proven_until_ms: int | None

    @classmethod
    def of(cls, series: Series, claims: Sequence[tuple[str, Claim]]) -> Timeline:
        """Make the timeline of at least one claim; they are in the order of their windows."""
        windows = [claim.window for _, claim in claims]
        return cls(
            series=series,
            windows=len(windows),
            rows=sum(claim.manifest.object.rows for _, claim in claims),
            start=iso(windows[0].start_ms),
            end=iso(max(window.end_ms for window in windows)),
            gaps=tuple(gaps(windows)),
            overlaps=tuple(overlaps(windows)),
            unproven=tuple(
                (path, claim.window, _why(claim))
                for path, claim in claims
                if not claim.manifest.proof.complete
            ),
            proven_until_ms=max((claim.window.end_ms for _, claim in claims if _counts(claim)), default=None),
        )

    def findings(self) -> Iterator[Finding]:
        """Report gaps, overlaps, and windows that are not proven."""
        for window in self.gaps:
            yield Finding.of("gap", "", f"{self.series}: no manifest covers {window}")
        for window in self.overlaps:
            yield Finding.of("overlap", "", f"{self.series}: several windows cover {window}")
        for path, window, why in self.unproven:
            yield Finding.of("unproven", path, f"{window} is not proven complete: {why}")

    def stale(self, now_ms: int, max_age_ms: int) -> Iterator[Finding]:
        """Report a history that ended too long ago: the exchange may delete the rows after it."""
        if self.proven_until_ms is None:
            yield Finding.of("stale", "", f"{self.series}: no window of it is complete")
        elif now_ms - self.proven_until_ms > max_age_ms:
            ended = f"{duration(now_ms - self.proven_until_ms)} ago, at {iso(self.proven_until_ms)}"
            allowed = f"more than the {duration(max_age_ms)} that are allowed"
            yield Finding.of(
                "stale", "", f"{self.series}: its newest complete window ended {ended}, {allowed}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the timeline as plain JSON values."""
        return {
            "endpoint": self.series.endpoint,
            "account": self.series.account,
            "symbols": list(self.series.symbols),
            "auto_close_type": self.series.auto_close_type or None,
            "windows": self.windows,
            "rows": self.rows,
            "start": self.start,
            "end": self.end,
            "proven_until": None if self.proven_until_ms is None else iso(self.proven_until_ms),
            "gaps": _spans(self.gaps),
            "overlaps": _spans(self.overlaps),
            "unproven": _spans(tuple(window for _, window, _ in self.unproven)),
        }

    def __str__(self) -> str:
        parts = [
            count(self.windows, "window"),
            count(self.rows, "row"),
            *(
                count(len(found), noun)
                for found, noun in ((self.gaps, "gap"), (self.overlaps, "overlap"))
                if found
            ),
            *([f"{len(self.unproven):,} not proven"] if self.unproven else []),
        ]
        return f"{self.series}: {self.start} to {self.end}, {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Report:
    """The result for one destination."""

    destination: str
    #: manifests found
    manifests: int
    #: manifests whose objects match
    sound: int
    #: rows and stored bytes of the sound ones
    rows: int
    bytes: int
    findings: tuple[Finding, ...]
    timelines: tuple[Timeline, ...]
    #: time of the verification
    now_ms: int = 0
    max_age_ms: int | None = None

    def status(self, allowed: Collection[str] = ()) -> int:
        """Return 0 where all is well, else 1."""
        return int(bool(self.problems(allowed)))

    def problems(self, allowed: Collection[str] = ()) -> tuple[Finding, ...]:
        """Return the findings that are wrong."""
        return tuple(finding for finding in self.findings if finding.is_wrong(allowed))

    def notes(self, allowed: Collection[str] = ()) -> tuple[Finding, ...]:
        """Return the other findings, and those that are allowed."""
        return tuple(finding for finding in self.findings if not finding.is_wrong(allowed))

    def to_dict(self, allowed: Collection[str] = ()) -> dict[str, Any]:
        """Return the JSON document; `docs/verify.md` describes its members."""
        return {
            "schema_version": SCHEMA_VERSION,
            "destination": redact(self.destination),
            "status": self.status(allowed),
            "error": None,
            "manifests": self.manifests,
            "sound": self.sound,
            "rows": self.rows,
            "bytes": self.bytes,
            "max_age_s": None if self.max_age_ms is None else self.max_age_ms // 1000,
            "problems": list(map(_plain, self.problems(allowed))),
            "notes": list(map(_plain, self.notes(allowed))),
            "timelines": [timeline.to_dict() for timeline in self.timelines],
        }

    def lines(self, allowed: Collection[str] = (), *, brief: bool = False) -> Iterator[str]:
        """Return the lines for a person; with `brief`, only what is wrong."""
        problems = self.problems(allowed)
        if not brief:
            yield from map(str, self.timelines)
            yield from _notes(self.notes(allowed))
        yield from (_line("WRONG", finding) for finding in problems)
        if problems:
            yield f"{count(len(problems), 'problem')} in {redact(self.destination)}: {self._sum()}"
        elif not brief:
            yield f"All is well in {redact(self.destination)}: {self._sum()}"

    def _sum(self) -> str:
        matching = f"{self.sound:,} of {count(self.manifests, 'manifest')} match their objects"
        held = f"{count(self.rows, 'row')} in {count(self.bytes, 'byte')}"
        return f"{matching}, which hold {held}{self._age()}"

    def _age(self) -> str:
        """Return how old the newest complete window of each history is."""
        ends = {one.proven_until_ms for one in self.timelines if one.proven_until_ms is not None}
        if not ends:
            return ""
        youngest, oldest = duration(self.now_ms - max(ends)), duration(self.now_ms - min(ends))
        if youngest == oldest:
            return f"; the newest complete window ended {oldest} ago"
        return f"; the newest complete windows of each history ended between {youngest} and {oldest} ago"


def failed(destination: str, error: str) -> dict[str, Any]:
    """Return the JSON document of a destination that could not be read."""
    nothing = Report(destination, 0, 0, 0, 0, (), ())
    return {**nothing.to_dict(), "status": 2, "error": redact(error)}


def printable(line: str) -> str:
    """Escape control characters, and those that cannot be shown: names may have any character."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in line
    )


def _counts(claim: Claim) -> bool:
    return counts_as_proven(claim.manifest.proof)


def _why(claim: Claim) -> str:
    """Return why a window is not complete: the codes, then the sentences for people."""
    proof = claim.manifest.proof
    codes = ", ".join(proof.incomplete_reasons)
    return "; ".join((*([codes] if codes else []), *map(str, proof.caveats))) or "no reason given"


def _notes(notes: Sequence[Finding]) -> Iterator[str]:
    shown: Counter[str] = Counter()
    for finding in notes:
        shown[finding.kind] += 1
        if shown[finding.kind] <= _NOTES_SHOWN:
            yield _line("note", finding)
    for kind, many in shown.items():
        if many > _NOTES_SHOWN:
            yield f"note {kind}: and {many - _NOTES_SHOWN:,} more, all of which --json lists"


def _line(mark: str, finding: Finding) -> str:
    at = f" {finding.path}" if finding.path else ""
    return f"{mark} {finding.kind}{at}: {finding.message}"


def _plain(finding: Finding) -> dict[str, str]:
    return {"kind": finding.kind, "path": finding.path, "message": finding.message}


def _spans(windows: Sequence[Window]) -> list[dict[str, str]]:
    return [{"start": iso(window.start_ms), "end": iso(window.end_ms)} for window in windows]

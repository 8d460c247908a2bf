"""One endpoint in the course of its questions: what was asked with, and what was found so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_binance_liq.core.probe_report import Finding, Learnt
from airflow_provider_binance_liq.probe.cuts import Cuts
from airflow_provider_binance_liq.probe.findings import finding, refutable

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.probe.answers import SeenRow
    from airflow_provider_binance_liq.probe.asking import ProbeReader
    from airflow_provider_binance_liq.probe.bounds import Bounds
    from airflow_provider_binance_liq.probe.findings import Holds
    from airflow_provider_binance_liq.probe.survey import Survey


@dataclass(slots=True)
class Session:
    """The questions to one endpoint, and their answers."""

    reader: ProbeReader
    survey: Survey
    #: premise's code → what was found of it
    findings: dict[str, Finding] = field(default_factory=dict)
    learnt: Learnt = field(default_factory=Learnt)
    bounds: Bounds | None = None
    cuts: Cuts = field(default_factory=Cuts)

    def learn(self, **values: Any) -> None:
        """Keep values that a reading can begin with."""
        self.learnt = msgspec.structs.replace(self.learnt, **values)

    def decide(self, code: str, holds: Holds, detail: str, rows: int = 0) -> None:
        """Set the verdict on a premise; None: undecided."""
        self.findings[code] = finding(holds, detail, rows)

    def refute(self, code: str, broken: Collection[object], of: int, held: str, broke: str) -> None:
        """Set the verdict on a premise about every row."""
        self.findings[code] = refutable(broken, of, held, broke)

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that is asked."""
        return self.reader.endpoint

    @property
    def rows(self) -> list[SeenRow]:
        """Every row that was answered so far."""
        return list(self.reader.seen.rows.values())

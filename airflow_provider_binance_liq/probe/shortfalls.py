"""What a probe could not do, for standard error; and whether its report can be written at all.

The law kept here: no weight is spent on a report that cannot be written, and nothing ends early silently.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.probe.endpoint import reason_unavailable
from airflow_provider_binance_liq.probe.explanations import INTERRUPTED
from airflow_provider_binance_liq.probe.findings import NO_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_binance_liq.core.probe_report import EndpointReport, ProbeReport


def unwritable(file: Path) -> str | None:
    """Return why a file cannot be written, None where it can; what is in it stays."""
    is_new = not file.exists()
    try:
        if is_new or file.is_file():
            file.open("ab").close()
        elif file.is_dir():
            return "it is a directory"
        elif not os.access(file, os.W_OK):
            return os.strerror(errno.EACCES)
    except OSError as error:
        return error.strerror or type(error).__name__
    if is_new:
        file.unlink(missing_ok=True)
    return None


def shortfalls(report: ProbeReport, stopped: str | None, weight: int) -> Iterator[str]:
    """Yield why the probe ended early, and what is not answered for that reason."""
    if stopped == INTERRUPTED:
        spent = sum(one.weight for one in report.endpoints.values())
        yield f"{INTERRUPTED}; a weight of {spent:,} was spent on questions, and their answers are kept"
    elif stopped is not None:
        yield stopped
    else:
        yield from _unavailable(report)
    if lacking := list(_lacking(report)):
        yield (
            f"a weight of {weight:,} does not suffice for {'; '.join(lacking)}. Give a larger --max-weight, "
            "or fewer endpoints with --endpoint"
        )


def _unavailable(report: ProbeReport) -> Iterator[str]:
    """Yield each reason once, with the endpoints that it concerns."""
    names: dict[str, list[str]] = {}
    for name, one in report.endpoints.items():
        if one.access == "unavailable":
            names.setdefault(reason_unavailable(one), []).append(name)
    names.pop(NO_WEIGHT, None)
    yield from (f"{', '.join(of)}: {reason}" for reason, of in names.items())


def _lacking(report: ProbeReport) -> Iterator[str]:
    for name, one in report.endpoints.items():
        if codes := _unpaid(one):
            every = len(codes) == len(one.premises)
            yield f"{name} ({'every question' if every else ', '.join(codes)})"


def _unpaid(endpoint: EndpointReport) -> list[str]:
    return [code for code, one in endpoint.premises.items() if one.detail == NO_WEIGHT]

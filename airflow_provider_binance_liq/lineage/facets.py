"""The facets of this provider; `facets.json` is their schema.

The client comes with Airflow's OpenLineage provider, so this module is imported only when that asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import attr
from openlineage.client.facet_v2 import DatasetFacet, RunFacet

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.manifest import Manifest, Proof

#: of `facets.json`; it grows when a member changes
SCHEMA: Final = "urn:airflow-provider-binance-liq:openlineage:1-0-0"
EXTRACTION: Final = "binanceLiq_extraction"
LOAD: Final = "binanceLiq_load"

Verdict = Literal["complete", "complete_with_premises", "incomplete"]


def verdict_of(proof: Proof) -> Verdict:
    """Say in one word how far a window is proven: `complete` alone, if every premise was observed to hold."""
    if not proof.complete:
        return "incomplete"
    observed = all(premise.status == "observed" for premise in proof.premises)
    return "complete" if observed else "complete_with_premises"


@attr.define
class BinanceLiqExtractionDatasetFacet(DatasetFacet):
    """What an object is of, and how it was proven: the manifest, with the verdict in one word."""

    verdict: Verdict
    endpoint: str
    account: str
    window: dict[str, Any]
    filters: dict[str, Any]
    object: dict[str, Any]
    proof: dict[str, Any]
    extracted_at: str
    provider_version: str

    @classmethod
    def of(cls, manifest: Manifest) -> BinanceLiqExtractionDatasetFacet:
        """Take the members of a manifest."""
        plain = manifest.to_dict()
        # The dataset's name says it, without the connection.
        del plain["object"]["uri"]
        names = [field.name for field in attr.fields(cls) if field.name in plain]
        return cls(verdict_of(manifest.proof), **{name: plain[name] for name in names})

    @staticmethod
    def _get_schema() -> str:
        return f"{SCHEMA}#/$defs/BinanceLiqExtractionDatasetFacet"


@attr.define
class BinanceLiqLoadRunFacet(RunFacet):
    """What a load did, as its operator's XCom has it, and how many of its windows have which verdict."""

    summary: dict[str, int]
    verdicts: dict[str, int]

    @staticmethod
    def _get_schema() -> str:
        return f"{SCHEMA}#/$defs/BinanceLiqLoadRunFacet"

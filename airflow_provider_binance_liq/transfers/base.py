"""What all operators that load have in common: manifests in, a summary out; no row passes through Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.operators.failing import LOOK_BEFORE, NO_MANIFEST, failing_at_once, skipped
from airflow_provider_binance_liq.operators.links import COVERAGE_LINKS

# The warehouses' own libraries are imported in the worker: DAG files import the modules of this package.
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import BaseOperatorLink, Context

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.warehouse.load import Engine, Summary


class LoadOperator(BaseOperator):
    """Load the objects of manifests in one transaction: all of them or none.

    The XCom is a summary: `windows`, `windows_skipped`, `rows`, `inserted`, `updated`, `unchanged` and
    `missing`. Without any manifest, as when every extraction was skipped, the task is skipped.

    :param destination: where the extracting tasks wrote to: objects are read only below it, and by its own
        connection; a list names several. Without it, manifests are trusted to say where their objects are.
    :raises AirflowFailException: no retry can help, such as an object that is not what its manifest says.
    :raises RetryableError: a retry may succeed, unchanged.
    """

    template_fields: Sequence[str] = ("manifests", "destination")
    ui_color = "#dcefe0"
    operator_extra_links: Collection[BaseOperatorLink] = COVERAGE_LINKS

    def __init__(
        self, *, manifests: Any, destination: str | Sequence[str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.manifests = manifests
        self.destination = destination
        self._given: list[Manifest] = []
        self._summary: Summary | None = None

    def engine(self) -> Engine:
        """Return the warehouse to load into."""
        raise NotImplementedError

    def execute(self, context: Context) -> dict[str, int]:
        """Load, and return what was done; nothing of the context is needed."""
        from airflow_provider_binance_liq.transfers.receipts import leave_receipts
        from airflow_provider_binance_liq.warehouse.load import load
        from airflow_provider_binance_liq.warehouse.manifests import collect

        with failing_at_once(self._subject, context):
            self._given = [one.manifest for one in collect(self.manifests)]
            engine = self.engine()
            summary = load(
                engine,
                self._given,
                destination=self.destination,
                on_loaded=lambda manifests: leave_receipts(str(engine), manifests, self.destination),
            )
        if not summary.windows:
            raise skipped(NO_MANIFEST, context, advice=LOOK_BEFORE)
        self._summary = summary
        self.log.info("%s", summary.sentence(str(engine)))
        return summary.to_dict()

    def _subject(self) -> str:
        return f"Load: {count(len(self._given), 'window')}, by {self.task_id}; nothing of it was merged"

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage[Any, Any]:
        """Tell Airflow's OpenLineage provider what was read and written; also after a failure."""
        from airflow_provider_binance_liq.lineage.reports import report_load

        return report_load(self._given, self.engine() if self._summary else None, self._summary)


def check_text(name: str, value: object, takes: str) -> str:
    """Return a parameter that has to be a text which is not empty, once it is rendered.

    :raises InvalidRequest: it is none; the message names it.
    """
    if not isinstance(value, str) or not value.strip():
        message = f"{name} is {value!r}; it takes {takes}"
        raise InvalidRequest(message)
    return value

"""From the lake into a cloud warehouse, by the operators of its own provider: what comes before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseOperator

from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.operators.failing import LOOK_BEFORE, NO_MANIFEST, failing_at_once, skipped
from airflow_provider_binance_liq.operators.links import COVERAGE_LINKS
from airflow_provider_binance_liq.warehouse.clouds.prepare import get_warehouse, prepare
from airflow_provider_binance_liq.warehouse.manifests import collect

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import BaseOperatorLink, Context, XComArg

    from airflow_provider_binance_liq.core.manifest import Manifest

#: the XComs that have a load's statements
STEPS: Final = ("stage", "check", "merge", "clean")


class PrepareLoadOperator(BaseOperator):
    """Check every object against its manifest, type its rows, and write the statements that load them.

    The XComs `stage`, `check`, `merge` and `clean` have the statements, as the operators of the warehouse's
    provider take them; the XCom itself, the `load`'s name and how many `windows` and `rows` it has. Without
    any manifest, as when every extraction was skipped, the task is skipped.

    :param manifests: what the extracting tasks returned: one, or lists of them as mapped tasks give.
    :param warehouse: `bigquery`, `clickhouse`, `redshift` or `snowflake`.
    :param destination: where the extracting tasks wrote; Parquet files are written below it, to `_loads/`.
    :param via: how the warehouse reads the lake: Snowflake's stage, Redshift's role, ClickHouse's named
        collection; nothing for BigQuery.

    :raises AirflowFailException: no retry can help, such as an object that is not what its manifest says.
    :raises RetryableError: a retry may succeed, unchanged.
    """

    template_fields: Sequence[str] = ("manifests", "destination", "via")
    ui_color = "#dcefe0"
    operator_extra_links: Collection[BaseOperatorLink] = COVERAGE_LINKS

    def __init__(
        self,
        *,
        manifests: Any,
        warehouse: str,
        destination: str | XComArg,
        via: str | XComArg = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.manifests = manifests
        self.warehouse = get_warehouse(warehouse).name
        # Texts, once they are rendered.
        self.destination: Any = destination
        self.via: Any = via
        self._given: list[Manifest] = []

    def execute(self, context: Context) -> dict[str, Any]:
        """Check, and hand the statements on."""
        warehouse = get_warehouse(self.warehouse)
        run = f"{context.get('run_id', '')} {self.task_id}"
        with failing_at_once(self._subject, context):
            self._given = [one.manifest for one in collect(self.manifests)]
            load = prepare(self._given, warehouse, self.destination, via=self.via, run=run)
        if load is None:
            raise skipped(NO_MANIFEST, context, advice=LOOK_BEFORE)
        for step in STEPS:
            context["ti"].xcom_push(key=step, value=load.pop(step))
        self.log.info("Prepared: %s", load)
        return load

    def _subject(self) -> str:
        return f"Load: {count(len(self._given), 'window')}, prepared by {self.task_id}"

    def get_openlineage_facets_on_complete(self, _task_instance: Any) -> OperatorLineage[Any, Any]:
        """Tell Airflow's OpenLineage provider what was read; the operators that load tell of their tables."""
        from airflow_provider_binance_liq.lineage.reports import report_load

        return report_load(self._given)

"""Operators that take what the settings of a sample DAG say, and check it again where it is used.

What `settings` has read comes to them by XCom. Whoever may clear tasks may often change XComs as well, so
each of them reads the Variable once more and refuses what is not in it. None of it is a template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.dag_support.run_parameters import check_narrowed
from airflow_provider_binance_liq.dag_support.settings import check_chosen
from airflow_provider_binance_liq.dag_support.tasks import read_variable
from airflow_provider_binance_liq.exceptions import FROM_START
from airflow_provider_binance_liq.operators.failing import failing_at_once
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.transfers.object_storage_to_warehouse import (
    ObjectStorageToWarehouseOperator,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_binance_liq.exceptions import ResumeState


class ConfiguredExtractOperator(LiquidationsToObjectStorageOperator):
    """Extract what the Variable has.

    :param variable: name of the Variable.
    :raises AirflowFailException: connection, endpoint, destination or probe report are not in it; or symbols,
        time, type or retention are neither the run's parameters nor given in the DAG's file.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, variable: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.variable = variable

    def _execute(self, context: Context, state: ResumeState = FROM_START) -> dict[str, Any]:
        """Check, and extract; after a deferral too, since the Variable may have changed meanwhile."""
        connection = {
            "binance_conn_id": self.binance_conn_id,
            "endpoint": self.endpoint,
            "probe_report": self.probe_report,
            "accept_premises": self.accept_premises,
        }
        chosen = {"destination": self.destination}
        read_variable(self.variable, lambda given: check_chosen(given, chosen, connection))
        with failing_at_once():
            check_narrowed(vars(self), context.get("params") or {}, self._authored())
        return super()._execute(context, state)

    def _authored(self) -> dict[str, Any]:
        """Return what the DAG's file gives all of the mapped tasks."""
        dag = self.get_dag()
        mapped = dag.task_dict.get(self.task_id) if dag else None
        return dict(getattr(mapped, "partial_kwargs", {}))


class ConfiguredLoadOperator(ObjectStorageToWarehouseOperator):
    """Load into what the Variable has.

    :param variable: name of the Variable.
    :raises AirflowFailException: destination or warehouse are not in it.
    """

    def __init__(self, *, variable: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.variable = variable

    def execute(self, context: Context) -> dict[str, int]:
        """Check, and load."""
        warehouse = self.warehouse if isinstance(self.warehouse, Mapping) else {"warehouse": self.warehouse}
        chosen = {"destination": self.destination, **warehouse}
        read_variable(self.variable, lambda given: check_chosen(given, chosen))
        return super().execute(context)

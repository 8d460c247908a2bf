"""`@task` for the sample DAGs: each of their tasks has a link to the coverage page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# The class of `@task` itself: Airflow has no public name for it.
from airflow.providers.standard.decorators.python import _PythonDecoratedOperator
from airflow.sdk.bases.decorator import task_decorator_factory

from airflow_provider_binance_liq.operators.links import COVERAGE_LINKS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow.sdk import BaseOperatorLink
    from airflow.sdk.bases.decorator import TaskDecorator


class LinkedTask(_PythonDecoratedOperator):
    """The operator of `@task`, with the link *Coverage*."""

    operator_extra_links: Collection[BaseOperatorLink] = COVERAGE_LINKS


def linked_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Do what `@task` does, with or without arguments, and link the task to the coverage page."""
    return task_decorator_factory(python_callable, decorated_operator_class=LinkedTask, **kwargs)

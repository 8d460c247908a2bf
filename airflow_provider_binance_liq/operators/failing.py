"""How operators fail: what a retry cannot help is raised as the error that Airflow does not retry.

Its message has the name of the error, so the log ends with the reason. The traceback shows the cause only
where a library raised it: the way through this package says nothing more.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.compat import AirflowFailException
from airflow_provider_binance_liq.exceptions import PermanentError
from airflow_provider_binance_liq.extras import missing_package

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def failing_at_once() -> Iterator[None]:
    """Raise permanent errors of the block as `AirflowFailException`, and so a package that is not installed.

    :raises AirflowFailException: Airflow does not retry the task.
    """
    try:
        yield
    except PermanentError as error:
        raise _failure(error) from error.__cause__
    except ImportError as error:
        if (missing := missing_package(error)) is None:
            raise
        raise _failure(missing) from None


def _failure(error: PermanentError) -> AirflowFailException:
    return AirflowFailException(f"{type(error).__name__}: {error}")

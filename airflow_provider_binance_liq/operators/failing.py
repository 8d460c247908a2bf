"""How operators fail: three short lines first in the log, then one traceback and no more.

The lines say the cause, what to do, and which window or load it was. A permanent error is raised as the error
that Airflow does not retry; a retryable one as it is. The way through this package and through a library says
nothing more to whoever reads the log, so it is logged as DEBUG alone.
"""

from __future__ import annotations

import logging
import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.compat import AirflowFailException, AirflowSkipException
from airflow_provider_binance_liq.core.wording import shorten
from airflow_provider_binance_liq.exceptions import KeyRejected, LiquidationsError, PermanentError
from airflow_provider_binance_liq.extras import missing_package

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from airflow.sdk import Context

log = logging.getLogger(__name__)

#: the XCom of a task that failed or was skipped, in words; the watcher reads it
XCOM: Final = "failure"
#: why a load is skipped, and what to do
NO_MANIFEST: Final = "there is no manifest to load: no extraction has ended with one"
LOOK_BEFORE: Final = "read the logs of the extractions before it"
#: how the errors of requests begin: what came back is what a reader needs first
_REQUEST: Final = re.compile(r"^GET \S+(?: \([^)]*\))?:? ")
#: the log's pane shows about so many characters of a line
_SHOWN: Final = 90
#: the exchange refuses the signature
_SIGNATURE_CODE: Final = -1022
_WRONG_PAIR: Final = "enter key and secret again: the secret does not belong to this API key"


def failing_at_once(
    subject: Callable[[], str] = str, context: Context | None = None
) -> AbstractContextManager[None]:
    """Raise permanent errors of the block as `AirflowFailException`, and so a package that is not installed.

    :param subject: returns what was done, such as `Window: usdm_futures of desk, 2026-10-10 to 2026-10-11`.
    :param context: of a task, whose XCom `failure` gets the reason.
    :raises AirflowFailException: Airflow does not retry the task.
    """
    return _Failing(subject, context)


def skipped(
    reason: str, context: Context | None = None, *, advice: str, subject: str = ""
) -> AirflowSkipException:
    """Return the exception that skips a task, once the open part of the log says why, in short lines.

    :param subject: what was skipped, such as `Window: usdm_futures of desk, 2026-10-10 to 2026-10-11`.
    """
    log.warning("%s", shorten(f"Skipped: {reason}", _SHOWN))
    log.warning("What to do: %s", advice)
    if subject:
        log.warning("%s", subject)
    _push(context, {"error": "skipped", "cause": reason})
    return AirflowSkipException(reason)


def cause_of(error: LiquidationsError) -> str:
    """Return what an error says, without where it happened and without the request: those come later."""
    return _REQUEST.sub("", " ".join(str(error).removeprefix(f"{error.where}: ").split()))


class _Failing(AbstractContextManager[None]):
    def __init__(self, subject: Callable[[], str], context: Context | None) -> None:
        self._subject = subject
        self._context = context

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ImportError):
            error = missing_package(error)
        if not isinstance(error, LiquidationsError):
            return
        log.debug("Where it was raised", exc_info=error)
        self._tell(error)
        if isinstance(error, PermanentError):
            message = f"{type(error).__name__}: {error}"
            raise AirflowFailException(message) from None
        raise error.with_traceback(None) from None

    def _tell(self, error: LiquidationsError) -> None:
        name, library = type(error).__name__, error.__cause__
        cause = cause_of(error)
        retry = "" if isinstance(error, PermanentError) else " (a retry may succeed)"
        log.error("%s", shorten(f"Cause: {name}: {cause}", _SHOWN))
        log.error("What to do: %s%s", _advice(error), retry)
        log.error("%s", self._subject() or f"Window: {error.where}")
        if library is not None:
            log.error("%s", shorten(f"Raised by {type(library).__name__}: {library}", 2 * _SHOWN))
        _push(self._context, {"error": name, "cause": cause})


def _advice(error: LiquidationsError) -> str:
    """Return what to do; of a wrong secret, which the cause would say after the exchange's own words."""
    is_of_secret = isinstance(error, KeyRejected) and error.code == _SIGNATURE_CODE
    return _WRONG_PAIR if is_of_secret else error.advice


def _push(context: Context | None, reason: dict[str, Any]) -> None:
    """Keep the reason for the watcher, with the name and number of a mapped task."""
    if context is None or "ti" not in context:
        return
    ti = context["ti"]
    index = getattr(ti, "map_index", None)
    label = getattr(context.get("task"), "map_label", "")
    known = {"map_index": -1 if index is None else index, "label": label}
    ti.xcom_push(key=XCOM, value=known | reason)

"""What Airflow's UI shows of an extracting task: its name among mapped ones, its links, how far it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.compat import task_state_setter
from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.operators import labels
from airflow_provider_binance_liq.operators.links import EXTRACTION_LINKS, history_query
from airflow_provider_binance_liq.operators.waiting import WaitingOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from airflow.sdk import BaseOperatorLink, Context

    from airflow_provider_binance_liq.core.manifest import Manifest
    from airflow_provider_binance_liq.core.windows import Window

#: the key of a task's own state that has how far it is
_STATE_KEY: Final = "progress"


class ShownOperator(WaitingOperator):
    """Knows what it extracts and what became of it, as far as that is known yet."""

    operator_extra_links: Collection[BaseOperatorLink] = EXTRACTION_LINKS
    binance_conn_id: str
    symbols: list[str] | None
    auto_close_type: str | None

    #: what was extracted; None before, and where it failed
    manifest: Manifest | None = None
    #: the account's label, once the connection was read
    _account: str = ""
    _extracted: Window | None = None
    _outcome: str = ""
    _set_state: Callable[[str, Any], None] | None = None

    @property
    def map_label(self) -> str:
        """The name of a mapped task: `map_index_template="{{ task.map_label }}"`."""
        account = self._account or str(self.binance_conn_id)
        return labels.label(account, self.endpoint, self._extracted, self._outcome)

    @property
    def covered_day(self) -> tuple[str, str, str, str]:
        """Account, endpoint, UTC day and filters, as the coverage page has them; empty until then."""
        if self._extracted is None or not self._account:
            return "", "", "", ""
        query = history_query(self.symbols or (), self.auto_close_type)
        return self._account, self.endpoint, iso(self._extracted.start_ms)[:10], query

    def _subject(self) -> str:
        """Name the window, for the log of a failure; empty where it is not known yet."""
        if self._extracted is None:
            return f"Window: not known yet; {self.endpoint}, connection {self.binance_conn_id}"
        from airflow_provider_binance_liq.extraction.summary import subject

        account = self._account or self.binance_conn_id
        return f"Window: {subject(get_endpoint(self.endpoint), account, self._extracted)}"

    @contextmanager
    def _shown(self, context: Context) -> Iterator[None]:
        """Keep how far the task is in its own state, where Airflow has one; in the end, what became of it.

        Else a task that has ended would say for ever that it waits. A deferral is no `Exception`, and leaves
        its wait there.
        """
        self._set_state = task_state_setter(context)
        self._outcome = "failed"
        try:
            yield
        except Exception:  # any error may end a task, and is raised again; a deferral is none
            self._tell_outcome()
            raise
        self._tell_outcome()

    def _tell_outcome(self) -> None:
        self._tell({"outcome": self.map_label})

    def _tell(self, state: dict[str, Any]) -> None:
        """Keep how far the task is; that this does not work is no reason to fail."""
        if self._set_state is None:
            return
        try:
            self._set_state(_STATE_KEY, state)
        except Exception as error:  # noqa: BLE001 - whatever the store raises: it is there for people who look
            self.log.debug("The task's state cannot be kept: %s", error)
            self._set_state = None

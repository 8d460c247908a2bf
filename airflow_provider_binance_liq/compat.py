"""What differs between the versions of Airflow that this provider works with: 3.1 to 3.4.

Law: nothing else in the package, nor a sample DAG, asks for Airflow's version or tries an import to see. Once
3.1 is no longer supported, what is under `BEFORE_3_2` goes, and so do most callers of this module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import airflow

AIRFLOW: Final = tuple(int(number) for number in airflow.__version__.split(".")[:2])
BEFORE_3_2: Final = AIRFLOW < (3, 2)
#: whether a plugin may show itself on the page of an asset
HAS_ASSET_PAGES: Final = AIRFLOW >= (3, 4)
#: whether an event of an asset may name a partition that the task has chosen
HAS_PARTITIONS: Final = AIRFLOW >= (3, 3)

if TYPE_CHECKING or AIRFLOW >= (3, 2):
    from airflow.sdk import CronDataIntervalTimetable
    from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
else:
    from airflow.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
    from airflow.timetables.interval import CronDataIntervalTimetable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import Context, ObjectStoragePath

__all__ = [
    "AIRFLOW",
    "BEFORE_3_2",
    "HAS_ASSET_PAGES",
    "HAS_PARTITIONS",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSkipException",
    "CronDataIntervalTimetable",
    "connection_of",
    "read_configuration",
    "show_connection_form",
    "task_state_setter",
    "task_stats",
    "zone_of",
]


def connection_of(path: ObjectStoragePath) -> str | None:
    """Return the id of the connection that a path's URL names."""
    if BEFORE_3_2:
        conn_id: str | None = path.storage_options.get("conn_id")
        return conn_id
    return path.conn_id


def zone_of(timetable: object) -> Any:
    """Return the time zone of a timetable: an object, or a name; None where it has none.

    That of the scheduler, which is every timetable before 3.2, has it as `_timezone`.
    """
    return getattr(timetable, "timezone", None) or getattr(timetable, "_timezone", None)


def read_configuration(section: str, key: str) -> str:
    """Return an option of Airflow's configuration; empty where it has none."""
    conf = import_module("airflow.configuration" if BEFORE_3_2 else "airflow.sdk.configuration").conf
    return conf.get(section, key, fallback="") or ""


def task_state_setter(context: Context) -> Callable[[str, Any], None] | None:
    """Return what keeps a value in the task's own state: a store that Airflow has since 3.3."""
    store: Any = context.get("task_state_store")
    if store is None:
        return None
    found: Callable[[str, Any], None] = store.set
    return found


def task_stats() -> Any:
    """Return what a task sends its metrics to; it has `incr` and `gauge`."""
    if AIRFLOW >= (3, 3):
        return import_module("airflow.sdk.observability.stats")
    # Each warns in the versions after its own.
    return import_module("airflow.stats" if BEFORE_3_2 else "airflow.sdk.observability.stats").Stats


def show_connection_form(hook: Any, declared: Mapping[str, Any]) -> None:
    """Give a hook the methods that Airflow 3.1 asks for its form; later ones read what is declared.

    :param declared: the hook's member of `connection-types` in the provider's metadata.
    """
    if BEFORE_3_2:
        hook.get_connection_form_widgets = staticmethod(lambda: _widgets(declared["conn-fields"]))
        hook.get_ui_field_behaviour = staticmethod(lambda: _snake_case(declared["ui-field-behaviour"]))


def _widgets(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make a form's widgets. Airflow 3.1 asks for them with classes of its own in WTForms' place."""
    return {name: _widget(field) for name, field in fields.items()}


def _widget(field: Mapping[str, Any]) -> Any:
    forms, validators = import_module("wtforms"), import_module("wtforms.validators")
    schema = field["schema"]
    # No other kinds are shown: a number with decimals is typed as a text, which the hook reads as well.
    kind = {"boolean": forms.BooleanField, "integer": forms.IntegerField}.get(
        schema["type"][0], forms.StringField
    )
    if schema.get("format") == "password":
        kind = forms.PasswordField
    checks = [validators.Optional()]
    if "enum" in schema:
        checks.append(validators.any_of(schema["enum"]))
    return kind(field["label"], validators=checks, description=field["description"])


def _snake_case(behaviour: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in behaviour.items()}

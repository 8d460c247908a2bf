"""Errors of PostgreSQL's drivers: what they are called, and what their SQLSTATE means for a retry."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any, Final

#: connection, rollback (serialization, deadlock), resources, intervention, system, internal; 25006: a standby
RETRYABLE: Final = ("08", "40", "53", "57", "58", "XX", "25006")
#: of them, those after which it is unknown whether a commit was done
LOST: Final = ("08", "57")
#: COPY into a table: it has such a key already, row-level security allows INSERT alone, or it is a view
NOT_COPIED: Final = ("23505", "0A000", "42809")
LOCK_NOT_AVAILABLE: Final = "55P03"


def named(*names: str) -> tuple[type[Exception], ...]:
    """Return these classes of every driver that is installed; which one the hook takes is its own choice."""
    found: list[type[Exception]] = []
    for driver in ("psycopg", "psycopg2"):
        with suppress(ImportError):
            module = import_module(driver)
            found += [getattr(module, name) for name in names]
    return tuple(found)


def code_of(error: Exception) -> str:
    """Return the SQLSTATE; empty where the server gave none."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""


def redacted(error: Exception, hook: Any) -> str:
    """Return the message without the connection's password, should a driver ever repeat it."""
    password = hook.connection.password
    return message_of(error).replace(password, "***") if password else message_of(error)


def message_of(error: Exception) -> str:
    """Return the server's message with its detail, or the driver's own."""
    diagnostics = getattr(error, "diag", None)
    if diagnostics is None or not diagnostics.message_primary:
        return " ".join(str(error).split())
    return ": ".join(part for part in (diagnostics.message_primary, diagnostics.message_detail) if part)

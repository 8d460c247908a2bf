"""Imported by the server that forks, so that no process that is to die has to find Airflow's stores anew."""

from __future__ import annotations

from support import dying

dying.at("file:///lake").directory.fs  # noqa: B018 - resolving it is what takes seconds

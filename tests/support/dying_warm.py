"""Imported by the server that forks, so that no process that is to die has to find Airflow's stores anew."""

from __future__ import annotations

from support import dying

# Resolving it is what takes seconds.
_ = dying.at("file:///lake").directory.fs

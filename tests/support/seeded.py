"""Seeded histories, made once for all tests of a process: a worst day takes longer to make than to read."""

from __future__ import annotations

from functools import lru_cache

from airflow_provider_binance_liq.simulator import Settings, Simulator
from airflow_provider_binance_liq.simulator.history import SeededHistory

#: what the rows of a history follow from; every other setting is about how they are answered
OF_HISTORY = (
    "seed", "cascade_every", "cascade_rows", "tie_rows", "other_rows", "update_before_share",
    "numbers_as_strings", "extra_fields", "omit_optional",
)  # fmt: skip


def seeded(settings):
    """Return the history of these settings; all tests that want the same one share it."""
    return _made(tuple(getattr(settings, name) for name in OF_HISTORY))


def seeded_exchange(settings=None, **options):
    """Make an exchange whose history all tests share, instead of one that makes it anew."""
    settings = settings or Settings(seed=1)
    return Simulator(settings, history=seeded(settings), **options)


@lru_cache(maxsize=16)
def _made(values):
    return SeededHistory(Settings(**dict(zip(OF_HISTORY, values, strict=True))))

"""How many examples a law is tried on: a part of them in the quick suite, all of them in `.ci/run`.

The profile decides: `pytest --hypothesis-profile full` tries all.
"""

from __future__ import annotations

from hypothesis import settings

#: examples of a law that names no number, by profile; one that names a number gets as many per cent of it
_PROFILES = {"full": 100, "quick": 20}


def register_profiles():
    """Let the quick suite be what runs unless another profile is asked for; no example has a deadline."""
    for name, number in _PROFILES.items():
        settings.register_profile(name, max_examples=number, deadline=None)
    settings.load_profile("quick")


def examples(number, **known):
    """Settings of a law that deserves so many examples."""
    return settings(max_examples=number * settings.default.max_examples // 100, **known)

"""The page's modules as one script, for a file that is read without a server."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parent / "static"


def one_script() -> str:
    """Return the modules as one classic script, which may stand in a `<script>` element."""
    return (STATIC / "coverage.js").read_text(encoding="utf-8")

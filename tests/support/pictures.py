"""Where the pictures that tests take are kept: in the documentation only when that is asked for.

    BINANCE_LIQ_PICTURES=docs/images uv run --group browser pytest -n0 -m slow tests/ui

makes those of the documentation anew. A picture differs a little on every machine.
"""

from __future__ import annotations

import os
from pathlib import Path


def keep(picture: bytes, name: str, otherwise: Path) -> None:
    """Write a picture to where it is asked for, or else to a temporary directory of the test."""
    directory = Path(os.environ.get("BINANCE_LIQ_PICTURES") or otherwise)
    (directory / f"{name}.png").write_bytes(picture)

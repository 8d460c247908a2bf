"""The receipts that loads leave beside the index of the lake, for the coverage page."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.exceptions import LiquidationsError
from airflow_provider_binance_liq.lake import index
from airflow_provider_binance_liq.lake.storage import key_of
from airflow_provider_binance_liq.warehouse.objects import ObjectSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.core.manifest import Manifest

log = logging.getLogger(__name__)
#: `<endpoint>/account=<account>/date=<day>/<name>`
_LEVELS = 4


def leave_receipts(
    warehouse: str,
    manifests: Iterable[Manifest],
    destination: str | Sequence[str] | None,
    now_ms: int | None = None,
) -> None:
    """Leave a receipt at each destination that the objects come from; it never fails.

    :param warehouse: as messages name it; of a local path, only the file's name is kept.
    """
    source = ObjectSource(destination, None)
    objects: dict[str, dict[str, str]] = defaultdict(dict)
    roots: dict[str, ObjectStoragePath] = {}
    try:
        for manifest in manifests:
            path = source.locate(manifest)
            parts = key_of(path).split("/")[-_LEVELS:]
            if len(path.parents) < _LEVELS or not parts[1].startswith("account="):
                continue  # not where an extraction writes
            root = path.parents[_LEVELS - 1]
            roots[key_of(root)] = root
            objects[key_of(root)]["/".join(parts)] = manifest.object.sha256
    except LiquidationsError as error:
        log.info("The load leaves no receipt: %s", error)
        return
    name = PurePosixPath(warehouse).name if warehouse.startswith(("/", ".", "~")) else warehouse
    for key, root in roots.items():
        index.leave(root, name, objects[key], int(time.time() * 1000) if now_ms is None else now_ms)

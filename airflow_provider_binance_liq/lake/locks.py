"""Holding a place against other runs of the same window, where the store is this machine's file system.

The system frees a directory's lock when its holder ends, however it ends. On an object store nothing does, so
two runs with different answers may meet there: `commit` sees that nobody landed since the comparison, reads
back what it wrote, and takes its manifest away where another run was faster. Every wait ends: whoever holds
the directory for longer than a landing takes is not waited for.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.exceptions import DestinationLocked
from airflow_provider_binance_liq.lake.storage import is_local, key_of, make_directory, storing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_binance_liq.lake.layout import Place

log = logging.getLogger(__name__)

#: a landing of a million rows takes seconds; what holds a directory for longer is no landing
LONGEST_WAIT_S: Final = 300.0
_PAUSE_S: Final = 0.1
_HELD: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


@contextmanager
def claim(
    place: Place,
    *,
    wait_s: float = LONGEST_WAIT_S,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Hold `place` against other runs of the same window.

    :raises DestinationLocked: somebody held the directory for all of `wait_s`.
    :raises StorageError: the directory cannot be made or opened.
    """
    if not is_local(place.object):
        yield
        return
    with storing("use", place.directory):
        make_directory(place.directory)
        held = os.open(key_of(place.directory), os.O_RDONLY)
    try:
        _lock(held, place, wait_s, monotonic, sleep)
        yield
    finally:
        os.close(held)


def _lock(
    held: int, place: Place, wait_s: float, monotonic: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    until_s = monotonic() + wait_s
    waiting = False
    while not _try_lock(held, place):
        if not waiting:
            log.info("Waiting up to %g s: another process holds %s", wait_s, place.directory)
            waiting = True
        if monotonic() >= until_s:
            message = (
                f"another process has held a lock on {place.directory} for {wait_s:g} s. Nothing was written "
                "and what stood there stands; a retry waits again. If it is no extraction (lsof tells), let "
                "it release the directory"
            )
            raise DestinationLocked(message)
        sleep(_PAUSE_S)


def _try_lock(held: int, place: Place) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        # Some network file systems have no locks; what `commit` checks still keeps runs apart.
        log.info("%s takes no lock (%s); going on without", place.directory, error.strerror)
    return True

"""A lock against other runs of the same window, where the store is this machine's file system.

The system releases the lock of a directory when its holder ends, however it ends. An object store has no
such lock, so two runs with different answers may meet there: `commit` checks that nothing was published since
the comparison, reads back what it wrote, and removes its manifest where another run was faster. Every wait
ends: a process that holds the lock for longer than a publication takes is not waited for.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tenacity import RetryError, Retrying, retry_if_result, wait_fixed

from airflow_provider_binance_liq.exceptions import DestinationLocked
from airflow_provider_binance_liq.lake.storage import is_local, key_of, make_directory, storing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_binance_liq.lake.layout import Place

log = logging.getLogger(__name__)

#: the publication of a million rows takes seconds
MAX_WAIT_S: Final = 300.0
_PAUSE_S: Final = 0.1
_HELD: Final = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})


@contextmanager
def lock(
    place: Place,
    *,
    wait_s: float = MAX_WAIT_S,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Lock `place` against other runs of the same window.

    :raises DestinationLocked: another process held the lock for all of `wait_s`.
    :raises StorageError: the directory cannot be made or opened.
    """
    if not is_local(place.object):
        yield
        return
    with storing("use", place.directory):
        make_directory(place.directory)
        directory = os.open(key_of(place.directory), os.O_RDONLY)
    try:
        _acquire(directory, place, wait_s, monotonic, sleep)
        yield
    finally:
        os.close(directory)


def _acquire(
    directory: int,
    place: Place,
    wait_s: float,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    if _try_lock(directory, place):
        return
    log.info("Waiting up to %g s: another process holds a lock on %s", wait_s, place.directory)
    until_s = monotonic() + wait_s
    retrying = Retrying(
        retry=retry_if_result(lambda locked: not locked),
        wait=wait_fixed(_PAUSE_S),
        stop=lambda _: monotonic() >= until_s,
        sleep=sleep,
    )
    try:
        retrying(_try_lock, directory, place)
    except RetryError:
        message = (
            f"another process has held a lock on {place.directory} for {wait_s:g} s. Nothing was written; "
            "the earlier extraction is unchanged. A retry waits again. If that process is no extraction "
            "(see lsof), end it"
        )
        raise DestinationLocked(message) from None


def _try_lock(directory: int, place: Place) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        # Some network file systems have no locks; the checks of `commit` still keep runs apart.
        log.info("%s has no locks (%s); continuing without", place.directory, error.strerror)
    return True

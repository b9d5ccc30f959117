"""A folder to work in beside a target, removed afterwards, whatever ends the work.

A process that is killed cannot clear away. Each folder holds a file that its process has locked (flock, which
the kernel lets go of with the process, whatever its number is given to next); the next work in the same place
removes folders whose lock nobody holds. Without a lock, on file systems that have none and for folders of
older versions, age decides.
"""

from __future__ import annotations

import errno
import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog

log = structlog.get_logger()

UNFINISHED = ".headwater-unfinished-"
LOCK, NEW_LOCK = "lock", "lock.new"

FORSAKEN = 3600.0
"""Seconds. A folder without a lock in which nothing was written for so long is nobody's."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Work in a folder on the target's own disk, so that the last step is a rename; leave nothing behind.

    Raises:
        OSError: the folder cannot be made there.
    """
    _sweep(parent)
    with tempfile.TemporaryDirectory(dir=parent, prefix=UNFINISHED) as name:
        folder = Path(name)
        with (folder / NEW_LOCK).open("wb") as lock:
            if _lock(lock):
                # Named only now: who finds a lock by this name that is free knows that its process is gone.
                (folder / NEW_LOCK).rename(folder / LOCK)
            yield folder


def _lock(file: IO[bytes]) -> bool:
    """Lock a file; False where the file system has no locks.

    Raises:
        BlockingIOError: another process has it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{UNFINISHED}*"):
        try:
            if _is_forsaken(folder):
                shutil.rmtree(folder)
                log.info("removed what a process that was killed has left", folder=str(folder))
        except OSError as error:  # somebody else's; the work itself needs none of it
            log.warning("cannot be removed, look at it", folder=str(folder), why=str(error))


def _is_forsaken(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("rb+") as lock:
            if _lock(lock):
                return True
    except BlockingIOError:
        return False
    except FileNotFoundError:
        pass
    newest = max(file.stat().st_mtime for file in (folder, *folder.iterdir()))
    return time.time() - newest > FORSAKEN

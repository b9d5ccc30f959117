"""Files out of memory, so that a search reads them from the disk; and a look whether they are."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
_FAILED = ctypes.c_void_p(-1).value


def files_in(folders: Iterable[Path]) -> list[Path]:
    """List files, those of folders too."""
    return [
        file
        for folder in folders
        for file in ([folder] if folder.is_file() else sorted(folder.rglob("*")))
        if file.is_file()
    ]


def drop(files: Iterable[Path]) -> None:
    """Take files out of the page cache.

    What is not written yet is written first, or it would stay. What a process has mapped stays as well:
    the node and whoever else reads the files must have ended.
    """
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident(files: Iterable[Path]) -> float:
    """Answer the share of files that is in memory, by mincore(2).

    Raises:
        OSError: a file cannot be mapped.
    """
    held = pages = 0
    for file in files:
        size = file.stat().st_size
        if size:
            flags = _flags(file, size)
            held += sum(flag & 1 for flag in flags)
            pages += len(flags)
    return held / pages if pages else 0.0


def _flags(file: Path, size: int) -> bytes:
    """Answer a byte for each page of a file, whose lowest bit says that it is in memory."""
    flags = ctypes.create_string_buffer(-(-size // mmap.PAGESIZE))
    with file.open("rb") as opened:
        place = _LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, opened.fileno(), 0)
        if place == _FAILED:
            raise OSError(ctypes.get_errno(), f"{file} cannot be mapped")
        try:
            if _LIBC.mincore(place, size, flags):
                raise OSError(ctypes.get_errno(), f"mincore fails for {file}")
        finally:
            _LIBC.munmap(place, size)
    return flags.raw

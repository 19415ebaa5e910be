"""Memory of a process that will fork many: every hole that was freed in it is filled, for ever. Else each small object that a child makes
later would lie in a hole, and copy a page that all could have shared. It must not know what the process is.
"""

from __future__ import annotations

import ctypes
import gc
import os
import re
import sys
import tempfile

BIG = (131072, 65536, 32768, 16384, 8192, 4096, 2048, 1536, 1024, 768, 640, 528)
"""Sizes of memory that the C library manages itself: Python's own allocator does what is 512 bytes or less."""
HOLES_MAX = 200_000
MALLINFO = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
"""Fields of struct mallinfo2, <malloc.h>."""


def settle() -> None:
    """Nothing more is made in this process but children: fill the holes, and let the collector leave all of it alone."""
    gc.collect()
    gc.collect()
    _fill_small_holes()
    _fill_big_holes()
    gc.freeze()


def _fill_small_holes() -> None:
    """Take every free block of Python's pools that are in use, for ever."""
    take = ctypes.pythonapi.PyObject_Malloc
    take.argtypes, take.restype = [ctypes.c_size_t], ctypes.c_void_p
    for size, free in free_blocks().items():
        for _ in range(min(free, HOLES_MAX)):
            take(size)


def free_blocks() -> dict[int, int]:
    """Size in bytes -> how many blocks of it are free in pools that are in use, as CPython says it on stderr."""
    with tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            sys._debugmallocstats()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        text = file.read().decode()
    rows = re.findall(r"^ +\d+ +(\d+) +\d+ +\d+ +(\d+)$", text, re.MULTILINE)
    return {int(size): int(free) for size, free in rows}


class _Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in MALLINFO]


def _fill_big_holes() -> None:
    """The same for the C library's: of each size as many as fit without new memory from its end."""
    libc = ctypes.CDLL(None)
    libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    libc.mallinfo2.restype = _Mallinfo
    libc.malloc_trim(0)
    for size in BIG:
        for _ in range(HOLES_MAX):
            end = libc.mallinfo2().keepcost
            libc.malloc(size)
            if libc.mallinfo2().keepcost != end:
                break

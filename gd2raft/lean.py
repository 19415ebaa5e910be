"""Imports of libraries that would load much more than the daemon uses, without that part. Imported first, by main.py.

PyJWT loads cryptography (7 MB) for algorithms that we refuse, pysyncobj for a transport that we don't use, and structlog
loads rich (5 MB) for coloured consoles; aiohttp loads its client, which reads all certificate authorities of the system (2 MB, and
60 ms of each start in all). And the C library is told to give freed memory back, and asyncio not to take so much
for each read that it has to.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import sys
from asyncio import selector_events

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # <malloc.h>
KEPT_FREE_BYTES = 256 * 1024
READ_BYTES = 64 * 1024


def import_without(name: str, unused: str) -> None:
    """Import a library as if another one, which it can do without, were not installed."""
    if name in sys.modules or unused in sys.modules:
        return
    sys.modules[unused] = None  # type: ignore[assignment]
    try:
        importlib.import_module(name)
    finally:
        del sys.modules[unused]


def import_parts_of(name: str, *parts: str) -> None:
    """Import these modules of a package without what the package itself would import: that follows when somebody asks the package for a name."""
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    package, loader = importlib.util.module_from_spec(spec), spec.loader

    def complete(wanted: str) -> object:
        if wanted.startswith("__"):  # Python's own questions
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        del package.__dict__["__getattr__"]
        loader.exec_module(package)
        return getattr(package, wanted)

    package.__dict__["__version__"] = ""  # its modules want one
    sys.modules[name] = package
    for part in parts:
        importlib.import_module(f"{name}.{part}")
    package.__dict__["__getattr__"] = complete


def give_memory_back() -> None:
    """Of glibc: by default a big piece that is freed once makes it keep as much for ever, in an arena for each thread."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    for parameter, value in ((M_ARENA_MAX, 1), (M_TRIM_THRESHOLD, KEPT_FREE_BYTES), (M_MMAP_THRESHOLD, KEPT_FREE_BYTES)):
        mallopt(parameter, value)


def read_in_smaller_pieces() -> None:
    """asyncio asks for 256 KiB whenever it reads; messages are mostly below 1 KiB. As much as KEPT_FREE_BYTES is mapped, cut and unmapped each
    time: three calls of the kernel and a page fault beside the one that reads."""
    selector_events._SelectorTransport.max_size = READ_BYTES  # type: ignore[attr-defined]


give_memory_back()
read_in_smaller_pieces()
import_without("jwt", "cryptography")
import_without("pysyncobj", "cryptography")
import_without("structlog", "rich")
import_parts_of("aiohttp", "web")

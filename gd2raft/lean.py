"""Imports of libraries that would load much more than the daemon uses, without that part. Imported first, by main.py.

PyJWT loads cryptography (7 MB) for algorithms that we refuse, pysyncobj for a transport that we don't use, and structlog
loads rich (5 MB) for coloured consoles; aiohttp reads all certificate authorities of the system (2 MB, and 30 ms of each start)
for its client of https, which we don't use. And the C library is told to give freed memory back, and asyncio not to take so much
for each read that it has to.
"""

from __future__ import annotations

import ctypes
import importlib
import ssl
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


def import_without_authorities(name: str) -> None:
    """Import a library that makes its TLS contexts while it is imported: they trust nobody, so https fails instead of being unsafe."""
    default, paths = ssl.create_default_context, ssl.SSLContext.set_default_verify_paths
    ssl.create_default_context = lambda *_, **__: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ssl.SSLContext.set_default_verify_paths = lambda _: None  # type: ignore[assignment,method-assign]
    try:
        importlib.import_module(name)
    finally:
        ssl.create_default_context = default
        ssl.SSLContext.set_default_verify_paths = paths  # type: ignore[method-assign]


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
import_without_authorities("aiohttp")

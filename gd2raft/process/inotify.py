"""Told by the kernel that something in some folders has changed: inotify(7), which Python's library lacks.

It only makes things faster: when the kernel has no more watches to give (128 for each user by default), nobody is told, and the owner looks
by itself now and then. Knows folders, not what is in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable, Iterable
from pathlib import Path

_CREATE, _DELETE, _MOVED, _GONE, _ONLY_FOLDERS = 0x100, 0x200, 0xC0, 0x400 | 0x800, 0x01000000
_MASK = _CREATE | _DELETE | _MOVED | _GONE | _ONLY_FOLDERS
_READ_BYTES = 65536


class FolderWatch:
    """`on_change` is called on the loop, once for what came together."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            asyncio.get_running_loop().add_reader(self._fd, self._readable)

    def watch(self, folders: Iterable[Path]) -> bool:
        """Those that are there; one that is watched already stays so. Whether the kernel tells of all of them."""
        if self._fd < 0:
            return False
        return min((self._libc.inotify_add_watch(self._fd, os.fsencode(folder), _MASK) for folder in folders), default=0) >= 0

    def close(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, _READ_BYTES)
        self._on_change()

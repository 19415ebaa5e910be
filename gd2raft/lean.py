"""Imports of libraries that would load much more than the daemon uses, without that part. Imported first, by main.py.

PyJWT loads cryptography (7 MB) for algorithms that we refuse, pysyncobj for a transport that we don't use, and structlog
loads rich (5 MB) for coloured consoles.
"""

from __future__ import annotations

import importlib
import sys


def import_without(name: str, unused: str) -> None:
    """Import a library as if another one, which it can do without, were not installed."""
    if name in sys.modules or unused in sys.modules:
        return
    sys.modules[unused] = None  # type: ignore[assignment]
    try:
        importlib.import_module(name)
    finally:
        del sys.modules[unused]


import_without("jwt", "cryptography")
import_without("pysyncobj", "cryptography")
import_without("structlog", "rich")

"""A free TCP port for a brick: the one it had, else a random one of its range. Blocks for a moment; knows no processes."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Collection

from gd2raft.process.specs import Refusal

_TRIES = 200
_BUSY = (errno.EADDRINUSE, errno.EACCES)


def choose_port(address: str, preferred: int, taken: Collection[int], low: int, high: int) -> int:
    """A port of low..high that nobody has bound on `address` (empty: all addresses) and that isn't in `taken`.

    Somebody may take it before the brick does: the next start then takes another. Raises Refusal.
    """
    candidates = [preferred] if low <= preferred <= high else []
    candidates += random.sample(range(low, high + 1), min(_TRIES, high - low + 1))
    for port in candidates:
        if port not in taken and is_free(address, port):
            return port
    raise Refusal(
        f"no free port on {address or 'this machine'} among {_TRIES} tries in {low}..{high}", "see who holds them with `ss -tlnp`"
    )


def is_free(address: str, port: int) -> bool:
    """Can it be bound the way glusterfsd binds it? Raises Refusal when the address isn't this machine's."""
    try:
        family, kind, proto, _, where = socket.getaddrinfo(address or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            return True
    except socket.gaierror as error:
        raise Refusal(f"{address} is not an address: {error}", "correct clientaddress") from error
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise Refusal(f"can't bind {address}:{port}: {error.strerror}", "clientaddress must be an address of this machine") from error

"""Who is at the other end of a socket, and is it this machine?

Asks the operating system for its interface addresses. A trial bind() would be cheaper, but says yes to everything
where net.ipv4.ip_nonlocal_bind is set, and being local opens the trusted volfile.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

from gd2raft.sunrpc.api import ConnectionInfo

KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES = 20, 2, 9
"""The defaults of GlusterFS' own connections: a vanished machine is noticed within 40 s."""


def normalised(host: str) -> str:
    """Without a scope, and IPv4 in IPv6 as IPv4: '::ffff:10.0.0.1' is '10.0.0.1'."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def is_local_address(host: str) -> bool:
    """True for loopback and for an address of an interface of this machine."""
    try:
        if ipaddress.ip_address(host).is_loopback:
            return True
    except ValueError:
        return False
    import psutil  # here: a daemon that starts need not wait for it

    families = (socket.AF_INET, socket.AF_INET6)
    return any(
        normalised(entry.address) == host for entries in psutil.net_if_addrs().values() for entry in entries if entry.family in families
    )


def describe(sock: socket.socket, connection_id: int, is_local: Callable[[str], bool] = is_local_address) -> ConnectionInfo:
    """Raises OSError when the other end is gone already."""
    if sock.family == socket.AF_UNIX:
        return ConnectionInfo(connection_id, "", 0, "", is_local=True, is_unix=True)
    peer, local = sock.getpeername(), sock.getsockname()
    host, here = normalised(peer[0]), normalised(local[0])
    return ConnectionInfo(connection_id, host, peer[1], here, is_local=host == here or is_local(host))


def keep_alive(sock: socket.socket) -> None:
    """Makes the kernel notice a peer that vanished without a word, so that its connection isn't kept for ever."""
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)

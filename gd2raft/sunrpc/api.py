"""What this room and the daemon say to each other: the Backend that is handed in, its requests, and the limits.

Knows nothing of volumes, peers or the store: a key, a brick's name and a volume's name are text here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one server. Times in seconds, sizes in bytes."""

    connections_max: int = 4096
    record_bytes_max: int = 1 << 20
    record_s: float = 30.0
    """From the first byte of a record to its last."""
    backend_s: float = 10.0
    """For one call of the backend."""
    pending_bytes_max: int = 4 << 20
    """Unsent bytes after which a reader counts as stuck."""
    drain_s: float = 30.0
    """For a reader to take the replies it has asked for."""
    refresh_parallel: int = 16


class ConnectionInfo(msgspec.Struct, frozen=True):
    """Who is at the other end. `id` is unique in the life of a server; a unix socket has no addresses and is local."""

    id: int
    peer_host: str
    peer_port: int
    local_address: str
    is_local: bool
    is_unix: bool = False


class GetspecRequest(msgspec.Struct, frozen=True):
    """`key` as it was sent ("/v1", "v1.tcp", "shd/v1", "v1.host.bricks-b1"); flag bit 0: takes a list of servers."""

    key: str
    flags: int
    xdata: Mapping[str, str]
    connection: ConnectionInfo


class GetspecReply(msgspec.Struct, frozen=True):
    """A volfile. `group` is the name that `SunRpcServer.refresh` will ask about; empty means the key."""

    spec: str
    xdata: Mapping[str, str] = {}
    group: str = ""


class ClientInfo(msgspec.Struct, frozen=True):
    """One live connection. `connected_at` is seconds since 1970; key is empty until it asked for a volfile."""

    id: int
    key: str
    group: str
    peer_host: str
    peer_port: int
    is_local: bool
    connected_at: float
    spec_sha256: str
    """Of the volfile that it was last given; empty when it has none."""


class Backend(Protocol):
    """Any of these may raise: the caller on the wire gets an error, the connection goes on."""

    async def getspec(self, request: GetspecRequest) -> GetspecReply | None:
        """None: no such key (the client is told ENOENT)."""

    def port_of_brick(self, brick: str, local_address: str) -> int:
        """The port that the brick signed in with; 0 when unknown. `local_address` is the one the client called."""

    def sign_in(self, connection: ConnectionInfo, brick: str, port: int, pid: int) -> bool:
        """Called for local connections only. False refuses the brick."""

    def sign_out(self, connection: ConnectionInfo, brick: str) -> None: ...

    def disconnected(self, connection: ConnectionInfo) -> None:
        """Once per connection that the other end lost or gave up; not when the server itself is closed."""

    def volume_id(self, volume: str) -> str | None: ...

    def event_notify(self, op: int, info: Mapping[str, str]) -> None: ...


class Log(Protocol):
    """The part of a structlog logger that is used here."""

    def debug(self, event: str, /, **fields: Any) -> Any: ...

    def info(self, event: str, /, **fields: Any) -> Any: ...

    def warning(self, event: str, /, **fields: Any) -> Any: ...

    def error(self, event: str, /, **fields: Any) -> Any: ...

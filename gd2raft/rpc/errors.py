"""What can go wrong in the peer RPC: one tree, three families.

    RpcError
      RpcRefusal        a handler refuses: goes to the caller as an ERROR frame (code, message, fields)
      RemoteError       the caller's view of it: the other peer answered with an ERROR frame
      HelloRefused      the two daemons could not agree to talk: wrong key, other pool, version, not allowed to join
      RpcFailed         the world did it: no answer in time, connection lost, nobody listens
        RpcTimeout, RpcClosed, DialFailed, ListenFailed, BadReply, Overloaded
      FrameError        bytes that are not a frame of ours; the connection that sent them is closed
      FrameTooLarge     we tried to send more than a frame may hold

Our own mistakes (calling a one-way method, registering a number twice) are AssertionError, TypeError or ValueError.
This file must not know sockets, asyncio or any method.
"""

from __future__ import annotations

from collections.abc import Mapping

UNKNOWN_METHOD = "unknown-method"
BAD_REQUEST = "bad-request"
INTERNAL = "internal"
DEADLINE = "deadline"
BUSY = "busy"
JOIN_ONLY = "join-only"
TOO_LARGE = "too-large"


class RpcError(Exception):
    """Anything that the peer RPC raises on purpose. `cause`: of a dial that failed, without the address and the way out."""

    cause = ""


class RpcRefusal(RpcError):
    """Raised by a handler: the state forbids it. Travels to the caller and arrives there as RemoteError."""

    def __init__(self, code: str, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = dict(fields or {})


class RemoteError(RpcError):
    """The other peer answered with an error. `peer` and `method` say who was asked for what."""

    def __init__(self, code: str, message: str, fields: Mapping[str, str] | None = None, *, peer: str = "", method: str = "") -> None:
        super().__init__(f"{method or 'call'} on {peer or 'the other peer'}: {code}: {message}")
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.peer = peer
        self.method = method


class HelloRefused(RpcError):
    """The handshake ended without agreement. `code` is one of the H_* values of hello.py, or the daemon's own."""

    def __init__(self, code: str, message: str, last_words: bytes = b"") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.last_words = last_words  # what to send before closing, so that the other end can say why


class RpcFailed(RpcError):
    """The world did it. A retry may help; whether the request ran is unknown unless the class says otherwise."""


class RpcTimeout(RpcFailed):
    """No reply before the deadline. The request may have run."""


class RpcClosed(RpcFailed):
    """The connection is closed or was lost before the reply. The request may have run."""


class DialFailed(RpcFailed):
    """No connection could be made: the request was never sent."""


class ListenFailed(RpcFailed):
    """The listening address cannot be had."""


class BadReply(RpcFailed):
    """The reply does not have the declared type: the two daemons differ about the method."""


class Overloaded(RpcFailed):
    """Too many calls wait on this connection: the request was never sent."""


class FrameError(RpcError):
    """Received bytes that are not a frame: too long, not CBOR, not one of our shapes."""


class FrameTooLarge(RpcError):
    """A message of ours does not fit into a frame: nothing was sent. Split it, or raise frame_bytes_max on every peer."""

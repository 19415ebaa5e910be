"""Every limit and every clock of the peer RPC, in one documented record.

This file must not know anything else. All waits are measured by the event loop's clock, so a virtual loop can drive them.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class RpcLimits:
    """Sizes in bytes, times in seconds. The defaults suit a pool of a thousand peers."""

    frame_bytes_max: int = 4 * MIB  # both ends of a connection must agree on it, so it is one for the pool
    join_frame_bytes_max: int = 256 * KIB  # a stranger may be at the other end: give little room
    hello_bytes_max: int = 16 * KIB
    depth_max: int = 32  # nested CBOR containers, the frame's own array included

    handshake_deadline_s: float = 5.0
    dial_timeout_s: float = 5.0
    keepalive_s: float = 5.0  # silent for so long: send a ping
    dead_after_s: float = 15.0  # silent for so long: the other end is gone
    close_timeout_s: float = 2.0  # a clean close may take so long to flush
    call_deadline_s_max: float = 600.0  # a handler never gets more, whatever the caller asks for

    connections_max: int = 4096
    handshakes_max: int = 256  # past it the oldest unfinished handshake is dropped, so strangers cannot take all seats
    calls_in_max: int = 256  # per connection, calls being served; past it the answer is "busy"
    calls_out_max: int = 1024  # per connection, calls waiting for an answer

    send_pause_bytes: int = 1 * MIB  # calls and replies wait while more than this is unsent
    notify_bytes_max: int = 8 * MIB  # notifications are dropped rather than to queue more than this
    send_bytes_max: int = 64 * MIB  # nothing queues more than this: the connection is given up

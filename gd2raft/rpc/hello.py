"""Who is at the other end: the records of the handshake, and what the daemon decides about them.

Two modes:
* pool: both ends hold the pool key. The listener finds it by the key id, the first 8 bytes of sha256(pool_id).
* join: a prober talks to a fresh daemon that shares no key with it yet. With a join secret configured on the fresh
  daemon, both ends must know it. Without one the key is a constant that everybody knows: TRUST ON FIRST USE. Then the
  proofs prove nothing, and it is `accept_join` alone that lets the first prober in and nobody after it.
  A join connection can use only methods declared with join=True.

This file must not know sockets or frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Struct

from gd2raft.rpc.fields import Count, Name

KEY_ID_BYTES = 8
NO_KEY_ID = bytes(KEY_ID_BYTES)

# Codes of HelloRefused.
H_NOT_GD2R = "not-gd2raft"
H_VERSION = "protocol-version"
H_OTHER_POOL = "other-pool"
H_WRONG_KEY = "wrong-key"
H_BAD_HELLO = "bad-hello"
H_JOIN_REFUSED = "join-refused"
H_REFUSED = "refused"
H_WRONG_PEER = "wrong-peer"
H_CLOSED = "closed"
H_TIMEOUT = "timeout"

ROLE_VOTER = 1
ROLE_LEARNER = 2
ROLE_FRESH = 4  # a pool of one without volumes: may be probed


class HelloInfo(Struct, frozen=True, array_like=True):
    """What a daemon says about itself after the proofs. Append-only.

    `op_version` is what it runs at, `op_version_max` what it could run at; `address` is host:port of its own peer RPC
    as it believes, the host may be empty (the pool then uses the address that it was probed by). `instance`: drawn anew by each process.
    """

    peer_id: Name
    pool_id: Name
    op_version: Count = 0
    software: Name = ""
    roles: Count = 0
    address: Name = ""
    op_version_max: Count = 0
    instance: Name = ""


@dataclass(frozen=True)
class Refusal:
    """The daemon's no with a code that the other end can act on, such as 'removed'."""

    code: str
    message: str


Verdict = str | Refusal | None  # None lets it in; a str is a reason under the standard code
KeyFor = Callable[[bytes], bytes | None]


def _accept(_: HelloInfo) -> Verdict:
    return None


def _no_join(_: HelloInfo) -> Verdict:
    return "this peer does not take part in joins"


def _no_secret() -> bytes | None:
    return None


@dataclass(frozen=True)
class HelloPolicy:
    """What the daemon hands in. The callables are asked anew for every connection, must be quick, and must not raise.

    own_info     what to say about ourselves now
    key_for      key id -> pool key, None for a pool that we don't know
    accept       may a daemon that proved the pool key talk to us (versions, a removed peer)? asked on both ends
    accept_join  may this prober take us into its pool? asked on the listener only
    join_secret  the configured join secret of a listener, None for trust on first use
    """

    own_info: Callable[[], HelloInfo]
    key_for: KeyFor
    accept: Callable[[HelloInfo], Verdict] = _accept
    accept_join: Callable[[HelloInfo], Verdict] = _no_join
    join_secret: Callable[[], bytes | None] = _no_secret


@dataclass(frozen=True)
class JoinDial:
    """Dial in join mode; `secret` is the join secret of the peer that is probed, None if it has none."""

    secret: bytes | None = None


def key_id_of(pool_id: str) -> bytes:
    """Names a pool key without telling it."""
    return hashlib.sha256(pool_id.encode()).digest()[:KEY_ID_BYTES]


def join_key(secret: bytes | None) -> bytes:
    """The key of a join handshake. The constant for 'no secret' is public on purpose (trust on first use)."""
    if secret is None:
        return hashlib.sha256(b"gd2raft join without a secret").digest()
    return hashlib.sha256(b"gd2raft join secret:" + secret).digest()

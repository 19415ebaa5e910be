"""The handshake: two daemons prove to each other that they hold the same key, before anything else is decoded.

    dialer    -> preface   48 bytes: magic "GD2R", protocol version u16, mode u8, status u8 (0), key id 8, nonce 32
    listener  -> preface   the same layout; a status other than 0 ends it
    dialer    -> proof     32 bytes
    listener  -> verdict   status u8 and its proof, 32 bytes (zeros if the status is not 0)
    dialer    -> HELLO     frame (wire.py), first CBOR of the connection
    listener  -> HELLO     or REFUSED with a code and a reason

A proof is HMAC-SHA256(key, role | dialer's preface | listener's preface): it is bound to protocol version, mode, key id
and both nonces, and the role keeps a proof from being reflected to its maker. The dialer proves first, so a listener
gives a stranger nothing to guess keys with. Status bytes are not authenticated: they only choose an error text.

Not covered: bytes after the handshake are not signed. Someone who can alter packets on the way can take over an agreed
connection. That is the task of TLS: hand an ssl.SSLContext to RpcServer and to ConnectionPool; this handshake then runs
inside it unchanged.

This file must not know sockets, clocks or randomness: nonces come in, bytes go out.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Generator
from dataclasses import dataclass

from gd2raft.rpc import hello, wire
from gd2raft.rpc.errors import FrameError, HelloRefused
from gd2raft.rpc.hello import HelloInfo, HelloPolicy, JoinDial, Refusal, Verdict
from gd2raft.rpc.limits import RpcLimits

MAGIC = b"GD2R"
PROTOCOL_VERSION = 1
NONCE_BYTES = 32
PROOF_BYTES = 32
PREFACE = struct.Struct(">4sHBB8s32s")

MODE_POOL = 0
MODE_JOIN = 1

OK = 0
_STATUS = {  # status byte -> (code, what it means to the dialer)
    1: (hello.H_VERSION, "the other peer speaks version {version} of the peer protocol, this one version " + str(PROTOCOL_VERSION)),
    2: (hello.H_OTHER_POOL, "the other peer is not a member of this pool"),
    3: (hello.H_WRONG_KEY, "the keys differ: the pool key, or the join secret, is not the same on both peers"),
}
_VERSION_DIFFERS, _OTHER_POOL, _WRONG_KEY = 1, 2, 3


@dataclass(frozen=True)
class Agreed:
    """Outcome of a handshake. `dialled` is the address that the dialer used to reach the listener."""

    peer: HelloInfo
    join: bool
    dialled: str
    last_bytes: bytes = b""  # still to be sent


Steps = Generator[tuple[bytes, int], bytes, Agreed]  # gives (bytes to send, bytes wanted), takes exactly those


class Handshake:
    """Drives one side. `start` gives the first bytes to send; feed what arrives to `feed` and send what it returns.

    When `agreed` is set, `rest` holds bytes that belong to the connection already. HelloRefused ends it; its
    last_words are to be sent before closing.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._buffer = bytearray()
        self._first, self._wanted = next(steps)
        self.agreed: Agreed | None = None

    def start(self) -> bytes:
        return self._first

    @property
    def rest(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, data: bytes) -> bytes:
        self._buffer += data
        out = b""
        while self.agreed is None and len(self._buffer) >= self._wanted:
            piece = bytes(self._buffer[: self._wanted])
            del self._buffer[: self._wanted]
            try:
                more, self._wanted = self._steps.send(piece)
            except StopIteration as end:
                self.agreed = end.value
                more = end.value.last_bytes
            out += more
        return out


def dialer(policy: HelloPolicy, nonce: bytes, dialled: str, join: JoinDial | None, limits: RpcLimits) -> Handshake:
    """The side that opened the connection. ValueError if its own policy has no key for its own pool."""
    return Handshake(_dialer_steps(policy, nonce, dialled, join, limits))


def listener(policy: HelloPolicy, nonce: bytes, limits: RpcLimits) -> Handshake:
    """The side that accepted the connection."""
    return Handshake(_listener_steps(policy, nonce, limits))


def prove(key: bytes, role: bytes, dialer_preface: bytes, listener_preface: bytes) -> bytes:
    return hmac.new(key, b"gd2raft " + role + b"\0" + dialer_preface + listener_preface, hashlib.sha256).digest()


def _dialer_steps(policy: HelloPolicy, nonce: bytes, dialled: str, join: JoinDial | None, limits: RpcLimits) -> Steps:
    own = policy.own_info()
    key, key_id = _dialer_key(policy, own, join)
    mode = MODE_POOL if join is None else MODE_JOIN
    mine = PREFACE.pack(MAGIC, PROTOCOL_VERSION, mode, OK, key_id, nonce)
    theirs = yield mine, PREFACE.size
    _check_answer(theirs, mode, key_id)
    verdict = yield prove(key, b"dialer", mine, theirs), 1 + PROOF_BYTES
    _raise_status(verdict[0], PROTOCOL_VERSION)
    if not hmac.compare_digest(verdict[1:], prove(key, b"listener", mine, theirs)):
        raise HelloRefused(hello.H_WRONG_KEY, "the listener could not prove that it holds the key: another daemon answers at this address")
    frame = yield from _frame(wire.encode(wire.Hello(own, dialled)), limits)
    if isinstance(frame, wire.Refused):
        raise HelloRefused(frame.code, frame.message)
    peer = _expect_hello(frame).info
    if join is None:
        _judge(_same_pool(peer, key_id) or policy.accept(peer), hello.H_REFUSED)
    return Agreed(peer, join is not None, dialled)


def _dialer_key(policy: HelloPolicy, own: HelloInfo, join: JoinDial | None) -> tuple[bytes, bytes]:
    if join is not None:
        return hello.join_key(join.secret), hello.NO_KEY_ID
    key_id = hello.key_id_of(own.pool_id)
    key = policy.key_for(key_id)
    if key is None:
        raise ValueError(f"no key for this peer's own pool {own.pool_id!r}")
    return key, key_id


def _check_answer(theirs: bytes, mode: int, key_id: bytes) -> None:
    magic, version, their_mode, status, their_key_id, _ = PREFACE.unpack(theirs)
    if magic != MAGIC:
        raise HelloRefused(hello.H_NOT_GD2R, "what listens at this address is not the peer RPC of gd2raft: check the port")
    _raise_status(status, version)
    if version != PROTOCOL_VERSION:
        _raise_status(_VERSION_DIFFERS, version)
    if their_mode != mode or their_key_id != key_id:
        raise HelloRefused(hello.H_NOT_GD2R, "the listener answered for another mode or key than it was asked for")


def _raise_status(status: int, version: int) -> None:
    if status != OK:
        code, text = _STATUS.get(status, (hello.H_REFUSED, f"the listener refused with the unknown status {status}"))
        raise HelloRefused(code, text.format(version=version))


def _listener_steps(policy: HelloPolicy, nonce: bytes, limits: RpcLimits) -> Steps:
    magic = yield b"", len(MAGIC)  # first the magic alone: strangers are turned away before they send more
    if magic != MAGIC:
        raise HelloRefused(hello.H_NOT_GD2R, f"the first bytes {magic!r} are not those of a gd2raft peer")
    theirs = magic + (yield b"", PREFACE.size - len(MAGIC))
    join, key, mine = _listener_answer(policy, theirs, nonce)
    proof = yield mine, PROOF_BYTES
    if not hmac.compare_digest(proof, prove(key, b"dialer", theirs, mine)):
        raise HelloRefused(hello.H_WRONG_KEY, "the dialer holds another key", bytes([_WRONG_KEY]) + bytes(PROOF_BYTES))
    frame = yield from _frame(bytes([OK]) + prove(key, b"listener", theirs, mine), limits)
    greeting = _expect_hello(frame)
    if join:
        _judge(policy.accept_join(greeting.info), hello.H_JOIN_REFUSED)
    else:
        _judge(_same_pool(greeting.info, theirs[8:16]) or policy.accept(greeting.info), hello.H_REFUSED)
    return Agreed(greeting.info, join, greeting.dialled, wire.encode(wire.Hello(policy.own_info(), greeting.dialled)))


def _listener_answer(policy: HelloPolicy, theirs: bytes, nonce: bytes) -> tuple[bool, bytes, bytes]:
    """(join mode?, key, our preface), or HelloRefused with a preface that says why."""
    _, version, mode, _, key_id, _ = PREFACE.unpack(theirs)

    def preface(status: int) -> bytes:
        return PREFACE.pack(MAGIC, PROTOCOL_VERSION, mode, status, key_id, nonce)

    if version != PROTOCOL_VERSION or mode not in (MODE_POOL, MODE_JOIN):
        raise HelloRefused(hello.H_VERSION, f"the dialer speaks version {version}, mode {mode}", preface(_VERSION_DIFFERS))
    if mode == MODE_JOIN:
        return True, hello.join_key(policy.join_secret()), preface(OK)
    key = policy.key_for(key_id)
    if key is None:
        raise HelloRefused(hello.H_OTHER_POOL, "the dialer is of another pool", preface(_OTHER_POOL))
    return False, key, preface(OK)


def _frame(send: bytes, limits: RpcLimits) -> Generator[tuple[bytes, int], bytes, wire.Frame]:
    (length,) = wire.LENGTH.unpack((yield send, wire.LENGTH.size))
    if not 0 < length <= limits.hello_bytes_max:
        raise HelloRefused(hello.H_BAD_HELLO, f"a hello of {length} bytes, allowed are {limits.hello_bytes_max}")
    payload = yield b"", length
    try:
        return wire.decode(payload, limits.depth_max)
    except FrameError as error:
        raise HelloRefused(hello.H_BAD_HELLO, f"the hello cannot be read: {error}", _refused(hello.H_BAD_HELLO, str(error))) from None


def _expect_hello(frame: wire.Frame) -> wire.Hello:
    if not isinstance(frame, wire.Hello):
        raise HelloRefused(hello.H_BAD_HELLO, f"a hello was expected, a {type(frame).__name__} came")
    return frame


def _same_pool(peer: HelloInfo, key_id: bytes) -> Verdict:
    if hello.key_id_of(peer.pool_id) == key_id:
        return None
    return Refusal(hello.H_OTHER_POOL, f"peer {peer.peer_id} says that it is of pool {peer.pool_id!r}, but used the key of another")


def _judge(verdict: Verdict, code: str) -> None:
    if verdict is None:
        return
    no = verdict if isinstance(verdict, Refusal) else Refusal(code, verdict)
    raise HelloRefused(no.code, no.message, _refused(no.code, no.message))


def _refused(code: str, message: str) -> bytes:
    return wire.encode(wire.Refused(code[:64], message[:8192]))

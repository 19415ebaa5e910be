"""ONC RPC messages (RFC 5531): the head of a call and of a reply, both directions.

Pure. The credential is bounded and skipped: nothing is granted because of it. Knows no program's arguments.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from gd2raft.sunrpc.xdr import Reader, Writer, XdrError

CALL, REPLY = 0, 1
RPC_VERSION = 2
AUTH_NONE, AUTH_GLUSTERFS_V2 = 0, 390039
CREDENTIAL_BYTES_MAX = 2048
"""RFC 5531 says 400; GlusterFS puts up to 2 KiB of groups and lock owner there."""

_ROOT_CREDENTIAL = bytes(16) + b"\0\0\0\4" + bytes(4)
"""v2 body: pid, uid, gid 0, no groups, a lock owner of four zero bytes."""


class AcceptStat(IntEnum):
    SUCCESS = 0
    PROG_UNAVAIL = 1
    PROG_MISMATCH = 2
    PROC_UNAVAIL = 3
    GARBAGE_ARGS = 4
    SYSTEM_ERR = 5


class Call(msgspec.Struct, frozen=True):
    """Head of a call; `args` is left to the program. `rpc_version` other than 2 leaves the rest zero."""

    xid: int
    rpc_version: int
    program: int = 0
    version: int = 0
    procedure: int = 0
    args: bytes = b""


class Reply(msgspec.Struct, frozen=True):
    """An accepted reply. `results` is empty unless stat is SUCCESS."""

    xid: int
    stat: int
    results: bytes = b""


def message_type(record: bytes) -> int:
    """CALL or REPLY. Raises XdrError for anything else."""
    reader = Reader(record)
    reader.u32()
    kind = reader.u32()
    if kind not in (CALL, REPLY):
        raise XdrError(f"message type {kind} is neither call nor reply")
    return kind


def decode_call(record: bytes) -> Call:
    """Raises XdrError when the head is torn or a credential is longer than 2 KiB."""
    reader = Reader(record)
    xid, _kind, rpc_version = reader.u32(), reader.u32(), reader.u32()
    if rpc_version != RPC_VERSION:
        return Call(xid, rpc_version)
    program, version, procedure = reader.u32(), reader.u32(), reader.u32()
    for _ in ("credential", "verifier"):
        reader.u32()
        reader.opaque(CREDENTIAL_BYTES_MAX)
    return Call(xid, rpc_version, program, version, procedure, reader.rest())


def encode_call(xid: int, program: int, version: int, procedure: int, args: bytes = b"", *, credential: bool = False) -> bytes:
    """A callback goes without a credential, a request to a brick with root's."""
    writer = Writer().u32(xid).u32(CALL).u32(RPC_VERSION).u32(program).u32(version).u32(procedure)
    if credential:
        writer.u32(AUTH_GLUSTERFS_V2).opaque(_ROOT_CREDENTIAL)
    else:
        writer.u32(AUTH_NONE).opaque(b"")
    return bytes(writer.u32(AUTH_NONE).opaque(b"").raw(args))


def encode_success(xid: int, results: bytes) -> bytes:
    return bytes(_accepted(xid, AcceptStat.SUCCESS).raw(results))


def encode_error(xid: int, stat: AcceptStat, versions: tuple[int, int] = (0, 0)) -> bytes:
    """`versions` (lowest, highest) is sent with PROG_MISMATCH only."""
    writer = _accepted(xid, stat)
    if stat is AcceptStat.PROG_MISMATCH:
        writer.u32(versions[0]).u32(versions[1])
    return bytes(writer)


def encode_rpc_mismatch(xid: int) -> bytes:
    """Denied: this side speaks RPC version 2 only."""
    return bytes(Writer().u32(xid).u32(REPLY).u32(1).u32(0).u32(RPC_VERSION).u32(RPC_VERSION))


def decode_reply(record: bytes) -> Reply:
    """Raises XdrError when it isn't a reply, is torn, or was denied."""
    reader = Reader(record)
    xid, kind, denied = reader.u32(), reader.u32(), reader.u32()
    if kind != REPLY:
        raise XdrError("a call came where a reply was expected")
    if denied:
        raise XdrError("the call was denied")
    reader.u32()
    reader.opaque(CREDENTIAL_BYTES_MAX)
    stat = reader.u32()
    return Reply(xid, stat, reader.rest() if stat == AcceptStat.SUCCESS else b"")


def _accepted(xid: int, stat: AcceptStat) -> Writer:
    return Writer().u32(xid).u32(REPLY).u32(0).u32(AUTH_NONE).opaque(b"").u32(stat)

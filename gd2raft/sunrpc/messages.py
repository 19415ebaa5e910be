"""Arguments and results of the programs that GlusterFS 10 asks a manager for, and of brick operations.

Pure. One frozen struct per request with `decode`; one function per result. Lengths are bounded here, meaning is not
judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from gd2raft.sunrpc.dictcodec import decode_text_dict, encode_dict
from gd2raft.sunrpc.xdr import Reader, Writer

NAME_BYTES_MAX = 8192
"""Volfile keys and brick names: a path of 4096 bytes and a prefix."""
DICT_BYTES_MAX = 256 * 1024
BRICK_OUTPUT_BYTES_MAX = 16 << 20


class NoArgs(msgspec.Struct, frozen=True):
    @staticmethod
    def decode(_reader: Reader) -> NoArgs:
        return NoArgs()


class DumpArgs(msgspec.Struct, frozen=True):
    gfs_id: int

    @staticmethod
    def decode(reader: Reader) -> DumpArgs:
        return DumpArgs(reader.u64())


class GetspecArgs(msgspec.Struct, frozen=True):
    """Flag bit 0: the caller takes a list of further servers. xdata: min-op-version, max-op-version, brick_name."""

    flags: int
    key: str
    xdata: dict[str, str]

    @staticmethod
    def decode(reader: Reader) -> GetspecArgs:
        flags, key = reader.u32(), reader.string(NAME_BYTES_MAX)
        return GetspecArgs(flags, key, decode_text_dict(reader.opaque(DICT_BYTES_MAX)))


class PortByBrickArgs(msgspec.Struct, frozen=True):
    brick: str

    @staticmethod
    def decode(reader: Reader) -> PortByBrickArgs:
        return PortByBrickArgs(reader.string(NAME_BYTES_MAX))


class SigninArgs(msgspec.Struct, frozen=True):
    """pid is 0 when an older brick doesn't send it."""

    brick: str
    port: int
    pid: int

    @staticmethod
    def decode(reader: Reader) -> SigninArgs:
        brick, port = reader.string(NAME_BYTES_MAX), reader.i32()
        return SigninArgs(brick, port, reader.i32() if reader.remaining >= 4 else 0)


class SignoutArgs(msgspec.Struct, frozen=True):
    brick: str
    port: int

    @staticmethod
    def decode(reader: Reader) -> SignoutArgs:
        return SignoutArgs(reader.string(NAME_BYTES_MAX), reader.i32())


class EventArgs(msgspec.Struct, frozen=True):
    op: int
    info: dict[str, str]

    @staticmethod
    def decode(reader: Reader) -> EventArgs:
        return EventArgs(reader.i32(), decode_text_dict(reader.opaque(DICT_BYTES_MAX)))


class VolumeInfoArgs(msgspec.Struct, frozen=True):
    flags: str
    volume: str

    @staticmethod
    def decode(reader: Reader) -> VolumeInfoArgs:
        wanted = decode_text_dict(reader.opaque(DICT_BYTES_MAX))
        return VolumeInfoArgs(wanted.get("flags", ""), wanted.get("volname", ""))


class BrickOpReply(msgspec.Struct, frozen=True):
    """What a brick process or self-heal daemon answered; op_ret 0 is success."""

    op_ret: int
    op_errno: int
    output: dict[str, str]
    error: str

    @staticmethod
    def decode(reader: Reader) -> BrickOpReply:
        op_ret, op_errno = reader.i32(), reader.i32()
        output = decode_text_dict(reader.opaque(BRICK_OUTPUT_BYTES_MAX), entries_max=1_000_000)
        return BrickOpReply(op_ret, op_errno, output, reader.string(DICT_BYTES_MAX))


def dump_result(gfs_id: int, programs: Iterable[tuple[str, int, int]]) -> bytes:
    """A linked list on the wire: 1 before each (name, number, version), 0 at the end."""
    writer = Writer().u64(gfs_id).i32(0).i32(0)
    for name, number, version in programs:
        writer.u32(1).string(name).u64(number).u64(version)
    return bytes(writer.u32(0))


def common_result(op_ret: int = 0, op_errno: int = 0) -> bytes:
    return bytes(Writer().i32(op_ret).i32(op_errno).opaque(b""))


def getspec_result(spec: str, xdata: Mapping[str, str]) -> bytes:
    """op_ret is the length of the volfile in bytes: clients use it as the size."""
    body = spec.encode("utf-8", "surrogateescape")
    return bytes(Writer().i32(len(body)).i32(0).opaque(body).opaque(encode_dict(xdata)))


def getspec_refused(op_errno: int) -> bytes:
    return bytes(Writer().i32(-1).i32(op_errno).string("").opaque(b""))


def port_result(port: int, op_errno: int = 0) -> bytes:
    """Port 0 means unknown, and says so by op_ret -1: the client asks again in 3 s."""
    return bytes(Writer().i32(0 if port else -1).i32(op_errno).i32(0).i32(port))


def portmap_result(op_ret: int = 0, op_errno: int = 0) -> bytes:
    return bytes(Writer().i32(op_ret).i32(op_errno))


def volume_info_result(volume_id: str) -> bytes:
    return bytes(Writer().i32(0).i32(0).string("").opaque(encode_dict({"volume_id": volume_id})))


def volume_info_refused(op_errno: int, message: str) -> bytes:
    return bytes(Writer().i32(-1).i32(op_errno).string(message).opaque(b""))


def brick_op_args(name: str, op: int, values: Mapping[str, str | bytes]) -> bytes:
    return bytes(Writer().string(name).i32(op).opaque(encode_dict(values)).opaque(b""))

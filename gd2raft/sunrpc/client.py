"""One call of a program over ONC RPC, on a connection of its own. Knows the wire, not what is asked."""

from __future__ import annotations

import asyncio

from gd2raft.sunrpc.messages import BRICK_OUTPUT_BYTES_MAX
from gd2raft.sunrpc.oncrpc import AcceptStat, decode_reply, encode_call
from gd2raft.sunrpc.records import RecordAssembler, frame
from gd2raft.sunrpc.xdr import XdrError

_XID = 1


async def call(
    streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], program: int, version: int, procedure: int, args: bytes
) -> bytes:
    """The results, undecoded. Closes the connection. Raises OSError, RecordError or XdrError; the deadline is the caller's."""
    reader, writer = streams
    try:
        writer.write(frame(encode_call(_XID, program, version, procedure, args, credential=True)))
        record = await _one_record(reader)
    finally:
        writer.transport.abort()
    reply = decode_reply(record)
    if reply.xid != _XID or reply.stat != AcceptStat.SUCCESS:
        raise XdrError(f"refused by the RPC layer of the process (xid {reply.xid}, status {reply.stat})")
    return reply.results


async def _one_record(reader: asyncio.StreamReader) -> bytes:
    assembler = RecordAssembler(BRICK_OUTPUT_BYTES_MAX)
    while (record := assembler.pop()) is None:
        if not (data := await reader.read(65536)):
            raise XdrError("the process closed the connection without an answer")
        assembler.feed(data)
    return record

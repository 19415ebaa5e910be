"""Client of "Gluster Portmap": the port of a brick, asked as GlusterFS's clients ask for it."""

from __future__ import annotations

import asyncio

from gd2raft.sunrpc import client
from gd2raft.sunrpc.records import RecordError
from gd2raft.sunrpc.xdr import Reader, Writer, XdrError

PROGRAM, VERSION, PORT_BY_BRICK = 34123456, 1, 1
CLIENT_PORT = 24007
"""Where GlusterFS's clients ask, whatever port a daemon was given."""


async def port_of_brick(host: str, brick: str, timeout_s: float, port: int = CLIENT_PORT) -> int:
    """0 when the daemon of `host` doesn't answer, or says that the brick doesn't run."""
    try:
        async with asyncio.timeout(timeout_s):
            streams = await asyncio.open_connection(host, port)
            reader = Reader(await client.call(streams, PROGRAM, VERSION, PORT_BY_BRICK, bytes(Writer().string(brick))))
        op_ret, _op_errno, _status, found = (reader.i32() for _ in range(4))
    except (OSError, TimeoutError, RecordError, XdrError):
        return 0
    return 0 if op_ret else found

"""Who answers at an address where no peer RPC of gd2raft does: said plainly to an administrator who mistyped a port, or probed a glusterd.

Two short questions, HTTP's and GlusterFS's own, each on a connection of its own. It must not know what a probe is for.
"""

from __future__ import annotations

import asyncio
import contextlib

from gd2raft.sunrpc.oncrpc import encode_call
from gd2raft.sunrpc.records import frame

ASK_S = 1.0
READ_BYTES_MAX = 4096
SHOWN_BYTES_MAX = 24
XID = 0x67643272
GF_DUMP, GF_DUMP_VERSION, GF_DUMP_ALL = 123451501, 1, 1
"""The program that every GlusterFS server has: what it serves."""
PING = b"GET /ping HTTP/1.0\r\n\r\n"
OURS = b"x-gluster-peer-id:"
"""A header of every reply."""


async def who_answers(host: str, port: int) -> str:
    """A few words for it; "" when nobody takes a connection there. Never raises for what the world does."""
    heard = await _ask(host, port, PING)
    if heard is None:
        return ""
    if heard.startswith(b"HTTP/"):
        if OURS in heard.lower():
            return "the REST of a gd2raft (its client port; peers use its peer port)"
        return "an HTTP server that is no gd2raft"
    call = frame(encode_call(XID, GF_DUMP, GF_DUMP_VERSION, GF_DUMP_ALL, bytes(8)))
    reply = await _ask(host, port, call) or b""
    if reply[4:8] == XID.to_bytes(4, "big"):
        return "GlusterFS's own RPC, so a glusterd (or a brick), which can't be in a pool of gd2raft"
    if said := heard or reply:
        return f"something that is no gd2raft and says {said[:SHOWN_BYTES_MAX]!r}"
    return "something that is no gd2raft and says nothing"


async def _ask(host: str, port: int, question: bytes) -> bytes | None:
    """The beginning of the answer, b"" for silence; None when there is no connection."""
    writer = None
    try:
        async with asyncio.timeout(ASK_S):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(question)
            heard = await reader.read(READ_BYTES_MAX)
            while (
                heard.startswith(b"HTTP/")
                and OURS not in heard.lower()
                and len(heard) < READ_BYTES_MAX
                and (more := await reader.read(READ_BYTES_MAX))
            ):
                heard += more
            return heard
    except (OSError, TimeoutError):
        return None if writer is None else b""
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(ASK_S):
                    await writer.wait_closed()

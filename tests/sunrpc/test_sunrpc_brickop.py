"""Brick operations against a process made for the test: what is sent, and that no process can make the caller wait."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sunrpc_kit import opaque

from gd2raft.sunrpc.brickop import BrickOp, BrickOpClient, BrickOpFailed, HealOp, StatusOf
from gd2raft.sunrpc.dictcodec import decode_text_dict, encode_dict
from gd2raft.sunrpc.messages import BrickOpReply
from gd2raft.sunrpc.oncrpc import AcceptStat, Call, decode_call, encode_error, encode_success
from gd2raft.sunrpc.records import frame
from gd2raft.sunrpc.xdr import Reader

pytestmark = pytest.mark.fast


def against(tmp_path: Path, answer: Callable[[Call], bytes], use: Callable[[BrickOpClient], Awaitable[None]]) -> list[Call]:
    """Runs `use` on a client of a unix server that answers each call with `answer`'s bytes and hangs up if there are none."""
    seen: list[Call] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (mark,) = struct.unpack(">I", await reader.readexactly(4))
        seen.append(decode_call(await reader.readexactly(mark & 0x7FFFFFFF)))
        writer.write(answer(seen[-1]))
        writer.close()

    async def main() -> None:
        listener = await asyncio.start_unix_server(serve, tmp_path / "s")
        await use(BrickOpClient(str(tmp_path / "s"), timeout_s=20))
        listener.close()

    asyncio.run(main())
    return seen


def success(call: Call, output: dict[str, str | bytes] | None = None) -> bytes:
    return frame(encode_success(call.xid, bytes(8) + opaque(encode_dict(output or {})) + opaque(b"")))


def test_terminate_names_the_brick(tmp_path: Path) -> None:
    async def use(client: BrickOpClient) -> None:
        assert await client.terminate("/bricks/b1") == BrickOpReply(0, 0, {}, "")

    (call,) = against(tmp_path, success, use)
    assert (call.program, call.version, call.procedure) == (4867634, 2, 1)
    assert call.args == opaque(b"/bricks/b1") + b"\0\0\0\1" + opaque(b"") + opaque(b"")


def test_status_sends_every_key_that_the_brick_insists_on_and_decodes_the_output(tmp_path: Path) -> None:
    async def use(client: BrickOpClient) -> None:
        reply = await client.status("v1", "/b1", StatusOf.CLIENTS)
        assert reply.output == {"clientcount": "1"}

    (call,) = against(tmp_path, lambda c: success(c, {"clientcount": "1"}), use)
    reader = Reader(call.args)
    assert (reader.string(100), reader.i32()) == ("/b1", 4)
    assert decode_text_dict(reader.opaque(1000)) == {"cmd": "258", "volname": "v1", "brick-name": "/b1"}


def test_heal_lists_the_subvolumes(tmp_path: Path) -> None:
    async def use(client: BrickOpClient) -> None:
        await client.heal(HealOp.INDEX, ["v1-replicate-0", "v1-replicate-1"])

    (call,) = against(tmp_path, success, use)
    reader = Reader(call.args)
    assert (reader.string(100), reader.i32()) == ("", 3)
    sent = decode_text_dict(reader.opaque(1000))
    names = {"xl-0": "v1-replicate-0", "xl-1": "v1-replicate-1", "v1-replicate-0": "0", "v1-replicate-1": "1"}
    assert sent == {"xl-op": "1", "count": "2", **names}


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (lambda _c: b"", "closed the connection"),
        (lambda c: frame(encode_error(c.xid, AcceptStat.PROG_UNAVAIL)), "refused by the RPC layer"),
        (lambda c: frame(encode_success(c.xid + 1, bytes(16))), "refused by the RPC layer"),
        (lambda c: frame(encode_success(c.xid, b"")), "its log says why"),
        (lambda c: frame(encode_success(c.xid, bytes(7))), "bytes wanted"),
        (lambda _c: b"\xff\xff\xff\xff", "at most"),
        (lambda _c: frame(b"abc"), "bytes wanted"),
    ],
)
def test_a_senseless_answer_is_a_failure_that_names_socket_and_operation(
    tmp_path: Path, answer: Callable[[Call], bytes], cause: str
) -> None:
    async def use(client: BrickOpClient) -> None:
        with pytest.raises(BrickOpFailed, match=cause) as caught:
            await client.terminate("/b1")
        assert str(tmp_path / "s") in str(caught.value) and "TERMINATE" in str(caught.value)

    against(tmp_path, answer, use)


def test_a_process_that_never_answers_is_a_failure_in_time(tmp_path: Path) -> None:
    async def main() -> None:
        listener = await asyncio.start_unix_server(lambda _r, _w: None, tmp_path / "s")
        with pytest.raises(BrickOpFailed, match=r"no answer within 0\.1 s"):
            await BrickOpClient(str(tmp_path / "s"), timeout_s=0.1).call(BrickOp.STATUS)
        listener.close()

    asyncio.run(main())


def test_a_socket_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(BrickOpFailed, match="No such file"):
            await BrickOpClient(str(tmp_path / "s")).terminate("/b1")

    asyncio.run(main())

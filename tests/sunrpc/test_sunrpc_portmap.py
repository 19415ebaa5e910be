"""Asking a daemon for the port of a brick, as GlusterFS's clients do."""

from __future__ import annotations

import asyncio

import pytest
from sunrpc_kit import house

from gd2raft.sunrpc.portmap import port_of_brick

pytestmark = pytest.mark.fast


def test_the_port_of_a_brick_that_runs_is_told_and_of_another_one_not() -> None:
    async def main() -> None:
        async with house() as h:
            h.backend.ports["/bricks/b1"] = 51862
            assert await port_of_brick("127.0.0.1", "/bricks/b1", 10, h.port) == 51862
            assert await port_of_brick("127.0.0.1", "/bricks/b2", 10, h.port) == 0
            h.backend.broken = True
            assert await port_of_brick("127.0.0.1", "/bricks/b1", 10, h.port) == 0

    asyncio.run(main())


@pytest.mark.parametrize("answer", [b"", b"\x80\0\0\4\0\0\0\1", b"HTTP/1.1 400 Bad Request\r\n\r\n", None])
def test_who_answers_nothing_or_nonsense_knows_no_port(answer: bytes | None) -> None:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if answer is not None:
            writer.write(answer)
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answers, "127.0.0.1")
        port = server.sockets[0].getsockname()[1]
        assert await port_of_brick("127.0.0.1", "/b", 0.3, port) == 0
        server.close()
        await server.wait_closed()
        assert await port_of_brick("127.0.0.1", "/b", 10, port) == 0

    asyncio.run(main())

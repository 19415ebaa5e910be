"""Who answers where no gd2raft does; and secrets that lie open."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gd2raft.peers import identity, strangers
from gd2raft.peers.joining import cause_of
from gd2raft.rpc.errors import DialFailed

pytestmark = pytest.mark.fast

Answer = Callable[[bytes], bytes | None]


def glusterd(asked: bytes) -> bytes | None:
    """It hangs up on HTTP; a call of ONC RPC is answered with its own id."""
    return None if asked.startswith(b"GET") else b"\x80\x00\x00\x18" + asked[4:8] + bytes(20)


def answering(answer: Answer, ask: Callable[[str, int], Awaitable[str]]) -> str:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (said := answer(await reader.read(4096))) is not None:
            writer.write(said)
        writer.close()

    async def run() -> str:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            return await ask("127.0.0.1", server.sockets[0].getsockname()[1])

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda asked: b"HTTP/1.1 200 OK\r\nX-Gluster-Peer-Id: 7\r\n\r\n", "the REST of a gd2raft"),
        (lambda asked: b"HTTP/1.1 400 Bad Request\r\n\r\n", "an HTTP server that is no gd2raft"),
        (glusterd, "GlusterFS's own RPC, so a glusterd"),
        (lambda asked: b"SSH-2.0-OpenSSH_9.2\r\n", "says b'SSH-2.0-OpenSSH_9.2"),
        (lambda asked: b"", "says nothing"),
    ],
)
def test_what_answers_is_named(answer: Answer, says: str) -> None:
    assert says in answering(answer, strangers.who_answers)


def test_nobody_is_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert asyncio.run(strangers.who_answers("127.0.0.1", taken.getsockname()[1])) == ""


def test_a_host_that_runs_glusterd_instead_is_told_by_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = DialFailed("peer RPC at h:24008: Connection refused: is gd2raft running there?")
    refused.cause = "Connection refused"

    async def cause(host: str, port: int) -> str:
        monkeypatch.setattr("gd2raft.peers.joining.CLIENT_PORT", port)
        return await cause_of(refused, host, 24008)

    assert "port 24008: Connection refused; at port " in (told := answering(glusterd, cause)) and "a glusterd" in told


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o602, 1)])
def test_a_secret_that_every_user_can_read_or_write_is_warned_about(tmp_path: Path, mode: int, warned: int) -> None:
    path = tmp_path / identity.AUTH
    path.write_text("x")
    path.chmod(mode)
    with capture_logs() as lines:
        identity.warn_if_open([path, tmp_path / "not-there"])
    assert [f"{path} holds a secret" in line["event"] and "chmod 600" in line["event"] for line in lines] == [True] * warned

"""The C server answers our Python client, and the C client takes what a daemon may say and refuses what it may not."""

from __future__ import annotations

import asyncio
import hashlib
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from c_kit import DOCS, NOW, PROGRAM_S, ROOT, c_server
from rpc_kit import KEY, POOL, RawPeer, policy, run
from waiting import until

from gd2raft import services
from gd2raft.rpc import handshake, wire
from gd2raft.rpc.codegen import c_tree, output
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.dispatch import Endpoint
from gd2raft.rpc.errors import HelloRefused, RemoteError, RpcRefusal
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.opening import dial
from gd2raft.rpc.server import RpcServer
from gd2raft.services import Empty, VolfileQuery

VOLFILE = b"volume v-client-0\n    type protocol/client\nend-volume\n"


@pytest.fixture
def address(c_programs: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    (tmp_path / "v.vol").write_bytes(VOLFILE)
    with c_server(c_programs / "example_server", tmp_path, KEY, POOL) as found:
        yield found


async def to_c(address: str, **more: object) -> Connection:
    return await dial(address, policy("peer-a", **more), Endpoint({}))


def test_a_c_server_answers_calls_of_our_client(address: str) -> None:
    async def main() -> None:
        connection = await to_c(address)
        assert connection.peer.peer_id == "c-example"
        assert (await connection.call(services.PEER_STATE, Empty(), timeout_s=20)).role == "c-example"
        found = await connection.call(services.VOLUME_VOLFILE, VolfileQuery("v"), timeout_s=20)
        assert (found.volfile, found.digest) == (VOLFILE, hashlib.sha256(VOLFILE).hexdigest())
        for name in ("nothing", "../v", ""):
            with pytest.raises(RemoteError) as error:
                await connection.call(services.VOLUME_VOLFILE, VolfileQuery(name), timeout_s=20)
            assert error.value.code == "not-found"
        with pytest.raises(RemoteError) as error:
            await connection.call(services.JOB_PROGRESS, services.JobQuery("j"), timeout_s=20)
        assert error.value.code == "unknown-method"
        await connection.close()

    run(main())


def test_a_c_server_refuses_another_key_and_another_pool_and_goes_on(address: str) -> None:
    async def main() -> None:
        for more, code in (({"key": b"x" * 32}, "wrong-key"), ({"pool": "pool-2"}, "other-pool")):
            with pytest.raises(HelloRefused) as error:
                await to_c(address, **more)
            assert error.value.code == code
        await (await to_c(address)).close()

    run(main())


def test_a_c_server_answers_a_ping_and_a_wrong_body_and_a_deadline_that_is_over(address: str) -> None:
    async def main() -> None:
        raw = await RawPeer.open(address)
        await raw.agree(policy("raw"))
        raw.send(wire.Ping(), wire.Call(1, services.VOLUME_VOLFILE.number, 5000, [1]), wire.Cancel(1), wire.Notify(14, [0, None]))
        assert await raw.frame() == wire.Pong()
        frame = await raw.frame()
        assert isinstance(frame, wire.Error) and (frame.call_id, frame.code) == (1, "bad-request")
        raw.send(wire.Call(3, services.PEER_STATE.number, 0, []))
        frame = await raw.frame()
        assert isinstance(frame, wire.Error) and (frame.call_id, frame.code) == (3, "deadline")
        raw.send(wire.Call(2, services.PEER_STATE.number, 5000, []))
        frame = await raw.frame()
        assert isinstance(frame, wire.Reply) and frame.call_id == 2
        await raw.close()

    run(main())


@pytest.mark.parametrize(
    "damage",
    [
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\2\x81\xf7",
        b"\0\0\0\1\x80",
        wire.encode(wire.Hello(policy().own_info())),
        b"\0\0\0\x09\x83",
    ],
)
def test_a_c_server_ends_a_connection_that_sends_no_frames_and_takes_the_next(address: str, damage: bytes) -> None:
    async def main() -> None:
        raw = await RawPeer.open(address)
        await raw.agree(policy("raw"))
        raw.writer.write(damage)
        if damage[:4] == b"\0\0\0\x09":  # a frame of which the rest never comes
            raw.writer.write_eof()
        assert await raw.closed_by_peer()
        await raw.close()
        stranger = await RawPeer.open(address)
        stranger.writer.write(b"GET / HTTP/1.1\r\nHost: " + b"x" * 60 + b"\r\n\r\n")
        assert await stranger.closed_by_peer()
        await stranger.close()
        connection = await to_c(address)
        assert (await connection.call(services.PEER_STATE, Empty(), timeout_s=20)).role == "c-example"
        await connection.close()

    run(main())


async def c_client(
    program: Path, address: str, key_file: Path, volume: str, changes: int = 0, *times_ms: int, pool: str = POOL
) -> tuple[int, bytes, str]:
    """Exit code, output and complaints of the C client."""
    host, port = address.rsplit(":", 1)
    words = [str(program), host, port, "watch", pool, str(key_file), volume, str(changes), *map(str, times_ms)]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, said = await asyncio.wait_for(process.communicate(), PROGRAM_S)
    assert "Sanitizer" not in said.decode(), said.decode()
    return process.returncode or 0, out, said.decode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(KEY.hex() + "\n")
    return file


def test_a_c_client_is_told_of_an_error_and_of_a_change(c_programs: Path, key_file: Path) -> None:
    asked: list[VolfileQuery] = []

    async def answer(connection: Connection, query: VolfileQuery) -> services.Volfile:
        asked.append(query)
        if query.volume != "v":
            raise RpcRefusal("not-found", "there is no volume ä", {"volume": query.volume})
        return services.Volfile(str(len(asked)), 7, b"" if len(asked) == 2 else b"text %d\n" % len(asked))

    async def main() -> None:
        server = RpcServer("127.14.0.1", 0, policy("peer-b"), {services.VOLUME_VOLFILE: answer})
        await server.start()
        address, client = server.address, c_programs / "example_client"
        code, out, said = await c_client(client, address, key_file, "v", 1)
        assert (code, said) == (0, "")
        assert out == b"volfile 1 revision 7 bytes 7\ntext 1\nvolfile 3 revision 7 bytes 7\ntext 3\n"
        assert asked == [VolfileQuery("v"), VolfileQuery("v", "1", 30_000), VolfileQuery("v", "1", 30_000)]
        assert await c_client(client, address, key_file, "w") == (1, b"", "volume.volfile: not-found: there is no volume ä\n")
        assert (await c_client(client, address, key_file, "v", pool="pool-2"))[2].startswith("no connection: other-pool: ")
        key_file.write_text("00" * 32)
        assert (await c_client(client, address, key_file, "v"))[2].startswith("no connection: wrong-key: ")
        key_file.write_text("no key")
        assert (await c_client(client, address, key_file, "v"))[0] == 2
        await server.close()
        assert (await c_client(client, address, key_file, "v"))[0] == 2
        key_file.write_text(KEY.hex())
        assert "refused" in (await c_client(client, address, key_file, "v"))[2]

    run(main())


Then = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def agreeing(then: Then) -> AsyncIterator[str]:
    """A listener that agrees with who comes, waits for a call, and goes on as it likes."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hand = handshake.listener(policy("peer-b"), os.urandom(32), RpcLimits())
        writer.write(hand.start())
        while hand.agreed is None and (data := await reader.read(65536)):
            writer.write(hand.feed(data))
        if hand.agreed is not None and await reader.read(65536):
            await then(reader, writer)
        writer.close()

    server = await asyncio.start_server(converse, "127.14.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


def sent(*frames: bytes) -> Then:
    async def then(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(frames))
        await writer.drain()

    return then


@pytest.mark.parametrize(
    ("frames", "why"),
    [
        ([b"\0\0\0\2\x81\xf7"], "frame: what came is not a frame"),
        ([b"\x7f\xff\xff\xff"], "frame: a frame of a length that is not allowed"),
        ([struct.pack(">I", 100), b"\x83"], "closed: "),
        ([wire.encode(wire.Reply(1, ["digest"]))], "bad-reply: "),
        ([wire.encode(wire.Reply(1, ["d", -1, b""]))], "bad-reply: "),
        ([wire.encode(wire.Refused("no", "no"))], "frame: a frame that has no place"),
        (
            [wire.encode(wire.Reply(9, [])), wire.encode(wire.Ping()), wire.encode(wire.Error(1, "c" * 64, "ä" * 8192, {"k": "v"}))],
            "c" * 64 + ": ää",
        ),
        ([wire.encode(wire.Call(1, 34, 1000, [])), wire.encode(wire.Notify(13, [])), wire.encode(wire.Error(1, "done", ""))], "done: "),
    ],
)
def test_a_c_client_says_what_was_wrong_with_an_answer(c_programs: Path, key_file: Path, frames: list[bytes], why: str) -> None:
    async def main() -> None:
        async with agreeing(sent(*frames)) as address:
            code, _, said = await c_client(c_programs / "example_client", address, key_file, "v")
        assert code == 1
        assert said.startswith(f"volume.volfile: {why}"), said

    run(main())


@pytest.mark.parametrize(
    ("times_ms", "frames", "why"),
    [
        ((100, 20_000), [wire.Cancel(1)], "timeout: no answer within the time"),
        ((20_000, 300), [wire.Ping()], "silent: the other end has been silent for too long"),
    ],
)
def test_a_c_client_gives_up_a_call_in_time_and_a_connection_that_is_silent(
    c_programs: Path, key_file: Path, times_ms: tuple[int, int], frames: list[wire.Frame], why: str
) -> None:
    heard: list[wire.Frame] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = wire.Decoder()
        while data := await reader.read(65536):
            heard.extend(frame for frame, _ in decoder.feed(data))

    async def main() -> None:
        async with agreeing(silent) as address:
            assert (await c_client(c_programs / "example_client", address, key_file, "v", 0, *times_ms))[2] == f"volume.volfile: {why}\n"
            await until(lambda: heard == frames, f"{heard} are {frames}")

    run(main())


def test_zcbor_makes_what_is_committed() -> None:
    made = c_tree.of_zcbor(NOW, ROOT / ".dev")
    assert output.differing(DOCS, made) == []


def test_the_stubs_know_every_method_with_its_number() -> None:
    text = (DOCS / "rpc/c/gd2_stubs.h").read_text()
    for method in vars(services).values():
        if isinstance(method, services.Method):
            assert f"GD2_M_{method.name.replace('.', '_').upper()} = {method.number}," in text
            assert f"gd2_{'notify' if method.one_way else 'call'}_{method.name.replace('.', '_')}(" in text

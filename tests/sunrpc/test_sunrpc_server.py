"""The server as a client sees it: the captured bytes, errors of the RPC layer, limits, deadlines, refresh."""

from __future__ import annotations

import asyncio
import errno
import random
import socket
import struct
from pathlib import Path

import pytest
from sunrpc_kit import DUMP, HANDSHAKE, PORTMAP, Client, getspec_args, house, opaque
from waiting import until

from gd2raft.sunrpc.addresses import is_local_address, normalised
from gd2raft.sunrpc.api import Limits
from gd2raft.sunrpc.oncrpc import encode_call
from gd2raft.sunrpc.procedures import fetchspec
from gd2raft.sunrpc.records import frame
from gd2raft.sunrpc.server import SunRpcServer

pytestmark = pytest.mark.fast

CRED = "0005f397 00000018 00000000 00000000 00000000 00000000 00000004 00000000 00000000 00000000"


def test_captured_calls_get_the_captured_replies() -> None:
    async def main() -> None:
        async with house() as h:
            h.backend.ports["/bricks/w/b1"] = 51862
            h.backend.specs["/w"] = "volume w-client-0\nend-volume\n"
            client = await h.client()
            client.send(bytes.fromhex(f"80000040 00000003 00000000 00000002 075bb86d 00000001 00000002 {CRED}"))
            assert frame(await client.record()) == bytes.fromhex("80000024 00000003 00000001") + bytes(28)
            client.send(bytes.fromhex(f"80000050 00000004 00000000 00000002 0208aec0 00000001 00000001 {CRED} 0000000c") + b"/bricks/w/b1")
            assert frame(await client.record()) == bytes.fromhex("80000028 00000004 00000001") + bytes(28) + bytes.fromhex("0000ca96")
            assert h.backend.calls == [("port", "/bricks/w/b1", "127.0.0.1")]
            assert await client.getspec("/w") == (29, b"volume w-client-0\nend-volume\n")

    asyncio.run(main())


def test_dump_lists_the_three_programs_and_echoes_the_id() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            client.send(bytes.fromhex(f"80000048 00000002 00000000 00000002 075bb86d 00000001 00000001 {CRED} 00000000 0000caed"))
            record = await client.record()
            assert record[24:40] == bytes.fromhex("00000000 0000caed 00000000 00000000")
            assert record[40:].startswith(
                bytes.fromhex("00000001 00000007") + b"GF-DUMP\0" + bytes.fromhex("00000000075bb86d 0000000000000001")
            )
            assert opaque(b"Gluster Portmap") + bytes.fromhex("000000000208aec0 0000000000000001") in record
            assert opaque(b"Gluster Handshake") + bytes.fromhex("0000000000dbb4a9 0000000000000002") in record
            assert record.endswith(bytes(4))

    asyncio.run(main())


def test_pipelined_calls_are_answered_in_order() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            pings = [encode_call(xid, HANDSHAKE, 2, 3) if xid % 2 else encode_call(xid, PORTMAP, 1, 1, opaque(b"/b")) for xid in range(500)]
            client.send(b"".join(map(frame, pings)))
            answers = [struct.unpack_from(">I", await client.record())[0] for _ in pings]
            assert answers == list(range(500))

    asyncio.run(main())


def test_a_call_in_many_fragments_is_answered() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            call = encode_call(5, HANDSHAKE, 2, 3)
            client.send(b"".join(b"\0\0\0\4" + call[i : i + 4] for i in range(0, len(call) - 4, 4)) + frame(call[-4:]))
            assert (await client.record())[:4] == b"\0\0\0\5"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("program", "version", "procedure", "args", "status", "rest"),
    [
        (4711, 1, 1, b"", 1, b""),
        (HANDSHAKE, 3, 2, b"", 2, struct.pack(">II", 2, 2)),
        (HANDSHAKE, 2, 1, b"", 3, b""),
        (PORTMAP, 1, 2, b"", 3, b""),
        (HANDSHAKE, 2, 2, b"\0\0\0\0\xff\xff\xff\xff", 4, b""),
        (DUMP, 1, 1, b"\0", 4, b""),
    ],
)
def test_what_is_not_served_gets_the_error_of_the_rpc_layer(
    program: int, version: int, procedure: int, args: bytes, status: int, rest: bytes
) -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            assert await client.call(program, version, procedure, args) == (status, rest)
            assert await client.alive()

    asyncio.run(main())


def test_another_rpc_version_is_denied_and_the_connection_goes_on() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            client.send(frame(struct.pack(">III", 1, 0, 3)))
            assert await client.record() == struct.pack(">6I", 1, 1, 1, 0, 2, 2)
            assert await client.alive()

    asyncio.run(main())


@pytest.mark.parametrize(
    "garbage",
    [b"\xff\xff\xff\xff", b"SSH-2.0-OpenSSH\r\n", frame(b""), frame(b"abc"), frame(b"\0" * 7 + b"\7" + b"\0" * 40), b"\0\0\0\0"],
    ids=["a mark of 2 GiB", "ssh", "an empty record", "three bytes", "an unknown message type", "an empty fragment"],
)
def test_garbage_closes_its_connection_with_one_log_line(garbage: bytes) -> None:
    async def main() -> None:
        async with house() as h:
            other, client = await h.client(), await h.client()
            client.send(garbage)
            assert await client.closed_by_server()
            assert await other.alive()
            assert len(h.log.at("warning", "error")) == 1
            await until(lambda: len(h.backend.gone) == 1, "the disconnect")

    asyncio.run(main())


def test_a_reply_to_a_callback_is_ignored() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            client.send(frame(struct.pack(">6I", 1, 1, 0, 0, 0, 0)))
            assert await client.alive()

    asyncio.run(main())


def test_a_record_that_never_ends_is_closed_and_an_idle_connection_is_not() -> None:
    async def main() -> None:
        async with house(Limits(record_s=0.2)) as h:
            idle, torn, half = await h.client(), await h.client(), await h.client()
            torn.send(b"\x80\0\0")
            half.send(frame(encode_call(1, HANDSHAKE, 2, 3))[:-1])
            assert await torn.closed_by_server()
            assert await half.closed_by_server()
            assert await idle.alive()

    asyncio.run(main())


def test_a_reader_that_does_not_read_is_closed() -> None:
    async def main() -> None:
        async with house(Limits(drain_s=0.2)) as h:
            h.backend.specs["big"] = "x" * 1_000_000
            client = await h.client()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(30):
                client.send(frame(encode_call(1, HANDSHAKE, 2, 2, getspec_args("big"))))
            await until(lambda: bool(h.backend.gone), "the stuck reader to be dropped")
            assert "unread" in h.log.at("warning")[0][2]["cause"]

    asyncio.run(main())


def test_callbacks_to_a_stuck_reader_do_not_pile_up() -> None:
    async def main() -> None:
        async with house(Limits(pending_bytes_max=100_000)) as h:
            h.backend.specs["big"] = "x" * 8_000_000
            client = await h.client()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.send(frame(encode_call(1, HANDSHAKE, 2, 2, getspec_args("big"))))
            await until(lambda: bool(h.server.clients()[0].spec_sha256), "the first volfile")
            h.backend.specs["big"] = "y" * 8_000_000
            assert await h.server.refresh(lambda _: True) == 0
            await until(lambda: bool(h.backend.gone), "the stuck reader to be dropped")

    asyncio.run(main())


def test_connections_over_the_limit_are_refused_and_room_is_used_again() -> None:
    async def main() -> None:
        async with house(Limits(connections_max=2)) as h:
            first, second = await h.client(), await h.client()
            assert await first.alive() and await second.alive()
            assert await (await h.client()).closed_by_server()
            assert await (await h.client()).closed_by_server()
            assert len(h.log.at("warning")) == 1, "a storm of refusals is one line"
            first.close()
            await until(lambda: len(h.server.clients()) == 1, "room")
            assert await (await h.client()).alive()

    asyncio.run(main())


def test_a_backend_that_raises_costs_an_error_reply_and_a_log_line() -> None:
    async def main() -> None:
        async with house() as h:
            h.backend.broken = True
            client = await h.client()
            assert (await client.getspec("v1"))[0] == -1
            assert (await client.call(PORTMAP, 1, 1, opaque(b"/b")))[1] == struct.pack(">iiii", -1, errno.EIO, 0, 0)
            assert (await client.call(PORTMAP, 1, 4, opaque(b"/b") + struct.pack(">ii", 5, 6)))[1] == struct.pack(">ii", -1, errno.EIO)
            assert (await client.call(HANDSHAKE, 2, 6, opaque(b"\0\0\0\1\0\0\0\7\0\0\0\3volname\0v1\0")))[1][:8] == struct.pack(
                ">ii", -1, errno.EIO
            )
            assert (await client.call(HANDSHAKE, 2, 5, struct.pack(">i", 1) + opaque(b"")))[1] == struct.pack(">iii", -1, errno.EIO, 0)
            assert len(h.log.at("error")) == 5
            assert await client.alive()
            client.close()
            await until(lambda: not h.server.clients(), "the connection to be forgotten")

    asyncio.run(main())


def test_a_backend_that_hangs_costs_an_error_reply() -> None:
    async def main() -> None:
        async with house(Limits(backend_s=0.1)) as h:
            h.backend.getspec_hook = asyncio.Event().wait  # type: ignore[assignment]
            client = await h.client()
            assert (await client.getspec("v1"))[0] == -1
            assert await client.alive()

    asyncio.run(main())


def test_an_unknown_volfile_is_enoent() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            _status, results = await client.call(HANDSHAKE, 2, 2, getspec_args("nope"))
            assert results[:8] == struct.pack(">ii", -1, errno.ENOENT)

    asyncio.run(main())


def test_sign_in_and_sign_out_reach_the_backend() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            assert await client.call(PORTMAP, 1, 4, opaque(b"/b1") + struct.pack(">ii", 49152, 77)) == (0, bytes(8))
            assert (h.backend.ports, h.backend.pids) == ({"/b1": 49152}, {"/b1": 77})
            assert await client.call(PORTMAP, 1, 5, opaque(b"/b1") + struct.pack(">ii", 49152, 0)) == (0, bytes(8))
            assert h.backend.ports == {}

    asyncio.run(main())


def test_a_lost_connection_is_told_once_with_the_identity_of_the_sign_in() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            await client.call(PORTMAP, 1, 4, opaque(b"/b1") + struct.pack(">ii", 49152, 77))
            client.close()
            await until(lambda: h.backend.ports == {}, "the sign-out by disconnect")
            assert len(h.backend.gone) == 1

    asyncio.run(main())


def test_a_sign_in_from_another_machine_never_reaches_the_backend() -> None:
    async def main() -> None:
        async with house() as h:
            h.server._is_local = lambda _host: False
            listener = await asyncio.start_server(h.server.serve, "127.12.0.9", 0)
            remote = Client(
                *await asyncio.open_connection("127.12.0.9", listener.sockets[0].getsockname()[1], local_addr=("127.12.0.8", 0))
            )
            assert (await remote.call(PORTMAP, 1, 4, opaque(b"/b1") + struct.pack(">ii", 49152, 77)))[1] == struct.pack(
                ">ii", -1, errno.EPERM
            )
            assert (await remote.call(PORTMAP, 1, 5, opaque(b"/b1") + struct.pack(">ii", 49152, 0)))[1] == struct.pack(
                ">ii", -1, errno.EPERM
            )
            assert h.backend.calls == []
            listener.close()

    asyncio.run(main())


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_sign_in_with_an_impossible_port_is_refused(port: int) -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            assert (await client.call(PORTMAP, 1, 4, opaque(b"/b1") + struct.pack(">ii", port, 77)))[1] == struct.pack(
                ">ii", -1, errno.EINVAL
            )
            assert h.backend.calls == []

    asyncio.run(main())


def test_a_sign_in_that_the_backend_refuses_is_an_error_for_the_brick() -> None:
    async def main() -> None:
        async with house() as h:
            h.backend.refuse_sign_in = True
            client = await h.client()
            assert (await client.call(PORTMAP, 1, 4, opaque(b"/b1") + struct.pack(">ii", 5, 77)))[1] == struct.pack(">ii", -1, errno.EACCES)

    asyncio.run(main())


def test_volume_ids_and_events_are_passed_on() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            wanted = b"\0\0\0\1\0\0\0\7\0\0\0\3volname\0v1\0"
            assert b"0f2f6ac2-7d3c-4f0e-9b57-8f9d4d6f6c11" in (await client.call(HANDSHAKE, 2, 6, opaque(wanted)))[1]
            missing = b"\0\0\0\1\0\0\0\7\0\0\0\3volname\0v2\0"
            assert b"does not exist" in (await client.call(HANDSHAKE, 2, 6, opaque(missing)))[1]
            await client.call(HANDSHAKE, 2, 5, struct.pack(">i", 3) + opaque(wanted))
            assert h.backend.calls == [("event", 3, {"volname": "v1"})]

    asyncio.run(main())


def test_refresh_tells_only_those_whose_volfile_changed() -> None:
    async def main() -> None:
        async with house() as h:
            h.backend.specs = {"/v1": "one", "v1.tcp": "one", "v2": "two"}
            h.backend.groups = {"/v1": "v1", "v1.tcp": "v1"}
            changed, same, other = [await h.client() for _ in range(3)]
            for client, key in ((changed, "/v1"), (same, "v1.tcp"), (other, "v2")):
                await client.getspec(key)
            h.backend.specs |= {"/v1": "one changed", "v2": "two changed"}
            assert await h.server.refresh(lambda group: group == "v1") == 1
            assert await changed.record() == fetchspec(1)
            assert await same.alive() and await other.alive()
            assert await h.server.refresh(lambda group: group == "v1") == 0, "one change is told once"
            assert await changed.getspec("/v1") == (11, b"one changed")
            h.backend.specs["/v1"] = "one changed again"
            assert await h.server.refresh(lambda group: group == "v1") == 1
            assert await changed.record() == fetchspec(2)

    asyncio.run(main())


def test_a_change_during_the_first_getspec_is_told_after_its_reply() -> None:
    async def main() -> None:
        async with house() as h:
            h.backend.specs["v1"] = "old"
            inside, go_on = asyncio.Event(), asyncio.Event()

            async def hook() -> None:
                if not inside.is_set():  # only the client's own request is slow
                    inside.set()
                    await go_on.wait()

            h.backend.getspec_hook = hook
            client = await h.client()
            client.send(frame(encode_call(1, HANDSHAKE, 2, 2, getspec_args("v1"))))
            await inside.wait()
            h.backend.specs["v1"] = "new"
            refreshing = asyncio.create_task(h.server.refresh(lambda group: group == "nobody"))
            for _ in range(20):
                await asyncio.sleep(0)  # time for a refresh that doesn't wait for its turn to show itself
            go_on.set()
            assert b"old" in await client.record()
            assert await client.record() == fetchspec(1)
            assert await refreshing == 1

    asyncio.run(main())


def test_refresh_goes_on_past_a_volfile_that_can_not_be_made() -> None:
    async def main() -> None:
        async with house() as h:
            h.backend.specs = {"v1": "one"}
            client = await h.client()
            await client.getspec("v1")
            h.backend.broken = True
            assert await h.server.refresh(lambda _: True) == 0
            h.backend.broken = False
            del h.backend.specs["v1"]
            assert await h.server.refresh(lambda _: True) == 0, "a volfile that is gone is not told"
            assert await client.alive()

    asyncio.run(main())


def test_clients_are_listed_with_what_they_asked_for() -> None:
    async def main() -> None:
        async with house() as h:
            h.backend.specs["/v1"] = "one"
            h.backend.groups["/v1"] = "v1"
            client = await h.client()
            await client.getspec("/v1")
            (listed,) = h.server.clients()
            assert (listed.key, listed.group, listed.peer_host, listed.is_local) == ("/v1", "v1", "127.0.0.1", True)
            assert listed.peer_port == client.writer.get_extra_info("sockname")[1]

    asyncio.run(main())


def test_a_socket_and_a_unix_stream_are_served_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with house() as h:
            ours, theirs = socket.socketpair()
            await h.server.adopt(theirs)
            assert await Client(*await asyncio.open_connection(sock=ours)).alive()
            listener = await asyncio.start_unix_server(h.server.serve, tmp_path / "s")
            client = Client(*await asyncio.open_unix_connection(str(tmp_path / "s")))
            assert await client.call(PORTMAP, 1, 4, opaque(b"/b1") + struct.pack(">ii", 5, 6)) == (0, bytes(8)), "unix peers are local"
            listener.close()

    asyncio.run(main())


def test_closing_drops_every_connection_and_signs_nothing_out() -> None:
    async def main() -> None:
        async with house() as h:
            client = await h.client()
            await client.call(PORTMAP, 1, 4, opaque(b"/b1") + struct.pack(">ii", 5, 6))
            await h.server.close()
            assert await client.closed_by_server()
            await until(lambda: not h.server.clients(), "the connection to go")
            assert h.backend.gone == []
            ours, theirs = socket.socketpair()
            await h.server.adopt(theirs)
            assert ours.recv(1) == b"", "nobody is served after closing"
            ours.close()

    asyncio.run(main())


def test_no_random_bytes_silence_the_server() -> None:
    rng = random.Random(20240)
    seeds = [
        frame(encode_call(1, HANDSHAKE, 2, 2, getspec_args("v1"), credential=True)),
        frame(encode_call(2, PORTMAP, 1, 4, opaque(b"/b") + bytes(8))),
    ]

    def hostile() -> bytes:
        if rng.random() < 0.3:
            return rng.randbytes(rng.randrange(1, 400))
        data = bytearray(rng.choice(seeds) * rng.randrange(1, 4))
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data[: rng.randrange(1, len(data) + 1)])

    async def main() -> None:
        async with house(Limits(record_s=1.0)) as h:
            h.backend.specs["v1"] = "one"
            good = await h.client()
            for _ in range(40):
                clients = [await h.client() for _ in range(10)]
                for client in clients:
                    client.send(hostile())
                    if client.writer.can_write_eof():
                        client.writer.write_eof()
                assert await good.getspec("v1") == (3, b"one")
                for client in clients:
                    client.close()
            await until(lambda: len(h.server.clients()) == 1, "the hostile connections to be gone")
            assert not h.log.at("error")

    asyncio.run(main())


def test_a_server_needs_no_limits_to_be_made() -> None:
    from sunrpc_kit import Backend, Log

    assert SunRpcServer(Backend(), log=Log()).clients() == []


def test_addresses_of_this_machine_are_local_and_others_are_not() -> None:
    assert is_local_address("127.12.3.4") and is_local_address("::1")
    assert not is_local_address("192.0.2.1") and not is_local_address("not an address")
    assert normalised("::ffff:10.0.0.1") == "10.0.0.1"
    assert normalised("fe80::1%eth0") == "fe80::1"

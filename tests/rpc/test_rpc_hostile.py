"""Bad input and bad behaviour on a live port: strangers, and peers that know the key but misbehave."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
import warnings

import pytest
from rpc_kit import ECHO, PROBE, SLOW, TELL, RawPeer, Say, dialled, echo, policy, run, serving
from structlog.testing import capture_logs
from waiting import until

from gd2raft.rpc import handshake, hello, wire
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.dispatch import Endpoint
from gd2raft.rpc.errors import HelloRefused, ListenFailed, RemoteError
from gd2raft.rpc.hello import JoinDial, key_id_of
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.opening import dial
from gd2raft.rpc.server import RpcServer


async def works(server: RpcServer) -> None:
    async with dialled(server) as connection:
        assert (await connection.call(ECHO, Say("alive"), timeout_s=30)).text == "alive"


def test_a_wrong_key_is_refused_with_the_address_and_one_line_in_the_log() -> None:
    async def main() -> None:
        async with serving() as server:
            with capture_logs() as lines, pytest.raises(HelloRefused, match=r"127\.14\.0\.1:\d+: the keys differ") as caught:
                await dial(server.address, policy(key=b"x" * 32), Endpoint({}))
            assert caught.value.code == hello.H_WRONG_KEY
            assert [(line["event"], line["code"]) for line in lines] == [("rpc handshake refused", "wrong-key")]
            await until(lambda: server.handshakes == 0)
            await works(server)

    run(main())


def test_a_join_connection_can_use_only_the_methods_of_a_join() -> None:
    async def main() -> None:
        joins: list[str] = []
        rules = policy("fresh", pool="own", accept_join=lambda info: joins.append(info.peer_id) if not joins else "joined already")
        async with serving({ECHO: echo, PROBE: echo}, rules=rules) as server:
            async with dialled(server, join=JoinDial()) as connection:
                assert connection.join_mode
                assert (await connection.call(PROBE, Say("p"), timeout_s=30)).text == "p"
                with pytest.raises(TypeError, match="join"):
                    await connection.call(ECHO, Say("p"), timeout_s=30)
            with pytest.raises(HelloRefused, match="joined already"):
                await dial(server.address, policy("second"), Endpoint({}), join=JoinDial())
            assert joins == ["peer-a"]

    run(main())


def test_a_stranger_on_a_join_connection_cannot_go_around_that_rule() -> None:
    async def main() -> None:
        called: list[str] = []
        handlers = {ECHO: lambda c, r: called.append("echo"), TELL: lambda c, r: called.append("tell"), PROBE: echo}
        async with serving(handlers, rules=policy("fresh", accept_join=lambda _: None)) as server:
            raw = await RawPeer.open(server.address)
            await raw.agree(join=JoinDial())
            with capture_logs():
                raw.send(wire.Notify(TELL.number, Say("x")), wire.Call(1, ECHO.number, 1000, Say("x")))
                answer = await raw.frame_but_ping()
            assert isinstance(answer, wire.Error)
            assert answer.code == "join-only"
            assert called == []
            raw.writer.write(struct.pack(">I", 300 * 1024))  # fine for a member, too much for a stranger
            assert await raw.closed_by_peer()
            await raw.close()

    run(main())


@pytest.mark.parametrize(
    "payload",
    [b"\xff" * 20, b"\x81" * 5000, bytes.fromhex("c249010000000000000000"), b"", bytes.fromhex("8101"), bytes.fromhex("820102")],
    ids=["noise", "nesting", "tag", "empty", "a second hello", "a wrong hello"],
)
def test_a_member_that_sends_no_frames_is_cut_off_with_one_line_in_the_log(payload: bytes) -> None:
    async def main() -> None:
        async with serving() as server:
            raw = await RawPeer.open(server.address)
            await raw.agree()
            with capture_logs() as lines:
                raw.send_payload(payload)
                assert await raw.closed_by_peer()
                await until(lambda: not server.connections)
            assert [line["event"] for line in lines] == ["rpc connection closed: malformed input"]
            assert lines[0]["peer"] == "raw"
            await raw.close()
            await works(server)

    run(main())


def test_a_frame_announced_too_long_ends_the_connection_before_it_is_received() -> None:
    async def main() -> None:
        async with serving() as server:
            raw = await RawPeer.open(server.address)
            await raw.agree()
            with capture_logs() as lines:
                raw.writer.write(struct.pack(">I", (4 << 20) + 1))
                assert await raw.closed_by_peer()
            assert "4194305" in lines[0]["error"]
            await raw.close()

    run(main())


def test_a_call_id_used_twice_at_once_ends_the_connection() -> None:
    async def never(_: Connection, request: Say) -> Say:
        await asyncio.Event().wait()
        return request

    async def main() -> None:
        async with serving({SLOW: never}) as server:
            raw = await RawPeer.open(server.address)
            await raw.agree()
            with capture_logs() as lines:
                raw.send(wire.Call(5, SLOW.number, 60000, Say("x")), wire.Call(5, SLOW.number, 60000, Say("x")))
                assert await raw.closed_by_peer()
            assert "call id 5" in lines[0]["error"]
            await until(lambda: not server.connections)
            await raw.close()

    run(main())


def test_a_call_id_may_be_used_again_after_its_answer_and_stray_answers_do_no_harm() -> None:
    async def main() -> None:
        async with serving() as server:
            raw = await RawPeer.open(server.address)
            await raw.agree()
            raw.send(wire.Reply(77, None), wire.Error(78, "c", "m"), wire.Cancel(79), wire.Pong())
            for _ in range(2):
                raw.send(wire.Call(5, ECHO.number, 60000, Say("x")))
                assert isinstance(await raw.frame_but_ping(), wire.Reply)
            await raw.close()

    run(main())


def test_someone_who_connects_and_says_nothing_or_too_little_is_dropped_at_the_deadline() -> None:
    async def main() -> None:
        async with serving(limits=RpcLimits(handshake_deadline_s=0.2)) as server:
            silent, slow = await RawPeer.open(server.address), await RawPeer.open(server.address)
            slow.writer.write(b"GD2R\0")
            assert await silent.closed_by_peer()
            assert await slow.closed_by_peer()
            await until(lambda: server.handshakes == 0)
            await silent.close()
            await slow.close()

    run(main())


def test_many_silent_strangers_do_not_keep_a_member_out() -> None:
    async def main() -> None:
        async with serving(limits=RpcLimits(handshakes_max=8, handshake_deadline_s=60)) as server:
            strangers = [await RawPeer.open(server.address) for _ in range(30)]
            await works(server)
            assert server.handshakes <= 8
            for stranger in strangers:
                await stranger.close()
            await until(lambda: server.handshakes == 0)

    run(main())


def test_members_past_the_connection_limit_are_closed() -> None:
    async def main() -> None:
        async with serving(limits=RpcLimits(connections_max=1)) as server, dialled(server) as first:
            await until(lambda: len(server.connections) == 1)
            second = await dial(server.address, policy("second"), Endpoint({}))
            await asyncio.wait_for(second.wait_closed(), 30)
            assert (await first.call(ECHO, Say("x"), timeout_s=30)).text == "x"

    run(main())


def test_a_silent_peer_is_given_up_and_a_quiet_but_living_one_is_kept() -> None:
    async def main() -> None:
        limits = RpcLimits(keepalive_s=0.1, dead_after_s=1.5)
        async with serving(limits=limits) as server, dialled(server) as quiet:
            raw = await RawPeer.open(server.address)  # half-open: proves the key, then neither speaks nor closes
            await raw.agree()
            await until(lambda: len(server.connections) == 2)
            assert isinstance(await raw.frame(), wire.Ping)
            await until(lambda: len(server.connections) == 1, "the silent peer is given up")
            assert await raw.closed_by_peer()
            await raw.close()
            assert not quiet.closed
            (kept,) = server.connections
            assert kept.peer.peer_id == "peer-a"

    run(main())


def test_a_subscriber_that_does_not_read_loses_notifications_and_costs_bounded_memory() -> None:
    async def main() -> None:
        limits = RpcLimits(notify_bytes_max=1 << 20)
        async with serving(limits=limits) as server:
            raw = await RawPeer.open(server.address)
            await raw.agree()
            await until(lambda: server.connections)
            (slow,) = server.connections
            raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
            frame = wire.encode_notify(TELL, Say("x", bytes(100_000)))
            sent = [slow.notify_encoded(frame) for _ in range(400)]
            assert slow.pending_bytes <= limits.notify_bytes_max
            dropped = sent.count(False)
            assert dropped > 300
            assert server.traffic.dropped["unknown"] == dropped
            raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
            got = 0
            while got < sent.count(True):
                got += isinstance(await raw.frame_but_ping(), wire.Notify)
            await until(lambda: slow.pending_bytes == 0)
            assert slow.notify_encoded(frame)
            await raw.close()

    run(main())


def test_a_peer_that_asks_but_does_not_read_answers_is_held_up_not_buffered_for() -> None:
    async def big(_: Connection, request: Say) -> Say:
        return Say("x", bytes(1_000_000))

    async def main() -> None:
        limits = RpcLimits(calls_in_max=16)
        async with serving({ECHO: big}, limits=limits) as server:
            raw = await RawPeer.open(server.address)
            await raw.agree()
            await until(lambda: server.connections)
            (connection,) = server.connections
            raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for call_id in range(100):
                raw.send(wire.Call(call_id, ECHO.number, 60_000, Say("x")))
            await until(lambda: (tally := server.traffic.by_method.get("test.echo")) and tally.frames_in == 100)
            assert connection.pending_bytes < 4_000_000
            assert connection.calls_in_progress <= 16
            raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
            answers = [await raw.frame_but_ping() for _ in range(100)]
            assert {type(answer) for answer in answers} == {wire.Reply, wire.Error}
            assert {answer.code for answer in answers if isinstance(answer, wire.Error)} == {"busy"}
            await raw.close()

    run(main())


def test_a_connection_whose_queue_passes_every_limit_is_given_up() -> None:
    async def main() -> None:
        handlers = {ECHO: lambda c, r: Say("x", bytes(1_000_000))}
        async with serving(handlers, limits=RpcLimits(send_bytes_max=4 << 20)) as server:
            raw = await RawPeer.open(server.address)
            await raw.agree()
            raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
            with capture_logs() as lines:
                for call_id in range(60):
                    raw.send(wire.Call(call_id, ECHO.number, 60_000, Say("x")))
                await until(lambda: not server.connections)
            assert [line["event"] for line in lines] == ["rpc connection closed: the other end does not read"]
            await raw.close()

    run(main())


def test_random_bytes_on_the_port_never_silence_it_and_leak_no_connection() -> None:
    async def main() -> None:
        rng = random.Random(14)
        good = handshake.PREFACE.pack(b"GD2R", 1, 0, 0, key_id_of("pool-1"), bytes(32))
        async with serving() as server:
            open_files = len(os.listdir("/proc/self/fd"))
            for _ in range(150):
                raw = await RawPeer.open(server.address)
                if rng.random() < 0.4:
                    await raw.agree()
                elif rng.random() < 0.5:
                    raw.writer.write(good[: rng.randrange(49)])
                raw.writer.write(rng.randbytes(rng.randrange(400)))
                if rng.random() < 0.5:
                    await raw.writer.drain()
                if rng.random() < 0.2:
                    raw.writer.transport.abort()
                await raw.close()
            await works(server)
            await until(lambda: not server.connections and server.handshakes == 0)
            await until(lambda: len(os.listdir("/proc/self/fd")) <= open_files)

    with capture_logs() as lines:
        run(main())
    assert {line["log_level"] for line in lines} <= {"info", "warning"}
    assert sum(line["event"] == "rpc handshake refused" for line in lines) < 40  # strangers cannot fill the log


def test_a_mistake_in_the_daemons_policy_closes_the_socket_and_is_logged_as_ours() -> None:
    def broken(_: bytes) -> bytes:
        raise KeyError("no such thing")

    async def main() -> None:
        rules = hello.HelloPolicy(policy("peer-b").own_info, broken)
        async with serving(rules=rules) as server:
            with capture_logs() as lines, pytest.raises(HelloRefused):
                await dial(server.address, policy(), Endpoint({}))
            assert [(line["event"], line["log_level"]) for line in lines] == [("rpc handshake failed", "error")]
            assert server.handshakes == 0

    run(main())


def test_a_call_cancelled_before_it_began_is_never_run() -> None:
    async def main() -> None:
        ran: list[str] = []

        async def slow(_: Connection, request: Say) -> Say:
            ran.append(request.text)
            return request

        async with serving({SLOW: slow, ECHO: echo}) as server:
            raw = await RawPeer.open(server.address)
            await raw.agree()
            raw.send(wire.Call(1, SLOW.number, 60_000, Say("x")), wire.Cancel(1), wire.Call(2, ECHO.number, 60_000, Say("y")))
            answer = await raw.frame_but_ping()
            assert isinstance(answer, wire.Reply)
            assert answer.call_id == 2
            assert ran == []
            await raw.close()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(main())


def test_a_taken_port_is_a_clear_error() -> None:
    async def main() -> None:
        async with serving() as server:
            port = int(server.address.rsplit(":", 1)[1])
            with pytest.raises(ListenFailed, match=rf"127\.14\.0\.1:{port} is in use .*peeraddress"):
                await RpcServer("127.14.0.1", port, policy(), {}).start()
        with pytest.raises(ListenFailed, match="not an address of this machine"):
            await RpcServer("192.0.2.1", 0, policy(), {}).start()

    run(main())


def test_closing_the_server_ends_connections_and_handshakes() -> None:
    async def main() -> None:
        async with serving() as server:
            raw = await RawPeer.open(server.address)
            await until(lambda: server.handshakes == 1)
            connection = await dial(server.address, policy(), Endpoint({}))
            await server.close()
            await asyncio.wait_for(connection.wait_closed(), 30)
            assert await raw.closed_by_peer()
            assert server.handshakes == 0
            assert not server.connections
            await raw.close()

    run(main())


def test_small_frames_are_not_held_back() -> None:
    async def main() -> None:
        async with serving() as server, dialled(server) as connection:
            assert connection._transport is not None
            sock = connection._transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            with pytest.raises(RemoteError):
                await connection.call(SLOW, Say("x"), timeout_s=30)

    run(main())

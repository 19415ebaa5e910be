"""Connections by address: shared, dialled once, forgotten when idle, and patient with dead peers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from rpc_kit import ECHO, SLOW, RawPeer, Say, echo, policy, run, serving
from waiting import until

from gd2raft.rpc import hello
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.dispatch import Endpoint
from gd2raft.rpc.errors import DialFailed, HelloRefused, RpcClosed, RpcTimeout
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.opening import dial, split_address
from gd2raft.rpc.pool import ConnectionPool, PoolLimits


@asynccontextmanager
async def pooling(**more: Any) -> AsyncIterator[ConnectionPool]:
    pool = ConnectionPool(policy(), {}, **more)
    try:
        yield pool
    finally:
        await pool.close()


def free_address() -> str:
    with socket.socket() as sock:
        sock.bind(("127.14.0.9", 0))
        return f"127.14.0.9:{sock.getsockname()[1]}"


@asynccontextmanager
async def black_hole() -> AsyncIterator[str]:
    """Accepts connections and never says a word."""
    server = await asyncio.start_server(lambda r, w: None, "127.14.0.8", 0)
    try:
        yield f"127.14.0.8:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def test_many_callers_share_one_dial_and_one_connection() -> None:
    async def main() -> None:
        seen: list[Connection] = []
        async with serving(on_connection=seen.append) as server, pooling() as pool:
            replies = await asyncio.gather(*(pool.call(server.address, ECHO, Say("x", number=n), 30) for n in range(20)))
            assert [reply.number for reply in replies] == list(range(20))
            assert len(seen) == 1
            assert await pool.get(server.address) is await pool.get(server.address)

    run(main())


def test_a_lost_connection_is_replaced_by_the_next_call() -> None:
    async def main() -> None:
        async with serving() as server, pooling() as pool:
            first = await pool.get(server.address)
            first.abort("test")
            assert (await pool.call(server.address, ECHO, Say("x"), 30)).text == "x"
            assert await pool.get(server.address) is not first
            assert len(pool) == 1

    run(main())


def test_after_a_failure_the_next_dial_waits_and_says_so_and_forget_ends_the_wait() -> None:
    async def main() -> None:
        address = free_address()
        async with pooling(pool_limits=PoolLimits(backoff_first_s=60, backoff_max_s=60)) as pool:
            with pytest.raises(DialFailed, match="is gd2raft running there"):
                await pool.get(address)
            with pytest.raises(DialFailed, match="not tried again for"):
                await pool.call(address, ECHO, Say("x"), 30)
            host, port = split_address(address)
            pool.forget(address)
            async with serving() as server:
                relay = await asyncio.start_server(lambda r, w: _relay(r, w, server.address), host, port)
                assert (await pool.call(address, ECHO, Say("x"), 30)).text == "x"
                relay.close()

    run(main())


def test_a_caller_with_patience_waits_for_a_short_pause_and_no_other() -> None:
    async def main() -> None:
        address = free_address()
        host, port = split_address(address)
        async with pooling(pool_limits=PoolLimits(backoff_first_s=0.3, backoff_max_s=60)) as pool, serving() as server:
            with pytest.raises(DialFailed):
                await pool.get(address)
            relay = await asyncio.start_server(lambda r, w: _relay(r, w, server.address), host, port)
            with pytest.raises(DialFailed, match="not tried again"):
                await pool.call(address, ECHO, Say("x"), 30, patience_s=0.01)
            assert (await pool.call(address, ECHO, Say("x"), 30, patience_s=1.0)).text == "x"
            relay.close()

    run(main())


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: str) -> None:
    other = await RawPeer.open(to)

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()

    await asyncio.gather(copy(reader, other.writer), copy(other.reader, writer))


def test_the_wait_after_failures_grows_to_its_limit() -> None:
    async def main() -> None:
        address = free_address()
        async with pooling(pool_limits=PoolLimits(backoff_first_s=1, backoff_max_s=5)) as pool:
            pauses = []
            for _ in range(5):
                with pytest.raises(DialFailed):
                    await pool.get(address)
                pauses.append(pool._failures[address].pause_s)
                pool._failures[address].until = 0
            assert pauses == [1, 2, 4, 5, 5]

    run(main())


def test_a_listener_that_says_nothing_costs_no_more_than_the_callers_deadline() -> None:
    async def main() -> None:
        async with black_hole() as address, pooling(limits=RpcLimits(dial_timeout_s=20)) as pool:
            with pytest.raises(DialFailed, match="was not sent"):
                await pool.call(address, ECHO, Say("x"), 0.1)
            with pytest.raises(DialFailed, match=r"does not answer as a gd2raft within 0\.1 s"):
                await pool.dial(address, timeout_s=0.1)

    run(main())


def test_an_address_that_ours_cannot_reach_is_told_so() -> None:
    async def main() -> None:
        async with pooling(local_address="127.0.0.1") as pool:
            with pytest.raises(DialFailed, match=r"192\.0\.2\.77:24008: can't be reached from 127\.0\.0\.1"):
                await pool.dial("192.0.2.77:24008", timeout_s=5)

    run(main())


def test_a_cancelled_dial_leaves_no_socket_behind() -> None:
    async def main() -> None:
        async with serving(limits=RpcLimits(handshake_deadline_s=60)) as server:
            for steps in range(12):
                task = asyncio.create_task(dial(server.address, policy(), Endpoint({})))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                with suppress(asyncio.CancelledError):
                    (await task).abort("it was faster")
            await until(lambda: not server.connections and server.handshakes == 0)

    run(main())


def test_another_peer_at_the_address_is_refused() -> None:
    async def main() -> None:
        async with serving() as server, pooling() as pool:
            with pytest.raises(HelloRefused, match="peer-b answers there, not peer-z") as caught:
                await pool.get(server.address, expect_peer_id="peer-z")
            assert caught.value.code == hello.H_WRONG_PEER
            assert (await pool.get(server.address, expect_peer_id="peer-b")).peer.peer_id == "peer-b"
            with pytest.raises(HelloRefused):
                await pool.dial(server.address, expect_peer_id="peer-z")
            await until(lambda: len(server.connections) == 1)

    run(main())


def test_our_end_is_bound_to_the_local_address() -> None:
    async def main() -> None:
        async with serving() as server, pooling(local_address="127.14.0.77") as pool:
            await pool.get(server.address)
            await until(lambda: server.connections)
            (connection,) = server.connections
            assert connection.remote.startswith("127.14.0.77:")

    run(main())


def test_idle_connections_past_the_limit_are_closed_the_longest_unused_first_and_busy_ones_stay() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def wait(_: Connection, request: Say) -> Say:
            await release.wait()
            return request

        handlers = {ECHO: echo, SLOW: wait}
        async with (
            serving(handlers) as busy,
            serving(handlers) as old,
            serving(handlers) as new,
            pooling(pool_limits=PoolLimits(connections_max=2)) as pool,
        ):
            waiting = asyncio.create_task(pool.call(busy.address, SLOW, Say("x"), 60))
            await until(lambda: len(pool) == 1)
            for server in (old, new):
                await pool.call(server.address, ECHO, Say("x"), 30)
            await until(lambda: not old.connections)
            assert len(pool) == 2
            assert busy.connections
            assert new.connections
            release.set()
            assert (await waiting).text == "x"

    run(main())


def test_connections_that_nobody_uses_are_closed_after_a_while() -> None:
    async def main() -> None:
        async with serving() as server, pooling(pool_limits=PoolLimits(idle_s=0.1)) as pool:
            await pool.call(server.address, ECHO, Say("x"), 30)
            await until(lambda: len(pool) == 0 and not server.connections)

    run(main())


def test_closing_the_pool_ends_connections_and_dials_under_way() -> None:
    async def main() -> None:
        async with serving() as server, black_hole() as hole:
            pool = ConnectionPool(policy(), {})
            connection = await pool.get(server.address)
            dialing = asyncio.create_task(pool.get(hole))
            await asyncio.sleep(0)
            await pool.close()
            assert connection.closed
            with pytest.raises(asyncio.CancelledError):
                await dialing
            with pytest.raises(RpcClosed, match="stopping"):
                await pool.get(server.address)

    run(main())


def test_the_time_for_dialling_counts() -> None:
    async def never(_: Connection, request: Say) -> Say:
        await asyncio.Event().wait()
        return request

    async def main() -> None:
        async with serving({SLOW: never}) as server, pooling() as pool:
            await pool.get(server.address)
            with pytest.raises(RpcTimeout):
                await pool.call(server.address, SLOW, Say("x"), 0.1)

    run(main())


@pytest.mark.parametrize("address", ["", "host", "host:", ":24008", "host:0", "host:65536", "host:x", "host:²"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        split_address(address)


def test_addresses_are_split() -> None:
    assert split_address("a.example:24008") == ("a.example", 24008)
    assert split_address("[fe80::1]:1") == ("fe80::1", 1)

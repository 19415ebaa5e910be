"""Calls and notifications between two real ends on loopback."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from rpc_kit import BLOB, ECHO, FAIL, SLOW, TELL, RawPeer, Say, dialled, echo, run, serving
from structlog.testing import capture_logs
from waiting import until

from gd2raft.rpc import wire
from gd2raft.rpc.connection import Connection
from gd2raft.rpc.errors import BadReply, FrameTooLarge, Overloaded, RemoteError, RpcClosed, RpcRefusal, RpcTimeout
from gd2raft.rpc.limits import RpcLimits
from gd2raft.rpc.service import Empty, Method


def test_a_call_is_answered_and_both_ends_know_each_other() -> None:
    async def main() -> None:
        async with serving() as server, dialled(server) as connection:
            assert await connection.call(ECHO, Say("hi", b"\x00\xff", 7), timeout_s=10) == Say("hi", b"\x00\xff", 7)
            assert connection.peer.peer_id == "peer-b"
            await until(lambda: server.connections)
            (other,) = server.connections
            assert other.peer.peer_id == "peer-a"
            assert other.dialled == connection.dialled == server.address == connection.remote

    run(main())


def test_after_the_hello_either_side_may_call() -> None:
    async def main() -> None:
        async with serving() as server, dialled(server, handlers={ECHO: echo}):
            await until(lambda: server.connections)
            (other,) = server.connections
            assert await other.call(ECHO, Say("from the listener"), timeout_s=10) == Say("from the listener")

    run(main())


def test_the_listener_may_call_in_the_same_moment_in_which_the_connection_is_agreed() -> None:
    async def main() -> None:
        heard: list[str] = []
        async with (
            serving(on_connection=lambda c: c.notify(TELL, Say("welcome"))) as server,
            dialled(server, handlers={TELL: lambda _, m: heard.append(m.text)}),
        ):
            await until(lambda: heard == ["welcome"])

    run(main())


def test_many_calls_share_a_connection_and_answers_find_their_callers() -> None:
    async def backwards(_: Connection, request: Say) -> Say:
        for _step in range(50 - request.number):
            await asyncio.sleep(0)
        return request

    async def main() -> None:
        async with serving({ECHO: backwards}) as server, dialled(server) as connection:
            replies = await asyncio.gather(*(connection.call(ECHO, Say("n", number=n), timeout_s=30) for n in range(50)))
            assert [reply.number for reply in replies] == list(range(50))
            assert connection.calls_in_progress == 0

    run(main())


def test_a_message_of_a_million_bytes_passes() -> None:
    async def main() -> None:
        async with serving() as server, dialled(server) as connection:
            data = bytes(range(256)) * 4096
            assert (await connection.call(ECHO, Say("big", data), timeout_s=30)).data == data

    run(main())


def test_notifications_to_a_plain_function_keep_their_order() -> None:
    async def main() -> None:
        got: list[int] = []
        async with serving({TELL: lambda _, message: got.append(message.number)}) as server, dialled(server) as connection:
            for n in range(1000):
                assert connection.notify(TELL, Say("n", number=n))
            await until(lambda: len(got) == 1000)
            assert got == list(range(1000))

    run(main())


def test_a_frame_encoded_once_reaches_all_subscribers() -> None:
    async def main() -> None:
        got: list[str] = []
        handlers = {TELL: lambda connection, message: got.append(message.text)}
        async with serving() as server, dialled(server, handlers=handlers), dialled(server, handlers=handlers):
            await until(lambda: len(server.connections) == 2)
            frame = wire.encode_notify(TELL, Say("all"))
            assert all(connection.notify_encoded(frame) for connection in server.connections)
            await until(lambda: got == ["all", "all"])

    run(main())


def test_the_refusal_of_a_handler_arrives_with_code_message_and_fields() -> None:
    async def no(_: Connection, request: Empty) -> Empty:
        raise RpcRefusal("volume-exists", "volume v1 exists", {"volume": "v1"})

    async def main() -> None:
        async with serving({FAIL: no}) as server, dialled(server) as connection:
            with pytest.raises(RemoteError, match="volume v1 exists") as caught:
                await connection.call(FAIL, Empty(), timeout_s=10)
            assert (caught.value.code, caught.value.fields) == ("volume-exists", {"volume": "v1"})

    run(main())


def test_an_exception_in_a_handler_is_internal_and_tells_nothing_but_its_class() -> None:
    async def broken(_: Connection, request: Empty) -> Empty:
        raise KeyError("secret detail")

    async def main() -> None:
        async with serving({FAIL: broken}) as server, dialled(server) as connection:
            with capture_logs() as lines, pytest.raises(RemoteError) as caught:
                await connection.call(FAIL, Empty(), timeout_s=10)
            assert caught.value.code == "internal"
            assert "secret" not in str(caught.value)
            assert [line["event"] for line in lines] == ["rpc handler failed"]

    run(main())


def test_the_daemons_own_errors_are_explained_by_the_function_it_hands_in() -> None:
    async def broken(_: Connection, request: Empty) -> Empty:
        raise PermissionError("no")

    async def main() -> None:
        explain = lambda error: RpcRefusal("denied", "not yours") if isinstance(error, PermissionError) else None  # noqa: E731
        async with serving({FAIL: broken}, explain=explain) as server, dialled(server) as connection:
            with pytest.raises(RemoteError) as caught:
                await connection.call(FAIL, Empty(), timeout_s=10)
            assert caught.value.code == "denied"

    run(main())


def test_an_unknown_method_is_named_by_its_number() -> None:
    async def main() -> None:
        async with serving() as server, dialled(server) as connection:
            with pytest.raises(RemoteError, match="unknown method 2") as caught:
                await connection.call(SLOW, Say("x"), timeout_s=10)
            assert caught.value.code == "unknown-method"

    run(main())


def test_a_body_that_does_not_decode_is_answered_with_the_place_of_the_mistake() -> None:
    class Wrong(msgspec.Struct, frozen=True, array_like=True):
        text: int

    async def main() -> None:
        async with serving() as server, dialled(server) as connection:
            with pytest.raises(RemoteError, match=r"\$\[0\]") as caught:
                await connection.call(Method(1, "test.echo", Wrong, Say), Wrong(5), timeout_s=10)
            assert caught.value.code == "bad-request"
            assert (await connection.call(ECHO, Say("still alive"), timeout_s=10)).text == "still alive"

    run(main())


def test_a_reply_that_does_not_decode_is_a_bad_reply() -> None:
    class Other(msgspec.Struct, frozen=True, array_like=True):
        number: int

    async def main() -> None:
        async with serving() as server, dialled(server) as connection:
            with pytest.raises(BadReply, match="Other"):
                await connection.call(Method(1, "test.echo", Say, Other), Say("x"), timeout_s=10)

    run(main())


def test_a_handler_that_returns_the_wrong_type_is_an_internal_error() -> None:
    async def main() -> None:
        async with serving({ECHO: lambda c, r: Empty()}) as server, dialled(server) as connection:
            with capture_logs(), pytest.raises(RemoteError) as caught:
                await connection.call(ECHO, Say("x"), timeout_s=10)
            assert caught.value.code == "internal"

    run(main())


def test_a_call_without_an_answer_times_out_and_is_cancelled_at_the_other_end() -> None:
    async def main() -> None:
        ended = asyncio.Event()

        async def never(_: Connection, request: Say) -> Say:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return request

        async with serving({SLOW: never}) as server, dialled(server) as connection:
            with pytest.raises(RpcTimeout, match=r"test\.slow on peer peer-b at 127\.14\.0\.1"):
                await connection.call(SLOW, Say("x"), timeout_s=0.05)
            await asyncio.wait_for(ended.wait(), 30)
            await until(lambda: all(c.calls_in_progress == 0 for c in server.connections))
            assert connection.calls_in_progress == 0

    run(main())


def test_the_deadline_of_the_caller_is_enforced_where_the_handler_runs() -> None:
    async def never(_: Connection, request: Say) -> Say:
        await asyncio.Event().wait()
        return request

    async def main() -> None:
        async with serving({SLOW: never}) as server:
            raw = await RawPeer.open(server.address)
            await raw.agree()
            raw.send(wire.Call(1, SLOW.number, 30, Say("x")))
            answer = await raw.frame_but_ping()
            assert isinstance(answer, wire.Error)
            assert (answer.call_id, answer.code) == (1, "deadline")
            await raw.close()

    run(main())


def test_a_timeout_inside_a_handler_is_not_mistaken_for_the_callers_deadline() -> None:
    async def impatient(_: Connection, request: Say) -> Say:
        raise TimeoutError("its own")

    async def main() -> None:
        async with serving({SLOW: impatient}) as server, dialled(server) as connection:
            with capture_logs(), pytest.raises(RemoteError) as caught:
                await connection.call(SLOW, Say("x"), timeout_s=20)
            assert caught.value.code == "internal"

    run(main())


def test_a_cancelled_caller_cancels_the_handler() -> None:
    async def main() -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        async def never(_: Connection, request: Say) -> Say:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return request

        async with serving({SLOW: never}) as server, dialled(server) as connection:
            task = asyncio.create_task(connection.call(SLOW, Say("x"), timeout_s=60))
            await asyncio.wait_for(began.wait(), 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(ended.wait(), 30)

    run(main())


def test_a_lost_connection_ends_waiting_calls_on_one_side_and_handlers_on_the_other() -> None:
    async def main() -> None:
        began, ended = asyncio.Event(), asyncio.Event()
        gone: list[Connection] = []

        async def never(_: Connection, request: Say) -> Say:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return request

        async with serving({SLOW: never}, on_close=gone.append) as server, dialled(server) as connection:
            task = asyncio.create_task(connection.call(SLOW, Say("x"), timeout_s=60))
            await asyncio.wait_for(began.wait(), 30)
            connection.abort("pulled the plug")
            with pytest.raises(RpcClosed, match="pulled the plug"):
                await task
            await asyncio.wait_for(ended.wait(), 30)
            await until(lambda: len(gone) == 1 and not server.connections)
            with pytest.raises(RpcClosed):
                await connection.call(SLOW, Say("x"), timeout_s=5)
            assert connection.notify(TELL, Say("x")) is False

    run(main())


def test_more_calls_than_allowed_at_once_are_answered_busy() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def wait(_: Connection, request: Say) -> Say:
            await release.wait()
            return request

        async with serving({SLOW: wait, ECHO: echo}, limits=RpcLimits(calls_in_max=4)) as server, dialled(server) as connection:
            tasks = [asyncio.create_task(connection.call(SLOW, Say("x"), timeout_s=60)) for _ in range(4)]
            await until(lambda: connection.calls_in_progress == 4)
            with pytest.raises(RemoteError, match="in progress") as caught:
                await connection.call(ECHO, Say("x"), timeout_s=30)
            assert caught.value.code == "busy"
            release.set()
            assert len(await asyncio.gather(*tasks)) == 4
            assert (await connection.call(ECHO, Say("y"), timeout_s=30)).text == "y"

    run(main())


def test_more_waiting_calls_than_allowed_are_refused_before_they_are_sent() -> None:
    async def never(_: Connection, request: Say) -> Say:
        await asyncio.Event().wait()
        return request

    async def main() -> None:
        async with serving({SLOW: never}) as server, dialled(server, limits=RpcLimits(calls_out_max=2)) as connection:
            tasks = [asyncio.create_task(connection.call(SLOW, Say("x"), timeout_s=60)) for _ in range(2)]
            await until(lambda: connection.calls_in_progress == 2)
            with pytest.raises(Overloaded):
                await connection.call(SLOW, Say("x"), timeout_s=30)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    run(main())


def test_a_request_that_does_not_fit_into_a_frame_is_refused_before_it_is_sent() -> None:
    async def main() -> None:
        async with serving() as server, dialled(server) as connection:
            with pytest.raises(FrameTooLarge, match="does not fit"):
                await connection.call(ECHO, Say("x", bytes(5 << 20)), timeout_s=30)
            assert (await connection.call(ECHO, Say("y"), timeout_s=30)).text == "y"

    run(main())


def test_a_reply_that_does_not_fit_into_a_frame_is_told_to_the_caller() -> None:
    async def main() -> None:
        async with serving({BLOB: lambda c, r: Say("x", bytes(5 << 20))}) as server, dialled(server) as connection:
            with capture_logs(), pytest.raises(RemoteError) as caught:
                await connection.call(BLOB, Say("x"), timeout_s=30)
            assert caught.value.code == "too-large"

    run(main())


def test_calling_a_one_way_method_or_notifying_another_is_our_own_mistake() -> None:
    async def main() -> None:
        async with serving() as server, dialled(server) as connection:
            with pytest.raises(TypeError, match="use notify"):
                await connection.call(TELL, Say("x"), timeout_s=1)
            with pytest.raises(TypeError, match="use call"):
                connection.notify(ECHO, Say("x"))

    run(main())


def test_frames_and_bytes_are_counted_per_method_and_per_peer() -> None:
    async def main() -> None:
        async with serving({ECHO: echo, TELL: lambda c, m: None}) as server, dialled(server) as connection:
            await connection.call(ECHO, Say("x"), timeout_s=30)
            assert connection.notify(TELL, Say("x"))
            await until(lambda: "test.tell" in server.traffic.by_method)
            count = server.traffic.by_method["test.echo"]
            assert (count.frames_in, count.frames_out) == (1, 1)
            assert count.bytes_in == len(wire.encode(wire.Call(1, 1, 30000, Say("x"))))
            assert server.traffic.by_peer["peer-a"].frames_in == 2

    run(main())

"""One port for HTTP and ONC RPC: what the first bytes say, and a mux that gives whole sockets away and never hangs."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sunrpc_kit import Log
from waiting import until

from gd2raft.sunrpc import peek
from gd2raft.sunrpc.peek import PEEK_BYTES, PortMux, classify

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"", None),
        (b"G", None),
        (b"GET ", "http"),
        (b"POST /v1/volumes HTTP/1.1\r\n", "http"),
        (b"OPTIONS * HTTP/1.1", "http"),
        (b"get /", "garbage"),
        (b"SSH-2.0-", "garbage"),
        (b"A" * 21, "garbage"),
        (b"\x80", "sunrpc"),
        (b"\x80\0\0\x8c", "sunrpc"),
        (b"\0\0\0\x10", "sunrpc"),
        (b"\x16", None),
        (b"\x16\x03\x01", "tls"),
        (b"\x16\x02", "garbage"),
        (b"\xff\xff", "garbage"),
        (b"\r\n", "garbage"),
    ],
)
def test_the_first_bytes_say_what_is_spoken(first: bytes, kind: str | None) -> None:
    assert classify(first) == kind


@given(st.binary(max_size=PEEK_BYTES))
def test_more_bytes_never_change_a_verdict(data: bytes) -> None:
    verdicts = [classify(data[:n]) for n in range(len(data) + 1)]
    known = [v for v in verdicts if v is not None]
    assert verdicts == [None] * (len(verdicts) - len(known)) + known
    assert not known or known[0] == "http" or len(set(known)) == 1
    assert len(data) < PEEK_BYTES or known, "a full peek is always decided"


class Hands:
    """Takes the sockets that the mux gives away."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, socket.socket]] = []

    def taker(self, kind: str) -> Any:
        async def take(sock: socket.socket) -> None:
            self.taken.append((kind, sock))

        return take

    def close(self) -> None:
        for _kind, sock in self.taken:
            sock.close()


class Listener(socket.socket):
    """A listener whose next accepts fail as told."""

    failures: list[int] = []

    def accept(self) -> Any:
        if self.failures:
            code = self.failures.pop(0)
            raise OSError(code, errno.errorcode[code])
        return super().accept()


@contextlib.asynccontextmanager
async def mux(**options: Any) -> AsyncIterator[tuple[PortMux, Hands, Log, Listener]]:
    listener, hands, log = Listener(socket.AF_INET, socket.SOCK_STREAM), Hands(), Log()
    listener.failures = []
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    options = {"http": hands.taker("http"), "sunrpc": hands.taker("sunrpc")} | options
    port = PortMux(listener, log=log, **options)
    task = asyncio.create_task(port.run())
    try:
        yield port, hands, log, listener
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        hands.close()


async def connect(listener: Listener) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*listener.getsockname())


async def is_closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(20):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True


def test_sockets_are_handed_over_with_every_byte_unread() -> None:
    async def main() -> None:
        async with mux() as (_port, hands, _log, listener):
            for first in (b"GET / HTTP/1.1\r\n", b"\x80\0\0\4abcd"):
                _reader, writer = await connect(listener)
                writer.write(first)
                await until(lambda: len(hands.taken) > 0, "the hand-over")
                kind, sock = hands.taken.pop()
                assert kind == ("http" if first[:1] == b"G" else "sunrpc")
                assert not sock.getblocking()
                assert await asyncio.get_running_loop().sock_recv(sock, 100) == first
                sock.close()
                writer.close()

    asyncio.run(main())


def test_a_request_that_comes_letter_by_letter_is_recognised_without_spinning(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bytes] = []

    def counted(first: bytes) -> str | None:
        looks.append(first)
        return classify(first)

    monkeypatch.setattr(peek, "classify", counted)

    async def main() -> None:
        async with mux() as (_port, hands, _log, listener):
            whole, half = (await connect(listener))[1], (await connect(listener))[1]
            whole.write(b"DELET")
            half.write(b"PUT")
            half.write_eof()
            await until(lambda: looks.count(b"PUT") >= 4, "the half-closed connection to be looked at again")
            assert looks.count(b"PUT") < 100, "looked at without a pause"
            assert looks.count(b"DELET") <= 2, "bytes that were seen don't wake the mux again"
            for letter in (b"E", b" "):
                whole.write(letter)
            await until(lambda: bool(hands.taken), "the hand-over")
            assert hands.taken[0][0] == "http"
            whole.close()
            half.close()

    asyncio.run(main())


def test_a_flood_of_silent_connections_stays_within_the_cap() -> None:
    async def main() -> None:
        async with mux(undecided_max=4) as (port, _hands, _log, listener):
            flood = [socket.create_connection(listener.getsockname()) for _ in range(50)]  # all in the backlog before the mux runs
            highest = 0
            for _ in range(500):
                await asyncio.sleep(0)
                highest = max(highest, port.undecided)
            assert highest == 4
            for sock in flood:
                sock.close()

    asyncio.run(main())


def test_garbage_and_unserved_tls_are_closed_with_a_log_line() -> None:
    async def main() -> None:
        async with mux() as (port, hands, log, listener):
            for first in (b"\xff\xff", b"\x16\x03\x01\x02"):
                reader, writer = await connect(listener)
                writer.write(first)
                assert await is_closed(reader)
                writer.close()
            assert len(log.at("warning")) == 2
            assert (hands.taken, port.undecided) == ([], 0)

    asyncio.run(main())


def test_tls_is_handed_over_when_it_is_served() -> None:
    async def main() -> None:
        hands = Hands()
        async with mux(tls=hands.taker("tls")) as (_port, _hands, _log, listener):
            _reader, writer = await connect(listener)
            writer.write(b"\x16\x03\x01")
            await until(lambda: [k for k, _ in hands.taken] == ["tls"], "the hand-over")
            hands.close()
            writer.close()

    asyncio.run(main())


def test_one_who_says_nothing_or_leaves_is_closed() -> None:
    async def main() -> None:
        async with mux(decide_s=0.2) as (port, hands, _log, listener):
            silent, half = await connect(listener), await connect(listener)
            half[1].write(b"GE")
            assert await is_closed(silent[0])
            assert await is_closed(half[0])
            _reader, writer = await connect(listener)
            writer.write_eof()
            await until(lambda: port.undecided == 0, "the one who left")
            assert hands.taken == []
            for _r, w in (silent, half, (_reader, writer)):
                w.close()

    asyncio.run(main())


def test_silent_connections_do_not_keep_others_out() -> None:
    async def main() -> None:
        async with mux(undecided_max=3) as (port, hands, _log, listener):
            silent = [await connect(listener) for _ in range(10)]
            _reader, writer = await connect(listener)
            writer.write(b"\x80")
            await until(lambda: bool(hands.taken), "the one who speaks")
            await until(lambda: port.undecided <= 3, "the oldest to be dropped")
            assert await is_closed(silent[0][0])
            for _r, w in (*silent, (_reader, writer)):
                w.close()

    asyncio.run(main())


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ECONNABORTED])
def test_a_failing_accept_is_survived(code: int) -> None:
    async def main() -> None:
        async with mux() as (_port, hands, log, listener):
            first = await connect(listener)
            first[1].write(b"\x80")
            await until(lambda: len(hands.taken) == 1, "the first")
            listener.failures = [code, code]
            second = await connect(listener)
            second[1].write(b"\x80")
            await until(lambda: len(hands.taken) == 2, "the second, after the failures")
            assert not listener.failures
            assert len(log.at("warning")) == (0 if code == errno.ECONNABORTED else 2)
            for _r, w in (first, second):
                w.close()

    asyncio.run(main())


def test_a_server_that_fails_to_take_a_socket_costs_that_socket_only() -> None:
    async def main() -> None:
        async def fail(_sock: socket.socket) -> None:
            raise RuntimeError("broken on purpose")

        async with mux(http=fail) as (_port, hands, log, listener):
            reader, writer = await connect(listener)
            writer.write(b"GET /")
            assert await is_closed(reader)
            assert len(log.at("error")) == 1
            _reader, other = await connect(listener)
            other.write(b"\x80")
            await until(lambda: bool(hands.taken), "the other")
            writer.close()
            other.close()

    asyncio.run(main())

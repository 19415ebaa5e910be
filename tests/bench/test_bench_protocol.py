"""The client of glusterd's command-line protocol, against bytes: a reply, garbage, silence. And captured bytes of `gluster` 10.3."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.glusterd_rpc import Glusterd, GlusterdBroken, GlusterdRefused, opaque, pack_dict, unpack_dict

pytestmark = pytest.mark.fast
Answer = Callable[[bytes], bytes]


def test_a_dict_is_packed_as_gluster_packs_it() -> None:
    assert pack_dict({"flags": "2", "volname": "v1"}).hex() == (
        "00000002" "00000005" "00000002" "666c61677300" "3200" "00000007" "00000003" "766f6c6e616d6500" "763100"
    )  # fmt: skip
    assert unpack_dict(pack_dict({"a": "1", "b": "", "raw": b"\x00\xff"})) == {"a": "1", "b": "", "raw": "\x00\xff"}
    assert unpack_dict(b"") == {}


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_dict_cut_short_is_refused(cut: int) -> None:
    whole = pack_dict({"flags": "2", "volname": "v1"})
    with pytest.raises(GlusterdBroken):
        unpack_dict(whole[:cut])


def test_a_dict_of_a_billion_entries_is_refused_without_trying() -> None:
    with pytest.raises(GlusterdBroken, match="dict of 1073741824 entries"):
        unpack_dict(struct.pack(">I", 2**30))


def reply(call: bytes, body: bytes) -> bytes:
    record = call[4:8] + struct.pack(">I", 1) + bytes(16) + body
    return struct.pack(">I", 0x80000000 | len(record)) + record


def cli_reply(code: int, number: int, text: bytes, entries: dict[str, str]) -> bytes:
    return struct.pack(">ii", code, number) + opaque(text) + opaque(pack_dict(entries))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[Answer], Glusterd]]:
    """Call it with a function (the first call as bytes) -> bytes to answer; then the connection is closed."""
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answer: Answer) -> Glusterd:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        opened.append(listener)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(answer(connection.recv(65536)))

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return Glusterd(tmp_path / "sock", timeout_s=20)

    yield start
    for thread in threads:
        thread.join(20)
    for sock in opened:
        sock.close()


def test_the_answer_is_found_behind_a_callback_and_a_refusal_carries_its_reason(served: Callable[[Answer], Glusterd]) -> None:
    fetchspec = bytes.fromhex("80000028" "00000001" "00000000" "00000002" "0324cc42" "00000001" "00000001") + bytes(16)  # fmt: skip
    with (
        served(lambda call: fetchspec + reply(call, cli_reply(-1, 30806, b"Volume does not exist", {"count": "0"}))) as glusterd,
        pytest.raises(GlusterdRefused, match="volume info: Volume does not exist") as refused,
    ):
        glusterd.info("v1")
    assert refused.value.code == 30806


def test_info_is_told_without_the_prefix(served: Callable[[Answer], Glusterd]) -> None:
    with served(lambda call: reply(call, cli_reply(0, 0, b"", {"count": "1", "volume0.status": "1"}))) as glusterd:
        assert glusterd.info("v1") == {"count": "1", "status": "1"}


@pytest.mark.parametrize(
    "answer",
    [
        lambda call: b"",
        lambda call: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        lambda call: struct.pack(">I", 0xFFFFFFFF),
        lambda call: struct.pack(">I", 0x80000004) + bytes(4),
        lambda call: reply(call, b"")[:-1],
        lambda call: reply(call, b""),
        lambda call: reply(call, bytes(8) + struct.pack(">I", 2**31)),
        lambda call: reply(bytes(8), cli_reply(0, 0, b"", {})),
        lambda call: reply(call, cli_reply(0, 0, b"", {"a": "b"}))[:-8],
    ],
)
def test_an_answer_that_is_none_is_broken_not_a_crash(served: Callable[[Answer], Glusterd], answer: Answer) -> None:
    with served(answer) as glusterd, pytest.raises(GlusterdBroken):
        glusterd.info("v1")


def test_nobody_listening_is_said_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(GlusterdBroken, match=r"nosuch: .*No such file"):
        Glusterd(tmp_path / "nosuch")

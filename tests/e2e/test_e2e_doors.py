"""Strangers at the doors of a real daemon: garbage on both ports, oversized requests, no token. It answers or hangs up, and goes on."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.peer import BIN, PEER_PORT, REST_PORT, Peer
from kit.pool import Pool, open_pool
from kit.waiting import until

pytestmark = pytest.mark.real

VISITS = 150
BYTES_MAX = 20_000
ANSWER_BYTES_MAX = 1 << 20
FDS_SPARE = 20
MEMORY_GROWTH_KB_MAX = 60_000


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool of one with a started volume."""
    with open_pool(1, tmp_path_factory.mktemp("p")) as pool:
        pool.start()
        pool.made("v")
        pool.online("v")
        yield pool


def test_signals_that_mean_something_to_glusterfs_do_not_end_the_daemon(alone: Pool) -> None:
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP):
        os.kill(alone[0].pid, number)
    until(lambda: "SIGHUP is ignored" in alone[0].log_tail(), "it says so")
    alone[0].must("POST", "/v1/volumes/v/options", {"options": {"user.after": "signals"}})


def garbage(dice: random.Random) -> bytes:
    """Noise, or something that begins as a protocol of ours and goes wrong."""
    noise = dice.randbytes(dice.randrange(1, BYTES_MAX))
    call = struct.pack(
        ">IIIIII", dice.getrandbits(32), 0, 2, dice.choice([14398633, 34123456, 123451501, dice.getrandbits(32)]), 2, dice.randrange(12)
    )
    shapes: list[Callable[[], bytes]] = [
        lambda: noise,
        lambda: bytes(len(noise)),
        lambda: b"\xff" * len(noise),
        lambda: struct.pack(">I", 0x80000000 | len(noise)) + noise,
        lambda: struct.pack(">I", 0x80000000 | 0x7FFFFFFF) + noise,
        lambda: struct.pack(">I", 0x80000000 | (len(call) + len(noise))) + call + noise,
        lambda: struct.pack(">I", len(call)) + call,  # a fragment that is never followed by its last one
        lambda: b"GET /" + noise,
        lambda: b"POST /v1/volumes HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + noise,
        lambda: b"POST /v1/volumes HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + noise,
        lambda: b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * BYTES_MAX + b"\r\n\r\n",
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        lambda: b"\x16\x03\x01\x02\x00\x01\x00" + noise,  # TLS
        lambda: b"\xa1" * 5000,  # CBOR, deep
        lambda: struct.pack(">I", len(noise)) + noise,
        lambda: b"",
    ]
    return dice.choice(shapes)()


def visit(peer: Peer, port: int, data: bytes, dice: random.Random) -> None:
    """Say it, listen or not, and go, politely or not."""
    with contextlib.suppress(OSError), peer.machine.connect(port) as sock:
        sock.settimeout(0.2)
        sock.sendall(data)
        manner = dice.randrange(3)
        if manner == 0:
            sock.shutdown(socket.SHUT_WR)
        if manner == 1:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        heard = 0
        while heard < ANSWER_BYTES_MAX and (chunk := sock.recv(65536)):
            heard += len(chunk)


def fds(peer: Peer) -> int:
    return len(os.listdir(f"/proc/{peer.pid}/fd"))


def memory_kb(peer: Peer) -> int:
    lines = Path(f"/proc/{peer.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_garbage_on_both_ports_is_shrugged_off(alone: Pool) -> None:
    peer = alone[0]
    seed = int(os.environ.get("GD2_E2E_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
    print(f"GD2_E2E_SEED={seed}")
    dice = random.Random(seed)
    pids, had_fds, had_kb = alone.online("v"), fds(peer), memory_kb(peer)
    for _ in range(VISITS):
        visit(peer, dice.choice([REST_PORT, PEER_PORT]), garbage(dice), dice)
    assert peer.answers()
    peer.must("POST", "/v1/volumes/v/options", {"options": {"user.after": "garbage"}})
    assert alone.online("v") == pids
    until(lambda: fds(peer) <= had_fds + FDS_SPARE, "the sockets of the visitors are closed")
    assert memory_kb(peer) < had_kb + MEMORY_GROWTH_KB_MAX
    assert "Traceback" not in peer.log.read_text(), "a stranger could break a task"


def test_silent_visitors_do_not_keep_others_out(alone: Pool) -> None:
    peer = alone[0]
    with contextlib.ExitStack() as stack:
        for port in (REST_PORT, PEER_PORT):
            for _ in range(60):
                stack.enter_context(peer.machine.connect(port))
        assert peer.answers()
        peer.must("POST", "/v1/volumes/v/options", {"options": {"user.after": "silence"}})
        mount = alone.mount("v")
        (mount.path / "f").write_text("served")
        mount.detach()


def raw(peer: Peer, method: str, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, object]]:
    connection = peer.connection()
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} | headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read() or b"{}")
    finally:
        connection.close()


def test_an_oversized_or_malformed_body_is_refused_with_a_reason_and_does_nothing(alone: Pool) -> None:
    peer = alone[0]
    before = peer.volumes()
    answer = peer.call("POST", "/v1/volumes", {"name": "x" * (2 << 20), "bricks": []})
    assert answer.status == 413
    assert answer.message
    for body, status in (({"nam": "x"}, 400), ({"name": 7}, 400), (["v"], 400), ({"name": "v2", "bricks": ["b"] * 5000}, 400)):
        answer = peer.call("POST", "/v1/volumes", body)
        assert answer.status == status, answer.message
        assert answer.message
    assert peer.call("PUT", "/v1/volumes", {}).status == 405
    assert peer.call("GET", "/v1/nothing").status == 404
    assert peer.volumes() == before


def test_without_the_secret_there_is_no_way_in(alone: Pool, tmp_path: Path) -> None:
    peer = alone[0]
    for method, path in (
        ("GET", "/v1/volumes"),
        ("POST", "/v1/volumes"),
        ("DELETE", "/v1/volumes/v"),
        ("GET", "/v1/peers"),
        ("GET", "/statedump"),
    ):
        status, body = raw(peer, method, path, b"{}")
        assert status == 401, f"{method} {path}: {status}"
        assert body["errors"]
    assert raw(peer, "GET", "/v1/volumes", b"", Authorization="Bearer e30.e30.e30")[0] == 401
    wrong = tmp_path / "secret"
    wrong.write_text("0" * 64)
    done = peer.machine.run(
        [str(BIN / "gd2"), "--endpoints", f"http://{peer.address}:{REST_PORT}", "--secret-file", str(wrong), "volume", "list"]
    )
    assert done.returncode == 1
    assert "401" in done.stderr
    assert "v" in peer.volumes()

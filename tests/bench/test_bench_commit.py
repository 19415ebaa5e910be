"""`bench commit`: its client of etcd's protocol, and that a side which only says that it committed fails the benchmark."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import Any

import pytest

from bench import commit, etcd_wire
from bench.etcd_wire import EtcdConnection, EtcdError
from bench.sides import NotDone

pytestmark = pytest.mark.fast
T = 20.0


class FakeEtcd(asyncio.Protocol):
    """Answers each stream when it ended: a message and trailers, only trailers (an error), or not at all and closes."""

    def __init__(self, how: str, window: int = 0) -> None:
        self.how, self.window = how, window
        self.data = self.out = b""
        self.bodies: dict[int, bytes] = {}
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(etcd_wire.frame(etcd_wire.SETTINGS, 0, 0, b"") + etcd_wire.frame(etcd_wire.PING, 0, 0, bytes(8)))

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.data = self.data.removeprefix(etcd_wire.PREFACE)
        while len(self.data) >= 9 and len(self.data) >= 9 + int.from_bytes(self.data[:3], "big"):
            size = int.from_bytes(self.data[:3], "big")
            head, payload, self.data = self.data[:9], self.data[9 : 9 + size], self.data[9 + size :]
            if head[3] == etcd_wire.DATA:
                self.answer(int.from_bytes(head[5:], "big"), payload)
        out, self.out = self.out[:-3], self.out[-3:]  # frames may come in pieces
        self.transport.write(out)
        asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        self.transport.write(self.out)
        self.out = b""

    def answer(self, stream: int, payload: bytes) -> None:
        self.bodies[stream] = payload
        if self.how == "close":
            self.transport.close()
            return
        message = etcd_wire.frame(etcd_wire.DATA, 0, stream, b"\0\0\0\0\2\x0a\0") if self.how == "ok" else b""
        trailers = etcd_wire.frame(etcd_wire.HEADERS, etcd_wire.END_STREAM | etcd_wire.END_HEADERS, stream, b"\x88")
        grow = etcd_wire.frame(etcd_wire.WINDOW, 0, 0, len(payload).to_bytes(4, "big"))
        self.out += grow + message + trailers


def talk(how: str, puts: int) -> tuple[list[object], FakeEtcd]:
    async def body() -> tuple[list[object], FakeEtcd]:
        fake = FakeEtcd(how)
        server = await asyncio.get_running_loop().create_server(lambda: fake, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(T):
            connection = await EtcdConnection.connect("127.0.0.1", port)
            work = (connection.put(b"key", bytes(300)) for _ in range(puts))
            results: list[object] = [*await asyncio.gather(*work, return_exceptions=True)]
            connection.close()
            server.close()
        return results, fake

    return asyncio.run(body())


def test_a_put_is_framed_as_grpc_and_succeeds_with_its_message() -> None:
    results, fake = talk("ok", 1)
    assert results == [None]
    assert fake.bodies == {1: b"\0" + (5 + 3 + 300).to_bytes(4, "big") + b"\x0a\x03key\x12\xac\x02" + bytes(300)}


def test_more_puts_than_the_flow_control_window_holds_wait_for_room() -> None:
    results, fake = talk("ok", 500)
    assert results == [None] * 500 and len(fake.bodies) == 500
    assert 500 * len(fake.bodies[1]) > etcd_wire.FIRST_WINDOW


@pytest.mark.parametrize("how", ["refuse", "close"])
def test_trailers_without_a_message_and_a_lost_connection_are_errors(how: str) -> None:
    results, _ = talk(how, 3)
    assert [type(result) for result in results] == [EtcdError] * 3


class Pretender:
    """Servers that exist in name only; the revision grows by `honest` for every commit that was acknowledged."""

    side = label = "ours"

    def __init__(self, honest: bool) -> None:
        self._revisions = [10, 110 if honest else 109]

    def targets(self) -> dict[str, Any]:
        return {}

    def revision(self) -> int:
        return self._revisions.pop(0)

    def cpu_s(self) -> float:
        return 1.0


class Child:
    returncode = 0

    def communicate(self, _config: str, timeout: float) -> tuple[str, str]:
        return json.dumps({"total": 100, "per_s": 50.0, "p50": 0.001, "p99": 0.002, "client_busy": 0.5}), ""


def test_a_side_whose_revision_grew_less_than_it_acknowledged_fails_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "_child", lambda *_: Child())
    numbers: commit.Numbers = defaultdict(list)
    commit._load(Pretender(True), 16, 1.0, numbers)  # type: ignore[arg-type]
    assert numbers["ours", "throughput_c16"] == [50.0]
    with pytest.raises(NotDone, match="acknowledged 100 commits, its revision grew by 99"):
        commit._load(Pretender(False), 16, 1.0, numbers)  # type: ignore[arg-type]


def test_ratios_are_medians_over_medians_and_goals_are_judged_by_their_direction() -> None:
    numbers: commit.Numbers = defaultdict(list)
    for what in commit.GOALS:
        numbers["ours", what], numbers["etcd", what] = [1.0, 2.0, 9.0], [4.0, 4.0, 4.0]
    ratios = commit._ratios(numbers)
    assert set(ratios) == set(commit.GOALS) and set(ratios.values()) == {0.5}
    assert commit._verdict("throughput_c1", 0.5).endswith("MISSED") and commit._verdict("p99_c1", 0.5).endswith("met")

"""PySyncObj 0.3.17 as it comes, for tests that show its defects: one SyncObj, its clock and its network in the test's hands.

The kernel of ours replaces the module's clock and journal when it is imported; here both are put back for the length of a test.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pysyncobj.journal
import pysyncobj.syncobj
import pytest
from pysyncobj.transport import Transport

module: Any = pysyncobj.syncobj
Node: Any = module.Node
replicated: Any = module.replicated
PATIENCE_TICKS = 5


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0


class Wire(Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__(None, None, [])  # type: ignore[no-untyped-call]
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, node: Any, message: dict[str, Any]) -> bool:
        self.sent.append((node.id, message))
        return True

    def deliver(self, peer: str, message: dict[str, Any]) -> None:
        self._onMessageReceived(Node(peer), message)  # type: ignore[no-untyped-call]

    def connect(self, peer: str) -> None:
        self._onNodeConnected(Node(peer))  # type: ignore[no-untyped-call]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for _, message in self.sent if message["type"] == kind]


class NoPoller:
    def poll(self, _timeout: float) -> None: ...


class Register(module.SyncObj):  # type: ignore[misc]
    """Keys and values, and how often something was applied."""

    def __init__(self, peer: str, others: Iterable[str], conf: Any, wire: Wire) -> None:
        super().__init__(Node(peer), [Node(other) for other in others], conf=conf, transport=wire)
        self.data: dict[str, int] = {}
        self.applied = 0

    @replicated  # type: ignore[untyped-decorator]
    def put(self, key: str, value: int) -> None:
        self.data[key] = value
        self.applied += 1

    @replicated  # type: ignore[untyped-decorator]
    def explode(self) -> None:
        raise RuntimeError("a bug in the state machine")


class Stock:
    """Makes peers on one clock; `restart` is a kill -9 and a start from the same files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.peers: list[Any] = []
        monkeypatch.setattr(module, "monotonicTime", lambda: self.clock.now)
        monkeypatch.setattr(module, "createJournal", pysyncobj.journal.createJournal)

    def start(self, others: str = "bc", *, journal: Path | None = None, dump: Path | None = None, **settings: Any) -> tuple[Any, Wire]:
        """Peer `a` with the others, connected to all."""
        conf = module.SyncObjConf(
            autoTick=False,
            appendEntriesUseBatch=True,  # otherwise it opens a pipe
            journalFile=str(journal) if journal else None,
            fullDumpFile=str(dump) if dump else None,
            useFork=False,
            **settings,
        )
        wire = Wire()
        peer = Register("a", others, conf, wire)
        peer._poller = NoPoller()
        for other in others:
            wire.connect(other)
        self.peers.append(peer)
        return peer, wire

    def elect(self, peer: Any, wire: Wire, voters: str = "bc") -> None:
        self.clock.now += 10
        peer.doTick()
        for voter in voters:
            wire.deliver(voter, {"type": "response_vote", "term": peer.raftCurrentTerm})
        assert peer._isLeader()

    def alone(self, **settings: Any) -> Any:
        """A pool of one that leads."""
        peer, _ = self.start("", **settings)
        self.ticks(peer)
        assert peer._isLeader()
        return peer

    def ticks(self, peer: Any) -> None:
        for _ in range(PATIENCE_TICKS):
            self.clock.now += 10
            peer.doTick()

    def close(self) -> None:
        for peer in self.peers:
            peer.destroy()


RAN: list[str] = []


def ran(text: str) -> None:
    """What a stranger's pickle calls in these tests: a function of the stranger's choice, one that does no harm."""
    RAN.append(text)


def ack(index: int) -> dict[str, Any]:
    return {"type": "next_node_idx", "next_node_idx": index + 1, "reset": False, "success": True}


def entries(term: int, prev: tuple[int, int], *items: tuple[bytes, int, int], commit: int = 0) -> dict[str, Any]:
    return {
        "type": "append_entries",
        "term": term,
        "commit_index": commit,
        "entries": list(items),
        "prevLogIdx": prev[0],
        "prevLogTerm": prev[1],
    }

"""The defects of PySyncObj 0.3.17 alone, each shown on the library itself: why our guard, log and transport exist.

docs/design/consensus.md names beside each the test that shows ours without it. When one of these fails after an upgrade, the
library has mended something, and what stands around it may go.
"""

from __future__ import annotations

import mmap
import os
import pickle
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pysyncobj.journal
import pysyncobj.serializer
import pytest
from pysyncobj.config import SERIALIZER_STATE
from pysyncobj.tcp_connection import TcpConnection
from pysyncobj.transport import TCPTransport
from pysyncobj.version import VERSION

from tests.store.stock import RAN, Node, Stock, ack, entries, module, ran

pytestmark = pytest.mark.fast

FileJournal: Any = pysyncobj.journal.FileJournal
NOOP = b"\x01"


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stock]:
    made = Stock(monkeypatch)
    yield made
    made.close()


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything by which a process can bring bytes to the disk, noted."""
    seen: list[str] = []

    class Noted(mmap.mmap):
        def flush(self, *arguments: Any) -> None:
            seen.append("msync")
            super().flush(*arguments)

    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, lambda _descriptor, name=name: seen.append(name))
    monkeypatch.setattr(mmap, "mmap", Noted)
    return seen


def test_these_are_the_defects_of_the_version_that_is_installed() -> None:
    assert VERSION == "0.3.17"


def test_d0_acknowledges_commits_that_were_never_brought_to_the_disk(stock: Stock, tmp_path: Path, syncs: list[str]) -> None:
    peer = stock.alone(journal=tmp_path / "journal", dump=tmp_path / "dump")
    answers: list[Any] = []
    for number in range(50):
        peer.put(f"k{number}", number, callback=lambda _result, error: answers.append(error))
    stock.ticks(peer)
    assert answers == [0] * 50
    assert syncs == []


def test_d1_sends_a_vote_that_is_not_on_the_disk(stock: Stock, tmp_path: Path, syncs: list[str]) -> None:
    _, wire = stock.start(journal=tmp_path / "journal")
    wire.deliver("b", {"type": "request_vote", "term": 5, "last_log_index": 9, "last_log_term": 4})
    assert len(wire.of("response_vote")) == 1
    assert syncs == []


def test_d2_a_message_that_repeats_a_prefix_cuts_applied_entries(stock: Stock) -> None:
    peer, wire = stock.start()
    wire.deliver("b", entries(1, (1, 0), *((NOOP, i, 1) for i in range(2, 11)), commit=10))
    peer.doTick()
    assert (peer._getRaftLogSize(), peer.raftLastApplied) == (10, 10)
    wire.deliver("b", entries(1, (2, 1), (NOOP, 3, 1), (NOOP, 4, 1), commit=4))
    assert peer._getRaftLogSize() == 4


def test_d3_an_acknowledgement_of_an_older_leadership_commits_an_entry_of_this_one(stock: Stock) -> None:
    _, follower_wire = stock.start()
    follower_wire.deliver("b", entries(1, (1, 0), (NOOP, 2, 1), (NOOP, 3, 1)))
    (old,) = follower_wire.of("next_node_idx")
    assert "term" not in old
    leader, wire = stock.start()
    stock.clock.now += 10
    leader.doTick()
    stock.elect(leader, wire)  # in another term, with another entry 3
    leader.put("k", 1)
    leader.doTick()
    wire.deliver("b", old)
    leader.doTick()
    assert leader.raftCommitIndex == 3


def test_d4_a_crash_between_the_dump_and_the_cut_of_the_journal_loses_what_was_acknowledged_meanwhile(
    stock: Stock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"journal": tmp_path / "journal", "dump": tmp_path / "dump"}
    peer = stock.alone(**files)
    for number in range(100):
        peer.put(f"k{number}", number)
    stock.ticks(peer)
    peer.forceLogCompaction()
    peer.doTick()
    # As while the forked dumper runs: it finishes although its parent dies.
    monkeypatch.setattr(pysyncobj.serializer.Serializer, "checkSerializing", lambda self: (SERIALIZER_STATE.SERIALIZING, None))
    answers: list[Any] = []
    for number in range(100, 150):
        peer.put(f"k{number}", number, callback=lambda _result, error: answers.append(error))
    stock.ticks(peer)
    assert answers == [0] * 50
    again = stock.alone(**files)
    stock.ticks(again)
    assert len(again.data) == 100


def test_d5_a_crash_while_the_journal_is_cut_loses_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = FileJournal(str(tmp_path / "journal"))
    for index in range(1, 151):
        journal.add(NOOP, index, 1)
    add = FileJournal.add
    added: list[Any] = []

    def add_and_die(self: Any, *entry: Any) -> None:
        if len(added) == 7:
            raise KeyboardInterrupt
        added.append(entry)
        add(self, *entry)

    with monkeypatch.context() as patched:
        patched.setattr(FileJournal, "add", add_and_die)
        with pytest.raises(KeyboardInterrupt):
            journal.deleteEntriesTo(100)
    assert len(FileJournal(str(tmp_path / "journal"))) == 7


def test_d6_a_journal_without_a_dump_file_is_empty_after_a_compaction_and_a_clean_restart(stock: Stock, tmp_path: Path) -> None:
    peer = stock.alone(journal=tmp_path / "journal")
    for number in range(50):
        peer.put(f"k{number}", number)
    stock.ticks(peer)
    peer.forceLogCompaction()
    stock.ticks(peer)
    assert len(peer.data) == 50
    again = stock.alone(journal=tmp_path / "journal")
    stock.ticks(again)
    assert again.data == {}


def test_d7_a_damaged_dump_is_an_empty_state_that_leads(stock: Stock, tmp_path: Path) -> None:
    files = {"journal": tmp_path / "journal", "dump": tmp_path / "dump"}
    peer = stock.alone(**files)
    for number in range(50):
        peer.put(f"k{number}", number)
    stock.ticks(peer)
    peer.forceLogCompaction()
    stock.ticks(peer)
    files["dump"].write_bytes(b"garbage")
    again = stock.alone(**files)
    stock.ticks(again)
    assert again._isLeader()
    assert again.data == {}


def test_d8_a_flipped_bit_in_the_journal_is_believed_and_a_zeroed_tail_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = FileJournal(str(path))
    for index in range(1, 4):
        journal.add(b"\x01precious", index, 1)
    data = bytearray(path.read_bytes())
    at = data.index(b"precious")
    flipped = bytes(data[:at]) + b"q" + bytes(data[at + 1 :])
    path.write_bytes(flipped)
    assert FileJournal(str(path))[0][0] == b"\x01qrecious"
    last = data.rindex(b"precious") - 21
    path.write_bytes(bytes(data[:last]) + bytes(len(data) - last))
    with pytest.raises(struct.error):
        FileJournal(str(path))


def test_d9_an_exception_while_applying_blocks_everything_after_it(stock: Stock) -> None:
    peer = stock.alone()
    peer.explode()
    peer.put("after", 1)
    for _ in range(3):
        stock.clock.now += 10
        try:
            peer.doTick()
        except RuntimeError:
            continue
    assert peer.data == {}
    assert peer.raftCommitIndex > peer.raftLastApplied


def test_d10_an_exception_in_a_callback_applies_an_entry_twice(stock: Stock) -> None:
    peer = stock.alone()

    def broken(_result: Any, _error: Any) -> None:
        raise RuntimeError("a bug in the caller")

    peer.put("k", 1, callback=broken)
    peer.doTick()
    with pytest.raises(RuntimeError):
        stock.ticks(peer)
    stock.ticks(peer)
    assert peer.applied == 2


def test_d11_an_entry_of_a_newer_version_applies_a_later_one_twice(stock: Stock) -> None:
    peer = stock.alone()
    peer._applyCommand(pickle.dumps(99), None, module._COMMAND_TYPE.VERSION)
    peer.put("k", 1)
    stock.ticks(peer)
    assert peer.applied >= 2


def add_member(peer: Any, name: str) -> None:
    peer._applyCommand(pickle.dumps(["add", name, Node(name)]), None, module._COMMAND_TYPE.MEMBERSHIP)


def leader_with_members(stock: Stock, **settings: Any) -> tuple[Any, Any]:
    """It leads, and its first entry is applied."""
    peer, wire = stock.start(dynamicMembershipChange=True, **settings)
    stock.elect(peer, wire)
    wire.deliver("b", ack(2))
    peer.doTick()
    peer.doTick()
    assert peer.raftLastApplied == 2
    return peer, wire


def test_d12_three_changes_of_the_members_are_in_force_before_the_first_is_committed(stock: Stock) -> None:
    peer, _ = leader_with_members(stock)
    for name in "def":
        add_member(peer, name)
    peer.doTick()
    assert {node.id for node in peer.otherNodes} == set("bcdef")
    assert peer.raftCommitIndex == 2


def test_d13_an_uncommitted_change_of_the_members_is_forgotten_at_a_restart(stock: Stock, tmp_path: Path) -> None:
    peer, _ = leader_with_members(stock, journal=tmp_path / "journal")
    add_member(peer, "d")
    peer.doTick()
    assert {node.id for node in peer.otherNodes} == set("bcd")
    again, _ = stock.start(journal=tmp_path / "journal", dynamicMembershipChange=True)
    again.doTick()
    assert again._getRaftLogSize() == 3, "the change is in its log"
    assert {node.id for node in again.otherNodes} == set("bc"), "and not in force"


def test_d13b_a_new_member_counts_with_an_empty_log_and_a_leader_can_not_leave(stock: Stock) -> None:
    peer, wire = leader_with_members(stock)
    add_member(peer, "d")
    peer.doTick()
    wire.deliver("b", ack(3))
    peer.doTick()
    assert peer.raftCommitIndex == 2, "two of three have it; it waits for a majority of four, of which one has nothing"
    answers: list[Any] = []
    peer._applyCommand(pickle.dumps(["rem", "a", Node("a")]), lambda _result, error: answers.append(error), module._COMMAND_TYPE.MEMBERSHIP)
    peer.doTick()
    assert answers == [module.FAIL_REASON.REQUEST_DENIED]


def test_d14_a_leader_cut_off_believes_in_itself_for_half_a_minute_and_a_stale_one_is_not_told(stock: Stock) -> None:
    peer, wire = stock.start()
    stock.elect(peer, wire)
    stock.clock.now += 29
    peer.doTick()
    assert peer._isLeader()
    _, follower_wire = stock.start()
    follower_wire.deliver("b", entries(7, (1, 0)))
    follower_wire.sent.clear()
    follower_wire.deliver("c", entries(3, (1, 0)))
    assert follower_wire.sent == []


def test_d15_a_follower_of_a_living_leader_gives_a_disturber_its_term_and_its_vote(stock: Stock) -> None:
    peer, wire = stock.start()
    wire.deliver("b", entries(7, (1, 0)))
    wire.deliver("c", {"type": "request_vote", "term": 99, "last_log_index": 50, "last_log_term": 90})
    assert peer.raftCurrentTerm == 99
    assert len(wire.of("response_vote")) == 1


def test_d16_one_voter_twice_is_a_majority_of_five(stock: Stock) -> None:
    peer, wire = stock.start("bcde")
    stock.elect(peer, wire, "bb")


def test_d17_a_large_entry_ends_before_its_last_piece(stock: Stock) -> None:
    peer, wire = stock.start("b", appendEntriesBatchSizeBytes=1000)
    stock.elect(peer, wire, "b")
    peer._applyCommand(NOOP + b"x" * 1999, None)
    stock.ticks(peer)
    pieces = [message for message in wire.of("append_entries") if "transmission" in message]
    assert [piece["transmission"] for piece in pieces[:3]] == ["start", "finish", "finish"]
    _, receiver = stock.start()
    receiver.deliver("b", pieces[0])
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        receiver.deliver("b", pieces[1])


class Stranger:
    """A pickle of it calls a function when it is read."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return ran, ("by a stranger",)


def connection_with(data: bytes) -> Any:
    """A connection that has received `data`, without a socket."""
    connection: Any = TcpConnection.__new__(TcpConnection)
    connection.encryptor = connection.recvRandKey = None
    connection._TcpConnection__readBuffer = data
    return connection


def test_d18_what_a_stranger_sends_is_executed_before_anyone_asks_who_it_is() -> None:
    RAN.clear()
    body = zlib.compress(pickle.dumps(Stranger()))
    connection_with(struct.pack("i", len(body)) + body)._TcpConnection__processParseMessage()
    assert RAN == ["by a stranger"]


def test_d18_what_stands_in_an_entry_of_the_log_is_executed(stock: Stock) -> None:
    RAN.clear()
    peer, wire = stock.start()
    regular = bytes([module._COMMAND_TYPE.REGULAR])
    wire.deliver("b", entries(1, (1, 0), (regular + pickle.dumps(Stranger()), 2, 1), commit=2))
    with pytest.raises((KeyError, TypeError)):
        peer.doTick()
    assert RAN == ["by a stranger"]


def test_d19_a_message_of_two_gigabytes_is_waited_for() -> None:
    connection = connection_with(struct.pack("i", 2**31 - 1) + bytes(1024 * 1024))
    assert connection._TcpConnection__processParseMessage() is None
    assert len(connection._TcpConnection__readBuffer) == 1024 * 1024 + 4, "kept, and more is read"


class Visitor:
    """A connection as the transport sees it."""

    def setOnMessageReceivedCallback(self, _callback: object) -> None: ...

    def disconnect(self) -> None: ...


def test_d20_every_visitor_that_comes_and_goes_leaves_an_entry_behind() -> None:
    transport: Any = TCPTransport.__new__(TCPTransport)
    transport._nodeAddrToNode, transport._connections = {}, {}
    transport._readonlyNodes, transport._nodes, transport._unknownConnections = set(), set(), set()
    transport._readonlyNodesCounter = 0
    transport._syncObj = type("NoEncryption", (), {"encryptor": None})()
    transport._onReadonlyNodeConnectedCallback = transport._onReadonlyNodeDisconnectedCallback = lambda _node: None
    for _ in range(100):
        visitor = Visitor()
        transport._unknownConnections.add(visitor)
        transport._onIncomingMessageReceived(visitor, "readonly")
        transport._onDisconnected(visitor)
    assert transport._readonlyNodes == set()
    assert len(transport._connections) == 100


def test_d21_a_command_that_waited_an_hour_for_a_leader_is_sent_to_it_all_the_same(stock: Stock) -> None:
    peer, wire = stock.start(raftMinTimeout=1e6, raftMaxTimeout=2e6, connectionTimeout=3e6)
    peer.put("given up by its client", 1)
    peer.doTick()
    stock.clock.now += 3600
    wire.deliver("b", entries(7, (1, 0)))
    peer.doTick()
    assert len(wire.of("apply_command")) == 1


def test_d22_a_log_that_differs_is_walked_back_one_entry_a_round_trip(stock: Stock) -> None:
    _, wire = stock.start()
    wire.deliver("b", entries(2, (1, 0), *((NOOP, i, 2) for i in range(2, 50))))
    wire.sent.clear()
    wire.deliver("b", entries(9, (40, 8), (NOOP, 41, 9)))
    (reply,) = wire.of("next_node_idx")
    assert (reply["success"], reply["next_node_idx"]) == (False, 40)

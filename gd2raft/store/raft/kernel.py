"""PySyncObj 0.3.17, reduced to what it is good at: elections, log matching, the commit rule. The only file that knows it.

One `Kernel` is one SyncObj without threads, sockets, files, timers or randomness of its own: it works on our `Log`, takes the
time from its argument, and does something only when told: `receive`, `tick`, `campaign`, `propose`. What it wants to send is
returned. docs/design/consensus.md says which of its defects are closed here and which in guard.py.

Not used of it, on purpose: its sender (replication.py sends instead, with windows and limits), its queue and forwarding, its
compaction and serializer, its membership, its journal, its transport, its pickles.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pysyncobj.syncobj
from pysyncobj.transport import Transport
from pysyncobj.version import VERSION

from gd2raft.store.raft.log import KERNEL_PREFIX, Entry, HardState, Log

module: Any = pysyncobj.syncobj  # untyped: what we use of it is typed here
SyncObj: Any = module.SyncObj
SyncObjConf: Any = module.SyncObjConf
Node: Any = module.Node

assert VERSION == "0.3.17", f"this daemon needs pysyncobj 0.3.17 (it relies on its private names), found {VERSION}"

FOLLOWER, CANDIDATE, LEADER = 0, 1, 2

NEVER = 1e15
"""Seconds: a timeout of the kernel that must not run out by itself, because the guard decides (pre-vote, check-quorum)."""

_MINE = "_SyncObj__"
"""Prefix of the private names below. Each is touched because 0.3.17 has no other way:
raftElectionDeadline  to start an election when the guard's pre-vote has succeeded
raftLastApplied       it must start at our applied index; 1 is hard-coded
raftState, raftLeader, setState  to step down when the disk is full or a majority is out of sight, in the same term
raftCommitIndex       to go past an installed log snapshot
otherNodes, raftNextIndex, raftMatchIndex, lastResponseTime  to follow the configuration of our own log (D12, D13)
"""


class _Clock:
    """The time that every kernel of this process sees; each call into a kernel sets it before."""

    now = 0.0


def _no_journal(_name: object) -> Any:
    raise AssertionError("a SyncObj was made outside of Kernel")


# The module reads the time by a global function and makes its journal by another: there is no hook for either.
module.monotonicTime = lambda: _Clock.now
module.createJournal = _no_journal


class _Journal:
    """Our `Log` as the kernel's journal. Positions count from the log's base."""

    def __init__(self, log: Log, commit_index: int) -> None:
        self._log, self._commit_index = log, commit_index

    def add(self, command: bytes, index: int, term: int) -> None:
        assert command[:1] == KERNEL_PREFIX, "an entry that the kernel would interpret"
        self._log.append(Entry(command, index, term))

    def deleteEntriesFrom(self, position: int) -> None:
        self._log.truncate(self._log.base_index + position)

    def __getitem__(self, item: int | slice) -> Any:
        return self._log.entries[item]

    def __len__(self) -> int:
        return len(self._log.entries)

    def setCurrentTerm(self, term: int, vote: str | None) -> None:
        self._log.set_hard(HardState(term, vote or ""))

    def getCurrentTerm(self) -> int:
        return self._log.hard.term

    def getVotedForNodeId(self) -> str | None:
        return self._log.hard.vote or None

    def getRaftCommitIndex(self) -> int:
        return self._commit_index

    def setRaftCommitIndex(self, index: int) -> None:
        """Not stored: what is committed follows from the log and the other voters (Raft, figure 2: volatile)."""

    def onOneSecondTimer(self) -> None: ...

    def _destroy(self) -> None: ...


class _Transport(Transport):
    """Collects what the kernel sends."""

    def __init__(self) -> None:
        super().__init__(None, None, [])  # type: ignore[no-untyped-call]
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, node: Any, message: dict[str, Any]) -> bool:
        self.sent.append((node.id, message))
        return True

    def deliver(self, peer: str, message: dict[str, Any]) -> None:
        self._onMessageReceived(Node(peer), message)  # type: ignore[no-untyped-call]

    def pretend_connection(self) -> None:
        """The kernel campaigns only while connected to someone, and sends entries only to those; "someone" is no voter."""
        self._onNodeConnected(Node(""))  # type: ignore[no-untyped-call]


class _NoPoller:
    def poll(self, _timeout: float) -> None: ...


class Kernel:
    """See the module's docstring. `now` is in seconds of any clock that never goes back."""

    def __init__(self, peer: str, log: Log, commit_index: int, now: float) -> None:
        self.peer = peer
        self._transport = _Transport()
        self.state = FOLLOWER
        _Clock.now = now
        module.createJournal = lambda _name: _Journal(log, commit_index)
        try:
            self._raft = SyncObj(Node(peer), [], conf=self._configuration(), transport=self._transport)
        finally:
            module.createJournal = _no_journal
        self._raft._poller = _NoPoller()
        self._transport.pretend_connection()
        self._set("raftLastApplied", commit_index)

    def _configuration(self) -> Any:
        return SyncObjConf(
            autoTick=False,
            commandsWaitLeader=False,  # D21: nothing stays queued
            dynamicMembershipChange=False,  # D12, D13, D18: membership is ours
            raftMinTimeout=NEVER,
            raftMaxTimeout=2 * NEVER,
            connectionTimeout=3 * NEVER,
            leaderFallbackTimeout=NEVER,
            logCompactionMinEntries=2**62,  # D4, D5, D6: it never compacts
            logCompactionMinTime=NEVER,
            appendEntriesUseBatch=True,  # otherwise it opens a pipe
            onStateChanged=self._state_changed,
        )

    def _state_changed(self, _old: int, new: int) -> None:
        self.state = new

    def _get(self, name: str) -> Any:
        return getattr(self._raft, _MINE + name)

    def _set(self, name: str, value: object) -> None:
        setattr(self._raft, _MINE + name, value)

    # what it knows

    @property
    def term(self) -> int:
        return int(self._raft.raftCurrentTerm)

    @property
    def leader(self) -> str:
        node = self._raft._getLeader()
        return "" if node is None else str(node.id)

    @property
    def commit_index(self) -> int:
        """Committed as far as the kernel can see, which counts our own entries before they are on our disk."""
        return int(self._raft.raftCommitIndex)

    # what it is told

    def receive(self, peer: str, message: dict[str, Any], now: float) -> list[tuple[str, dict[str, Any]]]:
        _Clock.now = now
        self._transport.deliver(peer, message)
        return self._take()

    def tick(self, now: float) -> list[tuple[str, dict[str, Any]]]:
        """Let it count acknowledgements and votes."""
        _Clock.now = now
        self._raft.doTick(0)
        return self._take()

    def campaign(self, now: float) -> list[tuple[str, dict[str, Any]]]:
        """Start an election at once."""
        self._set("raftElectionDeadline", now - 1)
        return self.tick(now)

    def observe_term(self, term: int, now: float) -> None:
        """There is a higher term: forget the old one. A request for a vote that nobody can win is how the kernel learns it."""
        self.receive("", {"type": "request_vote", "term": term, "last_log_index": -1, "last_log_term": -1}, now)

    def step_down(self) -> None:
        """Stop leading (or campaigning) in this term."""
        self._get("setState")(FOLLOWER)
        self._set("raftLeader", None)

    def propose(self, command: bytes, now: float) -> None:
        """Append an entry; only while it leads."""
        assert self.state == LEADER, "proposed without leading"
        _Clock.now = now
        self._raft._applyCommand(command, None)
        self._raft._checkCommandsToApply()

    def set_voters(self, others: Iterable[str], now: float) -> None:
        """The voters beside ourselves, from now on."""
        nodes = [Node(peer) for peer in sorted(others)]
        match, heard = self._get("raftMatchIndex"), self._get("lastResponseTime")
        following = self._get("raftNextIndex")
        self._set("otherNodes", set(nodes))
        for gone in [node for node in match if node not in nodes]:
            for table in (match, heard, following):
                table.pop(gone, None)
        for node in nodes:
            match.setdefault(node, 0)
            following.setdefault(node, 0)
            heard.setdefault(node, now)

    def skip_to(self, index: int) -> None:
        """A log snapshot up to `index` was installed, or the log compacted: nothing below is to be applied or committed again."""
        self._set("raftCommitIndex", max(self.commit_index, index))
        self._set("raftLastApplied", max(int(self._raft.raftLastApplied), index))

    def match_index(self, peer: str) -> int:
        return int(self._get("raftMatchIndex").get(Node(peer), 0))

    def forget_match(self, peer: str, index: int) -> None:
        """A voter has less than it acknowledged: what lies above `index` doesn't count for it any more."""
        match = self._get("raftMatchIndex")
        if Node(peer) in match:
            match[Node(peer)] = min(match[Node(peer)], index)

    def _take(self) -> list[tuple[str, dict[str, Any]]]:
        sent, self._transport.sent = self._transport.sent, []
        return sorted(sent, key=lambda item: item[0])  # the kernel walks over a set: its order must not matter

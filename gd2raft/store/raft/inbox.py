"""What one voter believes, and what a message does to it: the filters between the network and the kernel. Pure.

Every handler is given a message of this pool, for us, from a peer whose identity is proven. It must not know of files, sockets, timers,
or what entries mean. guard.py adds what the shell may ask for, and what a leader does by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from gd2raft.store.raft import messages as m
from gd2raft.store.raft.kernel import CANDIDATE, FOLLOWER, LEADER, Kernel
from gd2raft.store.raft.log import Config, Entry, Log
from gd2raft.store.raft.messages import Message
from gd2raft.store.raft.replication import Progress, Sender
from gd2raft.store.raft.settings import Settings

NEVER_AGREED = ("", 0, 0, 0)


class Out(NamedTuple):
    """A message that may leave once the log change `gate` is durable."""

    peer: str
    message: Message
    gate: int


class ReadDone(NamedTuple):
    """A read index: what was applied up to `index` is at least as new as the request. None: leadership was lost."""

    ticket: int
    index: int | None  # type: ignore[assignment]


class Forgetful(NamedTuple):
    """A peer that has entries up to `has` only, though it had acknowledged those up to `had`: its disk lost them, or is an old copy."""

    peer: str
    had: int
    has: int


class Incoming:
    """A log snapshot that is arriving."""

    def __init__(self, chunk: m.SnapshotChunk, leader: str) -> None:
        self.key = (leader, chunk.term, chunk.index, chunk.last_term, chunk.total)
        self.data = bytearray()


class Install(NamedTuple):
    """A log snapshot that arrived whole; the shell checks and installs it, then calls installed()."""

    index: int  # type: ignore[assignment]
    last_term: int
    data: bytes


SEEK_BETWEEN, SEEK_FOR = (0.2, 0.7), 2
"""A voter that was just started asks for pre-votes in such parts of the shortest time-out, until so many longest time-outs are over."""


class Inbox:
    """See the module's docstring. `_handlers` says which method takes which message."""

    def __init__(self, peer: str, log: Log, commit_index: int, settings: Settings, rng: random.Random, now: float) -> None:
        self.peer, self.log, self.settings, self._rng = peer, log, settings, rng
        self.commit_index = commit_index
        self.kernel = Kernel(peer, log, commit_index, now)
        self._config: Config | None = None
        self._outbox: list[Out] = []
        self._sender = Sender(log, settings, self._send, self._want_snapshot)
        self.progress: dict[str, Progress] = {}
        self._role = FOLLOWER
        self._term = self.kernel.term
        self.heard: dict[str, float] = {}
        self.leader_heard = -1e9
        self._begun = now
        self._leader_lost = False  # its connection broke since we heard it
        self._leader_has_quorum = False
        self._pre_votes: set[str] | None = None
        self._searching_since: float | None = None  # the first pre-vote since there was a leader
        self._votes: set[str] = set()
        self._transfer_campaign = False
        self._transfer: tuple[str, float] | None = None
        self._own_term_index = 0  # the noop of our leadership
        self._round = 0
        self._reads: list[tuple[int, int, list[int]]] = []  # (round, index, tickets)
        self._new_reads: list[int] = []
        self._tickets = 0
        self._reads_done: list[ReadDone] = []
        self._wanted: list[str] = []
        self._forgetful: list[Forgetful] = []
        self.forgotten = 0  # how often a peer was found to have lost what it had acknowledged
        self._agreed = NEVER_AGREED  # with whom, in which term and round, up to which index: what was answered last
        self._incoming: Incoming | None = None
        self._install: Install | None = None
        self._installing: tuple[str, Install] | None = None
        self.may_lead = True
        self.removed = False
        self._announce_at: float | None = None  # when to tell the others what is committed, if no entries tell them before
        self._hasty = False
        self._heartbeat_at = now
        self._election_at = now

    @property
    def is_leader(self) -> bool:
        return self.kernel.state == LEADER

    @property
    def role(self) -> str:
        return ("follower", "candidate", "leader")[self.kernel.state]

    @property
    def leader(self) -> str:
        return self.peer if self.is_leader else self.kernel.leader

    @property
    def term(self) -> int:
        return self.kernel.term

    @property
    def votes(self) -> bool:
        """Whether we vote, by the configuration in force."""
        return self.peer in self.log.config.voters

    def has_quorum(self, now: float) -> bool:
        """Whether a majority of the voters seems to be in sight."""
        if self.is_leader:
            return self._hears_majority(now, self.settings.election_min_s)
        if self.kernel.leader and now - self.leader_heard < self.settings.election_min_s:
            return self._leader_has_quorum
        if self._searching_since is None or now - self._searching_since < 2 * self.settings.heartbeat_s:
            return True  # not known yet: the first pre-vote after the leader's loss tells
        return self._hears_majority(now, self.settings.election_max_s)

    def _hears_majority(self, now: float, within_s: float) -> bool:
        voters = self.log.config.voters
        seen = sum(1 for peer in voters if peer == self.peer or now - self.heard.get(peer, -1e9) < within_s)
        return 2 * seen > len(voters)

    @property
    def can_propose(self) -> bool:
        return self.is_leader and self._transfer is None and self.may_lead

    @property
    def leads_surely(self) -> bool:
        """Leader with an entry of its own term committed."""
        return self.is_leader and self.commit_index >= self._own_term_index

    # elections

    def _on_pre_vote(self, peer: str, message: m.PreVote, now: float) -> None:
        if message.term < self.term:
            self._send(peer, m.PreVoteReply(self.term, False, False))
            return
        newer = self.log.is_up_to_date(message.last_term, message.last_index)
        fresh = message.term > self.term or self.log.hard.vote in ("", peer)
        granted = newer and fresh and not self._leader_lives(now) and not self._is_stranger(peer, message.last_term, message.last_index)
        self._send(peer, m.PreVoteReply(message.term if granted else self.term, granted, self._knows_removal(peer, message)))

    def _knows_removal(self, peer: str, message: m.PreVote) -> bool:
        """A committed configuration says that it votes no more, and its log is not newer, so it can't know of a later one."""
        return self.log.config.index <= self.commit_index and self._is_stranger(peer, message.last_term, message.last_index)

    def _on_pre_vote_reply(self, peer: str, message: m.PreVoteReply, now: float) -> None:
        if message.removed and not self._leader_lives(now):
            self.removed = True
        if not message.granted:
            self._observe_term(message.term, now)
        elif self._pre_votes is not None and message.term == self.term + 1 and peer in self.log.config.voters:
            self._pre_votes.add(peer)
            self._count_pre_votes(now)

    def _on_vote(self, peer: str, message: m.Vote, now: float) -> None:
        if message.term < self.term:
            self._send(peer, m.Stale(self.term))
            return
        if (self._leader_lives(now) and not message.transfer) or self._is_stranger(peer, message.last_term, message.last_index):
            return
        request = {"type": "request_vote", "term": message.term, "last_log_index": message.last_index, "last_log_term": message.last_term}
        for to, answer in self.kernel.receive(peer, request, now):
            assert (to, answer["type"], answer["term"]) == (peer, "response_vote", self.term), answer
            self._postpone_election(now)
            self._send_gated(peer, m.VoteReply(self.term))

    def _is_stranger(self, peer: str, last_term: int, last_index: int) -> bool:
        """Not a voter as far as we know, and not one that could know better."""
        return peer not in self.log.config.voters and (last_term, last_index) <= (self.log.last_term, self.log.last_index)

    def _on_vote_reply(self, peer: str, message: m.VoteReply, now: float) -> None:
        if self.kernel.state != CANDIDATE or message.term != self.term or peer not in self.log.config.voters or peer in self._votes:
            return
        self._votes.add(peer)
        self.kernel.receive(peer, {"type": "response_vote", "term": message.term}, now)

    # entries

    def _on_append(self, peer: str, message: m.Append, now: float) -> None:
        if message.term < self.term:
            self._send(peer, m.Stale(self.term))
            return
        assert not (self.is_leader and message.term == self.term), f"{peer} leads in term {message.term}, and so do we"
        self._hear_leader(peer, message.term, message.quorum, now)
        if self._installing is not None:
            self._send(peer, m.AppendReply(self.term, message.round, 0, 0))
            return
        self._match(peer, message, now)

    def _hear_leader(self, peer: str, term: int, quorum: bool, now: float) -> None:
        self._kernel_append(peer, term, None, [], 0, now)
        self.leader_heard, self._leader_has_quorum, self._leader_lost = now, quorum, False
        self.removed = False
        self._pre_votes = self._searching_since = None
        self._postpone_election(now)

    def _match(self, peer: str, message: m.Append, now: float) -> None:
        """Compare with our log, and give the kernel only what is new (D2: it would cut what it has)."""
        prev, prev_term, entries = message.prev_index, message.prev_term, m.entries_of(message)
        if prev < self.log.base_index:  # what we compacted was committed, so it is equal
            entries = entries[self.log.base_index - prev :]
            prev, prev_term = min(self.log.base_index, prev + len(message.entries)), self.log.base_term
        elif self.log.term_at(prev) != prev_term:
            self._reply_append(peer, message.round, 0, self._first_suspect(prev))
            return
        while entries and self.log.term_at(entries[0].index) == entries[0].term:
            prev, prev_term = entries[0].index, entries[0].term
            entries.pop(0)
        last = entries[-1].index if entries else prev
        commit = min(message.commit, last)
        if entries:
            self._take_entries(peer, message.term, prev, prev_term, entries, commit, now)
            self._send_gated(peer, m.AppendReply(self.term, message.round, last, 0))
            self._agreed = peer, self.term, message.round, last
            return
        self._kernel_append(peer, message.term, None, [], commit, now)
        if message.entries or not self._has_agreed(peer, message.round, last):
            self._reply_append(peer, message.round, min(last, self.log.durable_index), 0)

    def _has_agreed(self, peer: str, round_: int, match: int) -> bool:
        """Whether the leader has been answered already, in this round, that we have everything up to `match`, or will be when our fsync ends."""
        return self._agreed[:3] == (peer, self.term, round_) and match <= self._agreed[3]

    def _first_suspect(self, prev: int) -> int:
        """From where on the leader should send when our log differs at `prev`: it skips a whole term at once (Raft, 5.3)."""
        if prev > self.log.last_index:
            return self.log.last_index + 1
        term, index = self.log.term_at(prev), prev
        while index - 1 > self.commit_index and self.log.term_at(index - 1) == term:
            index -= 1
        return max(index, 1)

    def _take_entries(self, peer: str, term: int, prev: int, prev_term: int, entries: list[Entry], commit: int, now: float) -> None:
        assert entries[0].index > self.commit_index, f"{peer} wants to replace the committed entry {entries[0].index}"
        replies = self._kernel_append(peer, term, (prev, prev_term), entries, commit, now)
        assert [r["success"] for _, r in replies] == [True] and self.log.last_index == entries[-1].index, "the kernel refused entries"

    def _kernel_append(
        self, peer: str, term: int, prev: tuple[int, int] | None, entries: list[Entry], commit: int, now: float
    ) -> list[tuple[str, dict[str, Any]]]:
        """An append_entries for the kernel; without `prev` it does not look at its log (a heartbeat)."""
        message: dict[str, Any] = {"type": "append_entries", "term": term, "commit_index": commit, "entries": entries}
        if prev is not None:
            message["prevLogIdx"], message["prevLogTerm"] = prev
        return self.kernel.receive(peer, message, now)

    def _reply_append(self, peer: str, round_: int, match: int, following: int) -> None:
        self._agreed = (peer, self.term, round_, match) if not following else NEVER_AGREED
        self._outbox.append(Out(peer, m.AppendReply(self.term, round_, match, following), self.log.hard_number))

    def _on_append_reply(self, peer: str, message: m.AppendReply, now: float) -> None:
        self._observe_term(message.term, now)
        progress = self.progress.get(peer)
        if not self.is_leader or message.term != self.term or progress is None or message.match > self.log.last_index:
            return  # D3: an answer to an older leadership counts for nothing
        self._heard_from(progress, message.round, now)
        if message.next:
            had = progress.match
            if progress.reset(message.next, self.log.last_index, now=self._round, asked=message.round):
                self.kernel.forget_match(peer, progress.match)
                self._forgetful.append(Forgetful(peer, had, progress.match))
                self.forgotten += 1
        elif message.match:
            self._acknowledged(peer, progress, message.match, now)

    def _heard_from(self, progress: Progress, round_: int, now: float) -> None:
        progress.heard = now
        progress.round = max(progress.round, min(round_, self._round))

    def _acknowledged(self, peer: str, progress: Progress, match: int, now: float) -> None:
        if progress.acknowledged(match) and peer in self.log.config.voters:
            ack = {"type": "next_node_idx", "next_node_idx": match + 1, "reset": False, "success": True}
            self.kernel.receive(peer, ack, now)
        self._push_transfer()

    def _on_stale(self, _peer: str, message: m.Stale, now: float) -> None:
        self._observe_term(message.term, now)

    def _observe_term(self, term: int, now: float) -> None:
        if term > self.term:
            self.kernel.observe_term(term, now)
            self._postpone_election(now)

    def _on_timeout_now(self, peer: str, message: m.TimeoutNow, now: float) -> None:
        if message.term == self.term and peer == self.kernel.leader and self.votes and self.may_lead:
            self._campaign(now, transfer=True)

    # log snapshots

    def _on_chunk(self, peer: str, chunk: m.SnapshotChunk, now: float) -> None:
        if chunk.term < self.term:
            self._send(peer, m.Stale(self.term))
            return
        assert not (self.is_leader and chunk.term == self.term), f"{peer} leads in term {chunk.term}, and so do we"
        self._hear_leader(peer, chunk.term, True, now)
        if self._installing is not None or chunk.total > self.settings.snapshot_bytes_max:
            self._reply_append(peer, chunk.round, 0, 0)
        elif chunk.index <= self.commit_index:
            self._reply_append(peer, chunk.round, min(self.commit_index, self.log.durable_index), 0)
        else:
            self._collect(peer, chunk)

    def _collect(self, peer: str, chunk: m.SnapshotChunk) -> None:
        incoming = Incoming(chunk, peer)
        if self._incoming is None or self._incoming.key != incoming.key:
            self._incoming = incoming
        data = self._incoming.data
        if chunk.offset == len(data):
            data.extend(chunk.data[: chunk.total - chunk.offset])
        reply = m.SnapshotReply(self.term, chunk.index, len(data), chunk.round)
        self._outbox.append(Out(peer, reply, self.log.hard_number))
        if len(data) == chunk.total:
            self._install = Install(chunk.index, chunk.last_term, bytes(data))
            self._installing = (peer, self._install)

    def _on_snapshot_reply(self, peer: str, message: m.SnapshotReply, now: float) -> None:
        self._observe_term(message.term, now)
        progress = self.progress.get(peer)
        if self.is_leader and message.term == self.term and progress is not None:
            self._heard_from(progress, message.round, now)
            self._sender.snapshot_acknowledged(peer, progress, message.index, message.offset, now)

    def _want_snapshot(self, peer: str) -> None:
        self._wanted.append(peer)

    def _postpone_election(self, now: float) -> None:
        low, high = self.settings.election_min_s, self.settings.election_max_s
        self._election_at = now + low + (high - low) * self._rng.random()

    def _seek_leader(self, now: float) -> None:
        """As _postpone_election, but sooner while we have just begun and heard of no leader: when all were restarted, nobody needs to wait for one.

        Only pre-votes are asked for so soon, and where a leader lives they are denied.
        """
        if self.leader_heard >= self._begun or now - self._begun > SEEK_FOR * self.settings.election_max_s:
            self._postpone_election(now)
        else:
            low, high = SEEK_BETWEEN
            self._election_at = now + self.settings.election_min_s * (low + (high - low) * self._rng.random())

    def _leader_lives(self, now: float) -> bool:
        """Leader stickiness (thesis, 4.2.3): no vote against a leader that was heard a moment ago."""
        if self.is_leader:
            return self._hears_majority(now, self.settings.election_min_s)
        return bool(self.kernel.leader) and not self._leader_lost and now - self.leader_heard < self.settings.election_min_s

    def _count_pre_votes(self, now: float) -> None:
        if self._pre_votes is not None and 2 * len(self._pre_votes) > len(self.log.config.voters):
            self._campaign(now, transfer=False)

    def _campaign(self, now: float, *, transfer: bool) -> None:
        self._pre_votes, self._votes = None, {self.peer}
        self._postpone_election(now)
        for peer, request in self.kernel.campaign(now):
            vote = m.Vote(request["term"], request["last_log_index"], request["last_log_term"], transfer)
            self._send_gated(peer, vote)

    def _push_transfer(self) -> None:
        if self._transfer is not None and self.is_leader:
            progress = self.progress.get(self._transfer[0])
            if progress is not None and progress.match == self.log.last_index:
                self._send(self._transfer[0], m.TimeoutNow(self.term))

    def _others(self) -> list[str]:
        return [peer for peer in self.log.config.voters if peer != self.peer]

    def _send(self, peer: str, message: Message) -> None:
        self._outbox.append(Out(peer, message, 0))

    def _send_gated(self, peer: str, message: Message) -> None:
        self._outbox.append(Out(peer, message, self.log.change_number))

    _handlers: dict[type[Message], Callable[[Inbox, str, Any, float], None]] = {
        m.PreVote: _on_pre_vote,
        m.PreVoteReply: _on_pre_vote_reply,
        m.Vote: _on_vote,
        m.VoteReply: _on_vote_reply,
        m.Append: _on_append,
        m.AppendReply: _on_append_reply,
        m.Stale: _on_stale,
        m.TimeoutNow: _on_timeout_now,
        m.SnapshotChunk: _on_chunk,
        m.SnapshotReply: _on_snapshot_reply,
    }

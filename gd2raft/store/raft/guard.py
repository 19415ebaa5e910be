"""One voter's side of Raft: the kernel, and around it everything that keeps it safe. Pure: events in, instructions out.

Events: receive(), tick(), flush(), propose(), read_index(), ... each with the time. Instructions: `take_outbox()` (messages,
each with the number of the log change that must be durable before it may leave), `commit_index`, `take_reads()`,
`take_wanted_snapshots()`, `take_install()`. It must not know of files, sockets, timers, or what entries mean.

Deviations from the kernel alone are listed in docs/design/consensus.md, by defect. Terms are Raft's (Ongaro's thesis).
"""

from __future__ import annotations

import math
import random

from gd2raft.store.raft import messages as m
from gd2raft.store.raft.inbox import Forgetful, Inbox, Install, Out, ReadDone
from gd2raft.store.raft.kernel import FOLLOWER, LEADER
from gd2raft.store.raft.log import Log, config_command
from gd2raft.store.raft.messages import Message
from gd2raft.store.raft.replication import Progress, State
from gd2raft.store.raft.settings import Settings

__all__ = ["Guard", "Install", "Out", "ReadDone"]

LEAVING_S = 10.0
"""How long a leader goes on telling a removed voter that it was removed."""


class Guard(Inbox):
    """See the module's docstring."""

    def __init__(self, peer: str, log: Log, commit_index: int, settings: Settings, rng: random.Random, now: float) -> None:
        super().__init__(peer, log, commit_index, settings, rng, now)
        self._follow_config(now)
        self._seek_leader(now)
        if self.log.config.voters == (peer,):
            self._election_at = now  # alone: nobody to wait for

    def next_timer(self) -> float:
        """When tick() wants to be called; infinity when only an event can bring it something to do."""
        if not self.is_leader:
            return self._election_at
        beat_at = math.inf if self._is_alone else self._heartbeat_at
        return beat_at if self._announce_at is None else min(beat_at, self._announce_at)

    @property
    def _is_alone(self) -> bool:
        """Nobody else votes, learns here or has to hear that it was removed: a heartbeat would be for nobody."""
        return not self.progress and self.log.config.voters == (self.peer,)

    def take_outbox(self) -> list[Out]:
        outbox, self._outbox = self._outbox, []
        return outbox

    def take_reads(self) -> list[ReadDone]:
        done, self._reads_done = self._reads_done, []
        return done

    def take_wanted_snapshots(self) -> list[str]:
        wanted, self._wanted = self._wanted, []
        return wanted

    def take_forgetful(self) -> list[Forgetful]:
        forgetful, self._forgetful = self._forgetful, []
        return forgetful

    def take_install(self) -> Install | None:
        install, self._install = self._install, None
        return install

    # events from the shell

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self.is_leader:
            self.announce(now)
            self._tick_leader(now)
        elif now >= self._election_at:
            self._start_pre_vote(now)
        self._settle(now)

    def propose(self, command: bytes, now: float) -> tuple[int, int]:
        """Append an entry: (index, term). Only while can_propose. The shell calls flush() after the last of a bunch."""
        self.kernel.propose(command, now)
        return self.log.last_index, self.log.last_term

    def flush(self, now: float) -> None:
        """Go on after propose(), or after the log became durable (it knows how far)."""
        self._settle(now)

    def propose_config(self, voters: tuple[str, ...], now: float) -> tuple[int, int] | None:
        """Add or remove one voter; None while an earlier change, or our own first entry, is not committed yet."""
        old = self.log.config
        assert len(set(voters) ^ set(old.voters)) == 1, "one voter at a time"
        if not (self.can_propose and self.leads_surely and old.index <= self.commit_index):
            return None
        proposed = self.propose(config_command(voters), now)
        self._settle(now)
        return proposed

    def observe(self, peer: str, now: float) -> Progress:
        """Bring our log to a peer that does not vote yet. Leader only."""
        if peer not in self.progress:
            self.progress[peer] = Progress(self.log.last_index, now)
            self._settle(now)
        return self.progress[peer]

    def forget(self, peer: str) -> None:
        if peer not in self.log.config.voters:
            self.progress.pop(peer, None)

    def transfer(self, to: str, now: float) -> bool:
        """Hand the leadership over; False when `to` can't have it. It shows in `leader` when it has happened."""
        if not self.is_leader or to not in self.log.config.voters or to == self.peer or self._transfer is not None:
            return False
        self._transfer = (to, now + self.settings.election_min_s)
        self._push_transfer()
        self._settle(now)
        return True

    def step_down(self, now: float) -> None:
        """Stop leading, e.g. because the disk is full."""
        if self.kernel.state != FOLLOWER:
            self.kernel.step_down()
            self._postpone_election(now)
            self._settle(now)

    def read_index(self, now: float) -> int:
        """Ask for a read index: a ticket that take_reads() answers. Leader only."""
        assert self.is_leader
        self._tickets += 1
        self._new_reads.append(self._tickets)
        self._settle(now)
        return self._tickets

    def snapshot_ready(self, peer: str, index: int, last_term: int, data: bytes, now: float) -> None:
        progress = self.progress.get(peer)
        if self.is_leader and progress is not None:
            self._sender.snapshot_ready(peer, progress, index, last_term, data, now)

    def installed(self, ok: bool, now: float) -> None:
        """The shell has put the log snapshot in the place of the log (or refused it)."""
        assert self._installing is not None
        (leader, install), self._installing = self._installing, None
        self._incoming = None
        if ok:
            self.commit_index = max(self.commit_index, install.index)
            self.kernel.skip_to(install.index)
            self._send_gated(leader, m.AppendReply(self.term, 0, install.index, 0))
        self._settle(now)

    def compacted(self) -> None:
        """The log begins later now."""
        self.kernel.skip_to(self.log.base_index)

    def lost(self, peer: str, now: float) -> None:
        """The connection to a voter broke. If it led, its process is probably gone: ask for pre-votes soon, not after the time-out.

        The others answer by what they see themselves, so a broken connection alone deposes nobody.
        """
        if not self.is_leader and peer == self.leader and not self._leader_lost:
            self._leader_lost = True
            self._election_at = min(self._election_at, now + self.settings.heartbeat_s * (0.25 + self._rng.random()))

    def receive(self, peer: str, message: Message, now: float) -> None:
        """A message of this pool, for us, from a peer whose identity the transport has proven."""
        self.heard[peer] = now
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(self, peer, message, now)
        self._settle(now)

    # elections

    def _start_pre_vote(self, now: float) -> None:
        self._seek_leader(now)
        if not self.votes or not self.may_lead or self._installing is not None:
            return
        self._pre_votes = {self.peer}
        self._searching_since = now if self._searching_since is None else self._searching_since
        for peer in self._others():
            self._send(peer, m.PreVote(self.term + 1, self.log.last_index, self.log.last_term))
        self._count_pre_votes(now)

    # leading

    def _tick_leader(self, now: float) -> None:
        if now < self._heartbeat_at:
            return
        self._heartbeat_at = now + self.settings.heartbeat_s
        if not self._hears_majority(now, self.settings.election_min_s):
            self.kernel.step_down()  # D14: nobody follows; whoever asks shall know at once
            self._searching_since = now - self.settings.election_max_s
            self._postpone_election(now)
            return
        if self._transfer is not None and now > self._transfer[1]:
            self._transfer = None
        self._drop_left(now)
        self._beat(now)

    def _beat(self, now: float) -> None:
        self._round += 1
        self._sender.round, self._sender.quorum = self._round, self._hears_majority(now, 1.5 * self.settings.election_min_s)
        for peer, progress in self.progress.items():
            self._sender.heartbeat(peer, progress, now)

    def _drop_left(self, now: float) -> None:
        for peer, progress in list(self.progress.items()):
            if progress.leaving_since is not None and now - progress.leaving_since > LEAVING_S:
                del self.progress[peer]

    # after every event

    def _settle(self, now: float) -> None:
        """Follow what the kernel and the log have become; send what is to be sent."""
        self._follow_config(now)
        self._follow_role(now)
        was = self._role
        self._tick_kernel(now)
        if self._role != was:
            self._tick_kernel(now)  # a lone voter wins its election, and then commits its first entry
        if self.is_leader:
            self._settle_leader(now)
        commit = min(self.kernel.commit_index, self.log.durable_index)
        if commit > self.commit_index:
            self.commit_index = self._sender.commit = commit
            if self.is_leader and self._announce_at is None:
                self._announce_at = now if self._hasty else now + self.settings.announce_s
        if self.is_leader:
            self._serve_reads(now)

    def _tick_kernel(self, now: float) -> None:
        assert not self.kernel.tick(now), "the kernel sent something by itself"
        self._follow_role(now)

    def _follow_role(self, now: float) -> None:
        if (self.kernel.state, self.kernel.term) == (self._role, self._term):
            return
        was_leader = self._role == LEADER
        self._role, self._term = self.kernel.state, self.kernel.term
        if was_leader:
            self._end_leading()
        if self._role == LEADER:
            self._begin_leading(now)

    def _begin_leading(self, now: float) -> None:
        self._own_term_index = self.log.last_index
        self._searching_since = None
        self._pre_votes = None  # a late answer must not make a leader campaign
        self._sender.term, self._sender.commit = self.term, self.commit_index
        self._round = 0
        self._heartbeat_at = now + self.settings.heartbeat_s
        for peer in self._others():
            self.heard[peer] = now
            self.progress[peer] = Progress(self.log.last_index - 1, now)
        self._beat(now)

    def _end_leading(self) -> None:
        self._transfer = self._announce_at = None
        self._hasty = False
        self.progress.clear()
        lost = [ticket for _, _, tickets in self._reads for ticket in tickets] + self._new_reads
        self._reads_done += [ReadDone(ticket, None) for ticket in lost]
        self._reads, self._new_reads = [], []

    def _settle_leader(self, now: float) -> None:
        for peer, progress in self.progress.items():
            self._sender.replicate(peer, progress, now)

    def hasten(self) -> None:
        """Somebody waits on other peers for the next commit: tell them as soon as it is committed, not with the next entries."""
        self._hasty = True

    def announce(self, now: float) -> None:
        """Tell those who are up to date but for the commit index. The shell calls this when its own clients are answered."""
        if self._announce_at is None or (now < self._announce_at and not self._hasty):
            return
        self._announce_at, self._hasty = None, False
        if not self.is_leader:
            return
        for peer, progress in self.progress.items():
            if progress.state is State.REPLICATE and progress.next > self.log.last_index and progress.told < self.commit_index:
                self._sender.heartbeat(peer, progress, now)

    def _follow_config(self, now: float) -> None:
        """The latest configuration of the log is in force, committed or not (thesis, 4.1)."""
        config = self.log.config
        if config == self._config:
            return
        self._config = config
        self.kernel.set_voters(self._others(), now)
        if not self.is_leader:
            return
        for peer in self._others():
            progress = self.progress.setdefault(peer, Progress(self.log.last_index, now))
            progress.leaving_since = None
            self.heard.setdefault(peer, now)
            if progress.match:
                self._confirm(peer, progress.match, now)
        for peer, progress in self.progress.items():
            if peer not in config.voters and progress.leaving_since is None:
                progress.leaving_since = now

    def _confirm(self, peer: str, match: int, now: float) -> None:
        """What a peer acknowledged before it voted."""
        if self.kernel.match_index(peer) < match:
            ack = {"type": "next_node_idx", "next_node_idx": match + 1, "reset": False, "success": True}
            self.kernel.receive(peer, ack, now)

    # read index

    def _serve_reads(self, now: float) -> None:
        """Thesis, 6.4: note the commit index, then have a majority confirm that we still lead."""
        if self._new_reads and self.leads_surely:
            tickets, self._new_reads = self._new_reads, []
            self._beat(now)
            self._reads.append((self._round, self.commit_index, tickets))
        confirmed = self._confirmed_round()
        while self._reads and self._reads[0][0] <= confirmed:
            _, index, tickets = self._reads.pop(0)
            self._reads_done += [ReadDone(ticket, index) for ticket in tickets]

    def _confirmed_round(self) -> int:
        voters = self.log.config.voters
        rounds = sorted((self._round if p == self.peer else self.progress[p].round for p in voters), reverse=True)
        return rounds[len(voters) // 2]

    def check(self) -> None:
        """Assert the invariants."""
        self.log.check()
        assert self.commit_index <= self.log.last_index, "committed what is not in the log"
        assert self.commit_index <= max(self.log.durable_index, self.log.base_index), "committed what is not on the disk"
        for peer, progress in self.progress.items():
            progress.check()
            if peer in self.log.config.voters:
                assert self.kernel.match_index(peer) <= progress.match, "the kernel counts what was not acknowledged"

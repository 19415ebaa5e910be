"""How a leader brings its log to the others: what each has, what is on its way, when to probe. Pure; it sends by a function.

Three states of a follower, as in the literature on pipelined Raft: PROBE (its log is not known: one message at a time),
REPLICATE (messages follow each other within a window), SNAPSHOT (it needs what was compacted away).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

from gd2raft.store.raft.log import Log
from gd2raft.store.raft.messages import Append, Message, SnapshotChunk
from gd2raft.store.raft.settings import Settings

CHUNK_BYTES = 256 * 1024


class State(Enum):
    PROBE = 1
    REPLICATE = 2
    SNAPSHOT = 3


class Progress:
    """What the leader knows of one other peer. Invariant: match < next."""

    def __init__(self, last_index: int, now: float) -> None:
        self.match = 0
        self.next = last_index + 1
        self.state = State.PROBE
        self.probing = False  # a probe is on its way
        self.round = 0
        self.told = 0  # the commit index that it was told last
        self.heard = now
        self.flying: deque[tuple[int, int]] = deque()  # (last index, bytes) of the messages on their way
        self.flying_bytes = 0
        self.snapshot: Transfer | None = None
        self.leaving_since: float | None = None  # it votes no more and shall learn of it
        self.doubted: int | None = None  # the round in which it denied what it had acknowledged; since then it is probed there

    def acknowledged(self, match: int) -> bool:
        """The peer has everything up to `match`; whether that is news."""
        while self.flying and self.flying[0][0] <= match:
            self.flying_bytes -= self.flying.popleft()[1]
        news = match > self.match
        self.match = max(self.match, match)
        self.next = max(self.next, match + 1)
        if self.state is State.PROBE or (self.state is State.SNAPSHOT and news):
            self.state, self.snapshot = State.REPLICATE, None
        self.probing, self.doubted = False, None
        return news

    def reset(self, following: int, last_index: int, *, now: int, asked: int) -> bool:
        """The peer wants entries from `following` on. True when that proves that it has lost what it acknowledged.

        Below that it may be old news, or the start of a term of which it has more: it is probed at what it acknowledged. A denial of what
        was sent later than that (`asked`: the round of the message that it answers, `now`: ours) leaves no doubt.
        """
        denied = following <= self.match
        lost = denied and self.doubted is not None and asked > self.doubted
        if lost:
            self.match, self.doubted = following - 1, None
        elif denied:
            if self.doubted is not None:
                return False
            following, self.doubted = self.match + 1, now
        else:
            self.doubted = None
        self.next = min(following, last_index + 1)
        if self.state is not State.SNAPSHOT:
            self.state, self.probing = State.PROBE, False
        self.flying.clear()
        self.flying_bytes = 0
        return lost

    def check(self) -> None:
        assert self.match < self.next, "the next entry to send has been acknowledged"


class Transfer:
    """A log snapshot on its way. `data` None: it is being read."""

    def __init__(self) -> None:
        self.index = self.last_term = 0
        self.data: bytes | None = None
        self.acknowledged = 0
        self.sent_at = 0.0


class Sender:
    """Sends on behalf of a leader. `send(peer, message)`; `want_snapshot(peer)` asks the shell to call snapshot_ready()."""

    def __init__(self, log: Log, settings: Settings, send: Callable[[str, Message], None], want_snapshot: Callable[[str], None]) -> None:
        self._log, self._settings, self._send, self._want_snapshot = log, settings, send, want_snapshot
        self.term = 0
        self.commit = 0
        self.round = 0
        self.quorum = True

    def replicate(self, peer: str, progress: Progress, now: float) -> None:
        """Send what the peer lacks, as far as its window allows."""
        if progress.state is State.SNAPSHOT:
            return
        if progress.next <= self._log.base_index:
            self._begin_snapshot(peer, progress)
        elif progress.state is State.PROBE:
            if not progress.probing:
                progress.probing = True
                self._append(peer, progress, advance=False)
        else:
            while progress.next <= self._last_to_send() and self._has_window(progress):
                self._append(peer, progress, advance=True)

    def _last_to_send(self) -> int:
        """Entries leave before they are on our own disk, but not a configuration: a leader that crashed would come back without
        it, and wait for the vote of a peer that holds itself for removed."""
        config = self._log.config.index
        return self._log.last_index if config <= self._log.durable_index else config - 1

    def _has_window(self, progress: Progress) -> bool:
        settings = self._settings
        return len(progress.flying) < settings.window_messages_max and progress.flying_bytes < settings.window_bytes_max

    def _append(self, peer: str, progress: Progress, *, advance: bool) -> None:
        prev = progress.next - 1
        entries = self._log.after(prev, self._settings.message_bytes_max, self._last_to_send())
        progress.told = self.commit
        self._send(peer, self._message(prev, tuple((entry.command, entry.index, entry.term) for entry in entries)))
        if advance and entries:
            size = sum(len(entry.command) for entry in entries)
            progress.next = entries[-1].index + 1
            progress.flying.append((entries[-1].index, size))
            progress.flying_bytes += size

    def _message(self, prev: int, entries: tuple[tuple[bytes, int, int], ...]) -> Append:
        prev_term = self._log.term_at(prev)
        assert prev_term is not None, f"entry {prev} is not in the log"
        return Append(self.term, prev, prev_term, entries, self.commit, self.round, self.quorum)

    def heartbeat(self, peer: str, progress: Progress, now: float) -> None:
        """Tell the peer that we lead, the round, and what is committed; find out whether messages were lost."""
        if progress.state is State.PROBE:
            progress.probing = False
            self.replicate(peer, progress, now)
        elif progress.state is State.REPLICATE and progress.next > self._log.base_index:
            progress.told = self.commit
            self._send(peer, self._message(progress.next - 1, ()))
        else:
            self._send(peer, Append(self.term, 0, 0, (), 0, self.round, self.quorum))
            self._repeat_chunk(peer, progress, now)

    # log snapshots

    def _begin_snapshot(self, peer: str, progress: Progress) -> None:
        progress.state, progress.snapshot = State.SNAPSHOT, Transfer()
        progress.flying.clear()
        progress.flying_bytes = 0
        self._want_snapshot(peer)

    def snapshot_ready(self, peer: str, progress: Progress, index: int, last_term: int, data: bytes, now: float) -> None:
        if progress.snapshot is None or progress.snapshot.data is not None:
            return
        progress.snapshot.index, progress.snapshot.last_term, progress.snapshot.data = index, last_term, data
        self._send_chunk(peer, progress.snapshot, now)

    def snapshot_acknowledged(self, peer: str, progress: Progress, index: int, offset: int, now: float) -> None:
        transfer = progress.snapshot
        if transfer is None or transfer.data is None or transfer.index != index or offset > len(transfer.data):
            return
        if offset != transfer.acknowledged:
            transfer.acknowledged = offset
            self._send_chunk(peer, transfer, now)

    def _send_chunk(self, peer: str, transfer: Transfer, now: float) -> None:
        assert transfer.data is not None
        offset = min(transfer.acknowledged, max(0, len(transfer.data) - 1))
        data = transfer.data[offset : offset + CHUNK_BYTES]
        transfer.sent_at = now
        chunk = SnapshotChunk(self.term, transfer.index, transfer.last_term, offset, len(transfer.data), data, self.round)
        self._send(peer, chunk)

    def _repeat_chunk(self, peer: str, progress: Progress, now: float) -> None:
        transfer = progress.snapshot
        if transfer is not None and transfer.data is not None and now - transfer.sent_at > 2 * self._settings.heartbeat_s:
            self._send_chunk(peer, transfer, now)

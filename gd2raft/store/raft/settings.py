"""The knobs of the Raft store, in one place. Times are in seconds, sizes in bytes."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """Defaults suit a local network and a machine that may be busy; tests shorten the times.

    heartbeat_s             leader to voters; at rest this is all the traffic there is
    election_min_s, _max_s  a follower that hears nothing for a random time between asks for a pre-vote
    leader_wait_s           how long a commit waits for a leader while a quorum is in sight
    batch_*                 one log entry carries at most so much
    window_*                how much may be on its way to one voter before it has answered
    compact_*               the log is compacted past either limit, or half as much again: each peer at an entry of its own;
                            `keep_entries` stay for followers that lag a little
    events_*                what a watch can resume from
    commits_max             commits of this peer in flight
    announce_s              the others learn what is committed with the next entries, or after so long; at once where somebody waits for it
    learner_sync_s          a learner's log is written and fsynced after so long, or up to twice that (its acknowledgement counts for nothing)
    """

    heartbeat_s: float = 0.2
    election_min_s: float = 1.0
    election_max_s: float = 2.0
    leader_wait_s: float = 3.0
    batch_operations_max: int = 512
    batch_bytes_max: int = 256 * 1024
    message_bytes_max: int = 256 * 1024
    window_messages_max: int = 64
    window_bytes_max: int = 4 * 1024 * 1024
    compact_entries: int = 5_000
    compact_bytes: int = 3 * 1024 * 1024
    keep_entries: int = 1_000
    keep_bytes: int = 1024 * 1024
    events_max: int = 5_000
    events_bytes_max: int = 2 * 1024 * 1024
    commits_max: int = 1024
    announce_s: float = 0.005
    learner_sync_s: float = 5.0
    snapshot_bytes_max: int = 512 * 1024 * 1024

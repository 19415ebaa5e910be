"""The state of the cluster as one peer knows it: body of GET /v1/cluster/status, also without a quorum. Only reads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from gd2raft.core import model
from gd2raft.core.membership import voters_wanted
from gd2raft.member import Member


def cluster_status(member: Member) -> dict[str, Any]:
    """Body of GET /v1/cluster/status: what this peer knows, also without a quorum."""
    status = member.store.status()
    online = member.online()
    view = member.view()
    peers = view.peers()
    known = member.known_voters() if member.replicates else ()
    voters = [p.id for p in peers if p.id in known] or list(known)
    return {
        **({"store": "raft"} if member.replicates else {"store": "etcd", "etcd-members": list(status.voters)}),
        "leader": status.leader,
        "term": status.term,
        "quorum": status.quorum,
        "disk-full": status.disk_full,
        "role": status.role,
        "voters": voters,
        "voters-wanted": voters_wanted(len(peers), member.wished().voters) if member.replicates else 0,
        "learners": [p.id for p in peers if p.id not in known] if member.replicates else [],
        "log-index": status.log_index,
        "commit-index": status.commit_index,
        "applied": status.applied,
        "lag": max(0, status.commit_index - status.applied),
        "revision": status.revision,
        "peer-id": member.identity.peer_id,
        "cluster-id": member.identity.pool_id,
        "upstream": member.follower.upstream,
        "followers": member.feed.followers,
        "peers": [
            {
                "id": p.id,
                "name": p.name,
                "zone": p.zone or p.id,
                "online": p.id in online,
                "role": role_of(p.id, status.leader, known) if member.replicates or p.id == status.leader else "follower",
            }
            for p in peers
        ],
        "locks": [
            msgspec.to_builtins(model.load(key, item.value, model.Lock)) | {"name": key[len(model.LOCKS) :], "age-s": age(key, item.value)}
            for key, item in member.store.list(model.LOCKS)
        ],
        "transactions": [key[len(model.TRANSACTIONS) :] for key, _ in member.store.list(model.TRANSACTIONS)],
        "leftovers": [key[len(model.LEFTOVERS) :] for key, _ in member.store.list(model.LEFTOVERS) if key.count("/") == 2],
    }


def age(key: str, value: bytes) -> float:
    return round(max(0.0, time.time() - model.load(key, value, model.Lock).since), 1)


def role_of(peer_id: str, leader: str, voters: Sequence[str]) -> str:
    if peer_id == leader:
        return "leader"
    return "voter" if peer_id in voters else "learner"

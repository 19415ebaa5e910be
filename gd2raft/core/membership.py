"""Who votes, who learns, and whom a learner follows: pure functions of the membership and of who is in sight.

Voters: 1 below three peers, 3 below seven, else 5, or as many as were set (at most 7), spread over zones. Everyone else learns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

FAN_OUT = 32
VOTERS_MAX = 7


def voters_wanted(peers: int, configured: int = 0) -> int:
    """How many peers should vote.

    >>> [voters_wanted(n) for n in (1, 2, 3, 6, 7, 1000)]
    [1, 1, 3, 3, 5, 5]
    """
    wanted = 1 if peers < 3 else 3 if peers < 7 else 5
    if configured:
        wanted = min(configured, VOTERS_MAX)
        wanted -= wanted % 2 == 0  # an even number of voters survives no more losses than one less
    odd = peers if peers % 2 else peers - 1
    return max(1, min(wanted, odd))


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A peer as the leader sees it. `gone_s`: for how long it has been out of sight, 0 when it is in sight."""

    id: str
    zone: str
    gone_s: float = 0.0
    seen_s: float = 0.0  # for how long it has been in sight
    unbroken: bool = False  # it was in sight ever since it joined, and this leader saw all of that


class VotersWished(NamedTuple):
    """What the pool's administrator set: how many (0: by the size of the pool), and when a lost voter is replaced."""

    voters: int = 0
    replace_after_s: float = 60.0


class VoterChange(msgspec.Struct, frozen=True):
    """One step towards the wanted voters: `add` (and let it catch up first) or `remove`."""

    action: str
    peer_id: str
    why: str


def next_voter_change(
    candidates: Sequence[Candidate],
    voters: frozenset[str],
    leader: str,
    *,
    configured: int = 0,
    stable_s: float = 10.0,
    dead_s: float = 60.0,
) -> VoterChange | None:
    """The one change to make now, or None. One at a time; never one that leaves the living voters without a majority.

    A learner is stable after `stable_s` in sight without a break. Only while voters are missing, one that has just joined will do too.
    """
    known = {c.id: c for c in candidates}
    wanted, members = voters_wanted(len(known), configured), voters & known.keys()
    silent = sorted((v for v in members if known[v].gone_s > 0 and v != leader), key=lambda v: (-known[v].gone_s, v))
    for voter in sorted(voters - members - {leader}):
        if silent and 2 * (len(voters) - len(silent) - 1) <= len(voters) - 1:
            return VoterChange(
                "remove", silent[0], f"it is out of sight, and without {voter}, which has left the pool, there is no majority"
            )
        return VoterChange("remove", voter, "it is not a member of the pool any more")
    if len(members) < wanted:
        chosen = _best(candidates, voters, stable_s) or _newcomer(candidates, voters)
        return VoterChange("add", chosen.id, f"{wanted} voters are wanted, there are {len(members)}") if chosen else None
    if len(members) > wanted:
        leaving = silent or sorted(members - {leader}, key=lambda v: (-_crowd(known, members, v), v))
        return VoterChange("remove", leaving[0], f"{wanted} voters are wanted, there are {len(members)}")
    dead = [v for v in silent if known[v].gone_s >= dead_s]
    if dead and (chosen := _best(candidates, voters - {dead[0]}, stable_s)) is not None:
        return VoterChange("add", chosen.id, f"voter {dead[0]} is gone for {known[dead[0]].gone_s:.0f} s")
    return None if silent else _spread(candidates, voters, stable_s)


def _spread(candidates: Iterable[Candidate], voters: frozenset[str], stable_s: float) -> VoterChange | None:
    """Add a learner of a zone with at least two voters fewer than the most crowded one, which loses one of them next.

    The difference of two makes each exchange a gain, so they end; and a zone with two voters has one that doesn't lead.
    """
    zones = Counter(c.zone for c in candidates if c.id in voters)
    chosen = _best(candidates, voters, stable_s)
    if chosen is None or not zones:
        return None
    crowded = min(zones, key=lambda zone: (-zones[zone], zone))
    if zones[crowded] - zones[chosen.zone] < 2:
        return None
    return VoterChange("add", chosen.id, f"{zones[crowded]} voters are in zone {crowded}, {zones[chosen.zone]} in zone {chosen.zone}")


def _best(candidates: Iterable[Candidate], voters: frozenset[str], stable_s: float) -> Candidate | None:
    """The learner to promote: in sight, stable, in the zone with the fewest voters."""
    return _sparsest([c for c in candidates if c.seen_s >= stable_s], candidates, voters)


def _newcomer(candidates: Iterable[Candidate], voters: frozenset[str]) -> Candidate | None:
    """The same of those that have just joined: they were never seen to go, which one that comes and goes was."""
    return _sparsest([c for c in candidates if c.unbroken], candidates, voters)


def _sparsest(able: Iterable[Candidate], candidates: Iterable[Candidate], voters: frozenset[str]) -> Candidate | None:
    zones = Counter(c.zone for c in candidates if c.id in voters)
    learners = [c for c in able if c.id not in voters and c.gone_s <= 0]
    return min(learners, key=lambda c: (zones[c.zone], c.id), default=None)


def _crowd(known: Mapping[str, Candidate], voters: frozenset[str], voter: str) -> int:
    """How many voters share the zone of this one."""
    return sum(known[v].zone == known[voter].zone for v in voters)


def upstreams(peer: str, voters: Iterable[str], peers: Iterable[str], fan_out: int = FAN_OUT) -> list[str]:
    """Whom a peer follows, the first choice first; the voters are everyone's last resort."""
    ranked_voters = sorted(voters)
    learners = sorted(set(peers) - set(ranked_voters))
    if peer not in learners or not ranked_voters:
        return [v for v in ranked_voters if v != peer]
    return choices(learners.index(peer), ranked_voters, learners, fan_out)


def choices(rank: int, voters: list[str], learners: list[str], fan_out: int = FAN_OUT) -> list[str]:
    """Whom the learner of this rank follows; both lists are sorted, there is a voter.

    The first voters*fan_out learners follow voters, the others follow learners: a tree that every peer computes alike.
    """
    start, direct = rank % len(voters), len(voters) * fan_out
    parent = [learners[(rank - direct) // fan_out]] if rank >= direct else []
    return [*parent, *voters[start:], *voters[:start]]

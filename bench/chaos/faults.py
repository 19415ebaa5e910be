"""Everything that `bench chaos` does to daemons, links and disks, and the dice that choose.

A fault is a function (pool, dice) -> context manager: entered it is done, left it is undone; its value says in words to whom.
Which fault, whom, and for how long come from the seed; what the daemons make of it does not, so a run can be
repeated in kind, not in every step. This file must not know what clients do.
"""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from bench.chaos.network import Link
from bench.chaos.pool import Daemon, Pool
from bench.sides import wait_for

SLOW_S = ((0.0, 0.02), (0.0, 0.1), (0.05, 0.3))
LOSS_PERCENT = (5, 20, 50)
STOPS_WITHIN_S = 15.0
JOINS_WITHIN_S = 60.0

Do = Callable[[Pool, random.Random], AbstractContextManager[str]]


class Fault(NamedTuple):
    """`weight`: how often, among the others. `seconds`: between which it lasts."""

    do: Do
    weight: int
    seconds: tuple[float, float]
    peers_min: int = 3

    @property
    def name(self) -> str:
        return str(getattr(self.do, "__name__", "?")).replace("_", " ")


def some(pool: Pool, dice: random.Random, count: int = 1) -> list[int]:
    return dice.sample(range(pool.size), count)


def leader_or_any(pool: Pool, dice: random.Random) -> int:
    other = dice.randrange(pool.size)  # always thrown, so that the dice fall alike whoever leads
    leader = pool.leader()
    return other if leader is None else leader


def both_ways(left: list[int], right: list[int]) -> list[Link]:
    return [link for a in left for b in right for link in ((a, b), (b, a))]


def names(pool: Pool, numbers: list[int]) -> str:
    return " ".join(pool.daemons[number].host.name for number in numbers)


def rest(pool: Pool, numbers: list[int]) -> list[int]:
    return [number for number in range(pool.size) if number not in numbers]


# processes


@contextlib.contextmanager
def killed(pool: Pool, numbers: list[int]) -> Iterator[str]:
    with pool.without([pool.daemons[number] for number in numbers]):
        yield names(pool, numbers)


def kill_one(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return killed(pool, some(pool, dice))


def kill_the_leader(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return killed(pool, [leader_or_any(pool, dice)])


def kill_most(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return killed(pool, some(pool, dice, pool.size // 2 + 1))


def kill_all(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return killed(pool, list(range(pool.size)))


@contextlib.contextmanager
def restart_one(pool: Pool, dice: random.Random) -> Iterator[str]:
    daemon = pool.daemons[some(pool, dice)[0]]
    daemon.kill(signal.SIGTERM)
    yield daemon.host.name
    daemon.start()


@contextlib.contextmanager
def paused(pool: Pool, numbers: list[int]) -> Iterator[str]:
    daemons = [pool.daemons[number] for number in numbers]
    for daemon in daemons:
        daemon.pause()
    yield names(pool, numbers)
    for daemon in daemons:
        daemon.go_on()


def pause_one(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return paused(pool, some(pool, dice))


def pause_the_leader(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return paused(pool, [leader_or_any(pool, dice)])


def pause_all(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return paused(pool, list(range(pool.size)))


# links


@contextlib.contextmanager
def cut(pool: Pool, links: list[Link], words: str) -> Iterator[str]:
    pool.network.cut(links)
    yield words
    pool.network.mend(links)


def isolate_one(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    one = some(pool, dice)
    return cut(pool, both_ways(one, rest(pool, one)), names(pool, one))


def isolate_the_leader(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    one = [leader_or_any(pool, dice)]
    return cut(pool, both_ways(one, rest(pool, one)), names(pool, one))


def isolate_all(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    everyone = list(range(pool.size))
    return cut(pool, [(a, b) for a in everyone for b in everyone if a != b], "each from each")


def split(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    few = some(pool, dice, pool.size // 2)
    return cut(pool, both_ways(few, rest(pool, few)), f"{names(pool, few)} | {names(pool, rest(pool, few))}")


def cut_one_link(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    a, b = some(pool, dice, 2)
    return cut(pool, both_ways([a], [b]), f"{names(pool, [a])} - {names(pool, [b])}")


def cut_one_way(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    a, b = some(pool, dice, 2)
    return cut(pool, [(a, b)], f"{names(pool, [a])} -> {names(pool, [b])}")


def deafen_the_leader(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    one = leader_or_any(pool, dice)
    return cut(pool, [(other, one) for other in rest(pool, [one])], f"{names(pool, [one])} hears nobody")


def silence_the_leader(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    one = leader_or_any(pool, dice)
    return cut(pool, [(one, other) for other in rest(pool, [one])], f"nobody hears {names(pool, [one])}")


@contextlib.contextmanager
def lose_packets(pool: Pool, dice: random.Random) -> Iterator[str]:
    everyone, percent = range(pool.size), dice.choice(LOSS_PERCENT)
    links = [(a, b) for a in everyone for b in everyone if a != b and dice.random() < 0.6]
    pool.network.lose(links, percent)
    yield f"{percent} % on {len(links)} ways"
    pool.network.keep(links)


@contextlib.contextmanager
def delay_and_reorder(pool: Pool, dice: random.Random) -> Iterator[str]:
    everyone, delay_s = range(pool.size), dice.choice(SLOW_S)
    links = [(a, b) for a in everyone for b in everyone if a != b and dice.random() < 0.6]
    pool.network.slow(links, delay_s)
    yield f"{1000 * delay_s[0]:.0f} to {1000 * delay_s[1]:.0f} ms a packet on {len(links)} ways"
    pool.network.quicken(links)


# disks


@contextlib.contextmanager
def full_disk(pool: Pool, numbers: list[int]) -> Iterator[str]:
    daemons = [pool.daemons[number] for number in numbers]
    for daemon in daemons:
        daemon.fill_disk()
    yield names(pool, numbers)
    for daemon in daemons:
        daemon.free_disk()


def fill_one_disk(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return full_disk(pool, some(pool, dice))


def fill_the_leaders_disk(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return full_disk(pool, [leader_or_any(pool, dice)])


def fill_all_disks(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return full_disk(pool, list(range(pool.size)))


@contextlib.contextmanager
def failing_disk(pool: Pool, daemon: Daemon, how: str) -> Iterator[str]:
    """A daemon that met its broken disk must stop by itself (it doesn't know any more what it has); then the disk is mended and it is started."""
    daemon.wanted = False
    daemon.break_disk(how)
    try:
        yield daemon.host.name
        if daemon.disk_failed():  # one that had nothing to write notices nothing
            wait_for(f"{daemon.host.name} stops after a failed {how} of its disk", lambda: not daemon.running(), STOPS_WITHIN_S, every=0.1)
    finally:
        daemon.mend_disk()
    daemon.kill()
    daemon.start()


def fail_an_fsync(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return failing_disk(pool, pool.daemons[some(pool, dice)[0]], "fsync")


def fail_an_fsync_of_the_leader(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return failing_disk(pool, pool.daemons[leader_or_any(pool, dice)], "fsync")


def fail_a_write(pool: Pool, dice: random.Random) -> AbstractContextManager[str]:
    return failing_disk(pool, pool.daemons[some(pool, dice)[0]], "write")


@contextlib.contextmanager
def slow_disk(pool: Pool, dice: random.Random) -> Iterator[str]:
    daemon = pool.daemons[some(pool, dice)[0]]
    daemon.break_disk("slow")
    yield daemon.host.name
    daemon.mend_disk()


# voters


@contextlib.contextmanager
def other_number_of_voters(pool: Pool, dice: random.Random) -> Iterator[str]:
    """The leader's autopilot adds and removes them one by one, while it lasts and after."""
    voters = dice.choice((1, 3, 5))
    done = pool.ask_any(pool.daemons, "POST", "/v1/cluster/voters", {"voters": voters})
    yield f"{voters}{'' if done else ' (was not possible)'}"


@contextlib.contextmanager
def detach_and_join(pool: Pool, dice: random.Random) -> Iterator[str]:
    """One of the last two peers (they have no bricks) leaves the pool and comes back."""
    daemon = pool.daemons[dice.choice((3, 4))]
    others = [other for other in pool.daemons if other is not daemon]
    gone = pool.ask_any(others, "DELETE", f"/v1/peers/{daemon.id}")
    yield f"{daemon.host.name}{'' if gone else ' (was not possible)'}"
    wait_for(f"{daemon.host.name} is in the pool again", lambda: pool.comes_back(daemon, others), JOINS_WITHIN_S, every=0.5)


FAULTS = (
    Fault(kill_one, 3, (0.0, 6.0)),
    Fault(kill_the_leader, 4, (0.0, 5.0)),
    Fault(kill_most, 2, (0.0, 4.0)),
    Fault(kill_all, 2, (0.0, 2.0)),
    Fault(restart_one, 1, (0.0, 2.0)),
    Fault(pause_one, 2, (0.5, 8.0)),
    Fault(pause_the_leader, 3, (0.5, 8.0)),
    Fault(pause_all, 1, (0.5, 4.0)),
    Fault(isolate_one, 2, (1.0, 8.0)),
    Fault(isolate_the_leader, 3, (1.0, 8.0)),
    Fault(isolate_all, 1, (1.0, 5.0)),
    Fault(split, 3, (1.0, 8.0)),
    Fault(cut_one_link, 2, (1.0, 8.0)),
    Fault(cut_one_way, 2, (1.0, 8.0)),
    Fault(deafen_the_leader, 2, (1.0, 8.0)),
    Fault(silence_the_leader, 2, (1.0, 8.0)),
    Fault(lose_packets, 3, (2.0, 10.0)),
    Fault(delay_and_reorder, 3, (2.0, 10.0)),
    Fault(fill_one_disk, 1, (1.0, 6.0)),
    Fault(fill_the_leaders_disk, 2, (1.0, 6.0)),
    Fault(fill_all_disks, 1, (1.0, 4.0)),
    Fault(fail_an_fsync, 1, (0.5, 3.0)),
    Fault(fail_an_fsync_of_the_leader, 2, (0.5, 3.0)),
    Fault(fail_a_write, 1, (0.5, 3.0)),
    Fault(slow_disk, 2, (2.0, 8.0)),
    Fault(other_number_of_voters, 2, (3.0, 15.0), peers_min=5),
    Fault(detach_and_join, 3, (0.0, 5.0), peers_min=5),
)


def possible(peers: int) -> list[Fault]:
    return [fault for fault in FAULTS if peers >= fault.peers_min]


def throw(dice: random.Random, among: Sequence[Fault]) -> tuple[Fault, float]:
    """The next fault and how long it lasts, in seconds."""
    fault = dice.choices(among, [fault.weight for fault in among])[0]
    return fault, dice.uniform(*fault.seconds)

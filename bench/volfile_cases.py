"""Random lives of volumes for `bench volfiles`: which command comes next, as the words that the `gluster` command would get.

Pure: a seed, and what the volume looks like by now, decide everything. VOL stands for the volume's name. Some of what comes out is
wrong on purpose: both sides have to refuse it. This file must not know how a command is sent, nor what it should do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gd2raft.core.options import Option, OptionTable

VOLUME = "VOL"
HOSTS = ("10.77.0.1", "10.77.0.2", "10.77.0.3")
BRICKS = "/run/b"
Words = tuple[str, ...]

STARTED_SHARE = 0.15
"""Of the cases that start their volume: real bricks on both sides, so they take seconds each."""
LENGTH = (4, 14)
LAYOUTS: Mapping[str, tuple[Words, tuple[int, ...]]] = {
    "distribute": ((), (1, 2, 3, 4, 5)),
    "replica 2": (("replica", "2"), (2, 4, 6, 8)),
    "replica 3": (("replica", "3"), (3, 6)),
    "arbiter": (("replica", "2", "arbiter", "1"), (3, 6)),
    "arbiter, older words": (("replica", "3", "arbiter", "1"), (3,)),
    "disperse": (("disperse", "3", "redundancy", "1"), (3, 6)),
    "disperse 4+2": (("disperse-data", "4", "redundancy", "2"), (6,)),
    "thin arbiter": (("replica", "2", "thin-arbiter", "1"), (3,)),
}
WRONG_LAYOUTS: Sequence[tuple[Words, int]] = (
    (("replica", "3"), 4),
    (("replica", "1"), 2),
    (("replica", "2", "arbiter", "2"), 3),
    (("disperse", "3", "redundancy", "2"), 3),
    (("disperse", "2"), 2),
    (("disperse", "3", "redundancy", "1"), 4),
)
WRONG_NAMES = (f"{VOLUME}{'x' * 300}", f"{VOLUME}.a", f"-{VOLUME}", "all", "help", "volume", "description", "force")
GRAPH_CHANGERS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "features.shard",
            "features.uss",
            "cluster.nufa",
            "cluster.switch",
            "performance.parallel-readdir",
            "performance.readdir-ahead",
            "performance.io-cache",
            "performance.nl-cache",
            "performance.read-ahead",
            "performance.open-behind",
            "performance.quick-read",
            "performance.stat-prefetch",
            "performance.write-behind",
            "performance.client-io-threads",
            "features.read-only",
            "features.worm",
            "features.worm-file-level",
            "features.trash",
            "features.acl",
            "features.ctime",
            "features.sdfs",
            "features.cloudsync",
            "features.tag-namespaces",
            "features.selinux",
            "network.compression",
            "client.ssl",
            "server.ssl",
            "server.root-squash",
            "server.manage-gids",
            "geo-replication.indexing",
        ),
        ("on", "off"),
    ),
    "performance.rda-cache-limit": ("8MB", "1GB"),
    "cluster.local-volume-name": (f"{VOLUME}-client-0",),
    "cluster.switch-pattern": (f"*.jpg:{VOLUME}-client-0",),
    "debug.trace": ("posix", "client", "locks", "off"),
    "user.xlator.note": ("posix", "locks", "client", "nowhere"),
    "user.xlator.note.depth": ("3",),
    "ssl.certificate-depth": ("2",),
    "ssl.cipher-list": ("HIGH:!SSLv2",),
    "auth.ssl-allow": ("a,b",),
    "config.transport": ("tcp", "rdma", "tcp,rdma"),
}
"""Options by which whole xlators come and go, or that are written into several places. Of debug xlators one: two end most lives."""
GROUPS = ("virt", "metadata-cache", "nl-cache", "samba", "gluster-block", "db-workload", "distributed-virt", "no-such-group")

# Options that change what runs on a whole machine or pool, so that one case would be seen by the next, and those that a command sets.
LEFT_ALONE = frozenset(
    {
        "cluster.enable-shared-storage",  # creates a volume by a hook script
        "server.statedump-path",  # glusterd looks whether the folder is there
        "cluster.op-version",
        "cluster.max-op-version",
        "cluster.brick-multiplex",
        "cluster.max-bricks-per-process",
    }
)
# With these, bricks of a started volume may not come up, or their clients not reach them: set on volumes that aren't started only.
HARD_ON_BRICKS = (
    "auth.",
    "client.ssl",
    "server.ssl",
    "ssl.",
    "debug.",
    "delay-gen.",
    "storage.",
    "transport.",
    "server.",
    "client.",
    "config.",
    "features.worm",
    "features.read-only",
    "network.",
    "changelog.",
    "cluster.server-quorum",
    "user.xlator",
    "locks.",
    "features.barrier",
    "cluster.self-heal-daemon",
    "features.uss",
    "features.cloudsync",
    "network.compression",
)


@dataclass(frozen=True)
class Seen:
    """What both sides agree on: state ("" when there is no such volume), kind, bricks "HOST:/path", options."""

    state: str = ""
    kind: str = ""
    bricks: tuple[str, ...] = ()
    replica: int = 1
    arbiter: int = 0
    disperse: int = 0
    redundancy: int = 0
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def set_size(self) -> int:
        return self.disperse or max(self.replica, 1)


class Case:
    """One random life. `next` is asked until it gives None."""

    def __init__(self, seed: int, table: OptionTable) -> None:
        self.seed, self._table = seed, table
        self._random = random.Random(seed)
        self._left = self._random.randint(*LENGTH)
        self._started = self._random.random() < STARTED_SHARE
        self._bricks = 0
        self._names = [name for name in table.options if name not in LEFT_ALONE]
        self._thin = False

    def next(self, seen: Seen) -> Words | None:
        self._left -= 1
        if self._left < 0:
            return None
        if not seen.state:
            return self._create()
        return self._pick(seen)(seen)

    def _pick(self, seen: Seen) -> Callable[[Seen], Words]:
        """Weights: options first of all, since there are so many."""
        choices: dict[Callable[[Seen], Words], float] = {
            self._set: 45,
            self._change_graph: 16,
            self._reset: 14,
            self._set_all: 3,
            self._group: 4,
            self._add: 0 if self._thin else 5,  # glusterd 10.3 dies of it (SIGSEGV)
            self._remove_by_force: 0 if self._thin else 3,
            self._stop: 1,
            self._delete: 1,
        }
        if self._started:
            running = seen.state == "Started"
            choices[self._start] = 1 if running else 40
            choices[self._stop] = 3
            for feature in (self._quota, self._bitrot):
                choices[feature] = 6 if running else 1
            choices[self._replace] = 3 if running else 0.5
            choices[self._migrate] = 6 if running else 0.5
        return self._random.choices(list(choices), list(choices.values()))[0]

    # ---- bricks

    def _fresh(self, count: int) -> Words:
        """Bricks one peer after the other, as an administrator lists them."""
        first, self._bricks = self._bricks, self._bricks + count
        return tuple(f"{HOSTS[n % len(HOSTS)]}:{BRICKS}/{VOLUME}_{n}" for n in range(first, first + count))

    def _create(self) -> Words:
        dice = self._random
        if dice.random() < 0.04:
            words, count = dice.choice(WRONG_LAYOUTS)
        else:
            layout = dice.choice(list(LAYOUTS))
            self._thin = layout == "thin arbiter"
            words, counts = LAYOUTS[layout]
            count = dice.choice(counts)
        self._bricks = 3 * dice.randint(0, 5)
        bricks = self._fresh(count)
        if dice.random() < 0.03:
            return ("create", dice.choice(WRONG_NAMES), *words, *bricks, "force")
        if dice.random() < 0.03:
            words = (*words, "transport", dice.choice(("tcp", "rdma", "tcp,rdma")))
        if dice.random() < 0.02 and len(bricks) > 1:
            bricks = (*bricks[:-1], bricks[0])
        return ("create", VOLUME, *words, *bricks, "force")

    def _add(self, seen: Seen) -> Words:
        dice, size = self._random, seen.set_size
        sets = len(seen.bricks) // size
        if dice.random() < 0.3 and seen.kind != "disperse":
            more = dice.choice((1, 1, 2))
            arbiter = ("arbiter", "1") if dice.random() < 0.25 else ()
            return ("add-brick", VOLUME, "replica", str(size + more), *arbiter, *self._fresh(sets * more), "force")
        count = size * dice.choice((1, 1, 2)) + (1 if dice.random() < 0.1 else 0)
        return ("add-brick", VOLUME, *self._fresh(count), "force")

    def _remove_by_force(self, seen: Seen) -> Words:
        if seen.replica > 1 and self._random.random() < 0.4:
            size = seen.set_size
            last = tuple(seen.bricks[n] for n in range(size - 1, len(seen.bricks), size))
            return ("remove-brick", VOLUME, "replica", str(size - 1), *last, "force")
        return ("remove-brick", VOLUME, *self._some_sets(seen), "force")

    def _some_sets(self, seen: Seen) -> Words:
        """Mostly one, in any order; once in a while one brick less."""
        size = seen.set_size
        sets = max(len(seen.bricks) // size, 1)
        firsts = self._random.sample(range(sets), min(sets, self._random.choice((1, 1, 2))))
        chosen = tuple(brick for first in firsts for brick in seen.bricks[size * first : size * (first + 1)])
        return chosen[:-1] or chosen if self._random.random() < 0.05 else chosen

    def _migrate(self, seen: Seen) -> Words:
        """start most of the time; stop and commit then name the bricks of the last start, which the sides remember."""
        how = self._random.choices(("start", "stop", "commit"), (5, 2, 2))[0]
        if how != "start" and (leaving := seen.options.get("leaving")):
            return ("remove-brick", VOLUME, *leaving.split(), how)
        return ("remove-brick", VOLUME, *self._some_sets(seen), how)

    def _replace(self, seen: Seen) -> Words:
        old = self._random.choice(seen.bricks)
        return ("replace-brick", VOLUME, old, *self._fresh(1), "commit", "force")

    # ---- states and features

    def _start(self, _: Seen) -> Words:
        return ("start", VOLUME, *(("force",) if self._random.random() < 0.2 else ()))

    def _stop(self, _: Seen) -> Words:
        return ("stop", VOLUME)

    def _delete(self, _: Seen) -> Words:
        return ("delete", VOLUME)

    def _quota(self, seen: Seen) -> Words:
        enabled = seen.options.get("features.quota") == "on"
        return ("quota", VOLUME, "disable" if enabled != (self._random.random() < 0.15) else "enable")

    def _bitrot(self, seen: Seen) -> Words:
        enabled = seen.options.get("features.bitrot") == "on"
        return ("bitrot", VOLUME, "disable" if enabled != (self._random.random() < 0.15) else "enable")

    # ---- options

    def _set(self, seen: Seen) -> Words:
        pairs: list[str] = []
        for _ in range(self._random.choices((1, 2, 3), (8, 2, 1))[0]):
            name, value = self._pair(seen)
            pairs += [name, value] if name not in pairs[::2] else []  # REST has a name once
        return ("set", VOLUME, *pairs)

    def _pair(self, seen: Seen) -> tuple[str, str]:
        dice = self._random
        if dice.random() < 0.03:
            return dice.choice(("user.note", "user.smb", "user.cifs")), dice.choice(("on", "some-text", "disable"))
        names = [n for n in self._names if seen.state != "Started" or not n.startswith(HARD_ON_BRICKS)]
        name = dice.choice(names)
        option = self._table.options[name]
        value = dice.choice(legal(option, dice)) if dice.random() < 0.75 else dice.choice(illegal(option))
        kind = dice.random()
        if kind < 0.08:
            name = name.split(".", 1)[-1]
        elif kind < 0.12:
            at = dice.randrange(len(name))
            name = name[:at] + dice.choice("xz-") + name[at + 1 :]
        return name, value

    def _change_graph(self, seen: Seen) -> Words:
        """One to three at once, as they work on each other."""
        running = seen.state == "Started"
        names = [name for name in GRAPH_CHANGERS if not (running and name.startswith(HARD_ON_BRICKS))]
        chosen = self._random.sample(names, self._random.choices((1, 2, 3), (5, 3, 2))[0])
        return ("set", VOLUME, *(word for name in chosen for word in (name, self._random.choice(GRAPH_CHANGERS[name]))))

    def _set_all(self, _: Seen) -> Words:
        """Mostly options of the pool; now and then one of a volume."""
        dice = self._random
        pool = [n for n in self._names if self._table.options[n].scope == "pool"]
        name = dice.choice(pool if dice.random() < 0.8 else self._names)
        option = self._table.options[name]
        return ("set", "all", name, dice.choice(legal(option, dice)) if dice.random() < 0.7 else dice.choice(illegal(option)))

    def _group(self, _: Seen) -> Words:
        return ("set", VOLUME, "group", self._random.choice(GROUPS))

    def _reset(self, seen: Seen) -> Words:
        dice = self._random
        force = ("force",) if dice.random() < 0.3 else ()
        stored = sorted(set(seen.options) - {"leaving"})
        kind = dice.random()
        if kind < 0.35:
            return ("reset", VOLUME, *force)
        if kind < 0.8 and stored:
            return ("reset", VOLUME, dice.choice(stored), *force)
        if kind < 0.85:
            return ("reset", VOLUME, "no.such-option", *force)
        return ("reset", VOLUME, dice.choice(self._names), *force)


ALMOST: Mapping[str, Words] = {
    "bool": ("o", "2", "null"),
    "size": ("1XB", "-1MB", "10%"),
    "time": ("5S", "1.5s", "3days5", "1wks"),
    "percent": ("101", "100.5", "-1%", "%"),
    "percent-or-size": ("1.5GB", "5B", "101%", "50.5"),
    "path": ("relative", "/a/../b"),
    "address": ("host_1", "*.com", "!10.0.0.1"),
    "address-list": ("host_1", "*.com", "h*", "!10.0.0.1", "10.0.0.1/33", "a..b", "fe80::1/64"),
    "priority-list": ("*.jpg", "*.jpg:x"),
}
"""Values that are nearly of the type."""


def legal(option: Option, dice: random.Random) -> list[str]:
    """Values that the table says are possible."""
    if option.values:
        return [*option.values, option.values[0].upper()]
    low, high = int(option.min or 0), int(option.max) if option.max is not None else int(option.min or 0) + 1000
    numbers = [str(low), str(high), str(dice.randint(low, high))]
    return {
        "bool": ["on", "off", "true", "false", "yes", "no", "enable", "disable", "1", "0", "ON", "Off"],
        "int": numbers,
        "double": [*numbers, f"{low}.5" if high > low else str(low)],
        "percent": ["0", "0%", "50", "100", "100%", "12%", "56.7%"],
        "percent-or-size": ["10%", "120", "101", "5GB", "0", "1KB"],
        "size": [*numbers, f"{max(low, 1 << 20)}", "128MB", "1GB", "1.5GB", "1mb"],
        "time": [*numbers, f"{low}", f"{low}sec", "1m", "2min", "1h", "1days"],
        "path": ["/some/where", "/var/log/x", "/var/log/a..b"],
        "str-or-int": numbers,
        "dot-name": [".quota-x", ".trash"],
        "address": ["10.0.0.1", "*", "fe80::1"],
        "address-list": ["*", "10.0.0.1", "10.0.0.*,node1", "192.168.0.0/24", "10.*", "/d(10.0.0.1|node1)"],
        "xlator": [f"{VOLUME}-client-0", "some-xlator"],
        "priority-list": ["*.jpg:3,*.html:2"],
    }.get(option.type, ["on", "off", "7", "some-text"])


def illegal(option: Option) -> list[str]:
    """Values that are wrong for most types; whether they are for this one, the sides have to agree on."""
    found = ["nonsense", "-1", "12x", "1.5", "99999999999", "/", "on,off", "200%", *ALMOST.get(option.type, ())]
    if option.min is not None:
        found.append(str(int(option.min) - 1))
    if option.max is not None:
        found.append(str(int(option.max) + 1))
    return found

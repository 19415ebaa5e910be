"""`bench commands --all`: the other commands that both sides have, on the same kind of volume and by the same rules as bench/commands.py.

A round is the life of one volume: looked at, grown, balanced, shrunk, repaired, profiled, with quota and with bitrot. It is empty, so
that a command is timed and not the moving of files. Not here: `heal info` (no RPC of glusterd), peer probe and detach, `rebalance stop`
(an empty volume is balanced before it can be stopped). `quota list`: glusterd only makes a mount, where `gluster` then looks by itself;
ours makes one, looks, and takes it away.
"""

from __future__ import annotations

import contextlib
import functools

from bench import ours, theirs
from bench.commands import OPTION, PEERS, VALUES, Round
from bench.glusterd_rpc import GlusterdRefused
from bench.orders import Order, Orders
from bench.sides import BRICK, CLIENT, Brick, NotDone, Side, count, fresh_bricks, serving_ports

LOOKS = 5
"""Questions are quick: so many of each in a round."""
ENDED_WORD, ENDED_NUMBER = "completed", "3"
NAMES = (
    "volume list", "status", "status detail", "status clients", "status mem", "get", "reset", "add-brick", "rebalance start",
    "rebalance status", "remove-brick start", "remove-brick status", "remove-brick stop", "remove-brick commit", "remove-brick force",
    "replace-brick", "reset-brick start", "reset-brick commit", "heal", "heal full", "heal-count", "profile start", "profile info",
    "profile stop", "top", "statedump", "barrier enable", "barrier disable", "quota enable", "quota limit", "quota list", "quota remove",
    "quota disable", "bitrot enable", "bitrot scrub status", "bitrot disable",
)  # fmt: skip


def tell(side: Side, order: Order) -> object:
    """The last answer. Raises what the side's protocol raises."""
    if isinstance(side, ours.Gd2raft):
        return [side.peers[0].call(method, path, body) for method, path, body in order.rest][-1]
    assert isinstance(side, theirs.RealGlusterd)
    return side.connection.command(order.words, *order.rpc)


class EveryCommand(Round):
    """One volume's life on one side."""

    def run(self) -> None:
        if isinstance(self.side, ours.Gd2raft):
            self.side.reconnect()
        self.orders = Orders(self.volume)
        bricks = fresh_bricks(self.side.hosts, self.volume)
        self.side.create(self.volume, bricks)
        self.side.start(self.volume)
        self._serves(bricks)
        self._look()
        self._grow_and_shrink()
        self._repair(words_of(bricks))
        self._inspect()
        self._features()
        self.side.stop(self.volume)
        self._check("no process is left", lambda: count(self.side.hosts, BRICK) + count(self.side.hosts, CLIENT) == 0)
        self.side.delete(self.volume)

    def _give(self, name: str, order: Order, times: int = 1) -> object:
        answer: list[object] = []
        for turn in range(times):
            self._timed(name, lambda: answer.append(tell(self.side, order)), settle=turn == 0)
        return answer[-1]

    def _taken(self, order: Order) -> object:
        """The answer, untimed; None while it is refused, as glusterd does ("Brick ops failed") when a process it asks comes or goes."""
        with contextlib.suppress(GlusterdRefused, ours.RestFailed):
            return tell(self.side, order)
        return None

    def _serves(self, bricks: list[Brick]) -> None:
        """All run and listen, and a self-heal daemon on every peer."""

        def good() -> bool:
            listening = sum(len(serving_ports(host)) for host in self.side.hosts)
            return count(self.side.hosts, BRICK) == len(bricks) <= listening and count(self.side.hosts, CLIENT) == PEERS

        self._check(f"{len(bricks)} bricks and {PEERS} self-heal daemons run", good)

    def _look(self) -> None:
        orders = self.orders
        self._give("volume list", orders.list(), LOOKS)
        self._give("status", orders.status(), LOOKS)
        for what in ("detail", "clients", "mem"):
            self._give(f"status {what}", orders.status_of(what), LOOKS)
        self._give("get", orders.get(OPTION), LOOKS)
        self.side.set(self.volume, OPTION, VALUES[0])
        self._give("reset", orders.reset(OPTION))
        self._check("the option is not set any more", lambda: OPTION not in (self.side.seen(self.volume, 0) or ("", {}))[1])

    def _grow_and_shrink(self) -> None:
        orders, first = self.orders, fresh_bricks(self.side.hosts, self.volume)
        more = fresh_bricks(self.side.hosts, f"{self.volume}-more")
        words = words_of(more)
        self._give("add-brick", orders.add_bricks(words))
        self._serves([*first, *more])
        self._give("rebalance start", orders.rebalance("start"))
        self._job_ends(orders.rebalance("status"))
        self._give("rebalance status", orders.rebalance("status"), LOOKS)
        self._give("remove-brick start", orders.remove_bricks(words, "start"))
        self._job_ends(orders.remove_bricks(words, "status"))
        self._give("remove-brick status", orders.remove_bricks(words, "status"), LOOKS)
        self._give("remove-brick stop", orders.remove_bricks(words, "stop"))
        self._give("remove-brick start", orders.remove_bricks(words, "start"))
        self._job_ends(orders.remove_bricks(words, "status"))
        self._give("remove-brick commit", orders.remove_bricks(words, "commit"))
        self._serves(first)
        others = fresh_bricks(self.side.hosts, f"{self.volume}-others")
        self._give("add-brick", orders.add_bricks(words_of(others)))
        self._serves([*first, *others])
        self._give("remove-brick force", orders.remove_bricks(words_of(others), "force"))
        self._serves(first)

    def _job_ends(self, status: Order) -> None:
        self._check("the job has completed on every peer", lambda: completed(self._taken(status)))
        self._check("its processes end", lambda: count(self.side.hosts, CLIENT) == PEERS)

    def _repair(self, bricks: list[str]) -> None:
        orders, new = self.orders, f"{bricks[0]}-new"
        running = fresh_bricks(self.side.hosts, self.volume)
        self._give("replace-brick", orders.replace_brick(bricks[0], new))
        self._serves(running)
        self._give("reset-brick start", orders.reset_brick(new, "start"))
        self._check("the brick is away", lambda: count(self.side.hosts, BRICK) == PEERS - 1)
        self._give("reset-brick commit", orders.reset_brick(new, "commit"))
        self._serves(running)
        for what in ("index", "full"):  # their daemons have to find the bricks of the new graph first
            self._check(f"self-heal daemons take heal {what}", functools.partial(self._taken, orders.heal(what)))
        self._give("heal-count", orders.heal("heal-count"), LOOKS)
        self._give("heal", orders.heal("index"), LOOKS)
        self._give("heal full", orders.heal("full"), LOOKS)

    def _inspect(self) -> None:
        orders = self.orders
        self._give("profile start", orders.profile("start"))
        self._give("profile info", orders.profile("info"), LOOKS)
        self._give("profile stop", orders.profile("stop"))
        self._give("top", orders.top(), LOOKS)
        self._give("statedump", orders.statedump())
        self._give("barrier enable", orders.barrier(on=True))
        self._give("barrier disable", orders.barrier(on=False))

    def _features(self) -> None:
        orders = self.orders
        self._give("quota enable", orders.quota("enable"))
        self._give("quota limit", orders.quota("limit"))
        for _ in range(2):
            self._give("quota list", orders.quota("list"))
            if isinstance(self.side, theirs.RealGlusterd):
                self.side.unmount_quota(self.volume)
        self._give("quota remove", orders.quota("remove"))
        self._give("quota disable", orders.quota("disable"))
        self._give("bitrot enable", orders.bitrot("enable"))
        self._give("bitrot scrub status", orders.bitrot("status"), LOOKS)
        self._give("bitrot disable", orders.bitrot("disable"))


def words_of(bricks: list[Brick]) -> list[str]:
    return [f"{brick.host.address}:{brick.path}" for brick in bricks]


def completed(answer: object) -> bool:
    """Whether every peer's part of a job has: glusterd's answer (text by "status-N"), or ours. Raises NotDone when it failed.

    >>> completed({"status-1": "3", "status-2": "1"}), completed({"status": "completed", "parts": []})
    (False, True)
    """
    if not isinstance(answer, dict):
        return False
    found = {str(value) for key, value in answer.items() if key == "status" or key.startswith("status-")}
    if found & {"failed", "4"}:
        raise NotDone(f"a job failed: {answer}")
    return bool(found) and found <= {ENDED_WORD, ENDED_NUMBER}

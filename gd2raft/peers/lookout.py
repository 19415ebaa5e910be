"""What the leader has to say about other peers to the administrator (`gd2 health`), beyond that they are in sight or not.

It looks who answers at the address of a peer that is not in sight: a machine that was installed anew runs a healthy pool of one
there, and waits to be given its place. And it keeps what the log told of a peer that had lost what it had acknowledged, until that
peer's daemon is started again. Soft state of this leadership. It must not know how a peer is replaced.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import structlog

from gd2raft import services
from gd2raft.peers.joining import parse_address
from gd2raft.rpc.errors import HelloRefused, RpcError
from gd2raft.rpc.fields import NOTICES_MAX, cut
from gd2raft.rpc.hello import H_WRONG_KEY

EVERY_S = 5.0
ASK_S = 2.0
ASKED_MAX = 32
"""At once, of peers that are not in sight: the others are asked the next time."""
PEER_STRANGER = "PEER_STRANGER"
LOG_LOST = "LOG_LOST"

Ask = Callable[[str, int, float], Awaitable[services.AskReply]]

log = structlog.get_logger("lookout")


class LostLog(NamedTuple):
    """A voter had entries up to `has` only, though it had acknowledged those up to `had`. `instance`: its process then."""

    had: int
    has: int
    instance: str


class Lookout:
    """`missing`: address by id of the members out of sight, empty unless this peer leads; `ask` asks an address who is there; `ours`:
    whether a pool id is that of this pool, or one that it has gone on from; `instance_of`: the process of a voter that was heard last;
    `name_of`: of a member, "" when it is none (any more)."""

    def __init__(
        self,
        missing: Callable[[], Mapping[str, str]],
        ask: Ask,
        ours: Callable[[str], bool],
        instance_of: Callable[[str], str],
        name_of: Callable[[str], str],
    ) -> None:
        self._missing, self._ask, self._ours, self._instance_of, self._name_of = missing, ask, ours, instance_of, name_of
        self._strangers: dict[str, str] = {}
        self._lost: dict[str, LostLog] = {}
        self._turn = 0
        self._poke = asyncio.Event()

    async def run(self, leads_others: Callable[[], bool]) -> None:
        """Look now and then, while there is somebody to look for."""
        while True:
            if leads_others():
                await self.look()
                await asyncio.sleep(EVERY_S)
            else:
                self._poke.clear()
                await self._poke.wait()

    def poke(self) -> None:
        """Who leads, or who is in the pool, may have changed."""
        self._poke.set()

    async def look(self) -> None:
        """Once. Who is found is told in the log, until somebody else is found there or the peer is back."""
        missing = self._missing()
        for peer_id in self._strangers.keys() - missing.keys():
            del self._strangers[peer_id]
        asked = dict(itertools.islice(itertools.cycle(sorted(missing.items())), self._turn, self._turn + min(len(missing), ASKED_MAX)))
        self._turn = (self._turn + len(asked)) % max(1, len(missing))
        await asyncio.gather(*(self._look_at(peer_id, address) for peer_id, address in asked.items()))

    def lost_log(self, peer_id: str, had: int, has: int) -> None:
        """The log has proof of it."""
        self._lost[peer_id] = LostLog(had, has, self._instance_of(peer_id))

    def forget(self) -> None:
        """This peer leads no more, or anew."""
        self._strangers.clear()
        self._lost.clear()
        self._poke.set()

    def notices(self) -> list[services.Notice]:
        for peer_id, lost in list(self._lost.items()):
            if self._instance_of(peer_id) != lost.instance or not self._name_of(peer_id):
                del self._lost[peer_id]
        found = [services.Notice(LOG_LOST, peer_id, cut(self._lost_text(peer_id, lost))) for peer_id, lost in sorted(self._lost.items())]
        found += [services.Notice(PEER_STRANGER, peer_id, cut(text)) for peer_id, text in sorted(self._strangers.items())]
        return found[:NOTICES_MAX]

    def _lost_text(self, peer_id: str, lost: LostLog) -> str:
        return (
            f"peer {self._name_of(peer_id)} ({peer_id}) had lost entries {lost.has + 1} to {lost.had} of its log, which it had acknowledged: an old "
            "copy of its state was put back, or its disk forgets what it has fsynced. It has them again"
        )

    async def _look_at(self, peer_id: str, address: str) -> None:
        host, port = parse_address(address)
        try:
            reply = await self._ask(host, port, ASK_S)
            text = "" if self._ours(reply.pool_id) else stranger(reply)
        except HelloRefused as error:
            text = OTHER_SECRET if error.code == H_WRONG_KEY else ""
        except (RpcError, OSError, TimeoutError):
            text = ""
        name = self._name_of(peer_id)
        if not text or not name or peer_id not in self._missing():
            self._strangers.pop(peer_id, None)
            return
        told = f"{address}, where peer {name} ({peer_id}) should be, answers as {text}{'' if text.endswith('?') else '.'} To give it that peer's place: gd2 peer replace {name} {address}"
        if self._strangers.get(peer_id) != told:
            log.warning("another daemon answers where a peer is missed", peer=peer_id, what=told)
        self._strangers[peer_id] = told


OTHER_SECRET = (
    "a daemon of another pool, with another join secret: was its disk wiped? Give it this pool's (joinsecretfile) and start it again first"
)


def stranger(reply: services.AskReply) -> str:
    """What a daemon of another pool is to an administrator who misses one of this."""
    who = f"(peer {reply.peer_id}, pool {reply.pool_id})"
    if reply.refusal:
        return f"a daemon of another pool {who}, which can't join as it is: {reply.refusal}"
    return f"a fresh daemon of another pool {who}: was its disk wiped?"

"""Whether a peer has moved is told from what it listens on and what the pool knows of it; addresses of this machine are real ones."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from gd2raft.core.model import Peer
from gd2raft.core.plan import Conflict, Failed
from gd2raft.peers.moving import Mover, address_now, is_as_configured, is_local, unseen
from gd2raft.peers.twins import RUNS_TWICE
from gd2raft.rpc.errors import DialFailed, HelloRefused
from gd2raft.rpc.hello import H_WRONG_PEER

pytestmark = pytest.mark.fast

ELSEWHERE = "192.0.2.1"
"""An address of documentation (RFC 5737): no machine has it."""
TOWARDS = "127.0.0.1:1"


def known(host: str, port: int = 24008, client_port: int = 24007) -> Peer:
    addresses, clients = (f"{host}:{port}",), (f"{host}:{client_port}",)
    return Peer(id="a", name=host, hostname=host, addresses=addresses, client_addresses=clients)


@pytest.mark.parametrize(
    ("recorded", "host", "now"),
    [
        ("127.0.0.1", "127.0.0.1", ""),
        ("localhost", "127.0.0.1", ""),  # another name of the same
        ("127.0.0.1", "127.0.0.2", "127.0.0.2:24008"),
        ("localhost", "127.0.0.2", "127.0.0.2:24008"),
        ("127.0.0.1", "", ""),  # it listens everywhere, and that is its own
        ("127.0.0.1", "0.0.0.0", ""),
        (ELSEWHERE, "", "127.0.0.1:24008"),  # the one by which others are reached
        (ELSEWHERE, "127.0.0.1", "127.0.0.1:24008"),
        ("no-such-host.invalid", "127.0.0.1", ""),  # it can't be told
    ],
)
def test_a_peer_has_moved_when_the_recorded_address_is_none_of_its_own(recorded: str, host: str, now: str) -> None:
    assert address_now(known(recorded), host, 24008, 24007, TOWARDS) == now


@pytest.mark.parametrize(("port", "client_port"), [(25008, 24007), (24008, 25007)])
def test_another_port_alone_is_told_too_with_the_recorded_name(port: int, client_port: int) -> None:
    assert address_now(known("localhost"), "127.0.0.1", port, client_port, TOWARDS) == f"localhost:{port}"


def test_a_peer_that_listens_everywhere_and_has_nobody_to_ask_stays_as_it_is_known() -> None:
    assert address_now(known(ELSEWHERE), "", 24008, 24007, "") == ""


def test_nothing_is_looked_up_when_record_and_configuration_say_the_same() -> None:
    assert is_as_configured(known("x.invalid"), "x.invalid", 24008, 24007)
    assert not is_as_configured(known("x.invalid"), "x.invalid", 24008, 25007)
    assert not is_as_configured(known("x.invalid"), "", 24008, 24007)


def test_an_address_is_local_when_this_machine_has_it() -> None:
    assert is_local("127.0.0.1") and is_local("127.200.0.9") and not is_local(ELSEWHERE)


def test_where_nobody_answers_a_peer_is_put_by_force_only_and_keeps_its_client_port() -> None:
    peer, nobody = known("node1", client_port=25007), DialFailed("nobody there")
    with pytest.raises(Failed, match="does not answer at node9:24008: nobody there") as caught:
        unseen(peer, "node9", "node9:24008", False, nobody)
    assert caught.value.code == "unreachable" and "force" in caught.value.hint
    found = unseen(peer, "node9", "node9:24008", True, nobody)
    assert (found.id, found.address, found.hostname, found.client_address) == ("a", "node9:24008", "node9", "node9:25007")


@pytest.mark.parametrize("code", [H_WRONG_PEER, RUNS_TWICE])
@pytest.mark.parametrize("force", [False, True])
def test_where_another_peer_or_a_copy_answers_it_is_not_put_even_by_force(code: str, force: bool) -> None:
    with pytest.raises(Conflict, match="somebody else") as caught:
        unseen(known("node1"), "node9", "node9:24008", force, HelloRefused(code, "somebody else"))
    assert caught.value.code == code


class Pool:
    """What a mover knows of its pool: its own record, and others'."""

    def __init__(self, own: str, *others: str) -> None:
        self.own: Peer | None = known(own)
        self.others = [known(host) for host in others]
        self.changes: list[int] = []

    def mover(self, host: str) -> Mover:
        never: Any = None
        return Mover(
            lambda: self.own,
            lambda: self.others,
            never,
            never,
            never,
            lambda: self.changes.append(1),
            host=host,
            port=24008,
            client_port=24007,
            chance=random.Random(1),
        )


def test_a_peer_at_the_address_of_another_one_is_misplaced_until_the_pool_knows_it_there() -> None:
    async def body() -> None:
        pool = Pool("127.0.0.1", "127.0.0.2", "127.0.0.3")
        mover = pool.mover("127.0.0.2")
        assert not mover.misplaced(), "it has not looked yet"
        assert await mover.where() == "127.0.0.2:24008" and mover.misplaced()
        assert await mover.where() == "127.0.0.2:24008" and len(pool.changes) == 1, "what runs here is looked at again, once"
        pool.own, pool.others = known("127.0.0.2"), [known("127.0.0.1"), known("127.0.0.3")]
        assert not mover.misplaced(), "the record counts at once, before it looks again"
        assert await mover.where() == ""

    asyncio.run(body())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", ""])
def test_a_peer_where_it_is_known_or_at_a_free_address_is_not_misplaced(host: str) -> None:
    async def body() -> None:
        mover = Pool("127.0.0.1", "127.0.0.2").mover(host)
        await mover.where()
        assert not mover.misplaced()

    asyncio.run(body())


def test_a_peer_without_a_record_has_not_moved() -> None:
    async def body() -> None:
        pool = Pool("127.0.0.1", "127.0.0.2")
        pool.own = None
        mover = pool.mover("127.0.0.2")
        assert await mover.where() == "" and not mover.misplaced()

    asyncio.run(body())

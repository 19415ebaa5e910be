"""Messages of voters find their way: by the address that the pool knows, or back along the way that they came."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gd2raft.peers.courier import Courier
from gd2raft.rpc.errors import DialFailed

pytestmark = pytest.mark.fast


class Line:
    """A connection to a peer, as far as a courier uses it."""

    def __init__(self, peer_id: str) -> None:
        self.peer, self.closed, self.sent = SimpleNamespace(peer_id=peer_id), False, []

    def notify(self, method: Any, message: Any) -> bool:
        self.sent.append(message.payload)
        return True

    async def close(self, why: str) -> None:
        self.closed = True


class Net:
    def __init__(self, **addresses: str) -> None:
        self.addresses, self.dialled, self.nobody_at = addresses, [], set[str]()
        self.courier = Courier(self.dial, lambda peer: self.addresses.get(peer, ""))  # type: ignore[arg-type]

    async def dial(self, address: str, peer_id: str) -> Any:
        if not address or address in self.nobody_at:
            raise DialFailed("nobody there")
        line = Line(peer_id)
        self.dialled.append(line)
        return line


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_muted_peer_says_nothing_and_dials_on() -> None:
    """What comes of the dialling tells whether it is still taken for a twin."""

    async def body() -> None:
        net = Net(voter="10.0.0.2")
        muted = [True]
        net.courier.muted = lambda: muted[0]  # type: ignore[method-assign]
        net.courier.send("voter", b"vote for me")
        await settle()
        (line,) = net.dialled
        assert line.sent == []
        net.courier.send("voter", b"vote for me")
        assert line.sent == []
        muted[0] = False
        net.courier.send("voter", b"I am here")
        assert line.sent == [b"I am here"]

    asyncio.run(body())


def test_a_peer_whose_address_is_not_known_yet_is_answered_on_the_connection_it_asked_by() -> None:
    """One that was just invited is asked to catch up before its state has any peer: without an answer it never would."""

    async def body() -> None:
        net, asking = Net(), Line("leader")
        net.courier.heard(asking)  # type: ignore[arg-type]
        net.courier.send("leader", b"reply")
        await settle()
        assert (asking.sent, net.dialled) == ([b"reply"], [])
        asking.closed = True
        net.courier.send("leader", b"lost")
        await settle()
        assert asking.sent == [b"reply"]
        await net.courier.close()

    asyncio.run(body())


def test_a_peer_whose_address_is_known_is_dialled_once_and_by_it() -> None:
    async def body() -> None:
        net, asking = Net(leader="10.0.0.1:24008"), Line("leader")
        net.courier.heard(asking)  # type: ignore[arg-type]
        for message in (b"1", b"2"):
            net.courier.send("leader", message)
        await settle()
        net.courier.send("leader", b"3")
        (line,) = net.dialled
        assert (line.sent, asking.sent) == ([b"1", b"2", b"3"], [])
        await net.courier.close()
        assert line.closed

    asyncio.run(body())


def test_a_peer_that_is_not_where_it_is_known_to_be_is_answered_on_its_own_connection_until_its_new_address_is_known() -> None:
    """A voter that came back elsewhere: its vote may be what is missing to write its new address down."""

    async def body() -> None:
        net, asking = Net(voter="10.0.0.1:24008"), Line("voter")
        net.nobody_at.add("10.0.0.1:24008")
        net.courier.send("voter", b"lost")
        await settle()
        net.courier.heard(asking)  # type: ignore[arg-type]
        assert net.courier.came_by(asking) and not net.courier.came_by(Line("voter"))  # type: ignore[arg-type]
        net.courier.send("voter", b"1")
        assert (asking.sent, net.dialled) == ([b"1"], [])
        net.addresses["voter"] = "10.0.0.9:24008"
        net.courier.send("voter", b"2")
        await settle()
        (line,) = net.dialled
        assert (asking.sent, line.sent) == ([b"1"], [b"2"])
        await net.courier.close()

    asyncio.run(body())

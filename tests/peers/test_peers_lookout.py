"""What the leader has to say of other peers: who answers at the address of one that is missed, and whose log went back."""

from __future__ import annotations

import asyncio

import pytest

from gd2raft import services
from gd2raft.peers import lookout
from gd2raft.peers.lookout import Lookout
from gd2raft.rpc.errors import DialFailed, HelloRefused
from gd2raft.rpc.hello import H_OTHER_POOL, H_WRONG_KEY

pytestmark = pytest.mark.fast


class Scene:
    """`answers`: by host, who is there, or why nobody could be asked."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}
        self.answers: dict[str, services.AskReply | Exception] = {}
        self.asked: list[str] = []
        self.instances = {"b": "first"}
        self.names = {"b": "node2", "c": "node3"}
        self.lookout = Lookout(
            lambda: self.missing,
            self.ask,
            lambda pool: pool in ("ours", "before a recovery"),
            lambda peer: self.instances.get(peer, ""),
            lambda peer: self.names.get(peer, ""),
        )

    async def ask(self, host: str, port: int, timeout_s: float) -> services.AskReply:
        self.asked.append(f"{host}:{port}")
        answer = self.answers.get(host, DialFailed("nobody"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def look(self) -> list[tuple[str, str]]:
        asyncio.run(self.lookout.look())
        return [(n.peer_id, n.what) for n in self.lookout.notices()]


def reply(pool: str, refusal: str = "") -> services.AskReply:
    return services.AskReply("x", pool, 24007, "", 1, 1, [], refusal)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_fresh_daemon_at_the_address_of_a_missed_peer_is_told_with_the_command_until_the_peer_is_back(scene: Scene) -> None:
    scene.missing = {"b": "host2:24008"}
    scene.answers["host2"] = reply("another")
    ((peer, what),) = scene.look()
    assert peer == "b" and "a fresh daemon of another pool (peer x, pool another)" in what
    assert what.endswith("gd2 peer replace node2 host2:24008")
    scene.missing = {}
    assert scene.look() == []


@pytest.mark.parametrize(
    "answer", [reply("ours"), reply("before a recovery"), DialFailed("nobody"), HelloRefused(H_OTHER_POOL, "?"), TimeoutError()]
)
def test_nothing_is_said_of_the_peer_itself_of_the_old_pool_or_of_nobody(scene: Scene, answer: services.AskReply | Exception) -> None:
    scene.missing = {"b": "host2:24008"}
    scene.answers["host2"] = reply("another")
    assert scene.look()
    scene.answers["host2"] = answer
    assert scene.look() == []


def test_one_that_can_not_join_as_it_is_and_one_with_another_secret_are_told_as_such(scene: Scene) -> None:
    scene.missing = {"b": "host2:24008", "c": "host3:24008"}
    scene.answers = {"host2": reply("another", "it has 2 volumes (v1, v2)"), "host3": HelloRefused(H_WRONG_KEY, "the keys differ")}
    (_, first), (_, second) = scene.look()
    assert "which can't join as it is: it has 2 volumes" in first and "wiped" not in first
    assert "with another join secret" in second and "joinsecretfile" in second


def test_of_very_many_that_are_missed_some_are_asked_at_a_time_and_all_in_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "ASKED_MAX", 2)
    scene.missing = {f"p{n}": f"host{n}:24008" for n in range(5)}
    for _ in range(5):
        scene.look()
    assert sorted(scene.asked) == sorted(2 * list(scene.missing.values()))


def test_a_lost_log_is_told_until_that_process_has_ended_the_peer_is_gone_or_another_leads(scene: Scene) -> None:
    def codes() -> list[str]:
        return [notice.code for notice in scene.lookout.notices()]

    scene.lookout.lost_log("b", 12, 7)
    assert "entries 8 to 12" in scene.lookout.notices()[0].what and codes() == ["LOG_LOST"]
    scene.instances["b"] = "second"
    assert codes() == []
    scene.lookout.lost_log("b", 12, 7)
    scene.lookout.forget()
    assert codes() == []
    scene.lookout.lost_log("b", 12, 7)
    del scene.names["b"]
    assert codes() == []

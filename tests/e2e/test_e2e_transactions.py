"""Commands that can't go on: peers that hang or die in the middle, leaders that die, keys that are used again. On real daemons."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kit.machine import run_well
from kit.peer import Answer, Peer
from kit.pool import MakePool, Pool, mark_of
from kit.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


class Background:
    """A request in a thread, because it hangs."""

    def __init__(self, peer: Peer, method: str, path: str, body: object, key: str = "") -> None:
        self.answer: Answer | None = None
        self.error: Exception | None = None

        def run() -> None:
            try:
                self.answer = peer.call(method, path, body, timeout_s=150.0, key=key)
            except Exception as error:
                self.error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def wait(self) -> Answer | None:
        self._thread.join(160.0)
        assert not self._thread.is_alive(), "the request hangs"
        return self.answer


class Cast:
    """Four peers: one leads, `asked` takes requests, `slow` is a voter that is stopped and continued, `dead` has no vote and is killed.

    `dead` doesn't follow `slow`: it would hang with it until it has another upstream.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.leader = pool.leader()
        voters = self.leader.status["voters"]
        self.dead = next(p for p in pool.peers if p.id not in voters)
        self.broken: list[str] = []
        upstream = self.dead.status["upstream"]
        others = [p for p in pool.peers if p.id in voters and p is not self.leader]
        self.asked, self.slow = sorted(others, key=lambda p: p.id != upstream)

    def stop(self) -> None:
        assert self.slow.process is not None
        self.slow.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.slow.process is not None
        self.slow.process.send_signal(signal.SIGCONT)

    def body(self, name: str, *peers: Peer, folder: str = "") -> dict[str, Any]:
        return {"name": name, "force": True, "replica": len(peers), "bricks": [p.brick(folder or name) for p in peers]}

    def a_half_made_volume(self, name: str) -> Background:
        """A create that hangs at `slow` while `dead` has made its brick."""
        self.stop()
        asked = Background(self.asked, "POST", "/v1/volumes", self.body(name, self.asked, self.slow, self.dead))
        until(lambda: mark_of(self.dead.brick_folder(name)), "the brick is made on the peer that will die")
        return asked

    def made_to_fail(self, name: str) -> Answer:
        """`dead` dies with its brick made, and can't be asked to undo it; the stopped one dies too."""
        asked = self.a_half_made_volume(name)
        self.dead.kill()
        self.slow.kill()
        answer = asked.wait()
        assert answer is not None
        assert answer.status == 500, answer.message
        return answer

    def made_stuck(self, name: str) -> str:
        """The disk of `dead` fails after its brick was made, so that it can't undo it: the id of the stuck transaction."""
        asked = self.a_half_made_volume(name)
        self.break_disk(name)
        self.slow.kill()
        answer = asked.wait()
        assert answer is not None
        assert answer.status == 500, answer.message
        assert "could not be undone" in answer.message
        return str(answer.body["errors"][0]["fields"]["transaction"])

    def break_disk(self, name: str) -> None:
        folder = str(self.dead.brick_folder(name).parent)
        for command in (["mount", "--bind", folder, folder], ["mount", "-o", "remount,ro,bind", folder]):
            run_well(self.dead.machine, command)
        self.broken.append(folder)

    def mend_disk(self) -> None:
        while self.broken:
            run_well(self.dead.machine, ["umount", "--lazy", self.broken.pop()])

    def phase(self, identity: str) -> str:
        return str(self.asked.get(f"/v1/transactions/{identity}")["phase"])


@pytest.fixture
def cast(make_pool: MakePool) -> Iterator[Cast]:
    found = Cast(make_pool(4).start().form())
    yield found
    found.mend_disk()
    if found.slow.alive:
        found.go_on()


def test_a_stuck_command_is_visible_holds_its_locks_and_ends_when_its_disk_is_mended(cast: Cast) -> None:
    identity = cast.made_stuck("v1")
    cast.slow.start().ready()
    listed = cast.asked.gd2_done("transaction", "list").out
    assert identity in listed
    assert "stuck" in listed
    shown = cast.asked.gd2_done("transaction", "show", identity).out
    assert f"brick.prepare on {cast.dead.address}" in shown
    assert "volume/v1" in cast.asked.gd2_done("cluster", "status").out
    assert "TRANSACTION_STUCK" in cast.asked.gd2("health").out
    refused = cast.asked.call("POST", "/v1/volumes", cast.body("v1", cast.asked, cast.slow, folder="other"))
    assert (refused.status, refused.code) == (409, "locked"), refused.message
    assert identity in str(refused.body["errors"][0]["fields"])
    again = cast.asked.gd2("transaction", "resume", identity)
    assert again.code == 1, "the disk is still broken"
    assert "stuck again" in again.err
    cast.mend_disk()
    assert "failed" in cast.asked.gd2_done("transaction", "resume", identity).out
    assert cast.phase(identity) == "failed"
    assert mark_of(cast.dead.brick_folder("v1")) is None, "the brick of a volume that never was"
    assert cast.pool.settled() == {}
    cast.asked.must("POST", "/v1/volumes", cast.body("v1", cast.asked, cast.slow, cast.dead))


def test_an_aborted_stuck_command_frees_its_locks_and_its_peer_undoes_its_part_when_the_disk_is_mended(cast: Cast) -> None:
    identity = cast.made_stuck("v1")
    cast.slow.start().ready()
    aborted = cast.asked.gd2_done("transaction", "abort", identity)
    assert "failed" in aborted.out
    left = f"{cast.dead.address}: folder {cast.dead.brick_folder('v1')} stays marked as a brick of volume v1"
    assert left in aborted.out, "what is left where is not said"
    status = cast.asked.status
    assert (status["locks"], status["transactions"]) == ([], [])
    assert status["leftovers"] == [f"{dead_id(cast)}/{identity}"]
    cast.mend_disk()
    until(lambda: not cast.asked.status["leftovers"], "the peer has done its undo", 40)
    assert mark_of(cast.dead.brick_folder("v1")) is None


def test_what_a_disk_that_never_comes_back_should_undo_can_be_forgotten(cast: Cast) -> None:
    identity = cast.made_stuck("v1")
    cast.slow.start().ready()
    assert cast.asked.gd2("transaction", "forget", identity).code != 0, "it has not ended yet"
    cast.asked.gd2_done("transaction", "abort", identity)
    assert "UNDO_LEFT" in cast.asked.gd2("health").out
    cast.asked.gd2_done("transaction", "forget", identity)
    assert cast.asked.status["leftovers"] == []
    assert "UNDO_LEFT" not in cast.asked.gd2("health").out
    assert "not undone yet" not in cast.asked.call("POST", "/v1/volumes", cast.body("v1", cast.asked, cast.slow, cast.dead)).message
    cast.mend_disk()
    until(lambda: not list((cast.dead.state / "undo").glob("*")), "its notes are thrown away")
    assert mark_of(cast.dead.brick_folder("v1")) is not None, "what was forgotten was undone"


def test_a_peer_that_dies_in_the_middle_holds_no_lock_and_undoes_its_part_when_it_returns(cast: Cast) -> None:
    answer = cast.made_to_fail("v1")
    identity = str(answer.body["errors"][0]["fields"]["transaction"])
    cast.slow.start().ready()
    status = cast.asked.status
    assert (status["locks"], status["transactions"]) == ([], [])
    assert f"{dead_id(cast)}/{identity}" in status["leftovers"]
    assert "UNDO_LEFT" in cast.asked.gd2("health").out
    cast.asked.must("POST", "/v1/volumes", cast.body("v1", cast.asked, cast.slow))
    assert mark_of(cast.dead.brick_folder("v1")) is not None
    cast.dead.start().ready()
    until(lambda: not cast.asked.status["leftovers"], "the returned peer has done its undo")
    assert mark_of(cast.dead.brick_folder("v1")) is None
    assert not cast.dead.brick_folder("v1").exists(), "the folder that was made for it"
    assert list(cast.pool.settled()) == ["v1"]
    assert cast.asked.get("/v1/transactions") == []
    for peer in cast.pool.peers:
        until(lambda peer=peer: not list((peer.state / "undo").glob("*")), "notes of transactions that are over are thrown away")


def test_a_command_that_hangs_on_a_stopped_peer_can_be_aborted_at_once(cast: Cast) -> None:
    asked = cast.a_half_made_volume("v1")
    (found,) = cast.asked.get("/v1/transactions")
    assert found["phase"] == "preparing"
    assert cast.asked.call("POST", f"/v1/transactions/{found['id']}/abort").status == 202
    answer = asked.wait()
    assert answer is not None
    assert answer.status == 500, answer.message
    assert "aborted" in answer.message
    assert mark_of(cast.dead.brick_folder("v1")) is None, "a peer that could be asked was not"
    cast.go_on()
    assert cast.pool.settled() == {}
    until(lambda: not cast.asked.status["leftovers"], "the stopped peer has done its undo")
    assert mark_of(cast.slow.brick_folder("v1")) is None, "a step that was long on its way was done after all"


def test_a_stopped_peer_does_not_hold_the_locks_of_a_committed_command_for_long(cast: Cast) -> None:
    cast.asked.must("POST", "/v1/volumes", cast.body("v1", cast.asked, cast.slow))
    cast.stop()
    started = cast.asked.call("POST", "/v1/volumes/v1/start")
    assert started.status == 200, started.message
    assert cast.asked.status["locks"] == []
    cast.go_on()
    cast.pool.online("v1", by=cast.pool.peers.index(cast.asked))


def test_a_key_is_done_once_although_the_leader_dies(cast: Cast) -> None:
    body = cast.body("v1", cast.asked, cast.slow)
    made = cast.asked.call("POST", "/v1/volumes", body, key="k1")
    assert made.status == 201
    cast.leader.kill()
    again = cast.slow.call("POST", "/v1/volumes", body, key="k1")
    assert (again.status, again.body["id"]) == (201, made.body["id"])
    other = cast.slow.call("POST", "/v1/volumes", body | {"name": "v2"}, key="k1")
    assert (other.status, other.code) == (422, "key-reused")
    assert cast.asked.call("DELETE", "/v1/volumes/v1", {}, key="k2").status == 204
    assert cast.slow.call("DELETE", "/v1/volumes/v1", {}, key="k2").status == 204
    assert cast.slow.call("DELETE", "/v1/volumes/v1", {}, key="k3").status == 404


def test_a_command_whose_leader_dies_in_the_middle_is_undone_and_its_key_tells_so(cast: Cast) -> None:
    cast.a_half_made_volume("v1")
    body = cast.body("v2", cast.asked, cast.slow, cast.dead)
    known = cast.asked.get("/v1/transactions")
    assert len(known) == 1
    keyed = Background(cast.asked, "POST", "/v1/volumes", body, key="k1")
    until(lambda: len(cast.asked.get("/v1/transactions")) == 2, "the second create hangs too")
    cast.leader.kill()
    cast.go_on()
    until(lambda: cast.asked.status["quorum"] and not cast.asked.get("/v1/transactions"), "the next leader has undone both", 90)
    first = keyed.wait()
    again = cast.slow.call("POST", "/v1/volumes", body, key="k1")
    assert first is not None
    assert first.status == again.status == 500, (first, again)
    assert cast.asked.volumes() == {}
    assert not any(mark_of(p.brick_folder(name)) for p in (cast.asked, cast.slow, cast.dead) for name in ("v1", "v2"))
    cast.asked.must("POST", "/v1/volumes", body)


def dead_id(cast: Cast) -> str:
    """Known from the peers' list: the dead one can't be asked."""
    return next(str(p["id"]) for p in cast.asked.peers() if p["name"] == cast.dead.address)

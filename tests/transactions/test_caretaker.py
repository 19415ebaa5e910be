"""A peer that was away undoes by itself what aborted transactions left on it, and throws old notes away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from waiting import until

from gd2raft.core import model
from gd2raft.core.kv import Commit, Event, Put
from gd2raft.core.phases import Leftover, Phase, Transaction, Undo, touched
from gd2raft.core.plan import Arguments, Change, Plan, StepKind
from gd2raft.engine.calls import StepCall
from gd2raft.engine.caretaker import Caretaker
from gd2raft.engine.step_runner import StepError, StepRunner
from gd2raft.engine.turns import Turns
from gd2raft.steps.notes import FOLDER, NotesOnDisk
from gd2raft.store.interface import NoQuorum
from gd2raft.store.memory import MemoryStore

pytestmark = pytest.mark.fast

ME, OTHER = "me", "other"
ID = "11111111-2222-4333-8444-555555555555"
DEADLINE_S = 20.0


class Folder(Arguments, frozen=True, kw_only=True):
    path: str


KIND = StepKind("folder.make", Folder, undoable=True, timeout_s=5)


class Peer:
    """A caretaker with a store in memory; steps are only written down. `broken`: paths whose undo fails."""

    def __init__(self, notes: Path) -> None:
        self.store = MemoryStore()
        self.ran: list[tuple[str, bool]] = []
        self.broken: set[str] = set()
        self.away = False  # what is broken is away
        self.current = True
        self.hangs: asyncio.Event | None = None  # a "do" waits for it
        self.begun: Callable[[], None] = lambda: None
        turns, kinds = Turns(), {KIND.name: KIND}
        self.caretaker = Caretaker(lambda: self.store, self.do, kinds, lambda: ME, NotesOnDisk(notes.parent), lambda: self.current, turns)
        self.runner = StepRunner(lambda: self.store, self.do, kinds, lambda: ME, turns, self.caretaker.make_way)

    async def do(self, name: str, transaction: str, arguments: Any, undo: bool) -> dict[str, Any]:
        if arguments.path in self.broken:
            raise StepError("disk gone", away=self.away)
        if not undo and self.hangs is not None:
            self.begun()
            await self.hangs.wait()
        self.ran.append((arguments.path, undo))
        return {}

    async def put(self, key: str, record: model.Record) -> int:
        return (await self.store.commit(Commit(put=(Put(key, model.dump(record)),)), timeout_s=1)).revision

    async def leave(self, *paths: str, peer: str = ME, identity: str = ID, held: tuple[str, ...] = ()) -> None:
        undo = tuple(Undo(kind=KIND.name, arguments={"path": path}) for path in paths)
        key = model.leftovers_prefix(peer) + identity
        await self.put(key, Leftover(transaction=identity, command="c", since=1.0, undo=undo, held=held))
        self.caretaker.on_events([Event(self.store.revision, key, b"")])

    def left(self) -> list[str]:
        return [key for key, _ in self.store.list(model.LEFTOVERS) if key.count("/") == 2]


def with_peer(test: Callable[[Peer, Path], Awaitable[None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        async def body() -> None:
            notes = tmp_path / FOLDER
            notes.mkdir()
            peer = Peer(notes)
            try:
                await test(peer, notes)
            finally:
                await peer.caretaker.close()
                await peer.runner.close()

        asyncio.run(body())

    run.__name__ = test.__name__
    return run


@with_peer
async def test_what_was_left_is_undone_in_its_order_and_forgotten(peer: Peer, notes: Path) -> None:
    await peer.leave("/b", "/a")
    peer.caretaker.start()
    await until(lambda: not peer.left())
    assert peer.ran == [("/b", True), ("/a", True)]


@with_peer
async def test_what_is_left_to_another_peer_is_its_own_affair(peer: Peer, notes: Path) -> None:
    await peer.leave("/a", peer=OTHER)
    await peer.leave("/b")
    peer.caretaker.start()
    await until(lambda: len(peer.left()) == 1)
    assert peer.ran == [("/b", True)]


@with_peer
async def test_an_undo_that_fails_stays_and_one_broken_disk_does_not_hold_up_another(peer: Peer, notes: Path) -> None:
    peer.broken = {"/a"}
    await peer.leave("/a")
    await peer.leave("/b", identity=ID.replace("1", "9"))
    await peer.caretaker.tidy()
    assert peer.ran == [("/b", True)]
    assert len(peer.left()) == 1
    peer.broken = set()
    await peer.caretaker.tidy()
    assert peer.left() == []


@with_peer
async def test_a_leftover_of_a_step_that_this_daemon_lacks_stays(peer: Peer, notes: Path) -> None:
    undo = (Undo(kind="later.step", arguments={}),)
    await peer.put(model.leftovers_prefix(ME) + ID, Leftover(transaction=ID, command="c", since=1.0, undo=undo))
    await peer.caretaker.tidy()
    assert len(peer.left()) == 1


@with_peer
async def test_a_done_undo_that_could_not_be_noted_is_noted_later(peer: Peer, notes: Path) -> None:
    await peer.leave("/a")
    commit, peer.store.commit = peer.store.commit, no_quorum  # type: ignore[method-assign]
    await peer.caretaker.tidy()
    assert len(peer.left()) == 1
    peer.store.commit = commit  # type: ignore[method-assign]
    await peer.caretaker.tidy()
    assert peer.left() == []


async def no_quorum(commit: Commit, *, timeout_s: float) -> Any:
    raise NoQuorum("no quorum")


@with_peer
async def test_a_later_step_runs_after_what_was_left_is_undone(peer: Peer, notes: Path) -> None:
    await peer.leave("/a")
    record = Transaction(id="t2", command="c", phase=Phase.PREPARING, plan=msgspec.to_builtins(Plan()), initiator="i", started=0.0)
    revision = await peer.put(model.TRANSACTIONS + "t2", record)
    outcome = await peer.runner.run(StepCall("t2", revision, KIND.name, b'{"path":"/a"}', False, "r", 5.0))
    assert outcome.problem is None
    assert peer.ran == [("/a", True), ("/a", False)]


@with_peer
async def test_a_step_is_not_begun_while_what_was_left_of_the_same_thing_can_not_be_undone(peer: Peer, notes: Path) -> None:
    """The undo would come after it and take back what is not its own."""
    claim = model.brick_key(ME, "/a")
    plan = Plan(locks=("volume/v",), claims=(Change(claim, {}),))
    record = Transaction(id="t2", command="c", phase=Phase.PREPARING, plan=msgspec.to_builtins(plan), initiator="i", started=0.0)
    revision = await peer.put(model.TRANSACTIONS + "t2", record)
    call = StepCall("t2", revision, KIND.name, b'{"path":"/new"}', False, "r", 5.0)
    peer.broken = {"/a"}
    for held in (("volume/v",), (claim,)):
        await peer.leave("/a", held=held)
        refused = await peer.runner.run(call)
        assert refused.problem is not None and "is not undone yet: disk gone" in refused.problem.error
    assert peer.ran == []
    await peer.leave("/a", held=("volume/other",))
    assert (await peer.runner.run(call)).problem is None, "what concerns another volume holds nothing up"
    await peer.leave("/a", held=("volume/v",))
    peer.broken = set()
    assert (await peer.runner.run(call)).problem is None
    assert peer.ran == [("/new", False), ("/a", True), ("/new", False)]


@with_peer
async def test_a_disk_that_is_away_is_told_of_an_undo_only(peer: Peer, notes: Path) -> None:
    """A step that finds no disk has failed; an undo is for later."""
    peer.broken, peer.away = {"/a"}, True
    for phase, undo in ((Phase.PREPARING, False), (Phase.UNDOING, True)):
        record = Transaction(id=ID, command="c", phase=phase, plan=msgspec.to_builtins(Plan()), initiator="i", started=0.0)
        revision = await peer.put(model.TRANSACTIONS + ID, record)
        outcome = await peer.runner.run(StepCall(ID, revision, KIND.name, b'{"path":"/a"}', undo, "r", 5.0))
        assert outcome.problem is not None and outcome.problem.away is undo


@with_peer
async def test_a_disk_that_is_away_holds_up_the_same_step_on_its_brick_and_nothing_else(peer: Peer, notes: Path) -> None:
    async def step_of_a_later_one(path: str) -> str:
        plan = Plan(locks=("volume/v",), before=((KIND.at(ME, Folder(path=path)),),))
        record = Transaction(id="t2", command="c", phase=Phase.PREPARING, plan=msgspec.to_builtins(plan), initiator="i", started=0.0)
        revision = await peer.put(model.TRANSACTIONS + "t2", record)
        outcome = await peer.runner.run(StepCall("t2", revision, KIND.name, b'{"path":"/elsewhere"}', False, "r", 5.0))
        return outcome.problem.error if outcome.problem else ""

    peer.broken = {"/a"}
    await peer.leave("/a", held=touched([(KIND.name, {"path": "/a"})]))
    assert await step_of_a_later_one("/b") == ""
    assert "is not undone yet" in await step_of_a_later_one("/a")


@with_peer
async def test_what_was_left_is_undone_after_the_step_that_still_runs_here(peer: Peer, notes: Path) -> None:
    """The leader gave this peer up while it hung in the middle of the step."""
    record = Transaction(id=ID, command="c", phase=Phase.PREPARING, plan=msgspec.to_builtins(Plan()), initiator="i", started=0.0)
    revision = await peer.put(model.TRANSACTIONS + ID, record)
    hanging, peer.hangs = asyncio.Event(), asyncio.Event()
    peer.begun = hanging.set
    doing = asyncio.create_task(peer.runner.run(StepCall(ID, revision, KIND.name, b'{"path":"/a"}', False, "r", 5.0)))
    await hanging.wait()
    await peer.store.commit(Commit(delete=(model.TRANSACTIONS + ID,)), timeout_s=1)
    await peer.leave("/a")
    peer.caretaker.start()
    late = await peer.runner.run(StepCall(ID, revision, KIND.name, b'{"path":"/b"}', False, "r", 5.0))
    assert late.problem is not None and "ended already" in late.problem.error
    peer.hangs.set()
    await doing
    await until(lambda: not peer.left())
    assert peer.ran == [("/a", False), ("/a", True)]


@with_peer
async def test_notes_are_kept_while_their_transaction_lives_or_has_left_something_and_then_thrown_away(peer: Peer, notes: Path) -> None:
    living, left, over = (ID.replace("1", digit) for digit in "678")
    for identity in (living, left, over):
        (notes / f"{identity}-abc.json").write_text("{}")
    record = Transaction(id=living, command="c", phase=Phase.PREPARING, plan=msgspec.to_builtins(Plan()), initiator="i", started=0.0)
    await peer.put(model.TRANSACTIONS + living, record)
    peer.broken = {"/a"}
    await peer.leave("/a", identity=left)
    peer.caretaker.start()
    await until(lambda: len(list(notes.iterdir())) < 3)
    assert sorted(n.name[:36] for n in notes.iterdir()) == sorted([living, left])


@with_peer
async def test_by_an_old_state_nothing_is_undone_and_no_note_thrown_away(peer: Peer, notes: Path) -> None:
    """A peer that starts again may see a leftover that it has seen to long ago, and that a later command was built upon."""
    peer.current = False
    note = notes / f"{ID}-abc.json"
    note.write_text("{}")
    peer.caretaker.start()
    await peer.leave("/a")
    await until(lambda: not peer.caretaker._wake.is_set())
    assert note.exists() and not peer.ran and peer.left()
    peer.current = True
    peer.caretaker.on_events(None)
    await until(lambda: not note.exists())
    assert peer.ran == [("/a", True)] and not peer.left()


def test_a_step_whose_state_is_not_here_yet_asks_for_it_at_once(tmp_path: Path) -> None:
    async def play() -> None:
        peer, hurried = Peer(tmp_path), asyncio.Event()
        turns, kinds = Turns(), {KIND.name: KIND}
        runner = StepRunner(lambda: peer.store, peer.do, kinds, lambda: ME, turns, hurry=hurried.set)
        record = Transaction(id=ID, command="c", phase=Phase.PREPARING, initiator=OTHER, started=1.0)
        arguments = msgspec.json.encode(Folder(path="/a"))

        def call(revision: int) -> StepCall:
            return StepCall(
                transaction=ID, revision=revision, kind=KIND.name, arguments=arguments, undo=False, request_id="r", timeout_s=DEADLINE_S
            )

        running = asyncio.create_task(runner.run(call(peer.store.revision + 1)))
        async with asyncio.timeout(DEADLINE_S):
            await hurried.wait()
            hurried.clear()
            revision = await peer.put(model.TRANSACTIONS + ID, record)
            assert (await running).problem is None and (await runner.run(call(revision))).problem is None
        assert peer.ran == [("/a", False)] * 2 and not hurried.is_set(), "a peer that has the state has no need to hurry"

    asyncio.run(play())

"""Which peers run scripts around a command, as the plan says it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gd2raft.commands.hooked import hooked
from gd2raft.commands.registry import commands
from gd2raft.core import model
from gd2raft.core.kv import Commit, KeyValueState, Operation, Put
from gd2raft.core.plan import Ids, Plan, Step, View
from gd2volgen.tables import option_table

pytestmark = pytest.mark.fast

PEERS = ("p1", "p2", "p3", "p4")
OPTIONS = option_table()


def state_with(hooks: dict[str, tuple[str, ...]], started: bool = True) -> KeyValueState:
    """Four peers, and a volume with bricks on the first three."""
    bricks = tuple(model.Brick(id=p, peer_id=p, path="/b", index=i) for i, p in enumerate(PEERS[:3]))
    subvol = model.Subvolume(type=model.SubvolumeType.REPLICATE, bricks=bricks, replica_count=3)
    phase = model.VolumeState.STARTED if started else model.VolumeState.CREATED
    volume = model.Volume(id="i", name="v1", state=phase, username="", password="", subvols=(subvol,))
    records: list[tuple[str, model.Record]] = [(model.CLUSTER, model.Cluster(id="c")), (model.volume_key("v1"), volume)]
    for p in PEERS:
        addresses = {"addresses": (f"{p}:24008",), "client_addresses": (f"{p}:24007",)}
        records.append((model.peer_key(p), model.Peer(id=p, name=p, hostname=p, hooks=hooks.get(p, ()), **addresses)))
    state = KeyValueState()
    state.apply(Operation(commit=Commit(put=tuple(Put(key, model.dump(record)) for key, record in records))))
    return state


def planned(state: KeyValueState, command: str, request: dict[str, Any], online: tuple[str, ...] = PEERS) -> Plan:
    known = commands()[command]
    view = View(state, online=frozenset(online), options=OPTIONS, initiator="p4")
    return hooked(view, known.plan(view, msgspec.convert(request, known.request), Ids(lambda: "u", 0.0)))


def scripts_in(plan: Plan) -> list[Step]:
    return [step for barrier in plan.before for step in barrier if step.kind == "hooks.run"]


def test_a_command_costs_nothing_where_nobody_has_a_script_for_it() -> None:
    others = dict.fromkeys(PEERS, ("start/pre", "set/post"))
    plan = planned(state_with(others), "volume-stop", {"volume": "v1"})
    assert plan.before == () and plan.hook is None


def test_scripts_run_on_the_peers_of_the_bricks_that_have_some_and_nowhere_else() -> None:
    hooks = {"p1": ("stop/pre",), "p2": ("stop/pre", "stop/post"), "p4": ("stop/pre", "stop/post")}
    plan = planned(state_with(hooks), "volume-stop", {"volume": "v1"})
    assert [step.peer_id for step in scripts_in(plan)] == ["p1", "p2"]
    assert plan.hook is not None and plan.hook.peers == ("p2",)


def test_scripts_run_after_the_checks_and_right_before_the_change() -> None:
    plan = planned(state_with(dict.fromkeys(PEERS, ("start/pre",)), started=False), "volume-start", {"volume": "v1"})
    assert [{step.kind for step in barrier} for barrier in plan.before] == [{"brick.check"}, {"hooks.run"}]


def test_a_peer_that_is_down_is_not_waited_for() -> None:
    plan = planned(state_with(dict.fromkeys(PEERS, ("stop/pre",))), "volume-stop", {"volume": "v1"}, online=("p1", "p4"))
    assert [(step.peer_id, step.must) for step in scripts_in(plan)] == [("p1", False)]


def test_options_of_the_pool_concern_the_asked_peer_before_and_every_peer_after() -> None:
    hooks = dict.fromkeys(PEERS, ("set/pre", "set/post"))
    plan = planned(state_with(hooks), "cluster-set", {"options": {"cluster.server-quorum-ratio": "60%"}})
    assert [(step.peer_id, step.arguments["volume"]) for step in scripts_in(plan)] == [("p4", "all")]
    assert plan.hook is not None and set(plan.hook.peers) == set(PEERS)
    assert plan.hook.options == ("cluster.server-quorum-ratio=60%",)


def test_a_deleted_volumes_scripts_are_told_to_its_former_peers() -> None:
    plan = planned(state_with(dict.fromkeys(PEERS, ("delete/post",)), started=False), "volume-delete", {"volume": "v1"})
    assert plan.hook is not None and plan.hook.peers == ("p1", "p2", "p3")

"""An example of every command, for the tests that interrupt them all: what the state was before, and a request.

A command without an example fails test_interrupted.py: add a line to EXAMPLES when you add a command.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from gd2raft.commands.hooked import hooked
from gd2raft.commands.registry import commands
from gd2raft.core import devices, hooks, model
from gd2raft.core.kv import ABSENT, Commit, Expect, KeyValueState, Operation, Put
from gd2raft.core.phases import Leftover, Phase, Transaction, Undo
from gd2raft.core.plan import Change, Ids, Plan, View, make_commit, put
from gd2volgen.tables import option_table

PEERS = tuple(f"{i}{i}{i}{i}{i}{i}{i}{i}-1111-4111-8111-111111111111" for i in (1, 2, 3))
INITIATOR = PEERS[0]
STUCK = "99999999-1111-4111-8111-111111111111"
OPTIONS = option_table()
TWO_BRICKS: dict[str, Any] = {"name": "v1", "bricks": ["node1:/b1", "node2:/b1"], "replica": 2, "force": True}
GROUP: dict[str, Any] = {"name": "mine", "options": [{"name": "performance.io-cache", "onvalue": "on"}]}
FOUND = {
    "id": "44444444-1111-4111-8111-111111111111", "pool": "", "address": "node4:24008", "hostname": "node4", "client_address": "node4:24007",
    "op_version_min": model.OP_VERSION_MIN, "op_version_max": model.OP_VERSION,
}  # fmt: skip
FOUND_TOO = {
    **FOUND, "id": "55555555-1111-4111-8111-111111111111", "address": "node5:24008", "hostname": "node5", "client_address": "node5:24007",
}  # fmt: skip

AT_NODE2 = {**FOUND, "address": "node2:24008", "hostname": "node2", "client_address": "node2:24007"}


class Example(NamedTuple):
    """`given`: what was done before, commands with their requests or functions of the state."""

    request: dict[str, Any]
    given: tuple[tuple[str, dict[str, Any]] | Callable[[KeyValueState], None], ...] = ()


def a_stuck_transaction(state: KeyValueState) -> None:
    """A create that could not be undone, with its lock."""
    plan = planned("volume-create", {**TWO_BRICKS, "name": "lost"}, state)[0]
    record = Transaction(
        id=STUCK, command="volume-create", phase=Phase.STUCK, plan=msgspec.to_builtins(plan), initiator=INITIATOR, started=1.0,
        problems=({"peer": PEERS[1], "step": "brick.prepare", "error": "gone", "hint": "", "kind": "unreachable"},),
    )  # fmt: skip
    lock = model.Lock(transaction=STUCK, owner="someone", command="volume-create", since=1.0)
    puts = (Put(model.TRANSACTIONS + STUCK, model.dump(record)), *(Put(model.lock_key(name), model.dump(lock)) for name in plan.locks))
    apply(state, Commit(put=puts))


def scripts_everywhere(state: KeyValueState) -> None:
    """Every peer has hook scripts for everything."""
    names = tuple(f"{operation}/{when}" for operation in hooks.OPERATIONS for when in ("pre", "post"))
    records = [msgspec.structs.replace(peer, hooks=names) for peer in model.View(state).peers()]
    apply(state, Commit(put=(*(Put(model.peer_key(r.id), model.dump(r)) for r in records), Put("peers", b"1"))))


def an_undo_left_to_node3(state: KeyValueState) -> None:
    undo = (Undo(kind="brick.prepare", arguments={}, error="gone"),)
    key = model.leftovers_prefix(PEERS[2]) + STUCK
    apply(
        state, make_commit(state, (), (Change(key, msgspec.to_builtins(Leftover(transaction=STUCK, command="c", since=1.0, undo=undo))),))
    )


def device_of(number: int) -> devices.Device:
    """Of node `number`."""
    return devices.Device(
        id=f"{number:032x}", peer_id=PEERS[number - 1], path="/disk", provisioner="loop", size=10 << 30, mounts=f"/mounts/{number}"
    )


def devices_everywhere(state: KeyValueState) -> None:
    changes = tuple(put(View(state), devices.device_key(d.id), d) for d in map(device_of, (1, 2, 3)))
    apply(state, make_commit(state, (), changes))


def quota_of_an_old_cluster(state: KeyValueState) -> None:
    """It counts bytes only."""
    volume = View(state).volume("v1")
    assert volume is not None
    old = msgspec.structs.replace(volume, options={**volume.options, "features.quota": "on"}, quota_version=1)
    apply(state, make_commit(state, (), (put(View(state), model.volume_key("v1"), old),)))


CREATED = ("volume-create", TWO_BRICKS)
STARTED = ("volume-start", {"volume": "v1"})
SPREAD = ("volume-create", {"name": "v1", "bricks": ["node1:/b1", "node2:/b1", "node3:/b1"], "force": True})
BRICK_2 = {"volume": "v1", "peerid": "node2", "path": "/b1"}
REPLACED = {"volume": "v1", "src-peerid": "node2", "src-brickpath": "/b1", "dst-peerid": "node3", "dst-brickpath": "/b1", "force": True}
QUOTA = ("quota-enable", {"volume": "v1"})
DIRECTORY = "8f1274b3-fe82-4b68-abd1-f5ce10f68c2b"
LIMITED = ("quota-limit", {"volume": "v1", "path": "/d", "size": "10MB", "gfid": DIRECTORY})
ROOT_LIMITED = ("quota-limit", {"volume": "v1", "path": "/", "size": "1GB", "gfid": "00000000-0000-0000-0000-000000000001"})
LEAVING = {"volume": "v1", "bricks": ["node3:/b1"]}

DEVICE = {"peer": "node2", "device": device_of(2).id}
SIZED = ("volume-create", {"name": "v1", "size": 2 << 30})

BITROT = ("bitrot-enable", {"volume": "v1"})

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "bitrot-disable": (Example({"volume": "v1"}, (CREATED, STARTED, BITROT)),),
    "bitrot-edit": (Example({"volume": "v1", "signing-time": 10, "scrub": "pause"}, (CREATED, STARTED, BITROT)),),
    "bitrot-enable": (Example({"volume": "v1"}, (CREATED, STARTED)),),
    "cluster-voters": (Example({"voters": 3}),),
    "cluster-reset": (Example({"all": True}, (("cluster-set", {"options": {"cluster.server-quorum-ratio": "51%"}}),)),),
    "cluster-set": (Example({"options": {"cluster.server-quorum-ratio": "51%"}}),),
    "device-add": (Example({"peer": "node2", "device": "/disk", "provisioner": "loop"}),),
    "device-edit": (Example({**DEVICE, "state": "failed"}, (devices_everywhere,)),),
    "device-remove": (Example(DEVICE, (devices_everywhere,)),),
    "device-resync": (Example(DEVICE, (devices_everywhere,)),),
    "device-tags": (Example({**DEVICE, "change-type": "set", "tags": {"tier": "gold"}}, (devices_everywhere,)),),
    "peer-add": (Example({"addresses": ["node4"], "found": FOUND}),),
    "peers-add": (Example({"peers": [{"addresses": ["node4"]}, {"addresses": ["node5"]}], "found": [FOUND, FOUND_TOO]}),),
    "peer-edit": (Example({"peer": "node2", "zone": "z"}),),
    "peer-replace": (
        Example({"peer": "node2", "addresses": ["node2"], "found": AT_NODE2}, (CREATED, STARTED)),
        Example({"peer": "node2", "addresses": ["node2"], "found": AT_NODE2, "force": True}, (CREATED, STARTED)),
    ),
    "peer-remove": (
        Example({"peer": "node3"}),
        Example({"peer": "node3"}, (an_undo_left_to_node3,)),
        Example({"peer": "node3", "force": True}, (devices_everywhere,)),
    ),
    "quota-disable": (Example({"volume": "v1"}, (CREATED, STARTED, QUOTA, LIMITED)),),
    "quota-edit": (Example({"volume": "v1", "soft-timeout": "30s"}, (CREATED, STARTED, QUOTA)),),
    "quota-enable": (Example({"volume": "v1"}, (CREATED, STARTED)),),
    "quota-inodes-enable": (Example({"volume": "v1"}, (CREATED, STARTED, quota_of_an_old_cluster)),),
    "quota-limit": (
        Example(LIMITED[1], (CREATED, STARTED, QUOTA)),
        Example({"volume": "v1", "path": "/d", "objects": 10, "gfid": DIRECTORY}, (CREATED, STARTED, QUOTA, LIMITED)),
    ),
    "quota-remove": (Example({"volume": "v1", "path": "/d", "gfid": DIRECTORY}, (CREATED, STARTED, QUOTA, LIMITED)),),
    "rebalance-start": (Example({"volume": "v1"}, (SPREAD, STARTED)),),
    "rebalance-stop": (Example({"volume": "v1"}, (SPREAD, STARTED, ("rebalance-start", {"volume": "v1"}))),),
    "remove-brick-commit": (
        Example({**LEAVING, "force": True}, (SPREAD,)),
        Example({**LEAVING, "force": True}, (SPREAD, STARTED)),
    ),
    "remove-brick-start": (Example(LEAVING, (SPREAD, STARTED)),),
    "remove-brick-stop": (Example(LEAVING, (SPREAD, STARTED, ("remove-brick-start", LEAVING))),),
    "transaction-abort": (Example({"transaction": STUCK}, (a_stuck_transaction,)),),
    "transaction-forget": (Example({"transaction": STUCK}, (an_undo_left_to_node3,)),),
    "transaction-resume": (Example({"transaction": STUCK}, (a_stuck_transaction,)),),
    "option-group-create": (Example(GROUP),),
    "option-group-delete": (Example({"group": "mine"}, (("option-group-create", GROUP),)),),
    "volume-barrier": (Example({"volume": "v1", "enable": True}, (CREATED, STARTED)),),
    "volume-clone": (
        Example({"volume": "v1", "name": "v2"}, (devices_everywhere, SIZED)),
        Example({"volume": "v1", "name": "v2"}, (devices_everywhere, ("volume-create", {**SIZED[1], "replica": 2}), STARTED)),
    ),
    "volume-create": (
        Example(TWO_BRICKS),
        Example({"name": "d", "bricks": ["node1:/d1", "node1:/d2"], "force": True}),
        Example(SIZED[1], (devices_everywhere,)),
    ),
    "volume-delete": (Example({"volume": "v1"}, (CREATED,)), Example({"volume": "v1"}, (devices_everywhere, SIZED))),
    "volume-edit": (Example({"volume": "v1", "metadata": {"a": "b"}}, (CREATED,)),),
    "volume-expand": (
        Example({"volume": "v1", "bricks": ["node1:/b2", "node2:/b2"], "force": True}, (CREATED,)),
        Example({"volume": "v1", "bricks": ["node1:/b2", "node2:/b2"], "force": True}, (CREATED, STARTED)),
        Example({"volume": "v1", "bricks": ["node3:/b1"], "replica": 3, "force": True}, (CREATED, STARTED)),
        Example({"volume": "v1", "bricks": ["node1:/b2", "node2:/b2"], "force": True}, (CREATED, STARTED, QUOTA, ROOT_LIMITED)),
    ),
    "volume-profile-start": (Example({"volume": "v1"}, (CREATED, STARTED)),),
    "volume-profile-stop": (Example({"volume": "v1"}, (CREATED, STARTED, ("volume-profile-start", {"volume": "v1"}))),),
    "volume-replace-brick": (Example(REPLACED, (CREATED, STARTED)),),
    "volume-reset-brick-commit": (Example({**BRICK_2, "force": True}, (CREATED, STARTED, ("volume-reset-brick-start", BRICK_2))),),
    "volume-reset-brick-start": (Example(BRICK_2, (CREATED, STARTED)),),
    "volume-reset": (
        Example(
            {"volume": "v1", "all": True}, (CREATED, ("volume-set", {"volume": "v1", "options": {"performance.io-cache": "on"}}), STARTED)
        ),
    ),
    "volume-set": (
        Example({"volume": "v1", "options": {"performance.io-cache": "on"}}, (CREATED, STARTED)),
        Example({"volume": "v1", "options": {"performance.io-cache": "on"}}, (CREATED, STARTED, scripts_everywhere)),
    ),
    "volume-start": (Example({"volume": "v1"}, (CREATED,)), Example({"volume": "v1", "force-start-bricks": True}, (CREATED, STARTED))),
    "volume-stop": (Example({"volume": "v1"}, (CREATED, STARTED)), Example({"volume": "v1"}, (CREATED, STARTED, scripts_everywhere))),
}


def state_of(example: Example) -> KeyValueState:
    state = KeyValueState()
    records: list[tuple[str, model.Record]] = [(model.CLUSTER, model.Cluster(id="c"))]
    for index, peer in enumerate(PEERS, 1):
        host = f"node{index}"
        records.append(
            (
                model.peer_key(peer),
                model.Peer(id=peer, name=host, hostname=host, addresses=(f"{host}:24008",), client_addresses=(f"{host}:24007",)),
            )
        )
    apply(state, Commit(put=(*(Put(key, model.dump(record)) for key, record in records), Put("peers", b"1"))))
    for given in example.given:
        if callable(given):
            given(state)
        else:
            plan, _ = planned(*given, state)
            final = {change.key: change for change in (*plan.claims, *plan.changes, *plan.last)}
            apply(state, make_commit(state, (), tuple(final.values())))
    return state


def planned(command: str, request: dict[str, Any], state: KeyValueState) -> tuple[Plan, tuple[Expect, ...]]:
    """The plan, and what it relies on."""
    known = commands()[command]
    lost = {PEERS[1]} if command == "peer-replace" else set()  # only a peer that is down is replaced
    view = View(state, online=frozenset(PEERS) - lost, options=OPTIONS, initiator=INITIATOR)
    numbers = iter(range(1, 10_000))
    ids = Ids(lambda: str(uuid.uuid5(uuid.NAMESPACE_URL, f"{command}-{next(numbers)}")), 1000.0)
    return hooked(view, known.plan(view, msgspec.convert(request, known.request), ids)), view.expectations


def apply(state: KeyValueState, commit: Commit) -> int:
    result, _ = state.apply(Operation(commit=commit))
    assert result.outcome == "done", result
    return result.revision


__all__ = ["ABSENT", "EXAMPLES", "INITIATOR", "PEERS", "Example", "apply", "planned", "state_of"]

"""Peers that join, leave and are edited, as plans; and the hands that clear stuck transactions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pool_kit import Pool, World, broken, peer_id, peer_record, unreachable

from gd2raft.commands import registry
from gd2raft.core import model
from gd2raft.core.phases import Leftover
from gd2raft.core.plan import Change, Conflict, NotFound, Refused, make_commit
from gd2raft.steps.registry import steps

pytestmark = pytest.mark.fast


def found(number: int = 9, **more: Any) -> dict[str, Any]:
    """What the probed daemon says of itself."""
    return {
        "id": peer_id(number),
        "pool": "",
        "address": f"10.0.0.{number}:24008",
        "hostname": f"node{number}",
        "client_address": f"10.0.0.{number}:24007",
        "op_version_min": model.OP_VERSION_MIN,
        "op_version_max": model.OP_VERSION,
        "steps": ["brick.prepare"],
        **more,
    }


def add(pool: Pool, **more: Any) -> Any:
    fields = {key: more.pop(key) for key in ("zone", "metadata") if key in more}
    return fields | {"addresses": ["node9"], "found": found(**more)}


def refused(pool: Pool, command: str, **fields: Any) -> Refused:
    before = pool.state.revision
    with pytest.raises(Refused) as caught:
        pool.plan(command, **fields)
    assert pool.state.revision == before
    return caught.value


# ---- joining


def test_a_peer_joins_and_is_known_by_what_it_said() -> None:
    pool = Pool()
    world = World(pool.state)
    assert pool.do("peer-add", world, **add(pool, zone="z1", metadata={"rack": "3"})).outcome == "done"
    peer = pool.view().peer(peer_id(9))
    assert peer is not None and (peer.hostname, peer.zone, peer.metadata) == ("node9", "z1", {"rack": "3"})
    assert peer.addresses == ("10.0.0.9:24008",) and peer.steps == ("brick.prepare",)
    assert [kind for kind, *_ in world.ran] == ["peer.invite", "peer.welcome"] and peer_id(9) in world.members


def test_the_zone_of_the_request_is_stronger_than_that_of_the_peer() -> None:
    pool = Pool()
    pool.do("peer-add", None, **add(pool, zone="mine"))
    pool.do("peer-add", None, **(add(pool, number=8) | {"found": found(8, zone="theirs")}))
    assert pool.view().peer(peer_id(9)).zone == "mine" and pool.view().peer(peer_id(8)).zone == "theirs"  # type: ignore[union-attr]


def test_probing_oneself_is_not_needed() -> None:
    error = refused(Pool(), "peer-add", **add(Pool(), number=1))
    assert "is not needed" in error.message and error.code == "is-self"


def test_probing_a_member_is_a_conflict() -> None:
    error = refused(Pool(), "peer-add", **add(Pool(), number=2))
    assert isinstance(error, Conflict) and error.http == 409 and "already in the pool" in error.message


@pytest.mark.parametrize(
    ("low", "high"), [(model.OP_VERSION_MIN - 1, model.OP_VERSION - 1), (model.OP_VERSION + 1, model.OP_VERSION + 5), (0, 0)]
)
def test_a_peer_of_another_op_version_is_refused_and_the_pools_stays(low: int, high: int) -> None:
    pool = Pool()
    error = refused(pool, "peer-add", **add(pool, op_version_min=low, op_version_max=high))
    assert error.code == "incompatible-version" and str(model.OP_VERSION) in error.message
    assert pool.view().cluster().op_version == model.OP_VERSION  # type: ignore[union-attr]


OLD = ("storage.make", "brick.prepare")
"""Steps of a daemon from before there were clones."""


def cloned(*origins: str) -> Pool:
    """With a volume for each; "" for one that is no clone."""
    pool = Pool()
    for number, origin in enumerate(origins):
        volume = pool.volume(f"v{number}", f"node1:/b/{number}")
        pool.store(model.volume_key(volume.name), msgspec.structs.replace(volume, origin=origin))
    return pool


@pytest.mark.parametrize("command", ["peer-add", "peers-add", "peer-replace"])
def test_a_peer_that_would_give_clients_the_wrong_names_of_a_clones_bricks_is_refused(command: str) -> None:
    def fields(pool: Pool, **more: Any) -> dict[str, Any]:
        if command == "peers-add":
            return add_many(found(**more))
        return add(pool, **more) | ({"peer": "node3"} if command == "peer-replace" else {})

    pool = cloned("", "v0")
    pool.online.discard(peer_id(3))
    error = refused(pool, command, **fields(pool, steps=OLD))
    assert "peer node9 runs a daemon that doesn't know clones, and volume v1 of this pool is one" in error.message
    assert error.code == "old-peer" and "upgrade its daemon first" in error.hint
    assert pool.do(command, None, **fields(pool, steps=(*OLD, "storage.copy"))).outcome == "done"
    pool = cloned("")
    pool.online.discard(peer_id(3))
    assert pool.do(command, None, **fields(pool, steps=OLD)).outcome == "done"


def test_a_newer_peer_that_can_still_do_what_the_pool_does_joins() -> None:
    pool = Pool()
    assert pool.do("peer-add", None, **add(pool, op_version_max=model.OP_VERSION + 5)).outcome == "done"


def test_a_peer_that_has_volumes_or_another_pool_is_refused_with_its_reason() -> None:
    error = refused(Pool(), "peer-add", **add(Pool(), refusal="it has 2 volumes"))
    assert "it has 2 volumes" in error.message and error.http == 409 and error.hint


def test_another_daemon_at_the_address_of_a_member_is_refused() -> None:
    error = refused(Pool(), "peer-add", **add(Pool(), address="10.0.0.2:24008"))
    assert peer_id(2) in error.message and "reinstalled" in error.hint


@pytest.mark.parametrize("metadata", [{"_x": "1"}, {"k": "v" * 5000}])
def test_metadata_of_peers_has_the_rules_of_that_of_volumes(metadata: dict[str, str]) -> None:
    assert refused(Pool(), "peer-add", **add(Pool(), metadata=metadata)).code == "bad-metadata"
    assert refused(Pool(), "peer-edit", peer="node2", metadata=metadata).code == "bad-metadata"


@pytest.mark.parametrize("bad", [{"hostname": "a`b`"}, {"hostname": "a b"}, {"hostname": ""}, {"client_address": '"x":24007'}])
def test_a_name_that_no_volfile_can_carry_is_refused(bad: dict[str, str]) -> None:
    assert refused(Pool(), "peer-add", **add(Pool(), **bad)).code == "bad-host"


def test_a_peer_that_does_not_accept_the_invitation_is_no_member() -> None:
    pool = Pool()
    before = pool.contents()
    world = World(pool.state, lambda step, undo: None if undo else broken(step))
    assert pool.do("peer-add", world, **add(pool)).outcome == "failed" and pool.contents() == before


def test_a_welcome_that_takes_long_leaves_the_peer_a_member() -> None:
    pool = Pool()
    world = World(pool.state, lambda step, undo: unreachable(step) if step.kind == "peer.welcome" else None)
    assert pool.do("peer-add", world, **add(pool)).outcome == "done" and pool.view().peer(peer_id(9)) is not None


# ---- many at once


def add_many(*newcomers: dict[str, Any], zone: str = "") -> dict[str, Any]:
    return {"peers": [{"addresses": [one["address"]], "zone": zone} for one in newcomers], "found": list(newcomers)}


def test_many_join_in_one_transaction() -> None:
    pool = Pool()
    world = World(pool.state)
    assert pool.do("peers-add", world, **add_many(*map(found, (7, 8, 9)), zone="z")).outcome == "done"
    joined = [pool.view().peer(peer_id(n)) for n in (7, 8, 9)]
    assert [(p.hostname, p.zone) for p in joined if p is not None] == [("node7", "z"), ("node8", "z"), ("node9", "z")]
    assert sorted(kind for kind, *_ in world.ran) == ["peer.invite"] * 3 + ["peer.welcome"] * 3


def test_who_is_a_member_already_is_passed_over() -> None:
    pool = Pool()
    assert pool.do("peers-add", None, **add_many(found(9))).outcome == "done"
    world = World(pool.state)
    assert pool.do("peers-add", world, **add_many(*map(found, (1, 2, 8, 9, 8)))).outcome == "done"
    assert [(kind, undo) for kind, _, undo in world.ran] == [("peer.invite", False), ("peer.welcome", False)]
    before = pool.contents()
    assert pool.do("peers-add", World(pool.state), **add_many(*map(found, (8, 9)))).outcome == "done"
    assert {k: v for k, v in pool.contents().items() if k.startswith("peers")} == {k: v for k, v in before.items() if k.startswith("peers")}


def test_one_that_cant_join_keeps_all_out_and_every_reason_is_told() -> None:
    pool = Pool()
    error = refused(pool, "peers-add", **add_many(found(7), found(8, refusal="it has 2 volumes"), found(9, op_version_max=1)))
    assert error.http == 409 and error.message.startswith("2 of 3 peers can't join, so none did: ")
    assert "node8 does not join: it has 2 volumes" in error.message and "node9 supports op-versions" in error.message
    assert "leave them out" in error.hint


def test_two_daemons_that_say_they_have_one_address_are_refused() -> None:
    error = refused(Pool(), "peers-add", **add_many(found(8), found(9, address="10.0.0.8:24008")))
    assert error.code == "address-taken" and peer_id(8) in error.message


def test_an_invitation_that_fails_keeps_all_out() -> None:
    pool = Pool()
    before = pool.contents()
    world = World(pool.state, lambda step, undo: None if undo or peer_id(9) != step.arguments["peer_id"] else broken(step))
    assert pool.do("peers-add", world, **add_many(*map(found, (7, 8, 9)))).outcome == "failed" and pool.contents() == before
    assert not world.invited


@pytest.mark.parametrize("peers", [[], [{"addresses": ["n"]}] * 101, [{"addresses": []}], [{"addresses": ["n"], "metadata": {"_x": "1"}}]])
def test_a_list_of_newcomers_has_limits(peers: list[Any]) -> None:
    with pytest.raises(Refused):
        msgspec.convert({"peers": peers}, registry.commands()["peers-add"].request).check_body()


# ---- leaving


@pytest.mark.parametrize("name", [peer_id(2), "node2", "10.0.0.2", "10.0.0.2:24008"])
def test_a_peer_leaves_by_any_of_its_names(name: str) -> None:
    pool = Pool()
    world = World(pool.state)
    assert pool.do("peer-remove", world, peer=name).outcome == "done"
    assert pool.view().peer(peer_id(2)) is None and world.ran == [("peer.dismiss", peer_id(1), False)]


@pytest.mark.parametrize("force", [False, True])
def test_a_peer_cant_detach_itself(force: bool) -> None:
    error = refused(Pool(), "peer-remove", peer="node1", force=force)
    assert "can't detach itself" in error.message and error.http == 400


@pytest.mark.parametrize("force", [False, True])
def test_a_peer_with_bricks_cant_leave_even_by_force(force: bool) -> None:
    pool = Pool()
    pool.volume("v", "node1:/b/1", "node2:/b/1", "node2:/b/2")
    error = refused(pool, "peer-remove", peer="node2", force=force)
    assert error.http == 403 and "has 2 bricks of volume v" in error.message


def test_a_peer_whose_volume_is_gone_can_leave() -> None:
    pool = Pool()
    pool.volume("v", "node2:/b/1")
    pool.do("volume-delete", None, volume="v")
    assert pool.do("peer-remove", None, peer="node2").outcome == "done"


def test_a_peer_that_is_down_leaves_by_force_only_and_is_told_when_it_returns() -> None:
    pool = Pool()
    pool.online.discard(peer_id(2))
    error = refused(pool, "peer-remove", peer="node2")
    assert "is down" in error.message and "force" in error.hint
    down = World(pool.state, lambda step, undo: unreachable(step))
    assert pool.do("peer-remove", down, peer="node2", force=True).outcome == "done" and pool.view().peer(peer_id(2)) is None


def test_the_second_of_two_leaves_and_the_first_still_works() -> None:
    pool = Pool(2)
    assert pool.do("peer-remove", None, peer="node2").outcome == "done"
    assert pool.volume("v", "node1:/b/1")


@pytest.mark.parametrize("name", ["stranger", "", peer_id(7), "x" * 100_000])
def test_a_peer_that_is_not_there_is_not_found(name: str) -> None:
    for command in ("peer-remove", "peer-edit"):
        error = refused(Pool(), command, peer=name)
        assert isinstance(error, NotFound) and error.http == 404 and len(error.message) < 500


def test_a_host_of_two_peers_is_not_guessed_when_one_is_to_leave() -> None:
    pool = Pool()
    pool.store(model.peer_key(peer_id(3)), peer_record(3, addresses=("10.0.0.2:24009",)))
    error = refused(pool, "peer-remove", peer="10.0.0.2")
    assert peer_id(2) in error.message and peer_id(3) in error.message and "by its id" in error.hint


def test_a_brick_that_is_being_created_keeps_its_peer_in_the_pool() -> None:
    pool = Pool()
    life = pool.life("volume-create", name="v", bricks=["node2:/b/1"])
    begin = life.start()
    assert pool.commit(begin.commit).outcome == "done"  # type: ignore[union-attr]
    assert refused(pool, "peer-remove", peer="node2").http == 403


def test_a_peer_that_left_while_a_create_was_planned_makes_it_plan_again() -> None:
    pool = Pool()
    create = pool.life("volume-create", "c", name="v", bricks=["node2:/b/1"])
    assert pool.do("peer-remove", None, peer="node2").outcome == "done"
    begin = create.start()
    assert pool.commit(begin.commit).outcome == "conflict"  # type: ignore[union-attr]


# ---- edit


def test_zone_and_metadata_of_a_peer_are_changed() -> None:
    pool = Pool()
    pool.do("peer-edit", None, peer="node2", zone="z", metadata={"a": "1"})
    pool.do("peer-edit", None, peer="node2", metadata={"b": "2"})
    peer = pool.view().peer(peer_id(2))
    assert peer is not None and (peer.zone, peer.metadata) == ("z", {"a": "1", "b": "2"})


# ---- a peer that has moved


def at(number: int, host: str, port: int = 24008, client_port: int = 24007) -> dict[str, Any]:
    """What peer `number` says of itself at a new address."""
    return found(number, hostname=host, address=f"{host}:{port}", client_address=f"{host}:{client_port}")


def move(pool: Pool, number: int, host: str, **more: Any) -> model.Peer:
    assert pool.do("peer-edit", None, peer=peer_id(number), address=host, found=at(number, host), **more).outcome == "done"
    peer = pool.view().peer(peer_id(number))
    assert peer is not None
    return peer


def test_a_peer_that_has_moved_is_known_by_its_new_address_and_keeps_its_id_and_bricks() -> None:
    pool = Pool()
    pool.do("volume-create", World(pool.state), name="v", bricks=["node2:/b/1"])
    claims = pool.view().brick_claims(peer_id(2))
    peer = move(pool, 2, "10.9.9.9", zone="z")
    assert (peer.name, peer.hostname, peer.zone, peer.former) == ("10.9.9.9", "10.9.9.9", "z", ("node2",))
    assert (peer.addresses, peer.client_addresses) == (("10.9.9.9:24008",), ("10.9.9.9:24007",))
    assert pool.view().brick_claims(peer_id(2)) == claims and pool.view().find_peer("node2") is None


def test_a_brick_that_is_there_is_found_by_a_former_name_until_another_peer_has_it() -> None:
    pool = Pool()
    move(pool, 2, "moved")
    owner = pool.view().find_owner("node2")
    assert owner is not None and owner.id == peer_id(2)
    move(pool, 3, "node2")
    owner = pool.view().find_owner("node2")
    assert owner is not None and owner.id == peer_id(3)
    assert pool.view().find_owner("nobody") is None


def test_a_new_brick_is_never_placed_by_a_former_name() -> None:
    pool = Pool()
    move(pool, 2, "moved")
    with pytest.raises(Refused):
        pool.plan("volume-create", name="v", bricks=["node2:/b/1"])


def test_a_peer_that_moves_to_and_fro_remembers_a_limited_number_of_names_and_not_its_own() -> None:
    pool = Pool()
    for number in range(12):
        peer = move(pool, 2, f"h{number}")
    assert peer.former == tuple(f"h{n}" for n in range(10, 2, -1))
    peer = move(pool, 2, "h10")
    assert peer.former[:2] == ("h11", "h9") and "h10" not in peer.former and len(peer.former) == 8


def test_a_change_of_a_port_alone_is_no_change_of_the_name() -> None:
    pool = Pool()
    pool.do("peer-edit", None, peer=peer_id(2), address="node2", found=at(2, "node2", 25008, 25007))
    peer = pool.view().peer(peer_id(2))
    assert peer is not None and (peer.addresses, peer.client_addresses, peer.former) == (("node2:25008",), ("node2:25007",), ())


@pytest.mark.parametrize("host", ["node3", "10.0.0.3"])
def test_the_address_of_another_peer_is_refused(host: str) -> None:
    pool = Pool()
    error = refused(pool, "peer-edit", peer=peer_id(2), address=host, found=at(2, host))
    assert error.code == "address-taken" and error.http == 409 and peer_id(3) in error.message


def test_two_peers_that_have_traded_addresses_are_changed_at_once() -> None:
    pool = Pool()
    for number in (2, 3):
        move(pool, number, f"h{number}")
    move(pool, 2, "h3", trades=at(3, "h2"))
    two, three = (pool.view().peer(peer_id(n)) for n in (2, 3))
    assert two is not None and three is not None
    assert (two.hostname, two.addresses, three.hostname, three.addresses) == ("h3", ("h3:24008",), "h2", ("h2:24008",))
    assert (two.former[0], three.former[0]) == ("h2", "h3")


def test_a_new_address_that_no_volfile_can_carry_is_refused() -> None:
    assert refused(Pool(), "peer-edit", peer=peer_id(2), address="x", found=at(2, "a b")).code == "bad-host"


# ---- transactions that are stuck


def stuck(pool: Pool) -> str:
    world = World(pool.state, lambda step, undo: broken(step) if step.peer_id == peer_id(2) else None)
    assert pool.do("volume-create", world, name="v", bricks=["node1:/b/1", "node2:/b/1"]).outcome == "stuck"
    [(key, _)] = pool.state.list(model.TRANSACTIONS)
    return key.removeprefix(model.TRANSACTIONS)


@pytest.mark.parametrize("command", ["transaction-resume", "transaction-abort", "transaction-forget"])
def test_a_transaction_that_is_not_there_is_not_found(command: str) -> None:
    for name in ("nope", "", "x" * 100_000):
        assert refused(Pool(), command, transaction=name).http == 404


def test_what_an_ended_one_left_is_forgotten_and_nothing_of_another() -> None:
    pool = Pool()
    for identity in ("one", "another"):
        for number in (1, 2):
            left = Leftover(transaction=identity, command="volume-create", since=1.0, undo=())
            key = model.leftovers_prefix(peer_id(number)) + identity
            pool.commit(make_commit(pool.state, (), (Change(key, msgspec.to_builtins(left)),)))
    assert pool.do("transaction-forget", None, transaction="one").outcome == "done"
    left_keys = [key for key, _ in pool.state.list(model.LEFTOVERS) if key.count("/") == 2]
    assert [key.rsplit("/")[-1] for key in left_keys] == ["another", "another"]
    assert refused(pool, "transaction-forget", transaction="one").http == 404


def test_one_that_has_not_ended_is_not_forgotten() -> None:
    pool = Pool()
    error = refused(pool, "transaction-forget", transaction=stuck(pool))
    assert "has not ended, it is stuck" in error.message and "abort" in error.hint


def test_a_stuck_one_can_be_resumed() -> None:
    pool = Pool()
    identity = stuck(pool)
    assert pool.do("transaction-resume", None, transaction=identity).outcome == "done"
    resumed = pool.resumed(identity)
    assert resumed is not None and resumed[0].record.phase.value == "undoing"


def test_one_that_is_being_worked_on_is_not_resumed() -> None:
    pool = Pool()
    life = pool.life("volume-create", "t", name="v", bricks=["node2:/b/1"])
    pool.commit(life.start().commit)  # type: ignore[union-attr]
    error = refused(pool, "transaction-resume", transaction="t")
    assert "is not stuck, it is preparing" in error.message and "abort" in error.hint


# ---- all commands


def test_every_command_and_step_has_one_name_and_every_undoable_step_an_undo() -> None:
    assert len({(c.route.method, c.route.path) for c in registry.commands().values()}) == len(registry.commands())
    for name, code in steps().items():
        assert code.kind.name == name and (code.undo is not None or not code.kind.undoable)
        assert 0 < code.kind.timeout_s <= 60


def test_every_request_refuses_fields_that_it_does_not_know() -> None:
    for command in registry.commands().values():
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"surprise": 1}, command.request)


def test_every_path_names_fields_of_its_request() -> None:
    for command in registry.commands().values():
        names = {part[1:-1] for part in command.route.path.split("/") if part.startswith("{")}
        assert names <= set(command.request.__struct_fields__), command.name
